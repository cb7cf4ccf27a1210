#include "engine/invoke/work_items.h"
#include "server/api/handlers.h"
#include "server/api/lookup.h"

namespace chuyi::api {
namespace {

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> out;
  std::size_t at = 0;
  while (at <= list.size()) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    if (end > at) out.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

net::awaitable<Response> act(Context& context, std::string kind, json::object data, std::optional<std::uint64_t> revision) {
  const Result<SeenTask> seen = co_await context.reading([&] { return see_task_to_act(context, context.parameters[0]); });
  if (!seen) co_return context.fail(seen.error());
  const Result<Reply> reply = co_await context.execute(task_command(std::move(kind), context.parameters[0], std::move(data), revision));
  if (!reply) co_return context.fail(reply.error());
  Reply shown = *reply;
  shown.body = replied_task(*reply, seen->application.session, seen->application.definition.get());
  co_return reply_response(shown);
}

}  // namespace

net::awaitable<Response> list_tasks(Context& context) {
  TaskFilter filter = inbox_of(context.actor);
  filter.statuses = split(context.request.query_or("status", "open,claimed"));
  filter.kind = context.request.query_or("kind");
  filter.session_id = context.request.query_or("application");
  const PageRequest page = context.page();
  struct Listed {
    json::array items;
    std::string next;
  };
  const Result<Listed> listed = co_await context.blocking([&]() -> Result<Listed> {
    const Result<Page<TaskRow>> rows = context.services.queries.tasks(filter, page);
    if (!rows) return rows.error();
    Listed out{.items = {}, .next = rows->next};
    for (const TaskRow& row : rows->rows) {
      const Result<std::optional<SessionRow>> session = context.services.queries.session(row.session_id);
      if (!session) return session.error();
      if (!*session || !may_see(context.actor, row, **session)) continue;
      json::object item = task_json(row, &**session, context.services.definitions.by_digest((*session)->definition).get());
      item.erase("data");
      out.items.emplace_back(std::move(item));
    }
    return out;
  });
  if (!listed) co_return context.fail(listed.error());
  co_return list_response(context.request, listed->items, listed->next);
}

net::awaitable<Response> get_task(Context& context) {
  bool with_data = false;
  const Result<SeenTask> seen = co_await context.reading([&]() -> Result<SeenTask> {
    Result<SeenTask> found = see_task(context, context.parameters[0]);
    if (!found) return found;
    const Result<bool> panel_open = is_panel_open(context.services.queries, found->task.session_id);
    if (!panel_open) return panel_open.error();
    with_data = may_see_data(context.actor, found->task, found->application.session, *panel_open);
    return found;
  });
  if (!seen) co_return context.fail(seen.error());
  json::object shown = task_json(seen->task, &seen->application.session, seen->application.definition.get());
  if (!with_data) shown.erase("data");
  if (seen->application.definition) {
    if (const json::value* schema = seen->application.definition->forms.if_contains(seen->task.form)) shown["schema"] = *schema;
    if (seen->task.kind == "sheet") shown["rubric"] = object_or_empty(seen->application.definition->manifest, "rubric");
  }
  Response out = json_response(200, shown);
  out.with("ETag", "\"" + std::to_string(seen->task.revision) + "\"");
  co_return out;
}

net::awaitable<Response> claim_task(Context& context) { return act(context, "task.claim", {}, {}); }
net::awaitable<Response> release_task(Context& context) { return act(context, "task.release", {}, {}); }

net::awaitable<Response> save_task(Context& context) {
  const Result<std::uint64_t> revision = context.if_match();
  if (!revision) co_return context.fail(revision.error());
  Result<json::object> body = context.json_body();
  if (!body) co_return context.fail(body.error());
  json::object data{{"data", std::move(*body)}};
  co_return co_await act(context, "task.save", std::move(data), *revision);
}

net::awaitable<Response> complete_task(Context& context) {
  const std::vector<Field> fields{{"outcome", Field::Type::text, false}, {"data", Field::Type::object, false}, {"reasons", Field::Type::object, false}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  std::optional<std::uint64_t> revision;
  if (!context.request.header("if-match").empty()) {
    const Result<std::uint64_t> given = context.if_match();
    if (!given) co_return context.fail(given.error());
    revision = *given;
  }
  co_return co_await act(context, "task.complete", std::move(*body), revision);
}

}  // namespace chuyi::api
