#include "engine/migrate/migrations.h"

#include <algorithm>
#include <future>
#include <set>

#include "engine/invoke/rows_json.h"
#include "engine/migrate/examiner.h"
#include "engine/ports/audit.h"
#include "engine/runtime/migration.h"
#include "engine/scxml/describe.h"

namespace chuyi {
namespace {

/// Commands on their way at once: they share the store's syncs to disk.
constexpr std::size_t kBatch = 64;
constexpr std::size_t kPage = 200;
constexpr std::size_t kDigestPrefixMin = 8;
/// How often one is looked at anew because somebody acted between the look and the move.
constexpr int kRoundsMax = 3;

Error invalid(const char* code, std::string message, std::string message_zh) {
  return Error{.kind = ErrorKind::invalid, .code = code, .message = std::move(message), .message_zh = std::move(message_zh)};
}

std::set<std::string> ids_of(const scxml::Chart& chart) {
  std::set<std::string> out;
  for (const scxml::StateInfo& each : scxml::states_of(chart)) out.insert(each.id);
  return out;
}

Result<> check_request(const MigrationRequest& request) {
  if (request.from->programme != request.to->programme)
    return invalid("migrate.programme", "Expected two versions of one programme, but found '" + request.from->programme + "' and '" + request.to->programme + "'",
                   "两个版本不属于同一项目类别");
  if (request.from->digest == request.to->digest)
    return invalid("migrate.same", "Expected two different versions, but both are " + request.to->digest, "两个版本相同");
  const std::set<std::string> old = ids_of(*request.from->chart);
  const std::set<std::string> fresh = ids_of(*request.to->chart);
  for (const auto& [before, after] : request.map) {
    const bool known = old.contains(before);
    if (known && fresh.contains(after)) continue;
    Error error = invalid("migrate.map", "Expected to map a state of the former workflow to one of the new, but found '" + before + "=" + after + "'",
                          "映射“" + before + "=" + after + "”中的状态不存在");
    for (const std::string& each : known ? fresh : old) error.allowed.push_back(each);
    return error;
  }
  return {};
}

std::vector<PlannedState> compare_states(const MigrationRequest& request, const std::vector<PlannedMove>& applications) {
  std::map<std::string, std::size_t> standing;
  for (const PlannedMove& each : applications)
    for (const std::string& state : each.before) ++standing[state];
  const std::set<std::string> fresh = ids_of(*request.to->chart);
  std::set<std::string> used;
  std::vector<PlannedState> out;
  for (const scxml::StateInfo& each : scxml::states_of(*request.from->chart)) {
    const auto mapped = request.map.find(each.id);
    PlannedState state{.id = each.id, .to = mapped != request.map.end() ? mapped->second : fresh.contains(each.id) ? each.id : "", .applications = standing[each.id]};
    used.insert(state.to);
    out.push_back(std::move(state));
  }
  for (const scxml::StateInfo& each : scxml::states_of(*request.to->chart))
    if (!used.contains(each.id)) out.push_back({.id = {}, .to = each.id});
  return out;
}

bool stands_on(const std::optional<SessionRow>& row, const Definition& definition) {
  return row && row->kind != "session" && row->status == "running" && row->definition == definition.digest;
}

/// Calls `each` with every session of the filter.
Result<> for_sessions(Queries& queries, const SessionFilter& filter, const std::function<Result<>(const SessionRow&)>& each) {
  PageRequest page{.limit = kPage, .after = {}};
  do {
    const Result<Page<SessionRow>> rows = queries.sessions(filter, page);
    if (!rows) return rows.error();
    for (const SessionRow& row : rows->rows)
      if (Result<> done = each(row); !done) return done;
    page.after = rows->next;
  } while (!page.after.empty());
  return {};
}

/// Executes commands side by side. @return their replies in order.
std::vector<Result<Reply>> execute_all(CommandService& service, std::vector<Command> commands) {
  std::vector<std::future<Result<Reply>>> replies;
  for (Command& each : commands) {
    auto promise = std::make_shared<std::promise<Result<Reply>>>();
    replies.push_back(promise->get_future());
    service.execute(std::move(each), [promise](Result<Reply> reply) { promise->set_value(std::move(reply)); });
  }
  std::vector<Result<Reply>> out;
  for (auto& each : replies) out.push_back(each.get());
  return out;
}

/// In which applications a migration stands: id → revision after its move.
using Standing = std::map<std::string, std::uint64_t>;

/// Reads the log once. @param after  no record of any migration is before.
Result<std::map<std::string, Standing>> standings(Queries& queries, std::int64_t after) {
  /// The moves of a session that were not undone: migration and revision.
  std::map<std::string, std::vector<std::pair<std::string, std::uint64_t>>> moves;
  while (true) {
    const Result<std::vector<AuditRow>> page = queries.audit({}, after, kPage);
    if (!page) return page.error();
    if (page->empty()) break;
    for (const AuditRow& row : *page) {
      after = row.seq;
      if (row.session_id.empty() || row.record.find("\"session.") == std::string::npos) continue;
      const Result<json::value> record = parse_json(row.record, kStoredJson, "journal");
      if (!record) return record.error();
      const json::object& object = record->as_object();
      const std::string kind = string_or(object, "kind");
      const std::string migration = string_or(object_or_empty(object, "data"), "migration");
      const auto revision = static_cast<std::uint64_t>(int_or(object, "revision", 0));
      auto& stack = moves[row.session_id];
      if (kind == "session.migrate") stack.emplace_back(migration, revision);
      if (kind != "session.unmigrate" || stack.empty() || stack.back().first != migration) continue;
      const std::uint64_t undone = stack.back().second;
      stack.pop_back();
      // It is again as the move right before has left it.
      if (!stack.empty() && stack.back().second + 1 == undone) stack.back().second = revision;
    }
  }
  std::map<std::string, Standing> out;
  for (const auto& [session, stack] : moves)
    for (const auto& [migration, revision] : stack) out[migration][session] = revision;
  return out;
}

MigrationEntry entry_of(const json::object& object) {
  return {.id = string_or(object, "id"),
          .programme = string_or(object, "programme"),
          .from = string_or(object, "from"),
          .to = string_or(object, "to"),
          .map = state_map_from_json(object_or_empty(object, "map")),
          .at = from_ms(int_or(object, "at", 0)),
          .by = string_or(object, "by"),
          .undone = object.contains("undone")};
}

Result<json::array> entries(Queries& queries) {
  const Result<std::optional<std::string>> setting = queries.setting(kMigrationsSetting);
  if (!setting) return setting.error();
  return migrations_from_setting(*setting);
}

Result<std::string> begin(const Migrations::Parts& parts, const MigrationRequest& request, const Actor& actor) {
  const Result<std::optional<std::string>> count = parts.queries.setting(kAuditCountSetting);
  if (!count) return count.error();
  Command command{.kind = "migration.begin",
                  .actor = actor,
                  .data = {{"programme", request.to->programme},
                           {"from", request.from->digest},
                           {"to", request.to->digest},
                           {"map", to_json(request.map)},
                           {"after", static_cast<std::int64_t>(std::strtoll(count->value_or("0").c_str(), nullptr, 10))}}};
  const Result<Reply> reply = execute_and_wait(*parts.commands, std::move(command));
  if (!reply) return reply.error();
  return string_or(reply->body.as_object(), "migration");
}

}  // namespace

Result<DefinitionPtr> Migrations::find(std::string_view name) const {
  const Result<std::vector<DefinitionRow>> rows = parts_.queries.definitions();
  if (!rows) return rows.error();
  std::set<std::string> digests;
  const auto consider = [&](const std::string& digest, const std::string& programme, const std::string& version) {
    const bool by_digest = name.size() >= kDigestPrefixMin && digest.starts_with(name);
    if (by_digest || name == programme + "@" + version) digests.insert(digest);
  };
  for (const DefinitionRow& row : *rows) consider(row.digest, row.programme, row.version);
  for (const DefinitionPtr& each : parts_.definitions.current()) consider(each->digest, each->programme, each->version);
  if (digests.size() > 1) {
    Error error{.kind = ErrorKind::rejected,
                .code = "definition.ambiguous",
                .message = "Expected one version, but '" + std::string{name} + "' names several; give the digest",
                .message_zh = "“" + std::string{name} + "”对应多个版本，请使用摘要指定"};
    error.allowed.assign(digests.begin(), digests.end());
    for (const std::string& each : digests) error.message += " " + each.substr(0, 12);
    return error;
  }
  DefinitionPtr out = digests.empty() ? nullptr : parts_.definitions.by_digest(*digests.begin());
  if (!out)
    return Error{.kind = ErrorKind::not_found,
                 .code = "definition.unknown",
                 .message = "Expected a definition of the store, as PROGRAMME@VERSION or 8 or more digits of its digest, but found '" + std::string{name} + "'",
                 .message_zh = "未找到版本“" + std::string{name} + "”"};
  return out;
}

Result<MigrationPlan> Migrations::plan(const MigrationRequest& request, const Progress& progress) const {
  if (Result<> good = check_request(request); !good) return good.error();
  MigrationPlan out{.request = request};
  Examiner examiner(parts_, request);
  out.problems = examiner.problems();
  std::vector<std::string> ids;
  const Result<> listed = for_sessions(parts_.queries, {.programme = request.from->programme, .status = "running"}, [&](const SessionRow& row) -> Result<> {
    if (stands_on(row, *request.from)) ids.push_back(row.id);
    return {};
  });
  if (!listed) return listed.error();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (progress) progress(i + 1, ids.size());
    const Result<std::optional<SessionRow>> row = parts_.queries.session(ids[i]);
    if (!row) return row.error();
    if (!stands_on(*row, *request.from)) continue;
    Result<PlannedMove> move = examiner.examine(**row);
    if (!move) return move.error();
    out.applications.push_back(std::move(*move));
  }
  out.states = compare_states(request, out.applications);
  return out;
}

Result<MigrationPlan> Migrations::apply(const MigrationRequest& request, const Actor& actor, const Progress& progress) const {
  Result<MigrationPlan> plan = this->plan(request);
  if (!plan) return plan;
  if (!plan->problems.empty()) {
    Error error{.kind = ErrorKind::rejected,
                .code = "migrate.policy",
                .message = "Expected a new workflow that keeps every policy, but: " + plan->problems.front().message,
                .message_zh = "新流程违反规则：" + plan->problems.front().message_zh};
    error.details = std::move(plan->problems);
    return error;
  }
  std::vector<PlannedMove*> open;
  for (PlannedMove& each : plan->applications)
    if (each.fate == Fate::as_is || each.fate == Fate::mapped) open.push_back(&each);
  if (open.empty()) return plan;
  const Result<std::string> id = begin(parts_, request, actor);
  if (!id) return id.error();
  plan->migration = *id;
  Examiner examiner(parts_, request);
  std::size_t done = 0;
  const std::size_t all = open.size();
  const auto stay = [](PlannedMove& move, const Error& error) {
    move.fate = Fate::cannot;
    move.after.clear();
    move.reasons = error.details;
    if (move.reasons.empty()) move.reasons.push_back({.place = move.application, .code = error.code, .message = error.message, .message_zh = error.message_zh});
  };
  for (int round = 0; !open.empty() && round < kRoundsMax; ++round) {
    std::vector<PlannedMove*> again;
    for (std::size_t at = 0; at < open.size(); at += kBatch) {
      std::vector<Command> commands;
      const std::size_t end = std::min(at + kBatch, open.size());
      for (std::size_t i = at; i < end; ++i)
        commands.push_back({.kind = "session.migrate",
                            .session_id = open[i]->application,
                            .actor = actor,
                            .data = {{"from", request.from->digest}, {"to", request.to->digest}, {"map", to_json(request.map)}, {"migration", *id}},
                            .if_revision = open[i]->revision});
      const std::vector<Result<Reply>> replies = execute_all(*parts_.commands, std::move(commands));
      for (std::size_t i = at; i < end; ++i) {
        const Result<Reply>& reply = replies[i - at];
        if (reply)
          open[i]->fate = Fate::moved;
        else if (reply.error().kind == ErrorKind::unavailable)
          return reply.error();  // the store: what is not moved is moved by the next call
        else if (reply.error().kind == ErrorKind::precondition && round + 1 < kRoundsMax)
          again.push_back(open[i]);
        else
          stay(*open[i], reply.error());
      }
      done = std::min(all, done + (end - at));
      if (progress) progress(done, all);
    }
    open.clear();
    for (PlannedMove* each : again) {
      const Result<std::optional<SessionRow>> row = parts_.queries.session(each->application);
      if (!row) return row.error();
      if (!stands_on(*row, *request.from)) {
        stay(*each, Error{.code = "migrate.ended", .message = "It has ended or moved meanwhile", .message_zh = "期间已结束或已迁移"});
        continue;
      }
      Result<PlannedMove> anew = examiner.examine(**row);
      if (!anew) return anew.error();
      *each = std::move(*anew);
      if (each->fate == Fate::as_is || each->fate == Fate::mapped) open.push_back(each);
    }
  }
  return plan;
}

Result<UndoReport> Migrations::undo(const std::string& migration, const Actor& actor, const Progress& progress) const {
  const Result<json::array> known = entries(parts_.queries);
  if (!known) return known.error();
  const auto found = std::find_if(known->begin(), known->end(), [&](const json::value& each) { return string_or(each.as_object(), "id") == migration; });
  if (found == known->end())
    return Error{.kind = ErrorKind::not_found,
                 .code = "migration.unknown",
                 .message = "Expected a known migration, but found '" + migration + "'; see chuyi migrate list",
                 .message_zh = "未找到迁移“" + migration + "”"};
  Result<std::map<std::string, Standing>> all = standings(parts_.queries, int_or(found->as_object(), "after", 0));
  if (!all) return all.error();
  const Standing& moved = (*all)[migration];
  Error acted{.kind = ErrorKind::rejected,
              .code = "migrate.acted",
              .message = "Expected that nobody has acted and no other migration has followed, but it is so for",
              .message_zh = "迁移之后已有新的办理或迁移，不能撤销："};
  for (const auto& [id, revision] : moved) {
    const Result<std::optional<SessionRow>> row = parts_.queries.session(id);
    if (!row) return row.error();
    if (*row && (*row)->revision == revision) continue;
    acted.message += (acted.details.empty() ? " " : ", ") + id;
    acted.message_zh += (acted.details.empty() ? "" : "、") + id;
    acted.details.push_back({.place = id, .code = "migrate.acted", .message = "Somebody has acted on " + id + " since, or another migration is to be undone first", .message_zh = id + "已有新的办理，或须先撤销之后的迁移"});
  }
  if (!acted.details.empty()) return acted;
  if (const Result<Reply> marked = execute_and_wait(*parts_.commands, {.kind = "migration.undo", .actor = actor, .data = {{"migration", migration}}}); !marked)
    return marked.error();
  UndoReport out;
  const std::vector<std::pair<std::string, std::uint64_t>> open(moved.begin(), moved.end());
  for (std::size_t at = 0; at < open.size(); at += kBatch) {
    std::vector<Command> commands;
    const std::size_t end = std::min(at + kBatch, open.size());
    for (std::size_t i = at; i < end; ++i)
      commands.push_back({.kind = "session.unmigrate",
                          .session_id = open[i].first,
                          .actor = actor,
                          .data = {{"migration", migration}},
                          .if_revision = open[i].second});
    const std::vector<Result<Reply>> replies = execute_all(*parts_.commands, std::move(commands));
    for (std::size_t i = at; i < end; ++i) {
      const Result<Reply>& reply = replies[i - at];
      if (reply)
        out.restored.push_back(open[i].first);
      else if (reply.error().kind == ErrorKind::unavailable)
        return reply.error();
      else
        out.left.push_back({.place = open[i].first, .code = reply.error().code, .message = reply.error().message, .message_zh = reply.error().message_zh});
    }
    if (progress) progress(end, open.size());
  }
  return out;
}

Result<std::vector<MigrationEntry>> Migrations::list() const {
  const Result<json::array> known = entries(parts_.queries);
  if (!known) return known.error();
  std::vector<MigrationEntry> out;
  if (known->empty()) return out;
  Result<std::map<std::string, Standing>> all = standings(parts_.queries, int_or(known->front().as_object(), "after", 0));
  if (!all) return all.error();
  for (const json::value& each : *known) {
    out.push_back(entry_of(each.as_object()));
    out.back().moved = (*all)[out.back().id].size();
  }
  return out;
}

std::string_view name_of(Fate fate) {
  switch (fate) {
    case Fate::as_is: return "as-is";
    case Fate::mapped: return "mapped";
    case Fate::needs_mapping: return "needs-mapping";
    case Fate::cannot: return "cannot";
    case Fate::breaks_policy: return "breaks-policy";
    case Fate::moved: return "moved";
  }
  return {};
}

namespace {

json::array details(const std::vector<Detail>& list) {
  json::array out;
  for (const Detail& each : list)
    out.push_back(json::object{{"place", each.place}, {"code", each.code}, {"message", each.message}, {"message_zh", each.message_zh}});
  return out;
}

json::object version_of(const DefinitionPtr& definition) {
  return {{"programme", definition->programme}, {"version", definition->version}, {"digest", definition->digest}};
}

}  // namespace

json::object to_json(const MigrationPlan& plan) {
  json::array states;
  for (const PlannedState& each : plan.states)
    states.push_back(json::object{{"from", each.id.empty() ? json::value() : json::value(each.id)},
                                  {"to", each.to.empty() ? json::value() : json::value(each.to)},
                                  {"applications", static_cast<std::int64_t>(each.applications)}});
  json::array applications;
  for (const PlannedMove& each : plan.applications)
    applications.push_back(json::object{{"id", each.application},
                                        {"title", each.title},
                                        {"org_name", each.org_name},
                                        {"result", name_of(each.fate)},
                                        {"before", to_json(each.before)},
                                        {"after", to_json(each.after)},
                                        {"reasons", details(each.reasons)},
                                        {"warnings", details(each.warnings)}});
  return {{"migration", plan.migration.empty() ? json::value() : json::value(plan.migration)},
          {"from", version_of(plan.request.from)},
          {"to", version_of(plan.request.to)},
          {"map", to_json(plan.request.map)},
          {"problems", details(plan.problems)},
          {"states", std::move(states)},
          {"applications", std::move(applications)}};
}

json::object to_json(const MigrationEntry& entry) {
  return {{"id", entry.id},
          {"programme", entry.programme},
          {"from", entry.from},
          {"to", entry.to},
          {"map", to_json(entry.map)},
          {"at", format_instant(entry.at)},
          {"by", entry.by},
          {"undone", entry.undone},
          {"moved", static_cast<std::int64_t>(entry.moved)}};
}

json::object to_json(const UndoReport& report) { return {{"restored", to_json(report.restored)}, {"left", details(report.left)}}; }

}  // namespace chuyi
