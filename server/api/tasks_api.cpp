#include "engine/invoke/work_items.h"
#include "engine/runtime/delegation.h"
#include "server/api/blind.h"
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
  const Result<SeenTask> seen = co_await context.reading([&]() -> Result<SeenTask> {
    const Result<Actor> as = acting(context);
    if (!as) return as.error();
    return see_task_to_act(context, context.parameters[0], *as);
  });
  if (!seen) co_return context.fail(seen.error());
  if (std::string principal = context.request.query_or("on_behalf_of"); !principal.empty()) data["on_behalf_of"] = std::move(principal);
  const Result<Reply> reply = co_await context.execute(task_command(std::move(kind), context.parameters[0], std::move(data), revision));
  if (!reply) co_return context.fail(reply.error());
  Reply shown = *reply;
  shown.body = replied_task(*reply, shown_session(context.actor, seen->application.session, seen->application.definition.get()), seen->application.definition.get());
  co_return reply_response(shown);
}

/// The members of `fields` are those of the command.
net::awaitable<Response> act_with(Context& context, std::string kind, const std::vector<Field>& fields) {
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  co_return co_await act(context, std::move(kind), std::move(*body), {});
}

/// The inbox of `as`, as far as the query asks for it. Errors: those of parse_day.
Result<TaskFilter> filter_of(Context& context, const Actor& as) {
  const Request& request = context.request;
  TaskFilter filter = inbox_of(as);
  filter.statuses = split(request.query_or("status", "open,claimed"));
  filter.kind = request.query_or("kind");
  filter.session_id = request.query_or("application");
  filter.programme = request.query_or("programme");
  filter.round = request.query_or("round");
  filter.stage = request.query_or("stage");
  filter.text = request.query_or("q");
  if (request.query_or("claimed") == "me") filter.claimed_by = as.user_id;
  if (const std::string day = request.query_or("due_before"); !day.empty()) {
    const Result<Day> parsed = parse_day(day);
    if (!parsed) return parsed.error();
    filter.due_before = start_of_day(*parsed);
  }
  // No deputy has anything to do with an expert's sheets, nor learns how many there are.
  if (as.user_id != context.actor.user_id) filter.not_kind = "sheet";
  // A blind reviewer could ask for units by name until one is found.
  if (!filter.text.empty() && context.actor.has("reviewer")) filter.user.clear();
  if (request.query_or("overdue") == "true") filter.due_before = context.services.clock.now();
  return filter;
}

struct Listed {
  json::array items;
  std::string next;
};

Result<Listed> list_page(Context& context, const TaskFilter& filter, const Actor& as, const PageRequest& page) {
  const Result<Page<TaskRow>> rows = context.services.queries.tasks(filter, page);
  if (!rows) return rows.error();
  Listed out{.items = {}, .next = rows->next};
  for (const TaskRow& row : rows->rows) {
    const Result<std::optional<SessionRow>> session = context.services.queries.session(row.session_id);
    if (!session) return session.error();
    if (!*session || !may_see(as, row, **session)) continue;
    const DefinitionPtr definition = context.services.definitions.by_digest((*session)->definition);
    const SessionRow shown = shown_session(context.actor, **session, definition.get());
    json::object item = task_json(row, &shown, definition.get());
    item.erase("data");
    out.items.emplace_back(std::move(item));
  }
  return out;
}

}  // namespace

net::awaitable<Response> list_tasks(Context& context) {
  const PageRequest page = context.page();
  const Result<Listed> listed = co_await context.blocking([&]() -> Result<Listed> {
    const Result<Actor> as = acting(context);
    if (!as) return as.error();
    const Result<TaskFilter> filter = filter_of(context, *as);
    if (!filter) return filter.error();
    return list_page(context, *filter, *as, page);
  });
  if (!listed) co_return context.fail(listed.error());
  co_return list_response(context.request, listed->items, listed->next);
}

namespace {

/// {"total", "overdue", "mine", and by each group {value: number}}.
json::object counts_json(const std::vector<TaskCount>& counts) {
  json::object groups[5];
  const auto add = [](json::object& group, const std::string& key, std::int64_t count) {
    json::value& value = group[key];
    value = (value.is_int64() ? value.get_int64() : 0) + count;
  };
  std::int64_t total = 0;
  std::int64_t overdue = 0;
  std::int64_t mine = 0;
  for (const TaskCount& each : counts) {
    const std::string* keys[] = {&each.programme, &each.round, &each.stage, &each.kind, &each.status};
    for (std::size_t i = 0; i < std::size(keys); ++i) add(groups[i], *keys[i], each.count);
    total += each.count;
    overdue += each.overdue;
    mine += each.mine;
  }
  return {{"total", total},       {"overdue", overdue},  {"claimed_by_me", mine}, {"programme", groups[0]},
          {"round", groups[1]},   {"stage", groups[2]},  {"kind", groups[3]},     {"status", groups[4]}};
}

}  // namespace

net::awaitable<Response> get_inbox(Context& context) {
  const PageRequest page = context.page();
  const Result<json::object> shown = co_await context.blocking([&]() -> Result<json::object> {
    const Result<Actor> as = acting(context);
    if (!as) return as.error();
    const Result<TaskFilter> filter = filter_of(context, *as);
    if (!filter) return filter.error();
    Result<Listed> listed = list_page(context, *filter, *as, page);
    if (!listed) return listed.error();
    Queries& queries = context.services.queries;
    const Instant now = context.services.clock.now();
    const Result<std::vector<TaskCount>> counts = queries.task_counts(*filter, now);
    if (!counts) return counts.error();
    const Result<std::vector<RecordRow>> delegated = delegated_to(queries, context.actor.user_id, now);
    if (!delegated) return delegated.error();
    json::array principals;
    for (const RecordRow& row : *delegated)
      principals.push_back(json::object{{"delegation", row.id}, {"from", string_or(row.data, "from")}, {"until", string_or(row.data, "until")}});
    json::object out{{"items", std::move(listed->items)}, {"counts", counts_json(*counts)}, {"delegated", std::move(principals)}};
    if (!listed->next.empty()) out["after"] = listed->next;
    return out;
  });
  if (!shown) co_return context.fail(shown.error());
  co_return json_response(200, *shown);
}

net::awaitable<Response> get_task(Context& context) {
  bool with_data = false;
  json::object more;  // what only this kind of task shows
  const Result<SeenTask> seen = co_await context.reading([&]() -> Result<SeenTask> {
    Result<SeenTask> found = see_task(context, context.parameters[0]);
    if (!found) return found;
    const Result<bool> panel_open = is_panel_open(context.services.queries, found->task.session_id);
    if (!panel_open) return panel_open.error();
    const Result<Actor> as = acting(context);
    if (!as) return as.error();
    // An expert's own sheet stays the expert's.
    with_data = may_see_data(*as, found->task, found->application.session, *panel_open) && (as->user_id == context.actor.user_id || found->task.kind != "sheet");
    const Seen& application = found->application;
    if (!application.definition) return found;
    if (found->task.kind == "sheet" && is_blind(context.actor, application.session, application.definition.get())) {
      Result<json::object> nomination = shown_nomination(application.session, *application.definition);
      if (!nomination) return nomination.error();
      more["nomination"] = std::move(*nomination);
    }
    if (found->task.kind == "panel-setup") {
      Result<json::array> warnings = names_left(context.services.queries, application.session, *application.definition);
      if (!warnings) return warnings.error();
      if (!warnings->empty()) more["warnings"] = std::move(*warnings);
    }
    return found;
  });
  if (!seen) co_return context.fail(seen.error());
  const SessionRow row = shown_session(context.actor, seen->application.session, seen->application.definition.get());
  json::object shown = task_json(seen->task, &row, seen->application.definition.get());
  for (auto& member : more) shown[member.key()] = std::move(member.value());
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

net::awaitable<Response> assign_task(Context& context) {
  const std::vector<Field> fields{{"to"}, {"reason", Field::Type::text, false}};
  co_return co_await act_with(context, "task.assign", fields);
}

net::awaitable<Response> add_signer(Context& context) {
  const std::vector<Field> fields{{"user"}, {"when"}, {"reason", Field::Type::text, false}};
  co_return co_await act_with(context, "task.add-signer", fields);
}

net::awaitable<Response> return_task(Context& context) {
  const std::vector<Field> fields{{"to"}, {"reason"}, {"days", Field::Type::any, false}};
  co_return co_await act_with(context, "task.return", fields);
}

net::awaitable<Response> recall_task(Context& context) {
  const std::vector<Field> fields{{"reason", Field::Type::text, false}};
  co_return co_await act_with(context, "task.recall", fields);
}

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

net::awaitable<Response> correct_task(Context& context) {
  const std::vector<Field> fields{{"reason"}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  const Result<SeenTask> seen = co_await context.reading([&] { return see_task_to_act(context, context.parameters[0], context.actor); });
  if (!seen) co_return context.fail(seen.error());
  const Result<Reply> reply = co_await context.execute(task_command("task.correct", context.parameters[0], std::move(*body)));
  if (!reply) co_return context.fail(reply.error());
  Reply shown = *reply;
  shown.status = 201;
  shown.body = json::object{{"id", string_or(reply->body.as_object(), "sheet")}};
  co_return reply_response(shown);
}

}  // namespace chuyi::api
