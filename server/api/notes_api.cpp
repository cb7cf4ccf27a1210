#include "engine/runtime/notes.h"
#include "server/api/handlers.h"
#include "server/api/lookup.h"

namespace chuyi::api {
namespace {

constexpr std::size_t kNotesMax = 200;

net::awaitable<Response> note(Context& context, std::string kind, std::vector<Field> fields) {
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  Command command;
  command.kind = std::move(kind);
  command.data = std::move(*body);
  command.data["task"] = context.parameters[0];
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  co_return reply_response(*reply);
}

json::object with_times(const RecordRow& row) {
  json::object out = row.data;
  out["id"] = row.id;
  for (const char* key : {"at", "copied", "read"})
    if (const json::value* at = out.if_contains(key); at != nullptr && at->is_int64()) out[key] = format_instant(from_ms(at->get_int64()));
  return out;
}

Result<json::array> notes_of(Queries& queries, const char* kind, const std::string& about) {
  json::array out;
  const Result<Page<RecordRow>> page = queries.records({.kind = kind, .about = about}, {.limit = kNotesMax});
  if (!page) return page.error();
  for (const RecordRow& row : page->rows) out.emplace_back(with_times(row));
  return out;
}

}  // namespace

net::awaitable<Response> add_comment(Context& context) {
  std::vector<Field> fields{{"text"}, {"mentions", Field::Type::array, false}};
  co_return co_await note(context, "note.comment", std::move(fields));
}

net::awaitable<Response> copy_task(Context& context) {
  std::vector<Field> fields{{"users", Field::Type::array}, {"text", Field::Type::text, false}};
  co_return co_await note(context, "note.copy", std::move(fields));
}

net::awaitable<Response> urge_task(Context& context) {
  std::vector<Field> fields{{"text", Field::Type::text, false}};
  co_return co_await note(context, "note.urge", std::move(fields));
}

net::awaitable<Response> read_task(Context& context) {
  std::vector<Field> fields;
  co_return co_await note(context, "note.read", std::move(fields));
}

net::awaitable<Response> list_notes(Context& context) {
  const Result<json::object> shown = co_await context.blocking([&]() -> Result<json::object> {
    const Result<SeenTask> seen = see_task(context, context.parameters[0]);
    if (!seen) return seen.error();
    json::object out;
    for (const auto& [name, kind] : {std::pair{"comments", "comment"}, {"receipts", "receipt"}, {"urges", "urge"}}) {
      Result<json::array> notes = notes_of(context.services.queries, kind, seen->task.id);
      if (!notes) return notes.error();
      out[name] = std::move(*notes);
    }
    return out;
  });
  if (!shown) co_return context.fail(shown.error());
  co_return json_response(200, *shown);
}

net::awaitable<Response> list_copies(Context& context) {
  const PageRequest page = context.page();
  const Result<Page<RecordRow>> rows =
      co_await context.blocking([&] { return context.services.queries.records({.kind = "copy", .about = context.actor.user_id}, page); });
  if (!rows) co_return context.fail(rows.error());
  json::array items;
  for (const RecordRow& row : rows->rows) items.emplace_back(with_times(row));
  co_return list_response(context.request, std::move(items), rows->next);
}

net::awaitable<Response> put_task_rules(Context& context) {
  const std::vector<Field> fields{{"urge_per_day", Field::Type::any, false}, {"undo_minutes", Field::Type::any, false}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  Command command;
  command.kind = "rules.tasks";
  command.data = std::move(*body);
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  co_return reply_response(*reply);
}

}  // namespace chuyi::api
