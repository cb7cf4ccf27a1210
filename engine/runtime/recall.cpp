#include "engine/runtime/recall.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "engine/base/digest.h"
#include "engine/invoke/limits.h"
#include "engine/invoke/rows_json.h"
#include "engine/runtime/fields.h"
#include "engine/runtime/findings.h"
#include "engine/runtime/replay.h"
#include "engine/runtime/rounds.h"
#include "engine/scxml/describe.h"

namespace chuyi {
namespace {

constexpr const char* kRecallable[] = {"task.complete", "task.return", "task.assign", "task.add-signer"};

Error acted(std::string what) { return rejection("recall.acted", "Expected nobody to have acted since, but found " + std::move(what), "此后已有人办理或已到期自动办理，不能撤回"); }

/// What is known of the last action while its journal runs again.
class Last {
 public:
  void take(const ReplayedCommand& command) {
    prepared_.former = std::move(row_);
    prepared_.former_document = std::move(prepared_.document);
    prepared_.former_timers = timers_;
    row_ = command.row;
    prepared_.document = command.document;
    prepared_.change = command.change;
    prepared_.of = command.seq;
    record_ = command.record;
    for (const std::string& id : command.change.timers_removed) timers_.erase(id);
    for (const TimerRow& timer : command.change.timers) timers_.insert_or_assign(timer.id, timer);
  }
  const json::object& record() const { return record_; }
  PreparedRecall prepared() && {
    prepared_.revision = row_.revision;
    prepared_.reads = object_or_empty(record_, "reads");
    return std::move(prepared_);
  }

 private:
  PreparedRecall prepared_;
  SessionRow row_;
  json::object record_;
  std::map<std::string, TimerRow> timers_;
};

/// Whether the action is one that its actor may take back at all.
Result<> check_action(const Command& command, const json::object& record) {
  const std::string kind = string_or(record, "kind");
  const std::string by = string_or(object_or_empty(record, "actor"), "id");
  if (by != command.actor.user_id || string_or(record, "task") != command.task_id) return acted(kind + " by '" + by + "'");
  const std::string task_kind = string_or(record, "task_kind");
  if (std::find(std::begin(kRecallable), std::end(kRecallable), kind) == std::end(kRecallable) || (task_kind != "task" && task_kind != "cosign"))
    return rejection("recall.kind", "Expected a sign-off, return or assignment of an ordinary task as your last action, but found " + kind + " of " + task_kind,
                   "该操作不能撤回");
  // Of a batch the whole is undone.
  if (const std::string batch = string_or(command.data, "batch"); !batch.empty() && string_or(object_or_empty(record, "data"), "batch") != batch)
    return acted(kind + " that is not of batch '" + batch + "'");
  return {};
}

Result<> check_house(const Change& change) {
  if (!change.notices.empty() || !change.objections.empty() || !change.awards.empty() || !change.documents.empty())
    return rejection("recall.left", "Expected an action that published nothing, but it changed notices, awards or documents", "该操作已对外公示、认定或变更材料，不能撤回");
  return {};
}

bool is_open(const TaskRow& task) { return task.status == "open" || task.status == "claimed"; }

std::map<std::string, TaskRow> tasks_of(const SessionDocument& document) {
  std::map<std::string, TaskRow> out;
  for (const auto& [key, stage] : document.stages)
    for (const auto& member : object_or_empty(stage.state, "tasks")) {
      TaskRow task = task_from_json(member.value().get_object());
      out.insert_or_assign(task.id, std::move(task));
    }
  return out;
}

/// Tasks as they were before, each one revision on.
void put_tasks_back(const Definition& definition, View& view, const SessionRow& row, const PreparedRecall& prepared, Change& change, json::object& revisions) {
  const std::map<std::string, TaskRow> former = tasks_of(prepared.former_document);
  std::set<std::string> seen;
  for (const TaskRow& touched : prepared.change.tasks) {
    if (!seen.insert(touched.id).second) continue;
    std::optional<TaskRow> now = view.task(touched.id);
    if (!now) continue;
    const auto was = former.find(touched.id);
    TaskRow back = was != former.end() ? was->second : *now;
    if (was == former.end()) {
      if (!is_open(back)) continue;
      back.status = "cancelled";
    }
    back.revision = now->revision + 1;
    back.programme = row.programme;
    back.round = row.round;
    back.stage = scxml::stage_of(*definition.chart, back.state);
    if (was != former.end()) revisions[touched.id] = static_cast<std::int64_t>(back.revision);
    change.tasks.push_back(std::move(back));
  }
}

void put_timers_back(View& view, const PreparedRecall& prepared, Change& change) {
  const std::vector<std::string>& before = prepared.former_document.timers;
  for (const std::string& id : prepared.document.timers)
    if (std::find(before.begin(), before.end(), id) == before.end()) change.timers_removed.push_back(id);
  for (const std::string& id : before) {
    const auto timer = prepared.former_timers.find(id);
    if (timer == prepared.former_timers.end()) continue;
    const std::optional<TimerRow> now = view.timer(id);
    if (!now || now->due != timer->second.due) change.timers.push_back(timer->second);
  }
}

/// Not yet told is not told; what was told is told to be void.
Result<> take_outbox_back(View& view, const PreparedRecall& prepared, const Command& command, Instant now, Change& change) {
  for (const OutboxRow& posted : prepared.change.outbox) {
    const std::optional<OutboxRow> entry = view.outbox(posted.id);
    const bool waits = entry && !entry->elsewhere && (entry->attempts == 0 || posted.kind == "notify");
    if (waits) {
      change.outbox_removed.push_back(posted.id);
    } else if (posted.kind == "notify") {
      OutboxRow correction{.id = posted.id + "r", .session_id = posted.session_id, .kind = "notify", .payload = posted.payload, .created = now, .next_at = now};
      correction.payload["event"] = "task.recalled";
      correction.payload["recalled"] = string_or(posted.payload, "event");
      correction.payload["by"] = command.actor.user_id;
      change.outbox.push_back(std::move(correction));
    } else {
      return rejection("recall.sent", "Expected an action whose messages have not left, but '" + posted.kind + "' " + posted.id + " has", "该操作的消息已经送出，不能撤回");
    }
  }
  return {};
}

std::vector<std::string> without(const std::vector<std::string>& all, const std::vector<std::string>& gone) {
  std::vector<std::string> out;
  std::copy_if(all.begin(), all.end(), std::back_inserter(out), [&](const std::string& each) { return !is_one_of(gone, each); });
  return out;
}

/// What the action shares with others: counters and lists go back by what it took or gave, whatever others have taken since; any
/// other record only while it is as the action left it.
class SharedRows {
 public:
  SharedRows(View& view, const Definition& definition, const SessionRow& row, const PreparedRecall& prepared, const Command& command,
             Instant now)
      : view_(view), definition_(definition), row_(row), prepared_(prepared), command_(command), now_(now) {}

  Result<> give_back(Change& change) {
    view_.share_series(limits_series(row_.round));
    for (const auto& [name, left] : prepared_.change.series)
      if (Result<> done = give_counter_back(name, left, change); !done) return done;
    std::set<std::pair<std::string, std::string>> seen;
    for (auto row = prepared_.change.records.rbegin(); row != prepared_.change.records.rend(); ++row) {
      if (row->kind == kPlacesRecord || !seen.emplace(row->kind, row->id).second) continue;  // places: with their counter
      const std::optional<RecordRow> now = view_.record(row->kind, row->id);
      const Result<> done = !now                           ? changed(*row)
                            : row->kind == kRankRecord     ? give_list_back(*row, *now, change)
                            : row->kind == kRevisionRecord ? mark_withdrawn(*now, change)
                            : row->kind == kTraceRecord    ? put_trace_back(*now, change)
                                                           : put_back(*row, *now, change);
      if (!done) return done;
    }
    return {};
  }

 private:
  static Result<> changed(const RecordRow& row) {
    return rejection("recall.shared", "Expected record '" + row.kind + "/" + row.id + "' as the action left it, but it has changed since",
                     "与他人共享的数据此后已变更，不能撤回");
  }
  void put(RecordRow row, Change& change) const {
    ++row.revision;
    row.updated = now_;
    change.records.push_back(std::move(row));
  }
  json::object before(const RecordRow& row) const { return object_or_empty(prepared_.reads, "record:" + row.kind + "/" + row.id); }

  /// A place that the action gave away comes back only where nobody else needs it now.
  Result<> give_counter_back(const std::string& name, std::int64_t left, Change& change) {
    const std::int64_t took = left - int_or(prepared_.reads, "series:" + name, 0);
    const std::int64_t now = view_.series(name);
    const std::int64_t after = now - took;
    const std::vector<Limit> limits = limits_for(definition_.manifest, row_.programme, row_.round, view_.records(kLimitRecord, row_.round));
    if (const std::optional<std::int64_t> places = places_of(limits, name); took < 0 && now > left && places && after > *places)
      return rejection("recall.places",
                       "Expected the place that the action freed to be free still, but others have taken it: " + std::to_string(now) + "/" +
                           std::to_string(*places),
                       "该操作空出的名额已由其他申报使用（" + std::to_string(now) + "/" + std::to_string(*places) + "），不能撤回");
    change.series.emplace_back(name, after);
    if (std::optional<RecordRow> shown = view_.record(kPlacesRecord, name)) {
      shown->data["taken"] = after;
      put(std::move(*shown), change);
    }
    return {};
  }

  /// A ranked list: who has a place, who waits and who is gone, each by what the action changed.
  Result<> give_list_back(const RecordRow& row, const RecordRow& now, Change& change) {
    if (now.data.contains("letter") && !row.data.contains("letter"))
      return rejection("recall.letter", "Expected a list whose letter has not been issued, but it has", "推荐函已出具，不能撤回");
    const json::object was = object_or_empty(before(row), "data");
    RecordRow back = now;
    bool empty = true;
    for (const char* key : {"held", "waiting", "excepted", "gone"}) {
      const std::vector<std::string> old = strings_from_json(array_or_empty(was, key));
      const std::vector<std::string> left = strings_from_json(array_or_empty(row.data, key));
      const std::vector<std::string> there = strings_from_json(array_or_empty(now.data, key));
      const std::vector<std::string> added = without(left, old);
      const std::vector<std::string> removed = without(old, left);
      if (!without(added, there).empty() || without(removed, there).size() != removed.size())
        return rejection(
            "recall.moved_up",
            "Expected the list as far as the action changed it to be as it left it, but an application has moved up or left since",
            "此后名单中已有申报递补或退出，不能撤回");
      std::vector<std::string> again = without(there, added);
      again.insert(again.end(), removed.begin(), removed.end());
      empty = empty && again.empty();
      back.data[key] = chuyi::to_json(again);
    }
    const std::vector<std::string> held = strings_from_json(array_or_empty(back.data, "held"));
    if (held.size() > array_or_empty(now.data, "held").size() && static_cast<std::int64_t>(held.size()) > int_or(back.data, "max", 0))
      return rejection("recall.moved_up", "Expected the place in the list to be free still, but another application has it",
                       "空出的名额已由其他申报递补，不能撤回");
    // Nobody has been recommended from it any more.
    if (empty) back.data["sealed"] = bool_or(was, "sealed", false);
    put(std::move(back), change);
    return {};
  }

  /// What was submitted once stays to be read.
  Result<> mark_withdrawn(RecordRow now, Change& change) {
    now.data["withdrawn"] = json::object{{"by", command_.actor.user_id}, {"at", format_instant(now_)}};
    put(std::move(now), change);
    return {};
  }

  /// By the traces of what is submitted now, and of nothing where there are none.
  Result<> put_trace_back(RecordRow now, Change& change) {
    const json::object& former = object_or_empty(prepared_.former_document.chart.datamodel, "application");
    const json::array& traces = array_or_empty(object_or_empty(former, "checks"), "traces");
    const std::size_t number = static_cast<std::size_t>(std::strtoull(now.id.c_str() + now.id.rfind('/') + 1, nullptr, 10));
    now.about = number < traces.size() ? string_or(traces[number].as_object(), "key") : std::string{};
    put(std::move(now), change);
    return {};
  }

  Result<> put_back(const RecordRow& row, const RecordRow& now, Change& change) {
    if (now.data != row.data || now.about != row.about) return changed(row);
    const json::object was = before(row);
    if (was.empty()) {
      change.records_removed.emplace_back(row.kind, row.id);
      return {};
    }
    RecordRow back = record_from_json(was);
    back.revision = now.revision;
    put(std::move(back), change);
    return {};
  }

  View& view_;
  const Definition& definition_;
  const SessionRow& row_;
  const PreparedRecall& prepared_;
  const Command& command_;
  Instant now_;
};

/// The bag that the action sealed is the application's no more, unless it was before.
void withdraw_bundles(const PreparedRecall& prepared, Change& change) {
  const json::object& former = object_or_empty(object_or_empty(prepared.former_document.chart.datamodel, "application"), "bundle");
  for (BundleRow row : prepared.change.bundles)
    if (row.digest != string_or(former, "digest")) {
      row.withdrawn = true;
      change.bundles.push_back(std::move(row));
    }
}

/// How many times it was submitted.
std::int64_t submissions_of(const SessionDocument& document) {
  return int_or(object_or_empty(document.chart.datamodel, "application"), "revisions", 0);
}

json::array to_json(const std::vector<TimerRow>& timers) {
  json::array out;
  for (const TimerRow& each : timers) out.push_back(json::object{{"id", each.id}, {"due", to_ms(each.due)}, {"event", each.event}});
  return out;
}

json::object audit_record(const Command& command, const PreparedRecall& prepared, const SessionRow& before, const SessionRow& row, const Change& change,
                          json::object revisions, Instant now) {
  json::object data = command.data;
  data["of"] = prepared.of;
  data["revisions"] = std::move(revisions);
  data["timers"] = to_json(change.timers);
  return {{"kind", command.kind},
          {"session", row.id},
          {"task", command.task_id},
          {"task_kind", "task"},
          {"actor", json::object{{"id", command.actor.user_id}, {"name", command.actor.name}, {"memberships", to_json(command.actor.memberships)}}},
          {"at", to_ms(now)},
          {"definition", row.definition},
          {"data", std::move(data)},
          {"exited", json::array{before.state}},
          {"entered", json::array{row.state}},
          {"former", json::object{{"state", before.state}, {"document", sha256_hex(before.document)}}},
          {"revision", static_cast<std::int64_t>(row.revision)},
          {"stage", row.stage},
          {"state", row.state},
          {"document", sha256_hex(row.document)}};
}

}  // namespace

SessionDocument recalled(SessionDocument former, const SessionDocument& after, const json::object& revisions, std::int64_t submissions) {
  // Ids are never given twice: whoever has heard of one may come back with it.
  former.next_id = after.next_id;
  if (submissions > 0) former.chart.datamodel["application"].as_object()["revisions"] = submissions;
  for (auto& [key, stage] : former.stages) {
    json::value* tasks = stage.state.if_contains("tasks");
    if (tasks == nullptr || !tasks->is_object()) continue;
    for (auto& member : tasks->get_object())
      if (const json::value* revision = revisions.if_contains(member.key())) member.value().get_object()["revision"] = *revision;
  }
  return former;
}

Result<Command> prepare_recall(const Runtime& runtime, Command command) {
  const Result<std::optional<TaskRow>> task = runtime.queries.task(command.task_id);
  if (!task) return task.error();
  if (!*task) return Error{.kind = ErrorKind::not_found, .code = "task.unknown", .message = "Expected a known task, but found '" + command.task_id + "'", .message_zh = "未找到该待办"};
  command.session_id = (*task)->session_id;
  Last last;
  const Result<ReplayReport> report =
      replay(runtime.queries, runtime.definitions, runtime.registry, command.session_id, 0, [&](const ReplayedCommand& each) { last.take(each); });
  if (!report) return report.error();
  if (Result<> mine = check_action(command, last.record()); !mine) return mine.error();
  // The replay and the row were not read in one: somebody acted between, or may have.
  if (!report->identical) return acted("a change on its way");
  auto prepared = std::make_shared<PreparedRecall>(std::move(last).prepared());
  if (Result<> inside = check_house(prepared->change); !inside) return inside.error();
  command.recall = std::move(prepared);
  return command;
}

Result<Change> decide_recall(const Runtime& runtime, View& view, const Command& command, Instant now) {
  const std::optional<SessionRow> row = view.session(command.session_id);
  if (!row || !command.recall)
    return Error{.kind = ErrorKind::not_found, .code = "application.unknown", .message = "Expected a known application", .message_zh = "未找到"};
  const PreparedRecall& prepared = *command.recall;
  if (row->revision != prepared.revision) return acted("revision " + std::to_string(row->revision));
  const DefinitionPtr definition = runtime.definitions.by_digest(row->definition);
  if (!definition) return Error{.kind = ErrorKind::unavailable, .code = "definition.unknown", .message = "Expected definition " + row->definition + " to be loaded"};
  Change change;
  json::object revisions;
  put_tasks_back(*definition, view, *row, prepared, change, revisions);
  put_timers_back(view, prepared, change);
  if (Result<> done = take_outbox_back(view, prepared, command, now, change); !done) return done.error();
  if (Result<> done = SharedRows(view, *definition, *row, prepared, command, now).give_back(change); !done) return done.error();
  withdraw_bundles(prepared, change);
  SessionRow back = *row;
  const std::int64_t submissions = change.bundles.empty() ? 0 : submissions_of(prepared.document);
  back.document = encode(recalled(prepared.former_document, prepared.document, revisions, submissions));
  back.status = prepared.former.status;
  back.stage = prepared.former.stage;
  back.state = prepared.former.state;
  back.updated = now;
  ++back.revision;
  change.audit = audit_record(command, prepared, *row, back, change, std::move(revisions), now);
  if (submissions > 0) change.audit["data"].as_object()["submissions"] = submissions;
  json::object body{{"application", json::object{{"id", back.id}, {"status", back.status}, {"stage", back.stage}, {"state", back.state}, {"revision", static_cast<std::int64_t>(back.revision)}}}};
  for (const TaskRow& task : change.tasks)
    if (task.id == command.task_id) {
      body["task"] = chuyi::to_json(task);
      change.reply.revision = task.revision;
    }
  change.reply.body = std::move(body);
  change.session = std::move(back);
  if (Result<> kept = check_return(view, command, change, now); !kept) return kept.error();
  return change;
}

}  // namespace chuyi
