#include "engine/stages/panel/panel.h"

#include <algorithm>
#include <set>

#include "engine/base/decimal.h"
#include "engine/invoke/rows_json.h"
#include "engine/invoke/work_items.h"

namespace chuyi {
namespace {

constexpr int kScorePlaces = 2;

/// Why this person may not review this application; empty when nothing stands in the way.
Detail conflict_of(const StageContext& context, const std::string& user, const std::string& place) {
  Detail out{.place = place, .code = {}, .message = {}, .message_zh = {}};
  const std::vector<Membership> memberships = context.view.memberships(user);
  const auto holds = [&](auto&& test) { return std::any_of(memberships.begin(), memberships.end(), test); };
  if (!holds([](const Membership& m) { return m.role == "reviewer"; })) {
    out.code = "panel.not_reviewer";
    out.message = "Expected '" + user + "' to be an active reviewer";
    out.message_zh = "“" + user + "”不是在库评审专家";
  } else if (user == string_or(context.application, "applicant") ||
             holds([&](const Membership& m) { return m.org == string_or(context.application, "org"); })) {
    out.code = "panel.conflict.own_unit";
    out.message = "Expected a reviewer from outside the applying organisation, but '" + user + "' belongs to it";
    out.message_zh = "“" + user + "”与申报单位存在利益关系，应当回避";
  } else if (std::any_of(context.signed_by.begin(), context.signed_by.end(),
                         [&](const auto& signer) { return signer.second == user; })) {
    out.code = "panel.conflict.same_application";
    out.message = "Expected a reviewer who signed no earlier stage of this application, but '" + user + "' did";
    out.message_zh = "“" + user + "”已办理该申报的其他环节，应当回避";
  }
  return out;
}

std::int64_t reviewers_min(const StageContext& context, const json::object& params) {
  return int_or(params, "reviewers_min", int_or(object_or_empty(context.programme, "panel"), "reviewers_min", 3));
}

/// Everybody who has or had a sheet of this panel.
std::set<std::string> known_reviewers(const json::object& state) {
  std::set<std::string> out;
  for (const auto& member : object_or_empty(state, "tasks")) {
    const TaskRow task = task_from_json(member.value().get_object());
    if (task.kind == "sheet") out.insert(task.user);
  }
  return out;
}

/// Sheets that count: signed, or still to be signed.
std::int64_t live_sheets(const json::object& state) {
  std::int64_t count = 0;
  for (const auto& member : object_or_empty(state, "tasks")) {
    const TaskRow task = task_from_json(member.value().get_object());
    count += task.kind == "sheet" && task.outcome != "recuse" && task.status != "cancelled" ? 1 : 0;
  }
  return count;
}

void open_setup(WorkItems& items) {
  items.open(TaskRow{.kind = "panel-setup",
                     .role = "provincial-officer",
                     .org = string_or(object_or_empty(items.state(), "params"), "org"),
                     .outcomes = {"appoint"}});
}

/// Opens a sheet for each of `reviewers`. Errors: `rejected` "panel.reviewers" with every objection.
Result<> appoint(const StageContext& context, WorkItems& items, const std::vector<std::string>& reviewers) {
  Error refused{.kind = ErrorKind::rejected,
                .code = "panel.reviewers",
                .message = "Expected reviewers without conflict of interest",
                .message_zh = "评审专家名单不符合要求"};
  std::set<std::string> seen = known_reviewers(items.state());
  const std::int64_t needed =
      int_or(object_or_empty(items.state(), "params"), "reviewers_min", 3) - live_sheets(items.state());
  for (std::size_t i = 0; i < reviewers.size(); ++i) {
    const std::string place = "/data/reviewers/" + std::to_string(i);
    if (!seen.insert(reviewers[i]).second)
      refused.details.push_back({.place = place,
                                 .code = "panel.duplicate",
                                 .message = "Expected each reviewer once, but '" + reviewers[i] + "' was named before",
                                 .message_zh = "专家重复或已回避"});
    else if (Detail conflict = conflict_of(context, reviewers[i], place); !conflict.code.empty())
      refused.details.push_back(std::move(conflict));
  }
  if (static_cast<std::int64_t>(reviewers.size()) < needed)
    refused.details.push_back({.place = "/data/reviewers",
                               .code = "panel.too_few",
                               .message = "Expected at least " + std::to_string(needed) + " reviewers",
                               .message_zh = "至少需要" + std::to_string(needed) + "名专家"});
  if (!refused.details.empty()) return refused;
  for (const std::string& user : reviewers)
    items.open(TaskRow{.kind = "sheet", .role = "reviewer", .user = user, .outcomes = {"sign", "recuse"}});
  return {};
}

/// The sheet's total. Errors: `invalid` "sheet.scores" naming every criterion that is wrong.
Result<Decimal> total_of(const json::object& rubric, const json::object& data) {
  Error wrong{.kind = ErrorKind::invalid,
              .code = "form.sheet",
              .message = "Expected a score for every criterion of the rubric",
              .message_zh = "请为每项指标评分"};
  const json::object& scores = object_or_empty(data, "scores");
  Decimal total;
  std::set<std::string> known;
  for (const json::value& value : array_or_empty(rubric, "criteria")) {
    const json::object& criterion = value.get_object();
    const std::string id = string_or(criterion, "id");
    known.insert(id);
    const std::string weight_text = string_or(criterion, "weight", std::to_string(int_or(criterion, "weight", 0)));
    const Result<Decimal> weight = Decimal::parse(weight_text);
    const Result<Decimal> score = Decimal::parse(string_or(scores, id));
    if (weight && score && *score >= Decimal{} && *score <= *weight && *score == score->rounded(kScorePlaces)) {
      total = total + *score;
      continue;
    }
    wrong.details.push_back({.place = "/data/scores/" + pointer_segment(id),
                             .code = "form.score",
                             .message = "Expected a decimal string from 0 to " + weight_text + " with at most 2 decimal places",
                             .message_zh = "分值应在0至" + weight_text + "之间，最多两位小数"});
  }
  for (const auto& member : scores)
    if (!known.contains(std::string{member.key()}))
      wrong.details.push_back({.place = "/data/scores/" + pointer_segment(member.key()),
                               .code = "form.additional",
                               .message = "Expected a criterion of the rubric",
                               .message_zh = "不是评审指标"});
  if (!wrong.details.empty()) return wrong;
  return total;
}

StageOutcome close_panel(WorkItems items) {
  Decimal sum;
  std::int64_t sheets = 0;
  for (const auto& member : items.state()["tasks"].get_object()) {
    const TaskRow task = task_from_json(member.value().get_object());
    if (task.kind != "sheet" || task.outcome != "sign") continue;
    const Result<Decimal> total = Decimal::parse(string_or(task.data, "total", "0"));
    if (total) sum = sum + *total;
    ++sheets;
  }
  const std::string score = (sum / Decimal{sheets}).to_string(kScorePlaces);
  items.state()["phase"] = "closed";
  StageOutcome out = items.finish();
  out.effects.emplace_back(SetFact{.key = "score", .value = json::value(score)});
  out.events.push_back({.name = "done", .data = json::object{{"score", score}, {"sheets", sheets}}});
  return out;
}

Result<StageOutcome> complete_sheet(const StageContext& context, WorkItems items, StageCommand command) {
  json::object data = object_or_empty(command.data, "data");
  if (string_or(command.data, "outcome", "sign") == "sign") {
    if (!command.data.contains("data")) data = items.find(command.task_id)->data;
    const Result<Decimal> total = total_of(object_or_empty(context.programme, "rubric"), data);
    if (!total) return total.error();
    data["total"] = total->to_string(kScorePlaces);
  }
  command.data["data"] = std::move(data);
  if (string_or(command.data, "outcome").empty()) command.data["outcome"] = "sign";
  const Result<TaskRow> sheet = items.sign(command);
  if (!sheet) return sheet.error();
  const std::int64_t min = int_or(object_or_empty(items.state(), "params"), "reviewers_min", 3);
  if (live_sheets(items.state()) < min && items.open_count("panel-setup") == 0) open_setup(items);
  if (items.open_count("sheet") > 0 || items.open_count("panel-setup") > 0) return items.finish();
  return close_panel(std::move(items));
}

}  // namespace

Result<StageOutcome> PanelStage::start(const StageContext& context, const json::object& params) const {
  const std::string org =
      string_or(params, "org", string_or(object_or_empty(context.application, "orgs"), "province"));
  WorkItems items(context, {{"phase", "scoring"},
                            {"params", json::object{{"org", org}, {"reviewers_min", reviewers_min(context, params)}}}});
  const std::vector<std::string> reviewers = strings_from_json(array_or_empty(params, "reviewers"));
  if (reviewers.empty()) {
    open_setup(items);
    return items.finish();
  }
  if (Result<> appointed = appoint(context, items, reviewers); !appointed) return appointed.error();
  return items.finish();
}

Result<StageOutcome> PanelStage::command(const StageContext& context, const json::object& state,
                                         const StageCommand& command) const {
  WorkItems items(context, state);
  if (command.name != "complete") {
    if (Result<> done = items.handle(command); !done) return done.error();
    return items.finish();
  }
  const Result<TaskRow> task = items.find(command.task_id);
  if (!task) return task.error();
  if (task->kind == "sheet") return complete_sheet(context, std::move(items), command);
  const Result<TaskRow> setup = items.sign(command);
  if (!setup) return setup.error();
  const std::vector<std::string> reviewers = strings_from_json(array_or_empty(setup->data, "reviewers"));
  if (Result<> appointed = appoint(context, items, reviewers); !appointed) return appointed.error();
  return items.finish();
}

Result<StageOutcome> PanelStage::timer(const StageContext& context, const json::object& state,
                                       std::string_view /*name*/) const {
  StageOutcome out;
  out.state = state;
  out.events.push_back({.name = "task.overdue." + context.invoke_id, .data = json::object{}});
  return out;
}

StageOutcome PanelStage::cancel(const StageContext& context, const json::object& state) const {
  WorkItems items(context, state);
  items.cancel_all();
  return items.finish();
}

}  // namespace chuyi
