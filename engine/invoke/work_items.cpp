#include "engine/invoke/work_items.h"

#include <algorithm>

#include "engine/invoke/rows_json.h"

namespace chuyi {
namespace {

bool is_open(const TaskRow& task) { return task.status == "open" || task.status == "claimed"; }

Error closed(const TaskRow& task) {
  return Error{.kind = ErrorKind::rejected,
               .code = "task.closed",
               .message = "Expected an open task, but '" + task.id + "' is " + task.status,
               .message_zh = "该待办已" + std::string{task.status == "done" ? "办结" : "取消"} + "，不能再操作"};
}

}  // namespace

bool may_act(const Actor& actor, const TaskRow& task) {
  if (!task.user.empty()) return actor.user_id == task.user;
  return !task.role.empty() && !task.org.empty() && actor.has(task.role, task.org);
}

WorkItems::WorkItems(const StageContext& context, json::object state) : context_(context), state_(std::move(state)) {
  if (!state_.contains("tasks")) state_["tasks"] = json::object{};
}

TaskRow WorkItems::open(TaskRow task, bool keeps_data) {
  task.id = context_.new_id("t");
  task.session_id = context_.session_id;
  task.invoke_id = context_.invoke_id;
  task.state = context_.state;
  task.status = "open";
  task.created = context_.now;
  task.revision = 1;
  put(task, keeps_data);
  return task;
}

void WorkItems::cancel_all(std::string_view kind) {
  std::vector<std::string> open;
  for (const auto& member : state_["tasks"].get_object())
    if (const TaskRow task = task_from_json(member.value().get_object());
        is_open(task) && (kind.empty() || task.kind == kind))
      open.push_back(task.id);
  for (const std::string& id : open) cancel(id);
}

void WorkItems::cancel(std::string_view id) {
  Result<TaskRow> task = find(id);
  if (!task) return;
  task->status = "cancelled";
  ++task->revision;
  put(std::move(*task));
}

Result<TaskRow> WorkItems::find(std::string_view id) const {
  const auto changed = std::find_if(changed_.begin(), changed_.end(), [&](const TaskRow& each) { return each.id == id; });
  if (changed != changed_.end()) return *changed;
  const json::value* found = state_.at("tasks").get_object().if_contains(id);
  if (found == nullptr)
    return Error{.kind = ErrorKind::not_found,
                 .code = "task.unknown",
                 .message = "Expected a task of this stage, but found '" + std::string{id} + "'"};
  TaskRow task = task_from_json(found->get_object());
  if (!found->get_object().contains("data")) task.data = context_.view.task_data(id);
  return task;
}

Result<TaskRow> WorkItems::find_for(const StageCommand& command) const {
  Result<TaskRow> task = find(command.task_id);
  if (!task) return task;
  if (command.principal && task->kind == "sheet")
    return Error{.kind = ErrorKind::forbidden,
                 .code = "delegation.sheet",
                 .message = "Expected the expert in person: a sheet is never signed by a deputy",
                 .message_zh = "评分表须由专家本人办理，不得委托"};
  // Of work that is asked of the principal in person, too, only what is of an organisation that was handed over.
  const auto of_org = [&](const Membership& held) { return held.org == task->org; };
  const bool covered =
      !command.principal || task->user.empty() ||
      std::any_of(command.principal->memberships.begin(), command.principal->memberships.end(), of_org);
  if (!covered || !may_act(command.acting(), *task))
    return Error{.kind = ErrorKind::forbidden,
                 .code = "task.not_yours",
                 .message = "Expected somebody with role '" + task->role + "' in organisation '" + task->org + "'",
                 .message_zh = "您不是该待办的办理人"};
  if (!is_open(*task)) return closed(*task);
  const std::vector<std::string> people = command.people();
  if (task->status == "claimed" && std::find(people.begin(), people.end(), task->claimed_by) == people.end())
    return Error{.kind = ErrorKind::rejected,
                 .code = "task.claimed",
                 .message = "Expected a task that nobody else has claimed, but '" + task->id + "' is claimed by '" +
                            task->claimed_by + "'",
                 .message_zh = "该待办已由他人签收"};
  return task;
}

Result<> WorkItems::handle(const StageCommand& command) {
  if (command.name == "assign") return assign(command);
  if (command.name == "handover") return hand_over(command);
  Result<TaskRow> task = find_for(command);
  if (!task) return task.error();
  if (command.name == "claim") {
    task->status = "claimed";
    task->claimed_by = command.acting().user_id;
  } else if (command.name == "release") {
    task->status = "open";
    task->claimed_by.clear();
  } else if (command.name == "save") {
    task->data = object_or_empty(command.data, "data");
  } else {
    return Error{.kind = ErrorKind::rejected,
                 .code = "stage.command",
                 .message = "Expected a command that this stage knows, but found '" + command.name + "'",
                 .allowed = {"claim", "release", "save", "complete", "assign"}};
  }
  ++task->revision;
  put(*task);
  return {};
}

Result<StageCommand> WorkItems::opinion_only(StageCommand command) const {
  Result<TaskRow> task = find(command.task_id);
  if (!task) return task.error();
  const json::object& given = object_or_empty(command.data, "data");
  if (given.contains("opinion")) task->data["opinion"] = string_or(given, "opinion");
  command.data["data"] = std::move(task->data);
  return command;
}

Result<TaskRow> WorkItems::sign(const StageCommand& command, const json::array& not_by, std::string_view beside) {
  Result<TaskRow> task = find_for(command);
  if (!task) return task;
  for (const std::string& user : command.people())
    if (Result<> apart = check_separation(user, not_by); !apart) return apart.error();
  std::string outcome = string_or(command.data, "outcome");
  if (outcome.empty() && task->outcomes.size() == 1) outcome = task->outcomes.front();
  if ((beside.empty() || outcome != beside) && std::find(task->outcomes.begin(), task->outcomes.end(), outcome) == task->outcomes.end())
    return Error{.kind = ErrorKind::rejected,
                 .code = "task.outcome",
                 .message = "Expected one of the task's outcomes, but found '" + outcome + "'",
                 .place = "/outcome",
                 .message_zh = "请从该待办允许的结论中选择",
                 .allowed = task->outcomes};
  if (command.data.contains("data")) task->data = object_or_empty(command.data, "data");
  task->outcome = outcome;
  task->status = "done";
  task->done_by = command.actor.user_id;
  if (command.principal) task->done_for = command.principal->user_id;
  task->done = context_.now;
  ++task->revision;
  put(*task);
  return task;
}

std::size_t WorkItems::open_count(std::string_view kind) const {
  std::size_t count = 0;
  for (const auto& member : state_.at("tasks").get_object()) {
    const TaskRow task = task_from_json(member.value().get_object());
    count += task.kind == kind && is_open(task) ? 1U : 0U;
  }
  return count;
}

void WorkItems::touch(std::string_view id) {
  Result<TaskRow> task = find(id);
  if (!task) return;
  ++task->revision;
  put(*task);
}

void WorkItems::put(TaskRow task, bool keeps_data) {
  json::object entry = to_json(task);
  if (!keeps_data) entry.erase("data");
  state_["tasks"].get_object()[task.id] = std::move(entry);
  const auto known = std::find_if(changed_.begin(), changed_.end(), [&](const TaskRow& each) { return each.id == task.id; });
  if (known == changed_.end())
    changed_.push_back(std::move(task));
  else
    *known = std::move(task);
}

void WorkItems::put(TaskRow task) {
  const bool keeps_data = object_or_empty(state_["tasks"].get_object(), task.id).contains("data");
  put(std::move(task), keeps_data);
}

StageOutcome WorkItems::finish() {
  StageOutcome out;
  for (TaskRow& task : changed_) out.effects.emplace_back(std::move(task));
  out.effects.insert(out.effects.end(), told_.begin(), told_.end());
  out.state = std::move(state_);
  return out;
}

json::object period_json(Day start, const Period& period, const CalendarDate& end) {
  // A replay writes what the command wrote: no period where the journal has none.
  if (!end.explained) return {};
  const auto days = [](const std::vector<Day>& all) {
    json::array out;
    for (const Day day : all) out.emplace_back(format_day(day));
    return out;
  };
  return {{"start", format_day(start)},
          {"days", period.days},
          {"unit", period.unit == DayUnit::working ? "working" : "natural"},
          {"include_start", period.include_start},
          {"last", format_day(end.day)},
          {"skipped", days(end.skipped)},
          {"make_up", days(end.make_up)},
          {"calendar", json::array(end.years.begin(), end.years.end())},
          {"provisional", end.provisional}};
}

Result<Due> resolve_due(StageView& view, Instant now, const json::value& period) {
  if (period.is_string()) {
    const Result<Day> day = parse_day(period.get_string());
    if (!day) return day.error();
    return Due{.at = end_of_day(*day)};
  }
  if (period.is_object() && period.get_object().contains("until"))
    return resolve_due(view, now, period.get_object().at("until"));
  const Result<Period> parsed = parse_period(period);
  if (!parsed) return parsed.error();
  const Day start = day_in_shanghai(now);
  const CalendarDate end = view.end_of(start, *parsed);
  return Due{.at = end_of_day(end.day), .provisional = end.provisional, .period = period_json(start, *parsed, end)};
}

json::object told_period(const TaskRow& task) {
  if (!task.period.empty() || !task.due) return task.period;
  return {{"until", format_day(day_in_shanghai(*task.due - std::chrono::milliseconds{1}))}};
}

}  // namespace chuyi
