#include "engine/stages/task/added_signers.h"

#include <algorithm>

#include "engine/base/errors.h"
#include "engine/invoke/rows_json.h"

namespace chuyi {
namespace {

constexpr std::size_t kAddedMax = 10;

bool is_open(const TaskRow& task) { return task.status == "open" || task.status == "claimed"; }

std::vector<TaskRow> added_tasks(const json::object& state) {
  std::vector<TaskRow> out;
  for (const auto& member : object_or_empty(state, "tasks"))
    if (TaskRow task = task_from_json(member.value().get_object()); task.kind == kCosign) out.push_back(std::move(task));
  return out;
}

/// The signer's task; what is signed is `task`.
TaskRow task_for(const TaskRow& task, const json::object& added) {
  return {.kind = kCosign,
          .org = task.org,
          .user = string_or(added, "user"),
          .outcomes = {"agree", "disagree"},
          .due = task.due,
          .due_provisional = task.due_provisional,
          .period = task.period,
          .data = {{"when", string_or(added, "when")}, {"by", string_or(added, "by")}, {"reason", string_or(added, "reason")}}};
}

/// What became of those who were asked, for the chart and for whoever looks back.
json::array answers_of(const json::object& state) {
  json::array out;
  for (const TaskRow& task : added_tasks(state))
    if (task.status == "done") out.push_back(json::object{{"by", task.done_by}, {"when", string_or(task.data, "when")}, {"outcome", task.outcome}});
  return out;
}

Result<> check_signer(const StageContext& context, const WorkItems& items, const TaskRow& task, const StageCommand& command, const std::string& user) {
  const std::vector<Membership> held = context.view.memberships(user);
  const auto fits = [&](const Membership& each) { return each.org == task.org && each.role != "reviewer" && each.role != "administrator"; };
  const std::vector<std::string> people = command.people();
  if (std::none_of(held.begin(), held.end(), fits) || std::find(people.begin(), people.end(), user) != people.end())
    return rejection("signer.user", "Expected somebody else with a role in organisation '" + task.org + "', but found '" + user + "'",
                     "加签人应为本单位其他在岗人员", "/user");
  return items.check_separation(user);
}

}  // namespace

Result<StageOutcome> add_signer(const StageContext& context, WorkItems items, const StageCommand& command) {
  const Result<TaskRow> task = items.find_for(command);
  if (!task) return task.error();
  const std::string user = string_or(command.data, "user");
  const std::string when = string_or(command.data, "when");
  if (task->kind == kCosign)
    return rejection("signer.when", "Expected a task of an office: an added signer adds no others", "加签人不能再加签", "/when");
  if (when != "before" && when != "after")
    return rejection("signer.when", "Expected 'before' or 'after', but found '" + when + "'", "请选择前加签或后加签", "/when",
                     {"before", "after"});
  // What is sealed is handed in: nobody brings it back afterwards.
  if (task->seals && when == "after")
    return rejection("signer.when", "Expected 'before': the task seals what is handed in", "该环节提交即封存，只能前加签", "/when",
                     {"before"});
  if (Result<> fit = check_signer(context, items, *task, command, user); !fit) return fit.error();
  json::value& after = items.state()["sign_after"];
  if (!after.is_array()) after = json::array{};
  const std::vector<TaskRow> asked = added_tasks(items.state());
  const auto waits = [&](const TaskRow& each) { return each.user == user && is_open(each); };
  const auto named = [&](const json::value& each) { return string_or(each.as_object(), "user") == user; };
  if (std::any_of(asked.begin(), asked.end(), waits) || std::any_of(after.get_array().begin(), after.get_array().end(), named))
    return rejection("signer.twice", "Expected somebody who has not been added yet, but found '" + user + "'", "该人员已在加签名单中",
                     "/user");
  if (asked.size() + after.get_array().size() >= kAddedMax)
    return rejection("signer.count", "Expected at most " + std::to_string(kAddedMax) + " added signers",
                     "加签人数不得超过" + std::to_string(kAddedMax) + "人", "/user");
  json::object added{{"user", user}, {"when", when}, {"by", command.actor.user_id}, {"reason", string_or(command.data, "reason")}};
  if (when == "after") {
    after.get_array().push_back(std::move(added));
  } else {
    const TaskRow opened = items.open(task_for(*task, added));
    items.tell(opened, "task.cosign", user, command);
  }
  items.touch(task->id);
  return items.finish();
}

Result<> check_signers_before(const WorkItems& items, const StageCommand& command) {
  Error waiting = rejection("task.waiting", "Expected the sign-off of those who were added before", "前加签人尚未全部办理");
  const std::vector<std::string> people = command.people();
  for (const TaskRow& each : added_tasks(items.const_state())) {
    if (is_open(each))
      waiting.details.push_back({.place = each.id, .code = "task.waiting", .message = "Expected '" + each.user + "' to sign first", .message_zh = "等待“" + each.user + "”办理"});
    if (each.status == "done" && std::find(people.begin(), people.end(), each.done_by) != people.end())
      return Error{.kind = ErrorKind::forbidden,
                   .code = "task.separation",
                   .message = "Expected somebody who has not signed here as an added signer",
                   .message_zh = "加签人不得再办理该待办"};
  }
  if (!waiting.details.empty()) return waiting;
  return {};
}

bool hold_for_signers_after(WorkItems& items, const TaskRow& task, json::object& done) {
  json::array after = array_or_empty(items.const_state(), "sign_after");
  if (json::array answers = answers_of(items.const_state()); !answers.empty()) done["added"] = std::move(answers);
  if (after.empty()) return false;
  for (const json::value& each : after) items.open(task_for(task, each.as_object()));
  items.state()["held"] = json::object{{"task", task.id}, {"done", done}};
  return true;
}

Result<StageOutcome> sign_as_added(WorkItems items, const StageCommand& command) {
  const Result<TaskRow> asked = items.find(command.task_id);
  if (!asked) return asked.error();
  const json::object held = object_or_empty(items.state(), "held");
  const std::vector<std::string> people = command.people();
  StageCommand kept = command;
  // What was asked stays; of what comes with the sign-off the opinion counts.
  kept.data["data"] = asked->data;
  if (const std::string opinion = string_or(object_or_empty(command.data, "data"), "opinion"); !opinion.empty()) kept.data["data"].as_object()["opinion"] = opinion;
  if (!held.empty()) {
    const Result<TaskRow> signed_off = items.find(string_or(held, "task"));
    if (signed_off && std::find(people.begin(), people.end(), signed_off->done_by) != people.end())
      return Error{.kind = ErrorKind::forbidden, .code = "task.separation", .message = "Expected somebody else than who signed the task", .message_zh = "同一人不得既办理又加签"};
  }
  const Result<TaskRow> signed_off = items.sign(kept, array_or_empty(object_or_empty(items.state(), "params"), "not_by"));
  if (!signed_off) return signed_off.error();
  if (held.empty()) return items.finish();
  if (signed_off->outcome == "disagree") {
    const Result<TaskRow> before = items.find(string_or(held, "task"));
    if (!before) return before.error();
    TaskRow again = *before;
    for (std::string* cleared : {&again.claimed_by, &again.done_by, &again.done_for, &again.outcome}) cleared->clear();
    again.done.reset();
    items.cancel_all(kCosign);
    items.state().erase("held");
    const std::optional<Instant> due = again.due;
    json::object period = again.period;
    items.open(std::move(again));
    StageOutcome out = items.finish();
    if (due) out.effects.emplace_back(SetTimer{.name = "overdue", .due = *due, .period = std::move(period)});
    return out;
  }
  if (items.open_count(kCosign) > 0) return items.finish();
  json::object done = object_or_empty(held, "done");
  done["added"] = answers_of(items.state());
  StageOutcome out = items.finish();
  out.events.push_back({.name = "done", .data = std::move(done)});
  return out;
}

}  // namespace chuyi
