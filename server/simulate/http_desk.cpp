#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <map>
#include <thread>

#include <boost/json/serialize.hpp>

#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"
#include "engine/runtime/dispatcher.h"
#include "server/client.h"
#include "server/http/message.h"
#include "server/plugin_tests.h"
#include "server/serve.h"
#include "server/simulate/desk.h"

namespace chuyi::simulate {
namespace {

/// What a server's refusal says, as the command said it.
Error refusal_of(const ClientAnswer& answer, const std::string& request) {
  const json::object problem = answer.body.is_object() ? answer.body.get_object() : json::object{};
  Error out{.kind = ErrorKind::rejected, .code = string_or(problem, "code", "simulate.answer"), .message = string_or(problem, "detail", request + ": " + std::to_string(answer.status))};
  if (answer.status >= 500) {
    out.kind = ErrorKind::unavailable;
    out.place = request;
  }
  for (const json::value& each : array_or_empty(problem, "errors"))
    out.details.push_back({.place = string_or(each.as_object(), "pointer"), .code = string_or(each.as_object(), "code"), .message = string_or(each.as_object(), "detail"), .message_zh = string_or(each.as_object(), "detail_zh")});
  return out;
}

class HttpDesk final : public Desk {
 public:
  HttpDesk(std::string address, std::uint16_t port, const std::map<std::string, std::string>& tokens, std::string administrator)
      : client_(std::move(address), port), tokens_(tokens), administrator_(std::move(administrator)) {}

  Result<std::string> create(const Actor& who, const std::string& programme, const std::string& round, const std::string& title, const std::string& org) override {
    const Result<json::object> made = post(who.user_id, "/applications", {{"programme", programme}, {"round", round}, {"title", title}, {"org", org}});
    if (!made) return made.error();
    return string_or(*made, "id");
  }
  Result<> save(const Actor& who, const std::string& application, const json::object& form) override {
    const Result<json::object> shown = get(who.user_id, "/applications/" + application);
    if (!shown) return shown.error();
    const std::string tag = "\"" + std::to_string(int_or(object_or_empty(*shown, "draft"), "revision", 0)) + "\"";
    return done(request("PUT", "/applications/" + application + "/draft", json::serialize(form), who.user_id, {{"Content-Type", "application/json"}, {"If-Match", tag}}));
  }
  Result<> attach(const Actor& who, const std::string& application, const std::string& kind, const std::string& bytes) override {
    return done(request("POST", "/applications/" + application + "/documents?kind=" + percent_encode(kind) + "&name=" + percent_encode(kind + ".pdf"), bytes, who.user_id,
                        {{"Content-Type", "application/pdf"}}));
  }
  Result<Standing> submit(const Actor& who, const std::string& application, const json::object& reasons) override {
    return stands(post(who.user_id, "/applications/" + application + "/submit", {{"reasons", reasons}}));
  }
  Result<Standing> send(const Actor& who, const std::string& application, const std::string& event) override {
    return stands(post(who.user_id, "/applications/" + application + "/events", {{"event", event}}));
  }
  Result<Standing> complete(const Actor& who, const std::string& task, const std::string& outcome, const json::object& data) override {
    return stands(post(who.user_id, "/tasks/" + task + "/complete", {{"outcome", outcome}, {"data", data}}));
  }
  Result<> object(const std::string& title, const std::string& reason) override {
    std::string notice;
    const Result<> read = each_item("", "/notices?status=open&limit=200", [&](const json::object& item) {
      if (string_or(object_or_empty(item, "fields"), "title") == title) notice = string_or(item, "id");
    });
    if (!read) return read;
    return done(post("", "/notices/" + notice + "/objections", {{"objector", "赵某"}, {"contact", "13900000000"}, {"reason", reason}}));
  }
  Result<std::vector<Work>> inbox(const Actor& who, const std::string& kind) override {
    std::vector<Work> out;
    const Result<> read = each_item(who.user_id, "/tasks?limit=200&kind=" + kind, [&](const json::object& item) {
      Work work{.task = string_or(item, "id"), .application = string_or(object_or_empty(item, "application"), "id"), .state = string_or(item, "state")};
      if (const Result<Instant> due = parse_instant(string_or(item, "due"))) work.due = *due;
      out.push_back(std::move(work));
    });
    if (!read) return read.error();
    return out;
  }

  Result<> create_round(const Actor& who, const json::object& round) override { return done(post(who.user_id, "/rounds", round)); }
  Result<> decide_round(const Actor& who, const std::string& round, const json::object& decision) override {
    return done(post(who.user_id, "/rounds/" + round + "/decide", decision));
  }
  Result<json::object> review(const Actor& who, const std::string& kind, const json::object& data) override {
    const Route* route = std::find_if(std::begin(kReviewRoutes), std::end(kReviewRoutes), [&](const Route& each) { return kind == each.kind; });
    if (route == std::end(kReviewRoutes)) return Error{.kind = ErrorKind::invalid, .code = "simulate.route", .message = "Expected a step of the review, but found '" + kind + "'"};
    json::object body = data;
    std::string path;
    for (const char* at = route->path; *at != '\0'; ++at) {
      if (*at != '{') {
        path += *at;
        continue;
      }
      const char* end = std::strchr(at, '}');
      const std::string name(at + 1, end);
      path += string_or(data, name);
      body.erase(name);
      at = end;
    }
    return request(route->method, path, json::serialize(body), who.user_id, {{"Content-Type", "application/json"}});
  }
  Result<std::string> exported(const Actor& who, const std::string& round, const std::string& what, const std::string& id) override {
    const Result<ClientAnswer> answer = ask("GET", "/rounds/" + round + "/" + what + (id.empty() ? "" : "/" + id + "/export"), "", who.user_id, {});
    if (!answer) return answer.error();
    return answer->bytes;
  }
  Result<json::object> assignment(const Actor& who, const std::string& round, const std::string& id) override { return get(who.user_id, "/rounds/" + round + "/assignments/" + id); }
  Result<json::object> settled(const Actor& who, const std::string& round) override {
    Result<json::object> list = get(who.user_id, "/rounds/" + round + "/list");
    if (list) list->erase("programmes");
    return list;
  }
  Result<Standing> round(const Actor& who, const std::string& round) override {
    const Result<json::object> shown = get(who.user_id, "/rounds/" + round);
    if (!shown) return shown.error();
    return Standing{.application = round, .status = string_or(*shown, "status"), .state = string_or(*shown, "state")};
  }
  Result<std::vector<Standing>> applications(const Actor& who, const std::string& round) override {
    std::vector<Standing> out;
    const Result<> read = each_item(who.user_id, "/applications?limit=200&round=" + round, [&](const json::object& item) {
      out.push_back({.application = string_or(item, "id"), .status = string_or(item, "status"), .state = string_or(item, "state")});
    });
    if (!read) return read.error();
    return out;
  }
  Result<std::size_t> pending(const Actor& who, const std::string& application) override {
    const Result<json::object> told = get(who.user_id, "/applications/" + application + "/why");
    if (!told) return told.error();
    std::size_t out = 0;
    for (const json::value& each : array_or_empty(*told, "reasons")) {
      const std::string code = string_or(each.as_object(), "code");
      for (const char* pending : {"why.waits", "why.overdue", "why.timer", "why.others"}) out += code.starts_with(pending) ? 1 : 0;
    }
    return out;
  }
  Result<std::string> score(const Actor& who, const std::string& application) override {
    const Result<json::object> shown = get(who.user_id, "/applications/" + application + "/reviews");
    if (!shown) return shown.error();
    return string_or(*shown, "score");
  }
  Result<std::size_t> awards(const std::string& programme, const std::string& round) override {
    std::size_t out = 0;
    const Result<> read = each_item("", "/awards?limit=200&programme=" + programme + "&round=" + round, [&](const json::object& item) { out += string_or(item, "status") == "revoked" ? 0 : 1; });
    if (!read) return read.error();
    return out;
  }
  Result<> advance(Instant to) override { return done(post(administrator_, "/admin/clock/advance", {{"to", format_instant(to)}})); }

 private:
  struct Route {
    const char *kind, *method, *path;  ///< members of the data in braces
  };
  static constexpr Route kReviewRoutes[] = {{"expert.put", "PUT", "/experts/{id}"},
                                            {"expert.declare", "POST", "/me/conflicts"},
                                            {"review.setup", "PUT", "/rounds/{round}/review"},
                                            {"review.draw", "POST", "/rounds/{round}/draws"},
                                            {"review.reveal", "POST", "/rounds/{round}/draws/{id}/reveal"},
                                            {"review.absent", "POST", "/rounds/{round}/draws/{id}/absences"},
                                            {"review.witness", "POST", "/rounds/{round}/draws/{id}/confirm"},
                                            {"review.assign", "POST", "/rounds/{round}/assignments"},
                                            {"review.appoint", "POST", "/rounds/{round}/assignments/{id}/confirm"},
                                            {"review.rank", "POST", "/rounds/{round}/results"},
                                            {"review.deliberate", "POST", "/rounds/{round}/results/{id}/deliberate"},
                                            {"review.settle", "POST", "/rounds/{round}/results/{id}/confirm"}};

  Result<ClientAnswer> ask(const std::string& method, const std::string& path, const std::string& body, const std::string& who, std::map<std::string, std::string> headers) {
    if (!who.empty()) {
      const auto token = tokens_.find(who);
      if (token == tokens_.end()) return Error{.kind = ErrorKind::unauthenticated, .code = "simulate.user", .message = "Expected somebody who signs in, but found '" + who + "'"};
      headers["Authorization"] = "Bearer " + token->second;
    }
    if (method == "POST") headers["Idempotency-Key"] = "simulate-" + std::to_string(++keys_);
    const std::string target = path.starts_with("/api/") ? path : "/api/v1" + path;
    headers["Accept-Language"] = "en";
    Result<ClientAnswer> answer = client_.request(method, target, body, headers);
    // 503 asks for the same request again, and its key makes sure that it is done once. The server has waited before it said so.
    for (int again = 0; again < kBusyMax && answer && answer->status == 503; ++again) answer = client_.request(method, target, body, headers);
    if (!answer || (answer->status >= 200 && answer->status <= 299)) return answer;
    Error refused = refusal_of(*answer, method + " " + target);
    if (!refused.details.empty() || answer->status >= 500) return refused;
    // What was refused is refused again: so its text can be had in both languages.
    headers["Accept-Language"] = "zh";
    if (method == "POST") headers["Idempotency-Key"] += "-zh";
    if (const Result<ClientAnswer> again = client_.request(method, target, body, headers); again && again->status == answer->status) refused.message_zh = refusal_of(*again, target).message;
    return refused;
  }
  Result<json::object> request(const std::string& method, const std::string& path, const std::string& body, const std::string& who, std::map<std::string, std::string> headers) {
    const Result<ClientAnswer> answer = ask(method, path, body, who, std::move(headers));
    if (!answer) return answer.error();
    return answer->body.is_object() ? answer->body.get_object() : json::object{};
  }
  Result<json::object> post(const std::string& who, const std::string& path, const json::object& body) {
    return request("POST", path, json::serialize(body), who, {{"Content-Type", "application/json"}});
  }
  Result<json::object> get(const std::string& who, const std::string& path) { return request("GET", path, "", who, {}); }
  static Result<Standing> stands(const Result<json::object>& answer) { return answer ? Result<Standing>{standing_of(*answer)} : Result<Standing>{answer.error()}; }
  static Result<> done(const Result<json::object>& answer) { return answer ? Result<>{} : Result<>{answer.error()}; }

  Result<> each_item(const std::string& who, std::string path, const std::function<void(const json::object&)>& item) {
    while (!path.empty()) {
      const Result<json::object> page = get(who, path);
      if (!page) return page.error();
      for (const json::value& each : array_or_empty(*page, "items")) item(each.as_object());
      path = string_or(*page, "next");
    }
    return {};
  }

  static constexpr int kBusyMax = 3;

  HttpClient client_;
  const std::map<std::string, std::string>& tokens_;
  std::string administrator_;
  std::size_t keys_ = 0;
};

/// Made-up people have no business among real ones.
Result<> check_empty(Queries& queries) {
  const Result<Page<UserRow>> users = queries.users({.limit = 1, .after = {}});
  if (!users) return users.error();
  const Result<Page<SessionRow>> sessions = queries.sessions({}, {.limit = 1, .after = {}});
  if (!sessions) return sessions.error();
  if (users->rows.empty() && sessions->rows.empty()) return {};
  return Error{.kind = ErrorKind::rejected, .code = "simulate.store", .message = "Expected an empty database, but there are users or applications in it; make one for the rehearsal", .place = "--on", .message_zh = "演练数据库应为空库，请另建一个"};
}

/// Everybody is signed in before the server starts: thousands of passwords would be what a rehearsal mostly waits for.
Result<std::map<std::string, std::string>> sign_in(CommandService& commands, const std::vector<std::string>& users) {
  constexpr std::int64_t kNever = 4'102'444'800'000;  // 2100-01-01
  std::map<std::string, std::string> out;
  for (const std::string& user : users) {
    std::string token = Identity::new_token();
    const Result<Reply> in = execute_and_wait(commands, system_command("login", {{"user", user}, {"token_digest", sha256_hex(token)}, {"expires", kNever}}));
    if (!in) return in.error();
    out[user] = std::move(token);
  }
  return out;
}

}  // namespace

Result<> at_http_desk(const DeskOptions& options, const SetUp& set_up, const Play& play, const LookBack& look_back) {
  const Result<std::unique_ptr<TemporaryFolder>> folder = TemporaryFolder::make(std::filesystem::temp_directory_path().string());
  if (!folder) return folder.error();
  const Home home{.data = (*folder)->path() + "/data", .store = options.store};
  std::map<std::string, std::string> tokens;
  {
    const Result<std::unique_ptr<Offline>> opened = Offline::open(options.files, home);
    if (!opened) return opened.error();
    if (Result<> empty = check_empty((*opened)->queries()); !empty) return empty;
    if (Result<> ready = set_up((*opened)->commands()); !ready) return ready;
    Result<std::map<std::string, std::string>> signed_in = sign_in((*opened)->commands(), options.users);
    if (!signed_in) return signed_in.error();
    tokens = std::move(*signed_in);
  }
  ServeOptions serve_options;
  serve_options.data = home.data;
  serve_options.store = home.store;
  serve_options.listen.port = 0;
  serve_options.secure_cookies = false;
  serve_options.manual_clock = options.start;
  serve_options.random_id = counted_ids();
  Result<> played;
  std::thread season;
  const Result<> served = serve(options.files, serve_options, [&](std::uint16_t port, const std::function<void()>& stop) {
    season = std::thread([&, port, stop] {
      HttpDesk desk(serve_options.listen.address, port, tokens, options.administrator);
      played = play(desk);
      stop();
    });
  });
  if (season.joinable()) season.join();
  if (!played) return played;
  if (!served) return served;
  const Result<std::unique_ptr<Offline>> opened = Offline::open(options.files, home);
  if (!opened) return opened.error();
  (*opened)->library().reload();
  return look_back((*opened)->queries(), (*opened)->library(), (*opened)->registry());
}

}  // namespace chuyi::simulate
