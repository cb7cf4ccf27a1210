#include <algorithm>

#include "engine/invoke/rows_json.h"
#include "engine/invoke/work_items.h"
#include "engine/runtime/rounds.h"
#include "engine/runtime/session_document.h"
#include "engine/scxml/describe.h"
#include "server/api/handlers.h"
#include "server/api/lookup.h"

namespace chuyi::api {
namespace {

constexpr std::size_t kPage = 200;
/// The event that a chart of rounds takes as long as nothing of the round is announced.
constexpr const char* kCancel = "province.cancel";

Error unknown() { return Error{.kind = ErrorKind::not_found, .code = "round.unknown", .message = "Expected a known round",
        .message_zh = "未找到该批次，或您无权查看"}; }

struct SeenRound {
  SessionRow session;
  RecordRow record;
  DefinitionPtr definition;
  bool officer = false;  ///< one of the province that holds it
};

/// Officers of its province see a round from the beginning, everybody else from its announcement on.
Result<SeenRound> see_round(Context& context, const std::string& id) {
  Queries& queries = context.services.queries;
  const Result<std::optional<SessionRow>> session = queries.session(id);
  if (!session) return session.error();
  if (!*session || (*session)->kind != kRoundKind) return unknown();
  const Result<std::optional<RecordRow>> record = queries.record(kRoundKind, id);
  if (!record) return record.error();
  if (!*record) return unknown();
  SeenRound out{.session = **session, .record = **record, .definition = context.services.definitions.by_digest((*session)->definition)};
  out.officer = context.actor.has("provincial-officer", out.session.org);
  if (out.officer) return out;
  if (!out.definition) return unknown();
  const std::vector<std::string> states{out.session.state};
  const std::vector<std::string> events = scxml::events_of(*out.definition->chart, states);
  const bool ended_unheard = out.session.status != "running" && out.session.stage.empty();
  if (ended_unheard || std::find(events.begin(), events.end(), kCancel) != events.end()) return unknown();
  return out;
}

json::object round_json(const SeenRound& seen) {
  json::object out{{"id", seen.session.id},
                   {"org", seen.session.org},
                   {"org_name", seen.session.org_name},
                   {"status", seen.session.status},
                   {"stage", seen.session.stage},
                   {"state", seen.session.state},
                   {"state_titles", state_titles(seen.definition.get(), seen.session.state)},
                   {"created", format_instant(seen.session.created)},
                   {"updated", format_instant(seen.session.updated)},
                   {"revision", static_cast<std::int64_t>(seen.session.revision)}};
  for (const char* key : {"title", "programmes", "opens", "deadline", "deadline_provisional", "planned", "reasons", "stages", "notice"})
    if (const json::value* found = seen.record.data.if_contains(key)) out[key] = *found;
  json::array extensions = array_or_empty(seen.record.data, "extensions");
  if (!seen.officer)
    for (json::value& each : extensions) each.as_object().erase("by");
  out["extensions"] = std::move(extensions);
  return out;
}

/// The four counters of each programme, kept apart: what the notice aims at, what this round plans, what of it is under
/// construction, what of it is certified.
Result<json::object> counters(Context& context, const SeenRound& seen) {
  json::object out;
  for (const std::string& programme : strings_from_json(array_or_empty(seen.record.data, "programmes"))) {
    std::int64_t running = 0;
    std::int64_t certified = 0;
    PageRequest page{.limit = kPage, .after = {}};
    do {
      const Result<Page<AwardRow>> awards = context.services.queries.awards({.programme = programme, .round = seen.session.id, .status = {}, .text = {}}, page);
      if (!awards) return awards.error();
      for (const AwardRow& each : awards->rows) {
        running += each.status == "in-force" ? 1 : 0;
        certified += each.status == "completed" ? 1 : 0;
      }
      page.after = awards->next;
    } while (!page.after.empty());
    const DefinitionPtr definition = context.services.definitions.current(programme);
    const std::int64_t target = definition ? int_or(object_or_empty(definition->manifest, "quota"), "province", 0) : 0;
    const json::value* planned = object_or_empty(seen.record.data, "planned").if_contains(programme);
    out[programme] = json::object{{"target", target > 0 ? json::value(target) : json::value()},
                                  {"planned", planned == nullptr ? json::value() : *planned},
                                  {"under_construction", running},
                                  {"certified", certified}};
  }
  return out;
}

/// How many applications of each programme stand where: {programme: {"total", "states": {state: n}}}.
Result<json::object> tally(Context& context, const std::string& round) {
  std::map<std::string, std::map<std::string, std::int64_t>> counts;
  for (std::string after;;) {
    const Result<std::vector<SessionRow>> rows = context.services.queries.applications(round, after, kPage);
    if (!rows) return rows.error();
    for (const SessionRow& row : *rows) ++counts[row.programme][row.state];
    if (rows->size() < kPage) break;
    after = rows->back().id;
  }
  json::object out;
  for (const auto& [programme, states] : counts) {
    std::int64_t total = 0;
    json::object shown;
    for (const auto& [state, count] : states) {
      total += count;
      shown[state] = count;
    }
    out[programme] = json::object{{"total", total}, {"states", std::move(shown)}};
  }
  return out;
}

/// What officers see beside it: how its applications stand, its tasks, what it may be told, its decision.
Result<> add_working(Context& context, const SeenRound& seen, json::object& out) {
  Queries& queries = context.services.queries;
  Result<json::object> applications = tally(context, seen.session.id);
  if (!applications) return applications.error();
  out["applications"] = std::move(*applications);
  const Result<Page<TaskRow>> tasks =
      queries.tasks(TaskFilter{.memberships = {}, .user = {}, .statuses = {"open", "claimed"}, .session_id = seen.session.id, .kind = {}}, {.limit = 100});
  if (!tasks) return tasks.error();
  json::array shown;
  for (const TaskRow& task : tasks->rows)
    if (may_act(context.actor, task)) shown.emplace_back(task_json(task, &seen.session, seen.definition.get()));
  out["tasks"] = std::move(shown);
  json::array events;
  if (seen.definition && seen.session.status == "running") {
    const Result<SessionDocument> document = decode_document(*seen.definition, seen.session.document);
    if (!document) return document.error();
    for (const std::string& event : scxml::events_of(*seen.definition->chart, document->chart.configuration))
      if (may_send(context.actor, seen.session, {}, event)) events.emplace_back(event);
  }
  out["events"] = std::move(events);
  const Result<std::optional<RecordRow>> decision = queries.record(kRoundDecisionKind, seen.session.id);
  if (!decision) return decision.error();
  out["decision"] = *decision ? json::value((*decision)->data) : json::value();
  return {};
}

}  // namespace

net::awaitable<Response> create_round(Context& context) {
  const std::vector<Field> fields{{"id"}, {"title"}, {"programmes", Field::Type::array}, {"parameters", Field::Type::object}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  Command command{.kind = "round.create", .data = std::move(*body)};
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  Response out = reply_response(*reply);
  out.with("Location", "/api/v1/rounds/" + string_or(reply->body.as_object(), "id"));
  co_return out;
}

net::awaitable<Response> list_rounds(Context& context) {
  const PageRequest page = context.page();
  std::string next;
  const Result<json::array> items = co_await context.blocking([&]() -> Result<json::array> {
    const Result<Page<RecordRow>> rows = context.services.queries.records({.kind = kRoundKind, .about = {}}, page);
    if (!rows) return rows.error();
    next = rows->next;
    json::array out;
    for (const RecordRow& row : rows->rows) {
      const Result<SeenRound> seen = see_round(context, row.id);
      if (seen) out.emplace_back(round_json(*seen));
      else if (seen.error().code != "round.unknown") return seen.error();
    }
    return out;
  });
  if (!items) co_return context.fail(items.error());
  co_return list_response(context.request, *items, next);
}

net::awaitable<Response> get_round(Context& context) {
  std::uint64_t revision = 0;
  const Result<json::object> shown = co_await context.blocking([&]() -> Result<json::object> {
    const Result<SeenRound> seen = see_round(context, context.parameters[0]);
    if (!seen) return seen.error();
    revision = seen->session.revision;
    json::object out = round_json(*seen);
    Result<json::object> counted = counters(context, *seen);
    if (!counted) return counted.error();
    out["counters"] = std::move(*counted);
    if (seen->officer)
      if (Result<> added = add_working(context, *seen, out); !added) return added.error();
    return out;
  });
  if (!shown) co_return context.fail(shown.error());
  Response out = json_response(200, *shown);
  out.with("ETag", "\"" + std::to_string(revision) + "\"");
  co_return out;
}

namespace {

net::awaitable<Response> command_round(Context& context, const char* kind, const std::vector<Field>& fields) {
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  const Result<SeenRound> seen = co_await context.blocking([&] { return see_round(context, context.parameters[0]); });
  if (!seen) co_return context.fail(seen.error());
  Command command{.kind = kind, .session_id = seen->session.id, .task_id = {}, .actor = {}, .data = std::move(*body), .if_revision = {}, .key = {}};
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  co_return reply_response(*reply);
}

}  // namespace

net::awaitable<Response> extend_round(Context& context) {
  const std::vector<Field> fields{{"deadline"}, {"reason"}};
  co_return co_await command_round(context, "round.extend", fields);
}

net::awaitable<Response> decide_round(Context& context) {
  const std::vector<Field> fields{{"selected", Field::Type::array}, {"not_selected", Field::Type::array}, {"deviations", Field::Type::array, false}, {"reasons", Field::Type::object, false}};
  co_return co_await command_round(context, "round.decide", fields);
}

}  // namespace chuyi::api
