#include <cstdio>
#include <iostream>
#include <thread>

#include <boost/json/serialize.hpp>
#include <unistd.h>

#include "server/cli/commands.h"
#include "server/cli/progress.h"
#include "server/cli/season.h"

namespace chuyi {
namespace {

void show_progress(Progress& bar, const DemoOptions& options, const std::string& zh, const std::string& en, std::size_t done, std::size_t all) {
  const std::string& text = options.language == "en" ? en : zh;
  if (::isatty(STDERR_FILENO) == 0)
    std::cerr << "[" << done + 1 << "/" << all << "] " << text << "\n";
  else
    bar.show(done + 1, all, text);
}

void show_result(const DemoOptions& options, const json::object& counts, const std::string& address, const std::string& admin, const std::string& people) {
  if (options.json) {
    std::cout << json::serialize(counts) << std::endl;
    return;
  }
  const bool en = options.language == "en";
  struct Line {
    const char* key;
    const char* zh;
    const char* en;
  };
  constexpr Line kLines[] = {{"applications", "申报", "applications"}, {"awards", "认定", "awards"},         {"in_force", "建设中", "in force"},
                             {"revoked", "撤销", "revoked"},           {"declined", "未通过", "declined"}, {"withdrawn", "撤回", "withdrawn"},
                             {"objections", "异议", "objections"}};
  std::cout << (en ? "The season is over:" : "一个完整批次已办结：") << "\n";
  for (const Line& line : kLines) std::cout << "  " << (en ? line.en : line.zh) << "\t" << int_or(counts, line.key, 0) << "\n";
  std::cout << "\n" << (en ? "Look at " : "公开页面：") << address << "/\n"
            << (en ? "Accounts (user / password):" : "可登录的账号（账号 / 密码）：") << "\n"
            << "  admin / " << admin << "\n"
            << "  college-001 … college-020, bureau-430100 … , province-clerk, province-lead, expert01 … expert10 / " << people << std::endl;
}

}  // namespace

Result<> run_demo(const SharedFiles& files, ServeOptions serve_options, const DemoOptions& options) {
  std::string admin = Identity::new_token().substr(0, 20);
  const std::string people = Identity::new_token().substr(0, 20);
  const std::string names_file = files.root + "/workflows/data/demo/season.json";
  const Result<std::string> text = read_file(names_file);
  if (!text) return text.error();
  const Result<json::value> names = parse_json(*text, JsonLimits{}, names_file);
  if (!names) return names.error();
  const auto play_on = [&](std::uint16_t port) -> Result<json::object> {
    Progress bar{std::string{}};
    const SeasonOptions play{.host = serve_options.listen.address,
                             .port = port,
                             .admin_password = admin,
                             .people_password = people,
                             .names = names->as_object(),
                             .seed = options.seed,
                             .progress = [&](const std::string& zh, const std::string& en, std::size_t done, std::size_t all) { show_progress(bar, options, zh, en, done, all); }};
    return play_season(play);
  };
  if (!options.server.empty()) {
    Result<std::string> password = read_password(options.password_stdin, PasswordFor::signing_in);
    if (!password) return password.error();
    admin = std::move(*password);
    const Result<json::object> counts = play_on(serve_options.listen.port);
    if (!counts) return counts.error();
    show_result(options, *counts, serve_options.listen.url(serve_options.listen.port), admin, people);
    return {};
  }
  if (Result<> begun = begin_demo(serve_options.data); !begun) return begun;
  const json::object user{{"id", "admin"}, {"name", "系统管理员"}, {"memberships", json::array{json::object{{"role", "administrator"}, {"org", "430000"}}}}};
  if (Result<> made = put_user_offline(files, {.data = serve_options.data}, user, admin); !made) return made;

  Result<> played;
  std::thread season;
  Result<> served = serve(files, serve_options, [&](std::uint16_t port, const std::function<void()>& stop) {
    season = std::thread([&, port, stop] {
      const Result<json::object> counts = play_on(port);
      if (!counts) {
        played = counts.error();
        stop();
        return;
      }
      show_result(options, *counts, serve_options.listen.url(port), admin, people);
      if (options.exit) stop();
    });
  });
  if (season.joinable()) season.join();
  return played ? served : played;
}

}  // namespace chuyi
