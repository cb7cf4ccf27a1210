#include "engine/migrate/migrations.h"

#include "server/api/handlers.h"

namespace chuyi::api {
namespace {

/// Administrators run the platform and see no application: which ones there are and where they stand, not whose and what.
json::object without_subjects(json::object plan) {
  for (json::value& each : plan.at("applications").as_array()) {
    each.as_object().erase("title");
    each.as_object().erase("org_name");
  }
  return plan;
}

Result<json::object> migrate(const Migrations& migrations, const json::object& body, const Actor& actor) {
  Result<DefinitionPtr> from = migrations.find(string_or(body, "from"));
  if (!from) return from.error();
  Result<DefinitionPtr> to = migrations.find(string_or(body, "to"));
  if (!to) return to.error();
  MigrationRequest request{.from = *from, .to = *to, .map = {}};
  const json::object& map = object_or_empty(body, "map");
  for (const auto& member : map) request.map[member.key()] = string_or(map, member.key());
  const Result<MigrationPlan> plan = bool_or(body, "dry_run", false) ? migrations.plan(request) : migrations.apply(request, actor);
  if (!plan) return plan.error();
  return without_subjects(to_json(*plan));
}

}  // namespace

net::awaitable<Response> start_migration(Context& context) {
  const std::vector<Field> fields{{"from"}, {"to"}, {"map", Field::Type::object, false}, {"dry_run", Field::Type::boolean, false}};
  const Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  const Result<json::object> plan = co_await context.blocking([&] { return migrate(context.services.migrations, *body, context.actor); });
  if (!plan) co_return context.fail(plan.error());
  co_return json_response(200, *plan);
}

net::awaitable<Response> undo_migration(Context& context) {
  const Result<UndoReport> report = co_await context.blocking([&] { return context.services.migrations.undo(context.parameters[0], context.actor); });
  if (!report) co_return context.fail(report.error());
  co_return json_response(200, to_json(*report));
}

net::awaitable<Response> list_migrations(Context& context) {
  const Result<std::vector<MigrationEntry>> entries = co_await context.blocking([&] { return context.services.migrations.list(); });
  if (!entries) co_return context.fail(entries.error());
  json::array items;
  for (const MigrationEntry& each : *entries) items.emplace_back(to_json(each));
  co_return list_response(context.request, std::move(items), {});
}

}  // namespace chuyi::api
