#include "server/api/nomination_api.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "engine/invoke/limits.h"
#include "engine/invoke/rows_json.h"
#include "engine/invoke/work_items.h"
#include "engine/runtime/findings.h"
#include "engine/runtime/replay.h"
#include "engine/runtime/session_document.h"
#include "server/api/handlers.h"
#include "server/api/lookup.h"

namespace chuyi::api {
namespace {

Result<std::vector<RecordRow>> all_records(Queries& queries, const std::string& kind, const std::string& about) {
  std::vector<RecordRow> out;
  for (PageRequest page{.limit = 200};;) {
    Result<Page<RecordRow>> rows = queries.records({.kind = kind, .about = about}, page);
    if (!rows) return rows.error();
    std::move(rows->rows.begin(), rows->rows.end(), std::back_inserter(out));
    if (rows->next.empty() || out.size() >= kRecordsMax) return out;
    page.after = rows->next;
  }
}

/// Applicants, their organisation, and officers: not who only reviews.
Result<Seen> see_as_party(Context& context) {
  Result<Seen> seen = see_application(context, context.parameters[0]);
  if (seen && !may_see(context.actor, seen->session, false)) return unknown("application.unknown", "application");
  return seen;
}

/// Places by rule and organisation. Officers see the organisations that they hold an office in, of the province all.
class QuotaView {
 public:
  QuotaView(Context& context, std::string programme, std::string round)
      : context_(context), queries_(context.services.queries), programme_(std::move(programme)), round_(std::move(round)) {}

  Result<json::array> run() {
    const DefinitionPtr definition = context_.services.definitions.current(programme_);
    if (!definition) return unknown("programme.unknown", "programme");
    const Result<std::vector<RecordRow>> rules = all_records(queries_, kLimitRecord, round_);
    if (!rules) return rules.error();
    Result<std::vector<OrganisationRow>> orgs = queries_.organisations();
    if (!orgs) return orgs.error();
    orgs_ = std::move(*orgs);
    applicants_ = object_or_empty(definition->manifest, "applicants");
    for (const Membership& held : context_.actor.memberships) {
      mine_.insert(held.org);
      all_ = all_ || held.role == "provincial-officer";
    }
    json::array out;
    for (const Limit& limit : limits_for(definition->manifest, programme_, round_, *rules)) {
      Result<json::object> shown = rule(limit);
      if (!shown) return shown.error();
      out.emplace_back(std::move(*shown));
    }
    return out;
  }

 private:
  Result<json::object> rule(const Limit& limit) {
    json::object out{{"id", limit.id}, {"scope", limit.scope}, {"at", limit.at}, {"ranked", limit.ranked}, {"strength", limit.soft ? "soft" : "hard"}, {"zh", limit.zh}, {"en", limit.en}};
    if (limit.max) out["max"] = *limit.max;
    if (limit.min > 0) out["min"] = limit.min;
    if (limit.scope == "form") return out;
    const Result<std::map<std::string, std::int64_t>> taken = taken_of(limit);
    if (!taken) return taken.error();
    std::set<std::string> keys;
    for (const auto& [key, count] : *taken) keys.insert(key);
    for (const OrganisationRow& org : orgs_)
      if (limit.min > 0 && org.level == limit.scope && owes(org)) keys.insert(org.id);
    json::array places;
    for (const std::string& key : keys) {
      if (!all_ && !mine_.contains(key)) continue;
      const auto found = taken->find(key);
      const std::int64_t count = found == taken->end() ? 0 : found->second;
      json::object each{{"org", key}, {"org_name", name_of(key)}, {"taken", count}};
      if (limit.max) {
        each["max"] = limit.max_of(key);
        each["left"] = std::max<std::int64_t>(0, limit.max_of(key) - count);
      }
      if (count < limit.min) each["missing"] = limit.min - count;
      places.emplace_back(std::move(each));
    }
    out["organisations"] = std::move(places);
    return out;
  }

  /// Whether the programme asks one of it: where such organisations apply themselves, of the kinds that apply (the 14 prefectures,
  /// and not the departments beside them).
  bool owes(const OrganisationRow& org) const {
    const std::vector<std::string> levels = strings_from_json(array_or_empty(applicants_, "levels"));
    const std::vector<std::string> kinds = strings_from_json(array_or_empty(applicants_, "kinds"));
    if (kinds.empty() || std::find(levels.begin(), levels.end(), org.level) == levels.end()) return true;
    return std::find(kinds.begin(), kinds.end(), string_or(org.data, "kind")) != kinds.end();
  }

  Result<std::map<std::string, std::int64_t>> taken_of(const Limit& limit) {
    std::map<std::string, std::int64_t> out;
    const Result<std::vector<RecordRow>> rows =
        limit.ranked ? all_records(queries_, kRankRecord, programme_ + "/" + round_) : all_records(queries_, kPlacesRecord, limit.group);
    if (!rows) return rows.error();
    for (const RecordRow& row : *rows) {
      if (limit.ranked)
        out[string_or(row.data, "org")] += static_cast<std::int64_t>(array_or_empty(row.data, "held").size() + array_or_empty(row.data, "excepted").size());
      else
        out[string_or(row.data, "key")] += int_or(row.data, "taken", 0);
    }
    return out;
  }

  std::string name_of(const std::string& id) const {
    const auto found = std::find_if(orgs_.begin(), orgs_.end(), [&](const OrganisationRow& each) { return each.id == id; });
    return found == orgs_.end() ? id : found->name;
  }

  Context& context_;
  Queries& queries_;
  std::string programme_;
  std::string round_;
  std::vector<OrganisationRow> orgs_;
  json::object applicants_;  ///< as the manifest names them
  std::set<std::string> mine_;
  bool all_ = false;
};

Result<RecordRow> find_rank(Context& context) {
  const std::string& org = context.parameters[2];
  if (!may_see_rank(context.actor, org)) return unknown("rank.unknown", "ranked list");
  const Result<std::optional<RecordRow>> row = context.services.queries.record(kRankRecord, rank_id(context.parameters[0], context.parameters[1], org));
  if (!row) return row.error();
  if (!*row) return unknown("rank.unknown", "ranked list");
  return **row;
}

Command command_of(std::string kind, json::object data) {
  Command out;
  out.kind = std::move(kind);
  out.data = std::move(data);
  return out;
}

net::awaitable<Response> run(Context& context, Command command) {
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  co_return reply_response(*reply);
}

/// With the revision that If-Match names; whether there has to be one is known where it is decided.
net::awaitable<Response> run_on_revision(Context& context, Command command) {
  if (!context.request.header("if-match").empty()) {
    const Result<std::uint64_t> revision = context.if_match();
    if (!revision) co_return context.fail(revision.error());
    command.if_revision = *revision;
  }
  co_return co_await run(context, std::move(command));
}

Response with_revision(Response response, std::uint64_t revision) {
  response.with("ETag", "\"" + std::to_string(revision) + "\"");
  return response;
}

json::object rank_data(const Context& context) {
  return {{"programme", context.parameters[0]}, {"round", context.parameters[1]}, {"org", context.parameters[2]}};
}

/// "2..3" → {2, 3}.
Result<std::pair<int, int>> range_of(const std::string& text) {
  std::pair<int, int> out{0, 0};
  const char* end = text.data() + text.size();
  const auto [middle, first] = std::from_chars(text.data(), end, out.first);
  if (first == std::errc{} && end - middle > 2 && middle[0] == '.' && middle[1] == '.') {
    const auto [last, second] = std::from_chars(middle + 2, end, out.second);
    if (second == std::errc{} && last == end && out.first > 0 && out.second > 0) return out;
  }
  return Error{.kind = ErrorKind::invalid, .code = "revision.range", .message = "Expected two revisions, e.g. 1..2", .message_zh = "请写明两个版本，如1..2"};
}

Result<json::object> revision(Queries& queries, const std::string& application, int number) {
  const Result<std::optional<RecordRow>> row = queries.record("revision", application + "/" + std::to_string(number));
  if (!row) return row.error();
  if (!*row) return unknown("revision.unknown", "revision");
  return (*row)->data;
}

/// By kind and name: added, removed, or other bytes.
json::array document_changes(const json::array& before, const json::array& after) {
  const auto by_name = [](const json::array& documents) {
    std::map<std::string, json::object> out;
    for (const json::value& each : documents) out.emplace(string_or(each.get_object(), "kind") + "/" + string_or(each.get_object(), "name"), each.get_object());
    return out;
  };
  const std::map<std::string, json::object> old = by_name(before);
  const std::map<std::string, json::object> fresh = by_name(after);
  json::array out;
  for (const auto& [name, document] : old) {
    const auto now = fresh.find(name);
    if (now == fresh.end())
      out.push_back(json::object{{"document", name}, {"change", "removed"}, {"before", document}});
    else if (string_or(now->second, "digest") != string_or(document, "digest"))
      out.push_back(json::object{{"document", name}, {"change", "changed"}, {"before", document}, {"after", now->second}});
  }
  for (const auto& [name, document] : fresh)
    if (!old.contains(name)) out.push_back(json::object{{"document", name}, {"change", "added"}, {"after", document}});
  return out;
}

/// The draft of the open nomination that the actor may edit.
Result<TaskRow> open_draft(Context& context) {
  const Result<Seen> seen = see_application(context, context.parameters[0]);
  if (!seen) return seen.error();
  return open_nomination(context, *seen);
}

}  // namespace

Result<> add_nomination(Context& context, const Seen& seen, const SessionDocument& document, json::object& out) {
  if (!may_see(context.actor, seen.session, false)) return {};
  const json::object& facts = object_or_empty(document.chart.datamodel, "application");
  const json::object& checks = object_or_empty(facts, "checks");
  json::object shown{{"soft", array_or_empty(checks, "soft")}, {"marks", array_or_empty(checks, "marks")}};
  if (may_see_findings(context.actor, seen.session)) {
    shown["findings"] = array_or_empty(checks, "findings");
    shown["limit_reasons"] = object_or_empty(facts, "limit_reasons");
  }
  out["checks"] = std::move(shown);
  out["revisions"] = int_or(facts, "revisions", 0);
  if (const json::value* leaders = facts.if_contains("leaders")) out["leaders"] = *leaders;
  if (const json::object& correction = object_or_empty(document.chart.datamodel, "correction"); !correction.empty()) out["correction"] = correction;
  if (const json::value* asked = document.chart.datamodel.if_contains("withdrawal_asked")) out["withdrawal_asked"] = *asked;
  if (const std::string reason = string_or(document.chart.datamodel, "withdrawal_refused"); !reason.empty()) out["withdrawal_refused"] = reason;
  const Result<std::optional<RecordRow>> exception = context.services.queries.record(kExceptionRecord, seen.session.id);
  if (!exception) return exception.error();
  if (*exception && may_see_findings(context.actor, seen.session)) {
    json::object asked = (*exception)->data;
    asked["revision"] = static_cast<std::int64_t>((*exception)->revision);
    out["quota_exception"] = std::move(asked);
  }
  return {};
}

net::awaitable<Response> get_quotas(Context& context) {
  const Result<json::array> rules =
      co_await context.blocking([&] { return QuotaView(context, context.request.query_or("programme"), context.request.query_or("round")).run(); });
  if (!rules) co_return context.fail(rules.error());
  json::object body{{"rules", *rules}};
  co_return json_response(200, body);
}

net::awaitable<Response> get_limits(Context& context) {
  // The revision first: who changes the rules by an older one is refused, by a newer one nobody has seen them.
  const Result<std::optional<RecordRow>> head = co_await context.blocking([&] { return context.services.queries.record(kLimitsRecord, context.parameters[0]); });
  if (!head) co_return context.fail(head.error());
  const Result<std::vector<RecordRow>> rows = co_await context.blocking([&] { return all_records(context.services.queries, kLimitRecord, context.parameters[0]); });
  if (!rows) co_return context.fail(rows.error());
  json::array rules;
  for (const RecordRow& row : *rows) rules.emplace_back(row.data);
  json::object body{{"round", context.parameters[0]}, {"rules", std::move(rules)}};
  co_return with_revision(json_response(200, body), *head ? (*head)->revision : 0);
}

net::awaitable<Response> put_limits(Context& context) {
  const std::vector<Field> fields{{"rules", Field::Type::array}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  (*body)["round"] = context.parameters[0];
  Command command = command_of("limit.put", std::move(*body));
  co_return co_await run_on_revision(context, std::move(command));
}

net::awaitable<Response> put_limit(Context& context) {
  Result<json::object> body = context.json_body();
  if (!body) co_return context.fail(body.error());
  json::object data{{"round", context.parameters[0]}, {"id", context.parameters[1]}, {"rule", std::move(*body)}};
  Command command = command_of("limit.set", std::move(data));
  co_return co_await run_on_revision(context, std::move(command));
}

net::awaitable<Response> remove_limit(Context& context) {
  json::object data{{"round", context.parameters[0]}, {"id", context.parameters[1]}};
  Command command = command_of("limit.remove", std::move(data));
  co_return co_await run_on_revision(context, std::move(command));
}

net::awaitable<Response> get_exception(Context& context) {
  const Result<RecordRow> row = co_await context.reading([&]() -> Result<RecordRow> {
    const Result<Seen> seen = see_as_party(context);
    if (!seen) return seen.error();
    if (!may_see_findings(context.actor, seen->session)) return unknown("exception.unknown", "exception");
    Result<std::optional<RecordRow>> asked = context.services.queries.record(kExceptionRecord, seen->session.id);
    if (!asked) return asked.error();
    if (!*asked) return unknown("exception.unknown", "exception");
    return std::move(**asked);
  });
  if (!row) co_return context.fail(row.error());
  co_return with_revision(json_response(200, row->data), row->revision);
}

net::awaitable<Response> ask_exception(Context& context) {
  const std::vector<Field> fields{{"rules", Field::Type::array}, {"reason"}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  const Result<Seen> seen = co_await context.reading([&] { return see_as_party(context); });
  if (!seen) co_return context.fail(seen.error());
  (*body)["application"] = context.parameters[0];
  Command command = command_of("exception.ask", std::move(*body));
  co_return co_await run(context, std::move(command));
}

net::awaitable<Response> decide_exception(Context& context) {
  const std::vector<Field> fields{{"outcome"}, {"reason"}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  const Result<Seen> seen = co_await context.reading([&] { return see_as_party(context); });
  if (!seen) co_return context.fail(seen.error());
  (*body)["application"] = context.parameters[0];
  Command command = command_of("exception.decide", std::move(*body));
  co_return co_await run_on_revision(context, std::move(command));
}

net::awaitable<Response> get_rank(Context& context) {
  const Result<RecordRow> row = co_await context.reading([&] { return find_rank(context); });
  if (!row) co_return context.fail(row.error());
  co_return with_revision(json_response(200, row->data), row->revision);
}

net::awaitable<Response> put_rank(Context& context) {
  const std::vector<Field> fields{{"order", Field::Type::array}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  json::object data = rank_data(context);
  data["order"] = body->at("order");
  Command command = command_of("rank.put", std::move(data));
  co_return co_await run_on_revision(context, std::move(command));
}

net::awaitable<Response> issue_letter(Context& context) {
  const std::vector<Field> fields{{"number"}, {"truthful", Field::Type::boolean}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  json::object data = rank_data(context);
  for (auto& member : *body) data[member.key()] = std::move(member.value());
  Command command = command_of("rank.letter", std::move(data));
  co_return co_await run(context, std::move(command));
}

net::awaitable<Response> list_revisions(Context& context) {
  const Result<json::array> items = co_await context.blocking([&]() -> Result<json::array> {
    const Result<Seen> seen = see_as_party(context);
    if (!seen) return seen.error();
    const Result<std::vector<RecordRow>> rows = all_records(context.services.queries, "revision", seen->session.id);
    if (!rows) return rows.error();
    std::map<std::int64_t, json::object> sorted;
    for (const RecordRow& row : *rows) {
      json::object each = row.data;
      each.erase("form");
      sorted[int_or(each, "number", 0)] = std::move(each);
    }
    json::array out;
    for (auto& [number, each] : sorted) out.emplace_back(std::move(each));
    return out;
  });
  if (!items) co_return context.fail(items.error());
  co_return list_response(context.request, *items, {});
}

net::awaitable<Response> compare_revisions(Context& context) {
  const Result<json::object> shown = co_await context.blocking([&]() -> Result<json::object> {
    const Result<Seen> seen = see_as_party(context);
    if (!seen) return seen.error();
    const Result<std::pair<int, int>> range = range_of(context.parameters[1]);
    if (!range) return range.error();
    const Result<json::object> before = revision(context.services.queries, seen->session.id, range->first);
    if (!before) return before.error();
    const Result<json::object> after = revision(context.services.queries, seen->session.id, range->second);
    if (!after) return after.error();
    json::array fields;
    for (DataChange& each : data_changes(object_or_empty(*before, "form"), object_or_empty(*after, "form")))
      fields.push_back(json::object{{"place", each.path}, {"before", std::move(each.before)}, {"after", std::move(each.after)}});
    return json::object{{"from", range->first},
                        {"to", range->second},
                        {"fields", std::move(fields)},
                        {"documents", document_changes(array_or_empty(*before, "documents"), array_or_empty(*after, "documents"))}};
  });
  if (!shown) co_return context.fail(shown.error());
  co_return json_response(200, *shown);
}

net::awaitable<Response> list_clues(Context& context) {
  const Result<json::array> items = co_await context.blocking([&]() -> Result<json::array> {
    Queries& queries = context.services.queries;
    const Result<std::optional<SessionRow>> session = queries.session(context.parameters[0]);
    if (!session) return session.error();
    if (!*session || !may_see_clues(context.actor, **session)) return unknown("application.unknown", "application");
    const Result<Page<RecordRow>> clues = queries.records({.kind = kClue, .about = (*session)->id}, {.limit = 200});
    if (!clues) return clues.error();
    json::array out;
    for (const RecordRow& each : clues->rows) {
      json::object clue = each.data;
      clue["id"] = each.id;
      out.push_back(std::move(clue));
    }
    return out;
  });
  if (!items) co_return context.fail(items.error());
  co_return list_response(context.request, *items, {});
}

net::awaitable<Response> list_findings(Context& context) {
  const Result<json::array> items = co_await context.blocking([&]() -> Result<json::array> {
    const Result<Seen> seen = see_application(context, context.parameters[0]);
    if (!seen) return seen.error();
    if (!may_see_findings(context.actor, seen->session) || !seen->definition) return unknown("application.unknown", "application");
    const Result<SessionDocument> document = decode_document(*seen->definition, seen->session.document);
    if (!document) return document.error();
    const json::object& checks = object_or_empty(object_or_empty(document->chart.datamodel, "application"), "checks");
    return find_traces(context.services.queries, seen->session.id, traces_from_json(array_or_empty(checks, "traces")));
  });
  if (!items) co_return context.fail(items.error());
  co_return list_response(context.request, *items, {});
}

net::awaitable<Response> list_drafts(Context& context) {
  const Result<json::array> items = co_await context.blocking([&]() -> Result<json::array> {
    const Result<TaskRow> task = open_draft(context);
    if (!task) return task.error();
    const Result<std::vector<RecordRow>> rows = all_records(context.services.queries, "draft", task->id);
    if (!rows) return rows.error();
    std::map<std::uint64_t, json::value> newest;
    for (const RecordRow& row : *rows) newest[~row.revision] = row.data;
    json::array out;
    for (auto& [order, each] : newest) out.emplace_back(std::move(each));
    return out;
  });
  if (!items) co_return context.fail(items.error());
  co_return list_response(context.request, *items, {});
}

net::awaitable<Response> restore_draft(Context& context) {
  const Result<std::uint64_t> revision = context.if_match();
  if (!revision) co_return context.fail(revision.error());
  std::string task_id;
  Result<json::object> data = co_await context.blocking([&]() -> Result<json::object> {
    const Result<TaskRow> task = open_draft(context);
    if (!task) return task.error();
    task_id = task->id;
    const Result<std::vector<RecordRow>> rows = all_records(context.services.queries, "draft", task->id);
    if (!rows) return rows.error();
    for (const RecordRow& row : *rows)
      if (std::to_string(row.revision) == context.parameters[1]) return object_or_empty(row.data, "data");
    return unknown("draft.unknown", "version of the draft; the oldest give way");
  });
  if (!data) co_return context.fail(data.error());
  json::object saved{{"data", std::move(*data)}};
  Command command = task_command("task.save", task_id, std::move(saved), *revision);
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  json::object body{{"revision", static_cast<std::int64_t>(reply->revision)}};
  Response out = json_response(200, body);
  out.with("ETag", "\"" + std::to_string(reply->revision) + "\"");
  co_return out;
}

}  // namespace chuyi::api
