#include "engine/runtime/recall.h"

#include <algorithm>
#include <set>

#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"
#include "engine/runtime/fields.h"
#include "engine/runtime/replay.h"
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

/// Places of a quota, by what the action took or gave; a shared record only while it is as the action left it.
Result<> give_shared_back(View& view, const PreparedRecall& prepared, Change& change) {
  for (const auto& [name, value] : prepared.change.series) {
    const std::int64_t took = value - int_or(prepared.reads, "series:" + name, 0);
    change.series.emplace_back(name, view.series(name) - took);
  }
  std::set<std::pair<std::string, std::string>> seen;
  for (auto row = prepared.change.records.rbegin(); row != prepared.change.records.rend(); ++row) {
    if (!seen.emplace(row->kind, row->id).second) continue;
    const std::optional<RecordRow> now = view.record(row->kind, row->id);
    if (!now || now->data != row->data || now->about != row->about)
      return rejection("recall.shared", "Expected record '" + row->kind + "/" + row->id + "' as the action left it, but it has changed since", "与他人共享的数据此后已变更，不能撤回");
    const json::object& was = object_or_empty(prepared.reads, "record:" + row->kind + "/" + row->id);
    if (was.empty()) {
      change.records_removed.emplace_back(row->kind, row->id);
      continue;
    }
    RecordRow back = record_from_json(was);
    back.revision = now->revision + 1;
    back.updated = row->updated;
    change.records.push_back(std::move(back));
  }
  return {};
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

SessionDocument recalled(SessionDocument former, const SessionDocument& after, const json::object& revisions) {
  // Ids are never given twice: whoever has heard of one may come back with it.
  former.next_id = after.next_id;
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
  if (Result<> done = give_shared_back(view, prepared, change); !done) return done.error();
  SessionRow back = *row;
  back.document = encode(recalled(prepared.former_document, prepared.document, revisions));
  back.status = prepared.former.status;
  back.stage = prepared.former.stage;
  back.state = prepared.former.state;
  back.updated = now;
  ++back.revision;
  change.audit = audit_record(command, prepared, *row, back, change, std::move(revisions), now);
  json::object body{{"application", json::object{{"id", back.id}, {"status", back.status}, {"stage", back.stage}, {"state", back.state}, {"revision", static_cast<std::int64_t>(back.revision)}}}};
  for (const TaskRow& task : change.tasks)
    if (task.id == command.task_id) {
      body["task"] = chuyi::to_json(task);
      change.reply.revision = task.revision;
    }
  change.reply.body = std::move(body);
  change.session = std::move(back);
  return change;
}

}  // namespace chuyi
