#include <algorithm>
#include <set>

#include "engine/base/digest.h"
#include "engine/base/errors.h"
#include "engine/invoke/rows_json.h"
#include "engine/runtime/access.h"
#include "engine/runtime/notes.h"
#include "server/api/blind.h"
#include "server/api/handlers.h"
#include "server/api/lookup.h"

namespace chuyi::api {
namespace {

constexpr std::size_t kItemsMax = 500;

/// What is asked of each of the tasks.
struct Bulk {
  std::string action;
  std::string kind;    ///< of the command for each
  json::object data;   ///< of it
  std::vector<std::string> tasks;
  bool dry_run = false;
};

Result<Bulk> bulk_of(const json::object& body) {
  Bulk out{.action = string_or(body, "action"),
           .kind = "task.complete",
           .data = {},
           .tasks = strings_from_json(array_or_empty(body, "tasks")),
           .dry_run = bool_or(body, "dry_run", false)};
  const std::set<std::string> different(out.tasks.begin(), out.tasks.end());
  if (out.tasks.empty() || out.tasks.size() > kItemsMax || different.size() != out.tasks.size())
    return rejection("bulk.tasks", "Expected 1 to " + std::to_string(kItemsMax) + " different tasks",
                   "请选择1至" + std::to_string(kItemsMax) + "件不同的待办", "/tasks");
  const auto take = [&](const char* key) {
    if (const json::value* given = body.if_contains(key)) out.data[key] = *given;
  };
  if (out.action == "decide") {
    take("outcome");
    take("data");
  } else if (out.action == "recommend") {
    out.data["outcome"] = "recommend";
    take("data");
  } else if (out.action == "assign") {
    out.kind = "task.assign";
    take("to");
    take("reason");
  } else if (out.action == "notify") {
    out.kind = "note.urge";
    take("text");
  } else {
    return rejection("bulk.action", "Expected an action for many tasks, but found '" + out.action + "'", "不支持的批量操作", "/action",
                   {"decide", "recommend", "assign", "notify"});
  }
  return out;
}

Command command_for(const Bulk& bulk, const std::string& task, const std::string& batch) {
  Command out;
  out.kind = bulk.kind;
  out.data = bulk.data;
  out.data["batch"] = batch;
  if (bulk.kind == "note.urge")
    out.data["task"] = task;
  else
    out.task_id = task;
  return out;
}

/// What a dry run shows of a change: of a panel's work nothing to who may not know the panel, to a reviewer no more than his own.
json::object changes_for(const Actor& actor, const SessionRow& session, const json::object& all) {
  const bool reviews = sees_as_reviewer(actor, session);
  json::object out = all;
  if (json::value* application = out.if_contains("application")) application->as_object()["title"] = session.title;
  json::array tasks;
  for (const json::value& task : array_or_empty(all, "tasks")) {
    const std::string kind = string_or(task.get_object(), "kind");
    const bool of_panel = kind == "sheet" || kind.starts_with("panel-");
    const bool own = string_or(task.get_object(), "user") == actor.user_id;
    if (own || (!reviews && (!of_panel || may_see_panel(actor, session)))) tasks.push_back(task);
  }
  out["tasks"] = std::move(tasks);
  if (reviews) out["notify"] = json::array{};
  return out;
}

/// The same request makes the same batch.
std::string batch_of(const Context& context) {
  return "b-" + sha256_hex(context.actor.user_id + "\n" + context.request.header("idempotency-key")).substr(0, 24);
}

net::awaitable<json::object> act_on(Context& context, const Bulk& bulk, const std::string& task, const std::string& batch) {
  json::object item{{"task", task}};
  Result<Actor> as = context.actor;
  const Result<SeenTask> seen = co_await context.reading([&]() -> Result<SeenTask> {
    as = acting(context);
    if (!as) return as.error();
    return see_task_to_act(context, task, *as);
  });
  if (!seen) {
    item["problem"] = problem_json(seen.error(), context.services.texts);
    co_return item;
  }
  const SessionRow shown = shown_session(context.actor, seen->application.session, seen->application.definition.get());
  item["application"] = shown.id;
  item["title"] = shown.title;
  Command command = command_for(bulk, task, batch);
  if (std::string principal = context.request.query_or("on_behalf_of"); !principal.empty())
    command.data["on_behalf_of"] = std::move(principal);
  Result<Reply> reply = Reply{};
  if (bulk.dry_run)
    reply = co_await context.probe(std::move(command));
  else
    reply = co_await context.execute_part(std::move(command), task);
  if (!reply)
    item["problem"] = problem_json(reply.error(), context.services.texts);
  else if (bulk.dry_run)
    item["changes"] = changes_for(*as, shown, reply->body.as_object());
  else if (const json::object& body = reply->body.as_object(); body.contains("application"))
    item["result"] = body.at("application");
  else
    item["result"] = body;
  co_return item;
}

/// What of a batch stands in the answers: the items with their problems and how many have none.
json::object report(const std::string& id, const json::array& items) {
  std::int64_t done = 0;
  for (const json::value& each : items) done += each.get_object().contains("problem") ? 0 : 1;
  return {{"batch", id}, {"done", done}, {"refused", static_cast<std::int64_t>(items.size()) - done}, {"items", items}};
}

Result<RecordRow> find_batch(Context& context) {
  const Result<std::optional<RecordRow>> row = context.services.queries.record("batch", context.parameters[0]);
  if (!row) return row.error();
  if (!*row || (*row)->about != context.actor.user_id)
    return Error{.kind = ErrorKind::not_found,
                 .code = "batch.unknown",
                 .message = "Expected a bulk action of yours",
                 .message_zh = "未找到您的该批量操作"};
  return **row;
}

Command recall_of(const std::string& task, const std::string& batch) {
  json::object data{{"batch", batch}};
  return task_command("task.recall", task, std::move(data));
}

json::object batch_json(const RecordRow& row) {
  json::object out = row.data;
  out["batch"] = row.id;
  for (const char* key : {"at", "until", "undone"})
    if (const json::value* at = out.if_contains(key); at != nullptr && at->is_int64()) out[key] = format_instant(from_ms(at->get_int64()));
  return out;
}

}  // namespace

net::awaitable<Response> act_in_bulk(Context& context) {
  const std::vector<Field> fields{{"action"},
                                  {"tasks", Field::Type::array},
                                  {"dry_run", Field::Type::boolean, false},
                                  {"outcome", Field::Type::text, false},
                                  {"data", Field::Type::object, false},
                                  {"to", Field::Type::text, false},
                                  {"reason", Field::Type::text, false},
                                  {"text", Field::Type::text, false}};
  const Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  const Result<Bulk> bulk = bulk_of(*body);
  if (!bulk) co_return context.fail(bulk.error());
  const std::string batch = batch_of(context);
  json::array items;
  for (const std::string& task : bulk->tasks) {
    json::object item = co_await act_on(context, *bulk, task, batch);
    items.emplace_back(std::move(item));
  }
  json::object shown = report(batch, items);
  shown["dry_run"] = bulk->dry_run;
  if (bulk->dry_run) co_return json_response(200, shown);
  json::array kept;
  for (const json::value& each : items) {
    json::object item;
    for (const char* key : {"task", "application"}) item[key] = string_or(each.get_object(), key);
    item["code"] = string_or(object_or_empty(each.get_object(), "problem"), "code");
    kept.emplace_back(std::move(item));
  }
  Command put;
  put.kind = "batch.put";
  put.data = {{"id", batch}, {"action", bulk->action}, {"items", std::move(kept)}};
  const Result<Reply> reply = co_await context.execute_part(std::move(put), "batch");
  if (!reply) co_return context.fail(reply.error());
  shown["until"] = format_instant(from_ms(int_or(reply->body.as_object(), "until", 0)));
  co_return json_response(200, shown);
}

net::awaitable<Response> get_batch(Context& context) {
  const Result<RecordRow> row = co_await context.blocking([&] { return find_batch(context); });
  if (!row) co_return context.fail(row.error());
  co_return json_response(200, batch_json(*row));
}

net::awaitable<Response> undo_batch(Context& context) {
  const Result<RecordRow> row = co_await context.blocking([&] { return find_batch(context); });
  if (!row) co_return context.fail(row.error());
  if (string_or(row->data, "action") == "notify")
    co_return context.fail(rejection("batch.kind", "Expected a batch that can be undone; notices have left", "通知已发出，不能撤销"));
  std::vector<std::string> tasks;
  for (const json::value& each : array_or_empty(row->data, "items"))
    if (string_or(each.get_object(), "code").empty()) tasks.push_back(string_or(each.get_object(), "task"));
  std::reverse(tasks.begin(), tasks.end());
  // As a whole or not at all: each is asked first.
  Error stands = rejection("batch.acted", "Expected nobody to have acted on any of it since", "其中已有事项被办理，整批不能撤销");
  for (const std::string& task : tasks) {
    Command recall = recall_of(task, row->id);
    const Result<Reply> asked = co_await context.probe(std::move(recall));
    if (!asked && asked.error().code != "idempotency.mismatch")
      stands.details.push_back(
          {.place = task, .code = asked.error().code, .message = asked.error().message, .message_zh = asked.error().message_zh});
  }
  // The time that is set for it, and that it is undone once, are held in the store.
  Command undone;
  undone.kind = "batch.undone";
  undone.data = {{"id", row->id}};
  if (!stands.details.empty() && !row->data.contains("undone")) co_return context.fail(stands);
  const Result<Reply> mark = co_await context.execute_part(std::move(undone), "batch");
  if (!mark) co_return context.fail(mark.error());
  json::array items;
  for (const std::string& task : tasks) {
    json::object item{{"task", task}};
    Command recall = recall_of(task, row->id);
    const Result<Reply> reply = co_await context.execute_part(std::move(recall), task);
    if (!reply) item["problem"] = problem_json(reply.error(), context.services.texts);
    items.emplace_back(std::move(item));
  }
  co_return json_response(200, report(row->id, items));
}

}  // namespace chuyi::api
