#include "engine/runtime/organisations.h"
#include "server/api/handlers.h"
#include "server/api/lookup.h"
#include "server/api/shapes.h"

namespace chuyi::api {
namespace {

Result<json::object> read_plugins(Context& context) {
  const Result<std::optional<std::string>> text = context.services.queries.setting(kPluginsSetting);
  if (!text) return text.error();
  return setting_object(*text, kPluginsSetting);
}

}  // namespace

net::awaitable<Response> list_programmes(Context& context) {
  const Result<json::object> plugins = co_await context.reading([&] { return read_plugins(context); });
  if (!plugins) co_return context.fail(plugins.error());
  json::array items;
  for (const DefinitionPtr& each : context.services.definitions.current())
    if (string_or(each->manifest, "kind") != "round") items.emplace_back(programme_json(*each, *plugins));
  co_return list_response(context.request, std::move(items), {});
}

net::awaitable<Response> get_programme(Context& context) {
  const DefinitionPtr definition = context.services.definitions.current(context.parameters[0]);
  if (!definition) co_return context.fail(unknown("programme.unknown", "programme"));
  const Result<json::object> plugins = co_await context.reading([&] { return read_plugins(context); });
  if (!plugins) co_return context.fail(plugins.error());
  co_return json_response(200, programme_json(*definition, *plugins));
}

net::awaitable<Response> get_form(Context& context) {
  const DefinitionPtr definition = context.services.definitions.current(context.parameters[0]);
  const json::value* form = definition ? definition->forms.if_contains(context.parameters[1]) : nullptr;
  if (form == nullptr) co_return context.fail(unknown("form.unknown", "form"));
  co_return json_response(200, *form);
}

net::awaitable<Response> list_notices(Context& context) {
  const NoticeFilter filter{.programme = context.request.query_or("programme"), .status = context.request.query_or("status")};
  const PageRequest page = context.page();
  const auto rows = co_await context.blocking([&] { return context.services.queries.notices(filter, page); });
  if (!rows) co_return context.fail(rows.error());
  json::array items;
  for (const NoticeRow& row : rows->rows)
    items.emplace_back(notice_json(row, context.services.definitions.current(row.programme).get(), context.services.calendar, context.services.clock.now()));
  co_return list_response(context.request, std::move(items), rows->next);
}

net::awaitable<Response> get_notice(Context& context) {
  const auto row = co_await context.blocking([&] { return context.services.queries.notice(context.parameters[0]); });
  if (!row) co_return context.fail(row.error());
  if (!*row) co_return context.fail(unknown("notice.unknown", "notice"));
  co_return json_response(200, notice_json(**row, context.services.definitions.current((*row)->programme).get(),
                                           context.services.calendar, context.services.clock.now()));
}

net::awaitable<Response> file_objection(Context& context) {
  const std::vector<Field> fields{{"objector", Field::Type::text, false}, {"contact", Field::Type::text, false}, {"reason"}, {"anonymous", Field::Type::boolean, false}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  Command command{.kind = "objection.file", .data = {{"notice", context.parameters[0]}}};
  command.data["reason"] = string_or(*body, "reason");
  if (bool_or(*body, "anonymous", false)) {  // what names them is not even kept in the journal
    command.data["anonymous"] = true;
    context.actor = {};
  } else
    for (const char* field : {"objector", "contact"}) command.data[field] = string_or(*body, field);
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  Reply shown = *reply;
  // The public learns the receipt, nothing of the application behind it.
  shown.body = json::object{{"id", reply->body.as_object().at("id")}, {"status", reply->body.as_object().at("status")}};
  shown.revision = 0;
  co_return reply_response(shown);
}

net::awaitable<Response> list_awards(Context& context) {
  const Request& request = context.request;
  const AwardFilter filter{.programme = request.query_or("programme"), .round = request.query_or("round"), .status = request.query_or("status"), .text = request.query_or("q")};
  const PageRequest page = context.page();
  const auto rows = co_await context.blocking([&] { return context.services.queries.awards(filter, page); });
  if (!rows) co_return context.fail(rows.error());
  json::array items;
  for (const AwardRow& row : rows->rows) items.emplace_back(award_json(row));
  co_return list_response(request, std::move(items), rows->next);
}

net::awaitable<Response> list_organisations(Context& context) {
  const auto rows = co_await context.blocking([&] { return context.services.queries.organisations(); });
  if (!rows) co_return context.fail(rows.error());
  // ?code=: the one of this id, code or name, of today or of before.
  const std::string code = context.request.query_or("code");
  const std::optional<std::string> meant = resolve_organisation(*rows, code);
  json::array items;
  for (const OrganisationRow& row : *rows)
    if (code.empty() || row.id == meant) items.push_back(to_json(row));
  co_return list_response(context.request, std::move(items), {});
}

net::awaitable<Response> get_clock(Context& context) {
  co_return json_response(200, json::object{{"now", format_instant(context.services.clock.now())}, {"manual", static_cast<bool>(context.services.advance_clock)}});
}

net::awaitable<Response> healthz(Context& /*context*/) { co_return json_response(200, json::object{{"status", "ok"}}); }

net::awaitable<Response> readyz(Context& context) {
  const bool ready = co_await context.blocking([&] { return context.services.ready(); });
  co_return json_response(ready ? 200 : 503, json::object{{"status", ready ? "ready" : "not ready"}});
}

}  // namespace chuyi::api
