#include "engine/runtime/delegation.h"
#include "server/api/handlers.h"
#include "server/api/lookup.h"

namespace chuyi::api {
namespace {

json::object delegation_json(const RecordRow& row, Instant now) {
  json::object out = row.data;
  out["id"] = row.id;
  out["in_force"] = is_in_force(row, now);
  if (const json::value* ended = row.data.if_contains("ended"); ended != nullptr && ended->is_int64()) out["ended"] = format_instant(from_ms(ended->get_int64()));
  return out;
}

/// Every delegation that `wanted` says yes to. There are as many as there are journeys: few.
Result<std::vector<RecordRow>> delegations(Queries& queries, const std::function<bool(const RecordRow&)>& wanted) {
  std::vector<RecordRow> out;
  for (std::string after;;) {
    Result<Page<RecordRow>> page = queries.records({.kind = kDelegation, .about = {}}, {.limit = 200, .after = after});
    if (!page) return page.error();
    for (RecordRow& row : page->rows)
      if (wanted(row)) out.push_back(std::move(row));
    if (page->next.empty()) return out;
    after = page->next;
  }
}

bool concerns(const RecordRow& row, const std::string& user) { return string_or(row.data, "from") == user || string_or(row.data, "to") == user; }

/// One thing that a leaving person holds.
struct Held {
  std::string kind;  ///< "task", "delegation"
  std::string id;
};

Result<std::vector<Held>> held_by(Queries& queries, const std::string& user, Instant now) {
  std::vector<Held> out;
  const TaskFilter claimed{.memberships = {}, .user = {}, .statuses = {}, .session_id = {}, .kind = {}, .claimed_by = user};
  const TaskFilter personal{.memberships = {}, .user = user, .statuses = {"open", "claimed"}, .session_id = {}, .kind = {}};
  for (const TaskFilter* filter : {&claimed, &personal}) {
    for (std::string after;;) {
      const Result<Page<TaskRow>> page = queries.tasks(*filter, {.limit = 200, .after = after});
      if (!page) return page.error();
      for (const TaskRow& row : page->rows)
        if (filter == &claimed || row.claimed_by != user) out.push_back({"task", row.id});
      if (page->next.empty()) break;
      after = page->next;
    }
  }
  const Day today = day_in_shanghai(now);
  const Result<std::vector<RecordRow>> rows = delegations(queries, [&](const RecordRow& row) {
    return concerns(row, user) && !row.data.contains("ended") && string_or(row.data, "until") >= format_day(today);
  });
  if (!rows) return rows.error();
  for (const RecordRow& row : *rows) out.push_back({"delegation", row.id});
  return out;
}

}  // namespace

net::awaitable<Response> make_delegation(Context& context) {
  const std::vector<Field> fields{{"to"},    {"since"}, {"until"}, {"reason"}, {"from", Field::Type::text, false}, {"role", Field::Type::text, false}, {"org", Field::Type::text, false}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  Command command;
  command.kind = "delegation.put";
  command.data = std::move(*body);
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  co_return reply_response(*reply);
}

net::awaitable<Response> list_delegations(Context& context) {
  const Instant now = context.services.clock.now();
  const bool all = context.actor.has("administrator");
  const auto rows = co_await context.blocking(
      [&] { return delegations(context.services.queries, [&](const RecordRow& row) { return all || concerns(row, context.actor.user_id); }); });
  if (!rows) co_return context.fail(rows.error());
  json::array items;
  for (const RecordRow& row : *rows) items.emplace_back(delegation_json(row, now));
  co_return list_response(context.request, std::move(items), {});
}

net::awaitable<Response> end_delegation(Context& context) {
  Command command;
  command.kind = "delegation.end";
  command.data = {{"id", context.parameters[0]}};
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  co_return reply_response(*reply);
}

net::awaitable<Response> hand_over(Context& context) {
  const std::vector<Field> fields{{"from"}, {"to"}, {"reason"}};
  const Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  const std::string from = string_or(*body, "from");
  const Instant now = context.services.clock.now();
  const Result<std::vector<Held>> held = co_await context.blocking([&] { return held_by(context.services.queries, from, now); });
  if (!held) co_return context.fail(held.error());
  json::array items;
  std::int64_t moved = 0;
  for (const Held& each : *held) {
    Command command;
    command.data = *body;
    if (each.kind == "task") {
      command.kind = "task.handover";
      command.task_id = each.id;
    } else {
      command.kind = "delegation.move";
      command.data["id"] = each.id;
    }
    const std::string part = each.kind + "/" + each.id;
    const Result<Reply> reply = co_await context.execute_part(std::move(command), part);
    json::object item{{"kind", each.kind}, {"id", each.id}, {"moved", reply.has_value()}};
    if (reply)
      ++moved;
    else
      item["problem"] = json::object{{"code", reply.error().code}, {"zh", reply.error().message_zh}, {"en", reply.error().message}};
    items.push_back(std::move(item));
  }
  const auto stayed = static_cast<std::int64_t>(items.size()) - moved;
  co_return json_response(200, json::object{{"from", from}, {"to", string_or(*body, "to")}, {"moved", moved}, {"stayed", stayed}, {"items", std::move(items)}});
}

}  // namespace chuyi::api
