#include "engine/stages/panel/reopening.h"

#include <algorithm>

#include "engine/invoke/rows_json.h"
#include "engine/invoke/work_items.h"
#include "engine/stages/panel/seal.h"
#include "engine/stages/panel/sheets.h"

namespace chuyi {
namespace {

// State: {panel, tasks, by: [user], reasons: [text]}

std::optional<RecordRow> closed_panel(const StageContext& context, const std::string& panel) {
  std::optional<RecordRow> record = context.view.record(panel::kPanelRecord, panel::panel_record_id(context, panel));
  if (record && !record->data.contains("state")) record.reset();
  return record;
}

json::object done_with(const std::string& outcome, const json::object& state) {
  std::string reasons;
  for (const std::string& each : strings_from_json(array_or_empty(state, "reasons"))) reasons += (reasons.empty() ? "" : "\n") + each;
  return {{"outcome", outcome}, {"reason", std::move(reasons)}};
}

}  // namespace

Result<StageOutcome> PanelReopeningStage::start(const StageContext& context, const json::object& params) const {
  const std::string panel = string_or(params, "panel", "panel");
  if (!closed_panel(context, panel))
    return Error{.kind = ErrorKind::invalid,
                 .code = "panel.params",
                 .message = "Expected the id of a panel that has closed, but found '" + panel + "'",
                 .message_zh = "没有已结束的评审环节可以重启"};
  const std::string org = string_or(params, "org", string_or(object_or_empty(context.application, "orgs"), "province"));
  WorkItems items(context, {{"panel", panel}, {"by", json::array{}}, {"reasons", json::array{}}});
  for (const char* role : {"provincial-officer", "discipline"})
    items.open(TaskRow{.kind = "panel-reopening", .role = role, .org = org, .outcomes = {"reopen", "refuse"}});
  return items.finish();
}

Result<StageOutcome> PanelReopeningStage::command(const StageContext& context, const json::object& state, const StageCommand& command) const {
  WorkItems items(context, state);
  if (command.name != "complete") {
    if (Result<> done = items.handle(command); !done) return done.error();
    return items.finish();
  }
  const Result<TaskRow> task = items.sign(command);
  if (!task) return task.error();
  const std::string& user = command.actor.user_id;
  const std::string reason = string_or(task->data, "reason");
  if (reason.find_first_not_of(" \t\r\n") == std::string::npos || reason.size() > 2'000)
    return Error{.kind = ErrorKind::invalid, .code = "form.required", .message = "Expected a reason of at most 2000 bytes", .place = "/data/reason", .message_zh = "请写明理由（不超过2000字节）"};
  const std::string panel = string_or(state, "panel");
  std::optional<RecordRow> record = closed_panel(context, panel);
  const json::object closed = record ? object_or_empty(record->data, "state") : json::object{};
  const std::vector<std::string> by = strings_from_json(array_or_empty(state, "by"));
  if (panel::known_reviewers(closed).contains(user) || std::find(by.begin(), by.end(), user) != by.end())
    return Error{.kind = ErrorKind::forbidden,
                 .code = "task.separation",
                 .message = "Expected two different people, neither of them a reviewer, to reopen the panel",
                 .message_zh = "重启评审须由两人分别办理，且评审专家不得参与"};
  items.state()["by"].get_array().emplace_back(user);
  items.state()["reasons"].get_array().emplace_back(reason);
  const bool refused = task->outcome == "refuse";
  if (!refused && items.open_count("panel-reopening") > 0) return items.finish();
  if (refused) items.cancel_all();
  const json::object done = done_with(task->outcome, items.state());
  std::optional<RecordRow> reopened;
  if (!refused) {
    json::object data = record->data;
    data["sealed"] = true;
    data["reopened"] = json::object{{"by", items.state()["by"]}, {"reason", done.at("reason")}, {"at", to_ms(context.now)}};
    reopened = panel::panel_record(context, panel, std::move(data));
  }
  StageOutcome out = items.finish();
  if (reopened) out.effects.emplace_back(std::move(*reopened));
  out.events.push_back({.name = "done", .data = done});
  return out;
}

Result<StageOutcome> PanelReopeningStage::timer(const StageContext& /*context*/, const json::object& state, std::string_view /*name*/) const {
  StageOutcome out;
  out.state = state;
  return out;
}

StageOutcome PanelReopeningStage::cancel(const StageContext& context, const json::object& state) const {
  WorkItems items(context, state);
  items.cancel_all();
  return items.finish();
}

}  // namespace chuyi
