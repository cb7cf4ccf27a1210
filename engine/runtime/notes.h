#pragma once

#include "engine/ports/store.h"
#include "engine/runtime/command.h"
#include "engine/runtime/dispatcher.h"

namespace chuyi {

/// What people say to each other about a task, without acting on it: records and notices, never a change of the
/// application, so that nobody's own last action becomes one that others have acted on.
///
/// note.comment {id, task, text, mentions?:[user]}   note.copy {id, task, users:[user], text?} (抄送)
/// note.urge    {id, task, text?} (催办): task_rules' urge_per_day a task and day (Asia/Shanghai)
/// note.read    {id, task} (已阅)
/// batch.put    {id, action, items:[{task, application, code}]}: what one bulk action did     batch.undone {id}
/// rules.tasks  {urge_per_day?, undo_minutes?}: by an administrator
///
/// Records: "comment" about the task; "copy" about who got it; "receipt" TASK/USER about the task: who got it, who has
/// read it; "urge" about the task; "batch" about who did it.
/// Errors: `not_found` "task.unknown", "batch.unknown"; `rejected` "note.text", "note.user", "urge.closed", "urge.limit", "batch.late",
/// "batch.undone", "note.blind" for a text that tells a double-blind reviewer whose application it is; `forbidden` "urge.forbidden".
Result<Change> decide_note(const Runtime& runtime, View& view, const Command& command, Instant now);
bool is_note(const Command& command);

/// The setting with what an administrator decides about tasks.
inline constexpr const char* kTaskRules = "task_rules";
struct TaskRules {
  std::int64_t urge_per_day = 3;
  std::int64_t undo_minutes = 30;
};
Result<TaskRules> task_rules(const std::optional<std::string>& setting);

}  // namespace chuyi
