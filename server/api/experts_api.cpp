#include <algorithm>

#include "engine/invoke/rows_json.h"
#include "engine/runtime/people.h"
#include "server/api/handlers.h"

// The pool of experts. Provincial officers alone see it; an expert sees what he declared himself.
namespace chuyi::api {
namespace {

constexpr std::size_t kScan = 200;

Error unknown() { return Error{.kind = ErrorKind::not_found, .code = "expert.unknown", .message = "Expected an expert of the pool", .message_zh = "专家库中没有该专家"}; }

json::object expert_shown(const RecordRow& row) {
  json::object out = row.data;
  out["id"] = row.id;
  // Whether somebody is known as a person, never as which: a digest would tell who can guess the number.
  out["identified"] = !string_or(row.data, "person").empty();
  out.erase("person");
  for (const auto& [list, member] : {std::pair{"co_projects", "with"}, std::pair{"relations", "person"}})
    if (json::value* values = out.if_contains(list); values != nullptr && values->is_array())
      for (json::value& each : values->get_array())
        if (json::object* one = each.if_object()) one->erase(member);
  out["updated"] = format_instant(row.updated);
  out["revision"] = static_cast<std::int64_t>(row.revision);
  return out;
}

bool fits(const Request& request, const RecordRow& row) {
  for (const char* key : {"region", "kind", "employer"})
    if (const std::string asked = request.query_or(key); !asked.empty() && asked != string_or(row.data, key)) return false;
  if (const std::string year = request.query_or("nominated"); !year.empty() && year != std::to_string(int_or(row.data, "nominated_year", 0))) return false;
  if (const std::string state = request.query_or("disabled"); !state.empty() && (state == "true") != bool_or(row.data, "disabled", false)) return false;
  const std::string field = request.query_or("field");
  const std::vector<std::string> fields = strings_from_json(array_or_empty(row.data, "fields"));
  if (!field.empty() && std::find(fields.begin(), fields.end(), field) == fields.end()) return false;
  const std::string text = request.query_or("q");
  return text.empty() || row.id.find(text) != std::string::npos || string_or(row.data, "name").find(text) != std::string::npos;
}

net::awaitable<Response> change(Context& context, const char* kind, const json::object& data, std::optional<std::uint64_t> revision) {
  Command command{.kind = kind, .session_id = {}, .task_id = {}, .actor = {}, .data = data, .if_revision = revision, .key = {}};
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  co_return reply_response(*reply);
}

}  // namespace

net::awaitable<Response> list_experts(Context& context) {
  const PageRequest asked = context.page();
  struct Listed {
    json::array items;
    std::string next;
  };
  const Result<Listed> listed = co_await context.blocking([&]() -> Result<Listed> {
    Listed out;
    PageRequest page{.limit = asked.limit, .after = asked.after};
    do {
      // Never more than are still missing, so that the cursor stands behind the last one shown.
      page.limit = std::min<std::size_t>(kScan, asked.limit - out.items.size());
      const Result<Page<RecordRow>> rows = context.services.queries.records({.kind = kExpert, .about = {}}, page);
      if (!rows) return rows.error();
      for (const RecordRow& row : rows->rows)
        if (fits(context.request, row)) out.items.emplace_back(expert_shown(row));
      page.after = out.next = rows->next;
    } while (!out.next.empty() && out.items.size() < asked.limit);
    return out;
  });
  if (!listed) co_return context.fail(listed.error());
  co_return list_response(context.request, listed->items, listed->next);
}

net::awaitable<Response> get_expert(Context& context) {
  const Result<std::optional<RecordRow>> row = co_await context.reading([&] { return context.services.queries.record(kExpert, context.parameters[0]); });
  if (!row) co_return context.fail(row.error());
  if (!*row) co_return context.fail(unknown());
  Response out = json_response(200, expert_shown(**row));
  out.with("ETag", "\"" + std::to_string((*row)->revision) + "\"");
  co_return out;
}

net::awaitable<Response> put_expert(Context& context) {
  using Type = Field::Type;
  const std::vector<Field> fields{{"name"}, {"title", Type::text, false}, {"fields", Type::array, false}, {"region", Type::text, false}, {"employer", Type::text, false},
                                  {"enterprises", Type::array, false}, {"kind", Type::text, false}, {"out_of_province", Type::boolean, false}, {"nominated_year", Type::any, false},
                                  {"identity", Type::text, false}, {"co_projects", Type::array, false}, {"relations", Type::array, false}, {"judged", Type::array, false},
                                  {"disabled", Type::boolean, false}, {"reason", Type::text, false}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  (*body)["id"] = context.parameters[0];
  std::optional<std::uint64_t> revision;
  if (!context.request.header("if-match").empty()) {
    const Result<std::uint64_t> given = context.if_match();
    if (!given) co_return context.fail(given.error());
    revision = *given;
  }
  co_return co_await change(context, "expert.put", *body, revision);
}

net::awaitable<Response> nominate_expert(Context& context) {
  const std::vector<Field> fields{{"year", Field::Type::any}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  (*body)["id"] = context.parameters[0];
  co_return co_await change(context, "expert.nominate", *body, std::nullopt);
}

net::awaitable<Response> declare_conflict(Context& context) {
  const std::vector<Field> fields{{"application", Field::Type::text, false}, {"org", Field::Type::text, false}, {"reason"}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  co_return co_await change(context, "expert.declare", *body, std::nullopt);
}

net::awaitable<Response> list_own_conflicts(Context& context) {
  const Result<std::optional<RecordRow>> row = co_await context.reading([&] { return context.services.queries.record(kExpert, context.actor.user_id); });
  if (!row) co_return context.fail(row.error());
  co_return list_response(context.request, *row ? array_or_empty((*row)->data, "declared") : json::array{}, {});
}

}  // namespace chuyi::api
