#include "engine/stages/panel/sheets.h"

#include <algorithm>

#include "engine/base/statistics.h"
#include "engine/invoke/rows_json.h"

namespace chuyi::panel {
namespace {

bool diverges(const review::Rubric& rubric, const std::vector<Decimal>& totals) {
  if (!rubric.divergence || totals.size() < 2) return false;
  const auto [low, high] = std::minmax_element(totals.begin(), totals.end());
  if (rubric.divergence->range && *high - *low > *rubric.divergence->range) return true;
  if (!rubric.divergence->deviation) return false;
  Moments moments;
  for (const Decimal total : totals) moments.add(total);
  return moments.deviation(6) > *rubric.divergence->deviation;
}

}  // namespace

Result<review::Rubric> rubric_of(const StageContext& context) {
  if (!context.programme.contains("rubric")) return review::Rubric{};
  return review::read_rubric(object_or_empty(context.programme, "rubric"));
}

std::vector<TaskRow> sheets_of(const json::object& state) {
  std::vector<TaskRow> out;
  for (const auto& member : object_or_empty(state, "tasks"))
    if (TaskRow task = task_from_json(member.value().get_object()); task.kind == "sheet") out.push_back(std::move(task));
  return out;
}

std::vector<TaskRow> counting_sheets(const json::object& state) {
  std::vector<TaskRow> sheets = sheets_of(state);
  std::set<std::string> recused, corrected;
  for (const TaskRow& sheet : sheets) {
    if (sheet.outcome == "recuse") recused.insert(sheet.user);
    if (sheet.outcome == "sign") corrected.insert(string_or(object_or_empty(object_or_empty(state, "corrections"), sheet.id), "of"));
  }
  std::erase_if(sheets, [&](const TaskRow& sheet) {
    return sheet.status != "done" || sheet.outcome != "sign" || recused.contains(sheet.user) || corrected.contains(sheet.id);
  });
  return sheets;
}

std::set<std::string> known_reviewers(const json::object& state) {
  std::set<std::string> out;
  for (const TaskRow& sheet : sheets_of(state)) out.insert(sheet.user);
  return out;
}

std::int64_t live_reviewers(const json::object& state) {
  std::set<std::string> live, recused;
  for (const TaskRow& sheet : sheets_of(state)) {
    if (sheet.outcome == "recuse") recused.insert(sheet.user);
    if (sheet.status != "cancelled") live.insert(sheet.user);
  }
  std::erase_if(live, [&](const std::string& user) { return recused.contains(user); });
  return static_cast<std::int64_t>(live.size());
}

std::int64_t panel_needed(const json::object& state) { return std::max(int_or(object_or_empty(state, "params"), "reviewers_min", 3), int_or(state, "needed", 1)); }

std::int64_t sheets_needed(const StageContext& context, const json::object& state) {
  if (bool_or(state, "no_result", false)) return panel_needed(state);
  const Result<review::Rubric> rubric = rubric_of(context);
  return std::max(panel_needed(state), rubric ? rubric->sheets_min() : 1);
}

Result<review::SheetTotal> total_of(const review::Rubric& rubric, const json::object& state, const json::object& data) {
  return review::total_of(rubric, string_or(object_or_empty(state, "params"), "unit"), data);
}

json::object with_correction(const json::object& state, const std::string& sheet, json::object data) {
  const json::object& correction = object_or_empty(object_or_empty(state, "corrections"), sheet);
  data.erase("corrects");
  data.erase("reason");
  if (correction.empty()) return data;
  data["corrects"] = correction.at("of");
  data["reason"] = correction.at("reason");
  return data;
}

Result<PanelResult> result_of(const review::Rubric& rubric, const json::object& state) {
  PanelResult out;
  std::vector<Decimal> totals;
  std::int64_t vetoed = 0;
  for (const TaskRow& task : counting_sheets(state)) {
    const Result<review::SheetTotal> total = total_of(rubric, state, task.data);
    if (!total) return total.error();
    totals.push_back(total->total);
    json::object sheet{{"scores", object_or_empty(task.data, "scores")}, {"total", total->total.to_string(review::kScorePlaces)}};
    if (!total->vetoes.empty()) {
      ++vetoed;
      sheet["vetoes"] = object_or_empty(task.data, "vetoes");
    }
    out.sheets.push_back(std::move(sheet));
  }
  out.diverges = diverges(rubric, totals);
  const review::Combined result = review::combined(rubric, std::move(totals));
  if (!result.value && bool_or(state, "no_result", false)) return out;
  if (!result.value)
    return Error{.kind = ErrorKind::rejected,
                 .code = "panel.too_few",
                 .message = "Expected at least " + std::to_string(rubric.sheets_min()) + " signed sheets",
                 .message_zh = "至少需要" + std::to_string(rubric.sheets_min()) + "份已签署的评分表"};
  out.score = result.value->to_string(rubric.places);
  out.vetoed = vetoed >= rubric.veto_sheets_min;
  return out;
}

}  // namespace chuyi::panel
