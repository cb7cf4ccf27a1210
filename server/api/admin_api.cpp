#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"
#include "server/api/handlers.h"
#include "server/api/shapes.h"
#include "server/identity.h"

namespace chuyi::api {

net::awaitable<Response> put_organisation(Context& context) {
  constexpr Field::Type kText = Field::Type::text;
  const std::vector<Field> fields{{"id"}, {"parent", kText, false}, {"level"}, {"name"}, {"name_en", kText, false}, {"kind", kText, false}, {"code", kText, false}, {"region", kText, false}, {"competent", kText, false},
                                  {"functional", Field::Type::boolean, false}, {"former", Field::Type::array, false}, {"offices", Field::Type::object, false}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  Command command{.kind = "organisation.put", .data = std::move(*body)};
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  co_return reply_response(*reply);
}

net::awaitable<Response> put_user(Context& context) {
  const std::vector<Field> fields{{"id"}, {"name"}, {"password", Field::Type::text, false}, {"memberships", Field::Type::array}, {"disabled", Field::Type::boolean, false}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  Command command{.kind = "user.put", .data = {}};
  const std::string password = string_or(*body, "password");
  const bool has_password = body->erase("password") > 0;
  // The digest is stored: it says nothing of the password, so a repeat with another one is the same request.
  const std::string digest = sha256_hex(canonical_json(json::value(*body)));
  if (has_password) {
    const std::shared_ptr<void> place = context.services.identity.queue();
    if (!place)
      co_return context.fail(Error{.kind = ErrorKind::unavailable, .code = "login.busy", .message = "Expected fewer sign-ins at the same time", .message_zh = "请稍后再试"});
    Result<std::string> hash = co_await context.blocking_on(context.services.identity.pool(), [&] { return context.services.identity.hash_password(password); });
    if (!hash) co_return context.fail(hash.error());
    command.data["password_hash"] = std::move(*hash);
  }
  command.data["id"] = string_or(*body, "id");
  command.data["name"] = string_or(*body, "name");
  command.data["memberships"] = array_or_empty(*body, "memberships");
  command.data["disabled"] = bool_or(*body, "disabled", false);
  const Result<Reply> reply = co_await context.execute(std::move(command), digest);
  if (!reply) co_return context.fail(reply.error());
  co_return reply_response(*reply);
}

net::awaitable<Response> list_users(Context& context) {
  const PageRequest page = context.page();
  const auto rows = co_await context.blocking([&] { return context.services.queries.users(page); });
  if (!rows) co_return context.fail(rows.error());
  json::array items;
  for (const UserRow& row : rows->rows) items.emplace_back(user_json(row));
  co_return list_response(context.request, std::move(items), rows->next);
}

net::awaitable<Response> reload_plugins(Context& context) {
  const std::vector<Detail> problems = co_await context.blocking([&] { return context.services.reload_packages(); });
  json::array programmes;
  for (const DefinitionPtr& each : context.services.definitions.current())
    programmes.push_back(json::object{{"id", each->programme}, {"version", each->version}, {"digest", each->digest}});
  json::array listed;
  for (const Detail& each : problems) listed.push_back(json::object{{"place", printable(each.place)}, {"code", each.code}, {"detail", printable(each.message)}, {"detail_zh", printable(each.message_zh)}});
  co_return json_response(200, json::object{{"programmes", std::move(programmes)}, {"problems", std::move(listed)}});
}

net::awaitable<Response> list_incidents(Context& context) {
  co_return list_response(context.request, context.services.incidents(), {});
}

net::awaitable<Response> advance_clock(Context& context) {
  if (!context.services.advance_clock)
    co_return context.fail(Error{.kind = ErrorKind::rejected,
                                 .code = "clock.system",
                                 .message = "Expected a server started with --manual-clock",
                                 .message_zh = "服务器使用系统时钟，不能拨动"});
  const std::vector<Field> fields{{"to", Field::Type::text, false}, {"to_next_timer", Field::Type::boolean, false}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  std::optional<Instant> to;
  if (!bool_or(*body, "to_next_timer", false)) {
    const Result<Instant> given = parse_instant(string_or(*body, "to"));
    if (!given) co_return context.fail(given.error());
    to = *given;
  }
  const Actor actor = context.actor;
  const Result<PumpReport> report = co_await context.blocking([&] { return context.services.advance_clock(to, actor); });
  if (!report) co_return context.fail(report.error());
  json::array refused;
  for (const Detail& each : report->refused) refused.push_back(json::object{{"id", each.place}, {"code", each.code}, {"detail", each.message}, {"detail_zh", each.message_zh}});
  co_return json_response(200, json::object{{"now", format_instant(context.services.clock.now())}, {"fired", static_cast<std::int64_t>(report->fired)}, {"refused", std::move(refused)}});
}

}  // namespace chuyi::api
