#pragma once

#include <string_view>

#include "engine/invoke/handler.h"

namespace chuyi {

/// The kind of record with what was said of an application without a name: {"notice","reason","at"}.
inline constexpr const char* kClue = "clue";

/// What people do with any kind of task, for handlers that have tasks. The tasks of one running stage
/// live in its state under "tasks": id → task (engine/invoke/rows_json.h), without "data" where only the row has it.
class WorkItems {
 public:
  WorkItems(const StageContext& context, json::object state);

  /// Opens a task; role and org, or user, outcomes and the rest as given. Id, session, invoke, state,
  /// status, time and revision are filled in.
  /// @param keeps_data  false: its data stays in its row alone (many tasks, or long texts of strangers).
  TaskRow open(TaskRow task, bool keeps_data = true);
  /// Ends every open task as cancelled; of one kind when given.
  void cancel_all(std::string_view kind = {});
  /// Ends this one as cancelled.
  void cancel(std::string_view id);
  /// claim, release, save, assign, handover. Errors: `forbidden` "task.not_yours", "task.separation", "delegation.sheet";
  /// `rejected` "task.closed", "task.claimed", "task.personal", "task.assignee", "handover.not_held".
  Result<> handle(const StageCommand& command);
  /// Open, and the actor may act on it now. Errors: as handle().
  Result<TaskRow> find_for(const StageCommand& command) const;
  /// Errors: `forbidden` "task.separation" when `user` has signed one of the invokes that this stage keeps apart.
  Result<> check_separation(const std::string& user) const;
  /// The sign-off: checks actor, state and outcome, then closes the task with outcome and data.
  /// @param not_by  invoke ids whose signer may not sign here (separation of duties).
  /// @param beside  an outcome that the stage takes beside those of the task.
  /// Errors: as handle(); `rejected` "task.outcome" naming the allowed outcomes; `forbidden`
  /// "task.separation".
  Result<TaskRow> sign(const StageCommand& command, const json::array& not_by = {}, std::string_view beside = {});

  /// The save or sign-off with what the task shows left as it is: of the actor's data only the opinion counts.
  Result<StageCommand> opinion_only(StageCommand command) const;

  /// The task, whatever its status. Errors: `not_found` "task.unknown".
  Result<TaskRow> find(std::string_view id) const;
  std::size_t open_count(std::string_view kind) const;
  /// Counts a change of the task that is not one of its own fields.
  void touch(std::string_view id);

  /// Tells somebody about a task, after the commit.
  void tell(const TaskRow& task, const char* event, const std::string& user, const StageCommand& command);
  /// State with the tasks in it, and an effect for each task that changed.
  StageOutcome finish();
  json::object& state() { return state_; }
  const json::object& const_state() const { return state_; }

 private:
  void put(TaskRow task, bool keeps_data);
  void put(TaskRow task);
  Result<> check_separation(const std::string& user, const json::array& not_by) const;
  Result<> check_taker(const TaskRow& task, const std::string& user) const;
  Result<> assign(const StageCommand& command);
  Result<> hand_over(const StageCommand& command);

  const StageContext& context_;
  json::object state_;
  std::vector<TaskRow> changed_;
  std::vector<StageEffect> told_;
};

/// The instant by which a period or date ends: {"days","unit","include_start"} counted from the day of
/// `now`, {"until":"YYYY-MM-DD"}, or "YYYY-MM-DD"; the end of that day in Asia/Shanghai. `period` says how it came about:
/// {"start","days","unit","include_start","last","skipped":[DAY],"make_up":[DAY],"calendar":[YEAR],"provisional"} when days were
/// counted, with the years whose calendar was used; empty when none were, or when the journal does not tell.
/// Errors: `invalid` "period.*", "time.day".
struct Due {
  Instant at;
  bool provisional = false;
  json::object period = {};
};
Result<Due> resolve_due(StageView& view, Instant now, const json::value& period);

/// Due::period of a period that was counted from `start`.
json::object period_json(Day start, const Period& period, const CalendarDate& end);

/// How the task's due date came about, for people: its period, or {"until":DAY} when it has none; empty without a due date.
json::object told_period(const TaskRow& task);

/// Checks whether the actor may act on the task at all: its user, or its role in its organisation.
bool may_act(const Actor& actor, const TaskRow& task);

}  // namespace chuyi
