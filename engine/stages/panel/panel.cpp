#include "engine/stages/panel/panel.h"

#include <algorithm>

#include "engine/invoke/rows_json.h"
#include "engine/invoke/work_items.h"
#include "engine/stages/panel/conflict.h"
#include "engine/stages/panel/seal.h"
#include "engine/stages/panel/sheets.h"

namespace chuyi {
namespace {

using namespace panel;

// State: {phase, params: {org, reviewers_min, unit, due, due_provisional, period, opening}, tasks, appointers, corrections, and once it
// came to that:
// openers, needed, diverged: "third-reviewer" | "discussion", no_result, recusals: [{user, code, zh, en}], reopened}

constexpr std::size_t kReasonBytesMax = 2'000;

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

std::string org_of(const json::object& state) { return string_or(object_or_empty(state, "params"), "org"); }

bool opens_by_two(const json::object& state) { return string_or(object_or_empty(state, "params"), "opening") == "two"; }

Error separation(std::string message, std::string message_zh) {
  return Error{.kind = ErrorKind::forbidden, .code = "task.separation", .message = std::move(message), .message_zh = std::move(message_zh)};
}

void add_to(json::object& state, const char* list, json::value value) {
  if (!state.contains(list)) state[list] = json::array{};
  state[list].get_array().push_back(std::move(value));
}

std::int64_t reviewers_min(const StageContext& context, const json::object& params) {
  return int_or(params, "reviewers_min", int_or(object_or_empty(context.programme, "panel"), "reviewers_min", 3));
}

/// Opens a task that is due when the panel is.
TaskRow open_task(WorkItems& items, TaskRow task) {
  const json::object& params = object_or_empty(items.state(), "params");
  if (const std::int64_t due = int_or(params, "due", 0); due != 0) {
    task.due = from_ms(due);
    task.due_provisional = bool_or(params, "due_provisional", false);
    task.period = object_or_empty(params, "period");
  }
  return items.open(std::move(task));
}

/// @param may_close  the officer may also end the scoring as it is: nobody more is needed, or the rubric then gives no result.
void open_setup(WorkItems& items, bool may_close = false) {
  TaskRow task{.kind = "panel-setup", .role = "provincial-officer", .org = org_of(items.state()), .outcomes = {"appoint"}};
  if (may_close) task.outcomes.emplace_back("close");
  if (const json::array& recusals = array_or_empty(items.state(), "recusals"); !recusals.empty()) task.data["recusals"] = recusals;
  open_task(items, std::move(task));
}

/// Opens a sheet for each of `reviewers`; of those `confirmed` a possible conflict is known to be none.
/// Errors: `rejected` "panel.reviewers" with every objection.
Result<> appoint(const StageContext& context, WorkItems& items, const std::vector<std::string>& reviewers,
                 const std::vector<std::string>& confirmed) {
  Error refused{.kind = ErrorKind::rejected,
                .code = "panel.reviewers",
                .message = "Expected reviewers without conflict of interest",
                .message_zh = "评审专家名单不符合要求"};
  std::set<std::string> seen = known_reviewers(items.state());
  const std::int64_t needed = sheets_needed(context, items.state()) - live_reviewers(items.state());
  for (std::size_t i = 0; i < reviewers.size(); ++i) {
    const std::string place = "/data/reviewers/" + std::to_string(i);
    if (!seen.insert(reviewers[i]).second)
      refused.details.push_back({.place = place,
                                 .code = "panel.duplicate",
                                 .message = "Expected each reviewer once, but '" + reviewers[i] + "' was named before",
                                 .message_zh = "专家重复或已回避"});
    else if (Detail conflict = conflict_of(context, items.state(), reviewers[i], place); !conflict.code.empty())
      refused.details.push_back(std::move(conflict));
    else if (std::find(confirmed.begin(), confirmed.end(), reviewers[i]) == confirmed.end())
      if (Detail possible = possible_conflict_of(context, reviewers[i], place); !possible.code.empty())
        refused.details.push_back(std::move(possible));
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

Result<StageOutcome> close_panel(const StageContext& context, const review::Rubric& rubric, WorkItems items, PanelResult result) {
  items.state()["phase"] = "closed";
  RecordRow record = panel_record(context, context.invoke_id, {{"sealed", false}, {"state", items.state()}});
  StageOutcome out = items.finish();
  out.effects.emplace_back(std::move(record));
  out.effects.emplace_back(SetFact{.key = "score", .value = json::value(result.score)});
  json::object done{{"score", result.score}, {"sheets", std::move(result.sheets)}};
  if (rubric.veto_effect == review::VetoEffect::vetoed) done["vetoed"] = result.vetoed;
  if (result.score.empty()) done["too_few"] = true;
  out.events.push_back({.name = "done", .data = std::move(done)});
  return out;
}

void open_opening(WorkItems& items) {
  items.state()["phase"] = "opening";
  for (const char* role : {"provincial-officer", "discipline"})
    items.open(TaskRow{.kind = "panel-opening", .role = role, .org = org_of(items.state()), .outcomes = {"open"}});
}

/// All sheets are in, and opened where two people have to: closes, or calls for what the rubric asks of sheets too far apart,
/// once. Nobody learns of that before the two have opened them.
Result<StageOutcome> settle(const StageContext& context, const review::Rubric& rubric, WorkItems items) {
  Result<PanelResult> result = result_of(rubric, items.state());
  if (!result) return result.error();
  if (!result->diverges || items.state().contains("diverged")) return close_panel(context, rubric, std::move(items), std::move(*result));
  json::object& state = items.state();
  state["phase"] = "scoring";
  state["diverged"] = rubric.divergence->then;
  state.erase("openers");
  if (rubric.divergence->then == "discussion") {
    open_task(items, TaskRow{.kind = "panel-discussion", .role = "provincial-officer", .org = org_of(state), .outcomes = {"discussed"}});
  } else {
    state["needed"] = live_reviewers(state) + 1;
    open_setup(items);
  }
  return items.finish();
}

/// What follows once somebody has spoken: another reviewer, the opening, the result; or nothing while somebody else has to.
Result<StageOutcome> go_on(const StageContext& context, const review::Rubric& rubric, WorkItems items) {
  const std::int64_t live = live_reviewers(items.state());
  if (live < sheets_needed(context, items.state()) && items.open_count("panel-setup") == 0)
    open_setup(items, rubric.too_few == review::TooFew::refuse && live >= panel_needed(items.state()));
  for (const char* kind : {"sheet", "panel-setup", "panel-discussion", "panel-opening"})
    if (items.open_count(kind) > 0) return items.finish();
  if (!opens_by_two(items.state())) return settle(context, rubric, std::move(items));
  open_opening(items);
  return items.finish();
}

/// Checked again when the sheet is signed: roles and units change while a panel runs. Why is for those who appoint.
Result<> check_reviewer(const StageContext& context, const json::object& state, const std::string& user) {
  if (conflict_of(context, state, user, "/reviewer").code.empty()) return {};
  return Error{.kind = ErrorKind::forbidden,
               .code = "panel.conflict",
               .message = "Expected a reviewer without conflict of interest; give the outcome 'recuse' instead",
               .message_zh = "您应当回避，请选择“回避”",
               .details = {{.place = "/reviewer", .code = "panel.conflict", .message = "You should recuse", .message_zh = "您应当回避"}},
               .allowed = {"recuse"}};
}

/// Notes for the officer by which rule somebody had to recuse; asked only where the programme has rules.
void note_recusal(const StageContext& context, json::object& state, const std::string& user) {
  if (!context.programme.contains("conflicts")) return;
  const Detail conflict = conflict_of(context, state, user, "/reviewer");
  if (conflict.code.empty()) return;
  add_to(state, "recusals", json::object{{"user", user}, {"code", conflict.code}, {"zh", conflict.message_zh}, {"en", conflict.message}});
}

Result<StageOutcome> complete_sheet(const StageContext& context, WorkItems items, StageCommand command) {
  const Result<TaskRow> open = items.find(command.task_id);
  if (!open) return open.error();
  if (string_or(command.data, "outcome").empty()) command.data["outcome"] = "sign";
  json::object data = command.data.contains("data") ? object_or_empty(command.data, "data") : open->data;
  data.erase("total");  // the scores alone say it
  const std::string outcome = string_or(command.data, "outcome");
  const bool signs = outcome == "sign";
  const Result<review::Rubric> rubric = rubric_of(context);
  if (!rubric) return rubric.error();
  Result<review::SheetTotal> total{review::SheetTotal{}};
  if (signs) {
    total = total_of(*rubric, items.state(), data);
    if (total) data["total"] = total->total.to_string(review::kScorePlaces);
  }
  command.data["data"] = with_correction(items.state(), open->id, std::move(data));
  const Result<TaskRow> sheet = items.sign(command);
  if (!sheet) return sheet.error();
  if (signs) {
    if (Result<> fit = check_reviewer(context, items.state(), command.actor.user_id); !fit) return fit.error();
    if (!total) return total.error();
  }
  if (outcome == "recuse") note_recusal(context, items.state(), sheet->user);
  return go_on(context, *rubric, std::move(items));
}

/// A signed sheet never changes: its reviewer gets another, which names it, to sign in its place.
Result<StageOutcome> correct_sheet(const StageContext& context, WorkItems items, const StageCommand& command) {
  const Result<TaskRow> sheet = items.find(command.task_id);
  if (!sheet) return sheet.error();
  if (sheet->kind != "sheet" || !may_act(command.actor, *sheet))
    return Error{.kind = ErrorKind::forbidden, .code = "task.not_yours", .message = "Expected the reviewer who signed the sheet", .message_zh = "您不是该评分表的签署人"};
  const std::string reason = string_or(command.data, "reason");
  if (is_blank(reason) || reason.size() > kReasonBytesMax)
    return Error{.kind = ErrorKind::invalid,
                 .code = "form.required",
                 .message = "Expected the reason of the correction, at most 2000 bytes",
                 .place = "/reason",
                 .message_zh = "请写明更正理由（不超过2000字节）"};
  const std::vector<TaskRow> counting = counting_sheets(items.state());
  const bool counts = std::any_of(counting.begin(), counting.end(), [&](const TaskRow& each) { return each.id == sheet->id; });
  const std::vector<TaskRow> sheets = sheets_of(items.state());
  const bool writes = std::any_of(sheets.begin(), sheets.end(), [&](const TaskRow& each) { return each.user == sheet->user && (each.status == "open" || each.status == "claimed"); });
  if (!counts || writes)
    return Error{.kind = ErrorKind::rejected,
                 .code = "panel.correction",
                 .message = "Expected a signed sheet that counts and that no open one corrects",
                 .message_zh = "只能更正已签署且仍有效的评分表，且不得重复更正"};
  if (Result<> fit = check_reviewer(context, items.state(), command.actor.user_id); !fit) return fit.error();
  json::object data = sheet->data;
  data.erase("total");
  TaskRow fresh = open_task(items, TaskRow{.kind = "sheet", .role = "reviewer", .user = sheet->user, .outcomes = {"sign", "keep", "recuse"}});
  json::object& state = items.state();
  if (!state.contains("corrections")) state["corrections"] = json::object{};
  state["corrections"].get_object()[fresh.id] = json::object{{"of", sheet->id}, {"reason", reason}};
  StageCommand prefilled{.name = "save", .task_id = fresh.id, .actor = command.actor, .data = {{"data", with_correction(state, fresh.id, std::move(data))}}};
  if (Result<> saved = items.handle(prefilled); !saved) return saved.error();
  // Who had agreed to open the scores had agreed to others.
  for (const auto& member : json::object{state["tasks"].get_object()})
    if (const TaskRow task = task_from_json(member.value().get_object()); task.kind == "panel-opening" && task.status != "done" && task.status != "cancelled") items.cancel(task.id);
  state.erase("openers");
  state["phase"] = "scoring";
  StageOutcome out = items.finish();
  out.reply = {{"sheet", fresh.id}};
  return out;
}

Result<StageOutcome> complete_setup(const StageContext& context, WorkItems items, const StageCommand& command) {
  const Result<TaskRow> setup = items.sign(command);
  if (!setup) return setup.error();
  for (const std::string& officer : command.people()) {
    if (known_reviewers(items.state()).contains(officer))
      return separation("Expected an officer who is no reviewer of this application", "评审专家不得组建该申报的评审组");
    add_to(items.state(), "appointers", json::string(officer));
  }
  if (setup->outcome == "close") {
    if (live_reviewers(items.state()) < sheets_needed(context, items.state())) items.state()["no_result"] = true;
    const Result<review::Rubric> rubric = rubric_of(context);
    if (!rubric) return rubric.error();
    return go_on(context, *rubric, std::move(items));
  }
  const std::vector<std::string> reviewers = strings_from_json(array_or_empty(setup->data, "reviewers"));
  if (reviewers.empty() && setup->outcomes.size() > 1)
    return Error{.kind = ErrorKind::invalid, .code = "form.required", .message = "Expected reviewers, or the outcome 'close'", .place = "/data/reviewers", .message_zh = "请填写专家，或选择“结束评分”"};
  const std::vector<std::string> confirmed = strings_from_json(array_or_empty(setup->data, "confirmed"));
  if (Result<> appointed = appoint(context, items, reviewers, confirmed); !appointed) return appointed.error();
  return items.finish();
}

Result<StageOutcome> complete_opening(const StageContext& context, WorkItems items, const StageCommand& command) {
  const Result<TaskRow> opening = items.sign(command);
  if (!opening) return opening.error();
  const std::string& user = command.actor.user_id;
  if (known_reviewers(items.state()).contains(user)) return separation("Expected somebody who is no reviewer of this application", "评审专家不得参与启封");
  const std::vector<std::string> openers = strings_from_json(array_or_empty(items.state(), "openers"));
  if (std::find(openers.begin(), openers.end(), user) != openers.end())
    return separation("Expected two different people to open the scores", "启封须由两人分别办理");
  add_to(items.state(), "openers", json::string(user));
  if (items.open_count("panel-opening") > 0) return items.finish();
  const Result<review::Rubric> rubric = rubric_of(context);
  if (!rubric) return rubric.error();
  return settle(context, *rubric, std::move(items));
}

Result<StageOutcome> complete_discussion(const StageContext& context, WorkItems items, const StageCommand& command) {
  const Result<TaskRow> discussion = items.sign(command);
  if (!discussion) return discussion.error();
  if (known_reviewers(items.state()).contains(command.actor.user_id))
    return separation("Expected an officer who is no reviewer of this application", "评审专家不得代办合议记录");
  if (is_blank(string_or(discussion->data, "record")))
    return Error{.kind = ErrorKind::invalid, .code = "form.required", .message = "Expected the record of the discussion", .place = "/data/record", .message_zh = "请填写合议记录"};
  const Result<review::Rubric> rubric = rubric_of(context);
  if (!rubric) return rubric.error();
  return go_on(context, *rubric, std::move(items));
}

/// The panel as it was closed, once two people have had it reopened; empty when nobody has.
json::object reopened_state(const StageContext& context) {
  const std::optional<RecordRow> record = context.view.record(kPanelRecord, panel_record_id(context, context.invoke_id));
  if (!record || !record->data.contains("reopened")) return {};
  json::object state = object_or_empty(record->data, "state");
  state["phase"] = "scoring";
  state["reopened"] = record->data.at("reopened");
  state.erase("openers");
  for (const char* due : {"due", "due_provisional", "period"}) state["params"].get_object().erase(due);
  return state;
}

}  // namespace

Result<StageOutcome> PanelStage::start(const StageContext& context, const json::object& params) const {
  const auto sealed = [&](StageOutcome out) {
    out.effects.emplace_back(panel_record(context, context.invoke_id, {{"sealed", true}}));
    return out;
  };
  if (json::object state = reopened_state(context); !state.empty()) {
    WorkItems items(context, std::move(state));
    open_setup(items, true);
    StageOutcome out = sealed(items.finish());
    out.effects.emplace_back(SetFact{.key = "score", .value = json::value("")});
    return out;
  }
  json::object kept{{"org", string_or(params, "org", string_or(object_or_empty(context.application, "orgs"), "province"))},
                    {"reviewers_min", reviewers_min(context, params)}};
  if (const std::string unit = string_or(params, "unit"); !unit.empty()) kept["unit"] = unit;
  const std::string opening = string_or(params, "opening", string_or(object_or_empty(context.programme, "panel"), "opening", "none"));
  if (opening != "none" && opening != "two")
    return Error{.kind = ErrorKind::invalid,
                 .code = "panel.params",
                 .message = "Expected opening 'none' or 'two', but found '" + opening + "'",
                 .message_zh = "评审环节的启封方式有误",
                 .allowed = {"none", "two"}};
  if (opening == "two") kept["opening"] = opening;
  std::vector<StageEffect> timers;
  if (const json::value* due = params.if_contains("due"); due != nullptr && !due->is_null()) {
    const Result<Due> at = resolve_due(context.view, context.now, *due);
    if (!at) return at.error();
    kept["due"] = to_ms(at->at);
    kept["due_provisional"] = at->provisional;
    if (!at->period.empty()) kept["period"] = at->period;
    timers.emplace_back(SetTimer{.name = "overdue", .due = at->at, .period = at->period});
  }
  WorkItems items(context, {{"phase", "scoring"}, {"params", std::move(kept)}});
  const std::vector<std::string> reviewers = strings_from_json(array_or_empty(params, "reviewers"));
  if (reviewers.empty()) {
    open_setup(items);
  } else if (Result<> appointed = appoint(context, items, reviewers, strings_from_json(array_or_empty(params, "confirmed"))); !appointed) {
    return appointed.error();
  }
  StageOutcome out = sealed(items.finish());
  out.effects.insert(out.effects.end(), timers.begin(), timers.end());
  return out;
}

Result<StageOutcome> PanelStage::command(const StageContext& context, const json::object& state,
                                         const StageCommand& command) const {
  WorkItems items(context, state);
  if (command.name == "correct") return correct_sheet(context, std::move(items), command);
  const Result<TaskRow> task = items.find(command.task_id);
  if (!task) return task.error();
  if (command.name != "complete") {
    StageCommand given = command;
    if (command.name == "save" && task->kind == "sheet") given.data["data"] = with_correction(state, task->id, object_or_empty(command.data, "data"));
    if (Result<> done = items.handle(given); !done) return done.error();
    return items.finish();
  }
  if (task->kind == "sheet") return complete_sheet(context, std::move(items), command);
  if (task->kind == "panel-opening") return complete_opening(context, std::move(items), command);
  if (task->kind == "panel-discussion") return complete_discussion(context, std::move(items), command);
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
