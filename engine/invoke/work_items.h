#pragma once

#include <string_view>

#include "engine/invoke/handler.h"

namespace chuyi {

/// What people do with any kind of task, for handlers that have tasks. The tasks of one running stage
/// live in its state under "tasks": id → task (engine/invoke/rows_json.h), without "data" where only the row has it.
class WorkItems {
 public:
  WorkItems(const StageContext& context, json::object state);

  /// Opens a task; role and org, or user, outcomes and the rest as given. Id, session, invoke, state,
  /// status, time and revision are filled in.
  /// @param keeps_data  false: its data stays in its row alone (many tasks, or long texts of strangers).
  TaskRow open(TaskRow task, bool keeps_data = true);
  /// Ends every open task as cancelled.
  void cancel_all();
  /// Ends this one as cancelled.
  void cancel(std::string_view id);
  /// claim, release, save. Errors: `forbidden` "task.not_yours"; `rejected` "task.closed", "task.claimed".
  Result<> handle(const StageCommand& command);
  /// The sign-off: checks actor, state and outcome, then closes the task with outcome and data.
  /// @param not_by  invoke ids whose signer may not sign here (separation of duties).
  /// Errors: as handle(); `rejected` "task.outcome" naming the allowed outcomes; `forbidden`
  /// "task.separation".
  Result<TaskRow> sign(const StageCommand& command, const json::array& not_by = {});

  /// The save or sign-off with what the task shows left as it is: of the actor's data only the opinion counts.
  Result<StageCommand> opinion_only(StageCommand command) const;

  /// The task, whatever its status. Errors: `not_found` "task.unknown".
  Result<TaskRow> find(std::string_view id) const;
  std::size_t open_count(std::string_view kind) const;
  /// Counts a change of the task that is not one of its own fields.
  void touch(std::string_view id);

  /// State with the tasks in it, and an effect for each task that changed.
  StageOutcome finish();
  json::object& state() { return state_; }

 private:
  void put(TaskRow task, bool keeps_data);
  void put(TaskRow task);
  Result<TaskRow> find_for(const StageCommand& command) const;

  const StageContext& context_;
  json::object state_;
  std::vector<TaskRow> changed_;
};

/// The instant by which a period or date ends: {"days","unit","include_start"} counted from the day of
/// `now`, {"until":"YYYY-MM-DD"}, or "YYYY-MM-DD"; the end of that day in Asia/Shanghai.
/// Errors: `invalid` "period.*", "time.day".
struct Due {
  Instant at;
  bool provisional = false;
};
Result<Due> resolve_due(StageView& view, Instant now, const json::value& period);

/// Checks whether the actor may act on the task at all: its user, or its role in its organisation.
bool may_act(const Actor& actor, const TaskRow& task);

}  // namespace chuyi
