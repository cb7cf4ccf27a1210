#include "engine/stages/annual_check/annual_check.h"

#include "engine/invoke/rows_json.h"
#include "engine/invoke/work_items.h"

namespace chuyi {
namespace {

/// @param indicators  what the package's code made of the report; empty: it was not asked.
void open_verdict(WorkItems& items, const json::object& report, bool missing, const json::object& indicators = {}) {
  json::object data{{"report", report}, {"report_missing", missing}};
  if (!indicators.empty()) data["indicators"] = indicators;
  items.open(TaskRow{.kind = "annual-verdict",
                     .role = "provincial-officer",
                     .org = string_or(items.state(), "officer_org"),
                     .outcomes = {"excellent", "qualified", "rectify", "unqualified"},
                     .data = std::move(data)});
}

Result<StageOutcome> give_verdict(const StageContext& context, WorkItems items, const StageCommand& command) {
  const Result<TaskRow> task = items.sign(command);
  if (!task) return task.error();
  const std::int64_t year = int_or(items.state(), "year", 1);
  items.cancel_all();  // a report that was never filed
  StageOutcome out = items.finish();
  if (const json::object& granted = object_or_empty(context.application, "award"); !granted.empty()) {
    AwardRow award = award_from_json(granted);
    award.checks.push_back(json::object{
        {"year", year}, {"verdict", task->outcome}, {"date", format_day(day_in_shanghai(context.now))}});
    out.effects.emplace_back(SetFact{.key = "award", .value = to_json(award)});
    out.effects.emplace_back(std::move(award));
  }
  out.effects.emplace_back(CancelTimer{.name = "overdue"});
  out.events.push_back({.name = "done", .data = json::object{{"verdict", task->outcome}, {"year", year}}});
  return out;
}

}  // namespace

Result<StageOutcome> AnnualCheckStage::start(const StageContext& context, const json::object& params) const {
  const json::object& orgs = object_or_empty(context.application, "orgs");
  const json::value* given = params.if_contains("due");
  const json::value* fallback = object_or_empty(context.programme, "annual_check").if_contains("due");
  const json::value* due = given != nullptr && !given->is_null() ? given : fallback;
  TaskRow report{.kind = "annual-report",
                 .role = "applicant",
                 .org = string_or(params, "reporter_org", string_or(context.application, "org")),
                 .form = string_or(params, "form", "annual"),
                 .outcomes = {"report"}};
  WorkItems items(context, {{"officer_org", string_or(params, "officer_org", string_or(orgs, "province"))},
                            {"year", int_or(params, "year", 1)}});
  std::vector<StageEffect> effects;
  if (due != nullptr) {
    const Result<Due> at = resolve_due(context.view, context.now, *due);
    if (!at) return at.error();
    report.due = at->at;
    report.due_provisional = at->provisional;
    report.period = at->period;
    effects.emplace_back(SetTimer{.name = "overdue", .due = at->at, .period = at->period});
  }
  items.open(std::move(report));
  StageOutcome out = items.finish();
  out.effects.insert(out.effects.end(), effects.begin(), effects.end());
  return out;
}

Result<StageOutcome> AnnualCheckStage::command(const StageContext& context, const json::object& state,
                                               const StageCommand& command) const {
  WorkItems items(context, state);
  const Result<TaskRow> task = items.find(command.task_id);
  if (!task) return task.error();
  const bool verdict = task->kind == "annual-verdict";
  StageCommand kept = command;
  if (verdict && (command.name == "complete" || command.name == "save")) {
    Result<StageCommand> opinion = items.opinion_only(command);
    if (!opinion) return opinion.error();
    kept = std::move(*opinion);
  }
  if (command.name != "complete") {
    if (Result<> done = items.handle(kept); !done) return done.error();
    return items.finish();
  }
  if (verdict) return give_verdict(context, std::move(items), kept);
  const Result<TaskRow> report = items.sign(kept);
  if (!report) return report.error();
  // Filed late: the officer's task is open already and is replaced by one that shows the report.
  items.cancel_all();
  open_verdict(items, report->data, false, object_or_empty(command.data, "indicators"));
  StageOutcome out = items.finish();
  out.effects.emplace_back(CancelTimer{.name = "overdue"});
  return out;
}

Result<StageOutcome> AnnualCheckStage::timer(const StageContext& context, const json::object& state,
                                             std::string_view /*name*/) const {
  WorkItems items(context, state);
  open_verdict(items, json::object{}, true);
  StageOutcome out = items.finish();
  out.events.push_back({.name = "task.overdue." + context.invoke_id, .data = json::object{}});
  return out;
}

StageOutcome AnnualCheckStage::cancel(const StageContext& context, const json::object& state) const {
  WorkItems items(context, state);
  items.cancel_all();
  return items.finish();
}

}  // namespace chuyi
