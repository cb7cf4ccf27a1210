#include "server/cli/simulate.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>

#include "engine/invoke/rows_json.h"
#include "engine/runtime/dispatcher.h"
#include "engine/review/results.h"
#include "server/results_export.h"
#include "server/simulate/report.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

struct SimulateOptions {
  simulate::Options play;
  bool http = false;
  std::string store;  ///< with `http`; empty: an embedded one
  std::string call;  ///< a file; empty: the shipped one
  std::string out;
  std::string language = "zh";
};

Result<> write_file(const fs::path& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
  out.close();
  if (out) return {};
  return Error{.kind = ErrorKind::unavailable, .code = "file.write", .message = "Expected to write " + path.string(), .place = path.string()};
}

/// The exports as `chuyi conflicts|draw|assign|results verify` take them, and the lists as spreadsheets that compute them again.
Result<> write_out(const SimulateOptions& options, const simulate::Season& season, const json::object& report) {
  std::error_code failed;
  fs::create_directories(options.out, failed);
  const fs::path folder{options.out};
  if (Result<> written = write_file(folder / "report.json", canonical_json(report) + "\n"); !written) return written;
  for (const auto& [name, bytes] : season.ledger().exports)
    if (Result<> written = write_file(folder / name, bytes); !written) return written;
  const auto found = season.ledger().exports.find("results.json");
  if (found == season.ledger().exports.end()) return {};
  const Result<json::value> parsed = parse_json(found->second, kStoredJson, "results.json");
  if (!parsed) return parsed.error();
  const Result<review::Input> input = review::read_input(object_or_empty(parsed->as_object(), "input"));
  if (!input) return input.error();
  const Result<review::Results> results = review::compute(*input);
  if (!results) return results.error();
  for (std::size_t i = 0; i < input->programmes.size(); ++i) {
    const std::vector<ResultsTable> tables = results_tables(*input, *results, i, options.language);
    const std::string base = (folder / input->programmes[i].id).string();
    if (Result<> written = write_workbook(tables, base + ".xlsx"); !written) return written;
    for (const ResultsTable& table : tables)
      if (Result<> written = write_file(base + "-" + table.id + ".csv", csv_of(table)); !written) return written;
  }
  return {};
}

/// The organisations and accounts that a season begins with. Nobody signs in with a password.
Result<> set_up(CommandService& commands, const simulate::Cast& cast) {
  const auto run = [&](const char* kind, json::object data) -> Result<> {
    const Result<Reply> reply = execute_and_wait(commands, system_command(kind, std::move(data)));
    return reply ? Result<>{} : Result<>{reply.error()};
  };
  for (const json::object& each : cast.organisations)
    if (Result<> put = run("organisation.put", each); !put) return put;
  const auto put_user = [&](const Actor& actor) {
    return run("user.put", {{"id", actor.user_id}, {"name", actor.name}, {"password_hash", "x"}, {"memberships", to_json(actor.memberships)}, {"disabled", false}});
  };
  for (const Actor* each : simulate::everybody(cast))
    if (Result<> put = put_user(*each); !put) return put;
  for (const simulate::Judge& judge : cast.judges)
    if (Result<> put = put_user(simulate::actor_of(cast, judge)); !put) return put;
  return run("http.secret", {{"secret", simulate::kSecret}});
}

Result<> run_simulate(const SharedFiles& files, const SimulateOptions& options, bool json_output) {
  const Result<Calendar> calendar = load_calendar(files);
  if (!calendar) return calendar.error();
  const Result<simulate::Call> call = simulate::read_call(options.call.empty() ? files.root + "/workflows/data/hunan/call.json" : options.call, *calendar);
  if (!call) return call.error();
  const Result<simulate::Cast> cast = simulate::make_cast(files, options.play, *call);
  if (!cast) return cast.error();
  simulate::DeskOptions desk_options{.files = files, .start = call->start(), .administrator = cast->administrator.user_id, .store = options.store};
  for (const Actor* each : simulate::everybody(*cast)) desk_options.users.push_back(each->user_id);
  for (const simulate::Judge& judge : cast->judges) desk_options.users.push_back(judge.expert.id);
  const auto progress = [&](const char* zh, const char* en) { std::cerr << (options.language == "en" ? en : zh) << "\n"; };
  std::optional<simulate::Season> season;
  simulate::Aftermath aftermath;
  const auto play = [&](simulate::Desk& desk) -> Result<> {
    try {
      season.emplace(desk, *cast, *calendar, options.play, *call, progress);
      season->play();
      return {};
    } catch (const simulate::Unexpected& unexpected) {
      return unexpected.error;
    } catch (const std::exception& error) {
      return Error{.kind = ErrorKind::invalid, .code = "simulate.answer", .message = std::string{"Expected another answer: "} + error.what()};
    }
  };
  const auto back = [&](Queries& queries, const Definitions& definitions, const InvokeRegistry& registry) -> Result<> {
    Result<simulate::Aftermath> found = simulate::look_back(*season, queries, definitions, registry);
    if (!found) return found.error();
    aftermath = std::move(*found);
    return {};
  };
  const auto begin = [&](CommandService& commands) { return set_up(commands, *cast); };
  const Result<> played = options.http ? simulate::at_http_desk(desk_options, begin, play, back) : simulate::at_memory_desk(desk_options, begin, play, back);
  if (!played) return played;
  const json::object report = simulate::report_of(*season, *cast, options.play, *call, aftermath);
  if (!options.out.empty())
    if (Result<> written = write_out(options, *season, report); !written) return written;
  std::cout << (json_output ? canonical_json(report) + "\n" : simulate::text_of(report, options.language));
  if (simulate::holds(report)) return {};
  return Error{.kind = ErrorKind::rejected, .code = "simulate.checks", .message = "Expected every check to hold; see the report"};
}

}  // namespace

void add_simulate_command(CLI::App& app, const SharedFiles& files, bool& json_output, std::function<void(const Result<>&)> done) {
  const auto options = std::make_shared<SimulateOptions>();
  CLI::App* command = app.add_subcommand("simulate", "rehearse a round with made-up people, before its call is issued");
  command->add_option("--seed", options->play.seed, "other people, another season")->capture_default_str();
  command->add_option("--applications", options->play.applications, "how many apply")->check(CLI::Range(1, 20'000))->capture_default_str();
  command->add_option("--experts", options->play.experts, "how many there are to be drawn")->check(CLI::Range(10, 5'000))->capture_default_str();
  command->add_option("--years", options->play.years, "annual checks after the award")->check(CLI::Range(0, 10))->capture_default_str();
  command->add_option("--call", options->call, "a file with the round as POST /api/v1/rounds takes it, in place of workflows/data/hunan/call.json")->check(CLI::ExistingFile);
  CLI::Option* http = command->add_flag("--http", options->http, "over HTTP, on a server of its own in a temporary folder");
  command->add_option("--on", options->store, "with --http: postgresql://… of an empty database, in place of SQLite")->needs(http);
  command->add_option("--out", options->out, "a folder for the report, the exports of conflicts, draws, assignments and results, and the lists as spreadsheets");
  command->add_option("--lang", options->language, "zh or en")->check(CLI::IsMember({"zh", "en"}))->capture_default_str();
  command->add_flag("--json", json_output, "print the report as JSON, free of wall-clock times");
  command->callback([options, done = std::move(done), &files, &json_output] { done(run_simulate(files, *options, json_output)); });
}

}  // namespace chuyi
