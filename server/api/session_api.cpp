#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"
#include "server/api/handlers.h"
#include "server/api/shapes.h"
#include "server/identity.h"

namespace chuyi::api {
namespace {

Error limited() {
  return Error{.kind = ErrorKind::too_large,
               .code = "login.limited",
               .message = "Expected fewer failed attempts; wait 30 seconds",
               .message_zh = "登录失败次数过多，请30秒后再试"};
}

std::string cookie(const std::string& token, std::int64_t seconds, bool secure) {
  return "chuyi_session=" + token + "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(seconds) + (secure ? "; Secure" : "");
}

bool is_loopback(const std::string& host) { return host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]"); }

}  // namespace

net::awaitable<Response> login(Context& context) {
  const std::vector<Field> fields{{"user"}, {"password"}};
  const Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  const std::string user = string_or(*body, "user");
  const std::string password = string_or(*body, "password");
  Identity& identity = context.services.identity;
  if (!identity.may_try(user, context.request.peer)) co_return context.fail(limited());
  struct Checked {
    Result<std::optional<UserRow>> row = std::optional<UserRow>{};
    bool right = false;
  };
  const Checked checked = co_await context.blocking([&] {
    Checked out{.row = context.services.queries.user(user)};
    if (out.row) out.right = identity.verify(*out.row, password);
    return out;
  });
  if (!checked.row) co_return context.fail(checked.row.error());
  identity.note(user, context.request.peer, checked.right);
  if (!checked.right)
    co_return context.fail(Error{.kind = ErrorKind::unauthenticated,
                                 .code = "login.failed",
                                 .message = "Expected a known user and password",
                                 .message_zh = "账号或密码错误"});
  const std::string token = Identity::new_token();
  const Instant expires = identity.session_end();
  context.actor = Actor{.user_id = user, .name = (*checked.row)->name, .memberships = {}};
  Command command{.kind = "login", .data = {{"user", user}, {"token_digest", sha256_hex(token)}, {"expires", to_ms(expires)}}};
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  Response out = json_response(200, json::object{{"token", token}, {"expires", format_instant(expires)}, {"user", user_json(**checked.row)}});
  const std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(identity.session()).count();
  out.with("Set-Cookie", cookie(token, seconds, !is_loopback(context.request.header("host"))));
  co_return out;
}

net::awaitable<Response> logout(Context& context) {
  bool by_cookie = false;
  const std::string token = token_of(context.request, by_cookie);
  json::object data{{"token_digest", sha256_hex(token)}};
  const Result<Reply> reply = co_await context.execute(task_command("logout", {}, std::move(data)));
  if (!reply) co_return context.fail(reply.error());
  Response out{.status = 204};
  out.with("Set-Cookie", cookie("", 0, !is_loopback(context.request.header("host"))));
  co_return out;
}

net::awaitable<Response> me(Context& context) {
  const auto organisations = co_await context.blocking([&] { return context.services.queries.organisations(); });
  if (!organisations) co_return context.fail(organisations.error());
  json::array memberships;
  for (const Membership& held : context.actor.memberships) {
    std::string name;
    for (const OrganisationRow& row : *organisations)
      if (row.id == held.org) name = row.name;
    memberships.push_back(json::object{{"role", held.role}, {"org", held.org}, {"org_name", name}});
  }
  co_return json_response(200, json::object{{"id", context.actor.user_id}, {"name", context.actor.name}, {"memberships", std::move(memberships)}});
}

}  // namespace chuyi::api
