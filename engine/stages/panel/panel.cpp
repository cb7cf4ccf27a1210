#include "engine/stages/panel/panel.h"

#include <algorithm>
#include <set>

#include "engine/invoke/rows_json.h"
#include "engine/invoke/work_items.h"
#include "engine/review/rubric.h"

namespace chuyi {
namespace {

/// A programme without a rubric has nothing to score: its sheets come to 0.
Result<review::Rubric> rubric_of(const StageContext& context) {
  if (!context.programme.contains("rubric")) return review::Rubric{};
  return review::read_rubric(object_or_empty(context.programme, "rubric"));
}

/// Has signed another stage of this application, or has appointed reviewers of this one.
bool has_acted(const StageContext& context, const json::object& state, const std::string& user) {
  const std::vector<std::string> appointers = strings_from_json(array_or_empty(state, "appointers"));
  return std::find(appointers.begin(), appointers.end(), user) != appointers.end() ||
         std::any_of(context.signed_by.begin(), context.signed_by.end(), [&](const auto& signers) {
           return signers.first != context.invoke_id && signers.second.contains(user);
         });
}

/// Why this person may not review this application; empty when nothing stands in the way.
Detail conflict_of(const StageContext& context, const json::object& state, const std::string& user, const std::string& place) {
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
  } else if (has_acted(context, state, user)) {
    out.code = "panel.conflict.same_application";
    out.message = "Expected a reviewer who signed nothing else of this application and appointed nobody, but '" + user + "' did";
    out.message_zh = "“" + user + "”已办理该申报的其他环节，应当回避";
  }
  return out;
}

std::int64_t reviewers_min(const StageContext& context, const json::object& params) {
  return int_or(params, "reviewers_min", int_or(object_or_empty(context.programme, "panel"), "reviewers_min", 3));
}

/// Sheets that this panel needs: as many as it was started for, and as many as its rubric gives a result of.
std::int64_t sheets_needed(const StageContext& context, const json::object& state) {
  const Result<review::Rubric> rubric = rubric_of(context);
  return std::max(int_or(object_or_empty(state, "params"), "reviewers_min", 3), rubric ? rubric->sheets_min() : 1);
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

/// Opens a task that is due when the panel is.
void open_task(WorkItems& items, TaskRow task) {
  const json::object& params = object_or_empty(items.state(), "params");
  if (const std::int64_t due = int_or(params, "due", 0); due != 0) {
    task.due = from_ms(due);
    task.due_provisional = bool_or(params, "due_provisional", false);
  }
  items.open(std::move(task));
}

void open_setup(WorkItems& items) {
  open_task(items, TaskRow{.kind = "panel-setup",
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
  const std::int64_t needed = sheets_needed(context, items.state()) - live_sheets(items.state());
  for (std::size_t i = 0; i < reviewers.size(); ++i) {
    const std::string place = "/data/reviewers/" + std::to_string(i);
    if (!seen.insert(reviewers[i]).second)
      refused.details.push_back({.place = place,
                                 .code = "panel.duplicate",
                                 .message = "Expected each reviewer once, but '" + reviewers[i] + "' was named before",
                                 .message_zh = "专家重复或已回避"});
    else if (Detail conflict = conflict_of(context, items.state(), reviewers[i], place); !conflict.code.empty())
      refused.details.push_back(std::move(conflict));
  }
  if (static_cast<std::int64_t>(reviewers.size()) < needed)
    refused.details.push_back({.place = "/data/reviewers",
                               .code = "panel.too_few",
                               .message = "Expected at least " + std::to_string(needed) + " reviewers",
                               .message_zh = "至少需要" + std::to_string(needed) + "名专家"});
  if (!refused.details.empty()) return refused;
  for (const std::string& user : reviewers)
    open_task(items, TaskRow{.kind = "sheet", .role = "reviewer", .user = user, .outcomes = {"sign", "recuse"}});
  return {};
}

Result<review::SheetTotal> total_of(const review::Rubric& rubric, const json::object& state, const json::object& data) {
  return review::total_of(rubric, string_or(object_or_empty(state, "params"), "unit"), data);
}

/// From the scores of the signed sheets: no total that stands in a sheet is trusted.
Result<StageOutcome> close_panel(const review::Rubric& rubric, WorkItems items) {
  std::vector<Decimal> totals;
  json::array sheets;
  std::int64_t vetoed = 0;
  for (const auto& member : items.state()["tasks"].get_object()) {
    const TaskRow task = task_from_json(member.value().get_object());
    if (task.kind != "sheet" || task.outcome != "sign") continue;
    const Result<review::SheetTotal> total = total_of(rubric, items.state(), task.data);
    if (!total) return total.error();
    totals.push_back(total->total);
    json::object sheet{{"scores", object_or_empty(task.data, "scores")}, {"total", total->total.to_string(review::kScorePlaces)}};
    if (!total->vetoes.empty()) {
      ++vetoed;
      sheet["vetoes"] = object_or_empty(task.data, "vetoes");
    }
    sheets.push_back(std::move(sheet));
  }
  const review::Combined result = review::combined(rubric, std::move(totals));
  if (!result.value)
    return Error{.kind = ErrorKind::rejected,
                 .code = "panel.too_few",
                 .message = "Expected at least " + std::to_string(rubric.sheets_min()) + " signed sheets",
                 .message_zh = "至少需要" + std::to_string(rubric.sheets_min()) + "份已签署的评分表"};
  const std::string score = result.value->to_string(rubric.places);
  items.state()["phase"] = "closed";
  StageOutcome out = items.finish();
  out.effects.emplace_back(SetFact{.key = "score", .value = json::value(score)});
  json::object done{{"score", score}, {"sheets", std::move(sheets)}};
  if (rubric.veto_effect == review::VetoEffect::vetoed) done["vetoed"] = vetoed >= rubric.veto_sheets_min;
  out.events.push_back({.name = "done", .data = std::move(done)});
  return out;
}

/// Checked again when the sheet is signed: roles and units change while a panel runs.
Result<> check_reviewer(const StageContext& context, const json::object& state, const std::string& user) {
  Detail conflict = conflict_of(context, state, user, "/reviewer");
  if (conflict.code.empty()) return {};
  return Error{.kind = ErrorKind::forbidden,
               .code = "panel.conflict",
               .message = "Expected a reviewer without conflict of interest; give the outcome 'recuse' instead",
               .message_zh = "您应当回避，请选择“回避”",
               .details = {std::move(conflict)},
               .allowed = {"recuse"}};
}

Result<StageOutcome> complete_sheet(const StageContext& context, WorkItems items, StageCommand command) {
  const Result<TaskRow> open = items.find(command.task_id);
  if (!open) return open.error();
  if (string_or(command.data, "outcome").empty()) command.data["outcome"] = "sign";
  json::object data = command.data.contains("data") ? object_or_empty(command.data, "data") : open->data;
  data.erase("total");  // the scores alone say it
  const bool signs = string_or(command.data, "outcome") == "sign";
  const Result<review::Rubric> rubric = rubric_of(context);
  if (!rubric) return rubric.error();
  Result<review::SheetTotal> total{review::SheetTotal{}};
  if (signs) {
    total = total_of(*rubric, items.state(), data);
    if (total) data["total"] = total->total.to_string(review::kScorePlaces);
  }
  command.data["data"] = std::move(data);
  const Result<TaskRow> sheet = items.sign(command);
  if (!sheet) return sheet.error();
  if (signs) {
    if (Result<> fit = check_reviewer(context, items.state(), command.actor.user_id); !fit) return fit.error();
    if (!total) return total.error();
  }
  if (live_sheets(items.state()) < sheets_needed(context, items.state()) && items.open_count("panel-setup") == 0) open_setup(items);
  if (items.open_count("sheet") > 0 || items.open_count("panel-setup") > 0) return items.finish();
  return close_panel(*rubric, std::move(items));
}

Result<StageOutcome> complete_setup(const StageContext& context, WorkItems items, const StageCommand& command) {
  const Result<TaskRow> setup = items.sign(command);
  if (!setup) return setup.error();
  if (!items.state().contains("appointers")) items.state()["appointers"] = json::array{};
  for (const std::string& officer : command.people()) {
    if (known_reviewers(items.state()).contains(officer))
      return Error{.kind = ErrorKind::forbidden,
                   .code = "task.separation",
                   .message = "Expected an officer who is no reviewer of this application",
                   .message_zh = "评审专家不得组建该申报的评审组"};
    items.state()["appointers"].get_array().emplace_back(officer);
  }
  const std::vector<std::string> reviewers = strings_from_json(array_or_empty(setup->data, "reviewers"));
  if (Result<> appointed = appoint(context, items, reviewers); !appointed) return appointed.error();
  return items.finish();
}

}  // namespace

Result<StageOutcome> PanelStage::start(const StageContext& context, const json::object& params) const {
  json::object kept{{"org", string_or(params, "org", string_or(object_or_empty(context.application, "orgs"), "province"))},
                    {"reviewers_min", reviewers_min(context, params)}};
  if (const std::string unit = string_or(params, "unit"); !unit.empty()) kept["unit"] = unit;
  std::vector<StageEffect> timers;
  if (const json::value* due = params.if_contains("due"); due != nullptr && !due->is_null()) {
    const Result<Due> at = resolve_due(context.view, context.now, *due);
    if (!at) return at.error();
    kept["due"] = to_ms(at->at);
    kept["due_provisional"] = at->provisional;
    timers.emplace_back(SetTimer{.name = "overdue", .due = at->at});
  }
  WorkItems items(context, {{"phase", "scoring"}, {"params", std::move(kept)}});
  const std::vector<std::string> reviewers = strings_from_json(array_or_empty(params, "reviewers"));
  if (reviewers.empty()) {
    open_setup(items);
  } else if (Result<> appointed = appoint(context, items, reviewers); !appointed) {
    return appointed.error();
  }
  StageOutcome out = items.finish();
  out.effects.insert(out.effects.end(), timers.begin(), timers.end());
  return out;
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
  return complete_setup(context, std::move(items), command);
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
