#include <boost/asio/steady_timer.hpp>
#include <spdlog/spdlog.h>

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
               .message = "Expected fewer failed attempts; wait a while",
               .message_zh = "登录失败次数过多，请稍后再试"};
}

Error busy() {
  return Error{.kind = ErrorKind::unavailable,
               .code = "login.busy",
               .message = "Expected fewer sign-ins at the same time; try again in a few seconds",
               .message_zh = "同时登录的人数过多，请稍后再试"};
}

Error too_long(const char* place, std::size_t bytes_max) {
  return Error{.kind = ErrorKind::invalid,
               .code = "form.body",
               .message = "Expected at most " + std::to_string(bytes_max) + " bytes",
               .place = place,
               .message_zh = "不能超过" + std::to_string(bytes_max) + "字节",
               .details = {{.place = place, .code = "form.max_length", .message = "Expected at most " + std::to_string(bytes_max) + " bytes", .message_zh = "过长"}}};
}

}  // namespace

net::awaitable<Response> set_password(Context& context) {
  const std::vector<Field> fields{{"user"}, {"code"}, {"password"}};
  const Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  const std::string user = string_or(*body, "user");
  const std::string password = string_or(*body, "password");
  if (user.size() > Identity::kUserBytesMax) co_return context.fail(too_long("/user", Identity::kUserBytesMax));
  Identity& identity = context.services.identity;
  const std::optional<std::chrono::milliseconds> wait = identity.throttle().take(user, context.request.peer, std::chrono::steady_clock::now());
  if (!wait) co_return context.fail(limited());
  if (wait->count() > 0) {
    net::steady_timer timer(co_await net::this_coro::executor, *wait);
    co_await timer.async_wait(net::use_awaitable);
  }
  const std::shared_ptr<void> place = identity.queue();
  if (!place) co_return context.fail(busy());
  Result<std::string> hash = co_await context.blocking_on(identity.pool(), [&] { return identity.hash_password(password); });
  if (!hash) co_return context.fail(hash.error());
  Command command{.kind = "user.password", .data = {{"user", user}, {"token_digest", sha256_hex(string_or(*body, "code"))}, {"password_hash", std::move(*hash)}}};
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  identity.throttle().succeeded(user, context.request.peer);
  co_return Response{.status = 204, .body = {}};
}

net::awaitable<Response> login(Context& context) {
  const std::vector<Field> fields{{"user"}, {"password"}};
  const Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  const std::string user = string_or(*body, "user");
  const std::string password = string_or(*body, "password");
  if (user.size() > Identity::kUserBytesMax) co_return context.fail(too_long("/user", Identity::kUserBytesMax));
  if (password.size() > Identity::kPasswordBytesMax) co_return context.fail(too_long("/password", Identity::kPasswordBytesMax));
  Identity& identity = context.services.identity;
  const std::string& peer = context.request.peer;
  const auto refused = [&](const Error& error) {
    spdlog::warn("request={} login refused code={} user={} peer={}", context.request.id, error.code, for_log(user), peer);
    return context.fail(error);
  };
  const std::optional<std::chrono::milliseconds> wait = identity.throttle().take(user, peer, std::chrono::steady_clock::now());
  if (!wait) co_return refused(limited());
  if (wait->count() > 0) {
    net::steady_timer timer(co_await net::this_coro::executor, *wait);
    co_await timer.async_wait(net::use_awaitable);
  }
  const std::shared_ptr<void> place = identity.queue();
  if (!place) co_return refused(busy());
  struct Checked {
    Result<std::optional<UserRow>> row = std::optional<UserRow>{};
    bool right = false;
  };
  const Checked checked = co_await context.blocking_on(identity.pool(), [&] {
    Checked out{.row = context.services.queries.user(user)};
    if (out.row) out.right = identity.verify(*out.row, password);
    return out;
  });
  if (!checked.row) co_return context.fail(checked.row.error());
  if (!checked.right)
    co_return refused(Error{.kind = ErrorKind::unauthenticated,
                            .code = "login.failed",
                            .message = "Expected a known user and password",
                            .message_zh = "账号或密码错误"});
  identity.throttle().succeeded(user, peer);
  const std::string token = Identity::new_token();
  const Instant expires = identity.session_end();
  context.actor = Actor{.user_id = user, .name = (*checked.row)->name, .memberships = {}};
  Command command{.kind = "login", .data = {{"user", user}, {"token_digest", sha256_hex(token)}, {"expires", to_ms(expires)}}};
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  Response out = json_response(200, json::object{{"token", token}, {"expires", format_instant(expires)}, {"user", user_json(**checked.row)}});
  out.with("Set-Cookie", identity.cookie(token));
  co_return out;
}

net::awaitable<Response> logout(Context& context) {
  bool by_cookie = false;
  const std::string token = context.services.identity.token_of(context.request, by_cookie);
  json::object data{{"token_digest", sha256_hex(token)}};
  const Result<Reply> reply = co_await context.execute(task_command("logout", {}, std::move(data)));
  if (!reply) co_return context.fail(reply.error());
  Response out{.status = 204};
  out.with("Set-Cookie", context.services.identity.cookie({}));
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
