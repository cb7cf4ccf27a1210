#include <algorithm>

#include "engine/invoke/rows_json.h"
#include "engine/invoke/work_items.h"

// The part of WorkItems that gives tasks to somebody else. The same rules hold for whoever gets one.
namespace chuyi {

Result<> WorkItems::check_separation(const std::string& user, const json::array& not_by) const {
  for (const std::string& invoke : strings_from_json(not_by)) {
    const auto signer = context_.signed_by.find(invoke);
    if (signer != context_.signed_by.end() && signer->second.contains(user))
      return Error{.kind = ErrorKind::forbidden,
                   .code = "task.separation",
                   .message = "Expected somebody who has not signed '" + invoke + "', but '" + user + "' has",
                   .message_zh = "同一人不得办理该申报的两个环节"};
  }
  return {};
}

Result<> WorkItems::check_separation(const std::string& user) const {
  return check_separation(user, array_or_empty(object_or_empty(state_, "params"), "not_by"));
}

Result<> WorkItems::check_taker(const TaskRow& task, const std::string& user) const {
  const Actor taker{.user_id = user, .name = {}, .memberships = context_.view.memberships(user)};
  const bool of_org = std::any_of(taker.memberships.begin(), taker.memberships.end(), [&](const Membership& held) { return held.org == task.org; });
  // A personal task goes to anybody of the organisation that it was asked of.
  if (user.empty() || !(task.user.empty() ? may_act(taker, task) : of_org))
    return Error{.kind = ErrorKind::rejected,
                 .code = "task.assignee",
                 .message = "Expected an active user with role '" + task.role + "' in organisation '" + task.org + "', but found '" + user + "'",
                 .place = "/to",
                 .message_zh = "承办人应为该单位具有相应角色的在用账号"};
  return check_separation(user);
}

Result<> WorkItems::assign(const StageCommand& command) {
  Result<TaskRow> task = find_for(command);
  if (!task) return task.error();
  if (!task->user.empty())
    return Error{.kind = ErrorKind::rejected,
                 .code = "task.personal",
                 .message = "Expected a task of an office, but '" + task->id + "' is for '" + task->user + "' in person",
                 .message_zh = "该待办只能由指定的本人办理，不能转派"};
  const std::string to = string_or(command.data, "to");
  if (Result<> fit = check_taker(*task, to); !fit) return fit;
  task->status = "claimed";
  task->claimed_by = to;
  ++task->revision;
  tell(*task, "task.assigned", to, command);
  put(*std::move(task));
  return {};
}

/// What somebody who leaves holds goes to another person: an administrator's act, who may do nothing else with it.
Result<> WorkItems::hand_over(const StageCommand& command) {
  Result<TaskRow> task = find(command.task_id);
  if (!task) return task.error();
  if (!command.actor.has("administrator"))
    return Error{.kind = ErrorKind::forbidden, .code = "handover.forbidden", .message = "Expected an administrator", .message_zh = "只有管理员可以办理交接"};
  if (task->kind == "sheet")
    return Error{.kind = ErrorKind::rejected,
                 .code = "handover.sheet",
                 .message = "Expected no sheet: an expert who leaves recuses, and the panel appoints another",
                 .message_zh = "评分表不得移交：请由专家回避后另行组建"};
  const std::string from = string_or(command.data, "from");
  const std::string to = string_or(command.data, "to");
  const bool open = task->status == "open" || task->status == "claimed";
  const bool claimed = task->status == "claimed" && task->claimed_by == from;
  if (!open || from.empty() || (!claimed && task->user != from))
    return Error{.kind = ErrorKind::rejected,
                 .code = "handover.not_held",
                 .message = "Expected an open task that '" + from + "' holds, but '" + task->id + "' is none",
                 .message_zh = "该待办不在移交人名下"};
  if (Result<> fit = check_taker(*task, to); !fit) return fit;
  if (task->user == from) task->user = to;
  if (claimed) task->claimed_by = to;
  ++task->revision;
  tell(*task, "task.handed_over", to, command);
  put(*std::move(task));
  return {};
}

void WorkItems::tell(const TaskRow& task, const char* event, const std::string& user, const StageCommand& command) {
  told_.emplace_back(Post{.kind = "notify",
                          .payload = {{"event", event},
                                      {"user", user},
                                      {"task", task.id},
                                      {"application", context_.session_id},
                                      {"title", string_or(context_.application, "title")},
                                      {"by", command.actor.user_id},
                                      {"reason", string_or(command.data, "reason")}}});
}

}  // namespace chuyi
