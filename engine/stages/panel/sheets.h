#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/invoke/handler.h"
#include "engine/review/rubric.h"

/// The sheets (评分表) of a panel, as its state has them under "tasks". A signed one never changes: a correction is a sheet of
/// its own that names the one before, state "corrections": id → {"of", "reason"}.
namespace chuyi::panel {

/// A programme without a rubric has nothing to score: its sheets come to 0.
Result<review::Rubric> rubric_of(const StageContext& context);

std::vector<TaskRow> sheets_of(const json::object& state);
/// Signed and not corrected since, by people who have not recused: what the result is made of.
std::vector<TaskRow> counting_sheets(const json::object& state);
/// Everybody who has or had a sheet of this panel.
std::set<std::string> known_reviewers(const json::object& state);
/// Reviewers who count: have signed, or still have to.
std::int64_t live_reviewers(const json::object& state);
/// Sheets that this panel needs whatever its rubric says: as many as it was started for, and one more once they diverged.
std::int64_t panel_needed(const json::object& state);
/// Those, and as many as its rubric gives a result of, unless an officer has closed it without one (state "no_result").
std::int64_t sheets_needed(const StageContext& context, const json::object& state);

/// @param data  of a sheet; the total is computed from its scores.
Result<review::SheetTotal> total_of(const review::Rubric& rubric, const json::object& state, const json::object& data);
/// `data` with what a correction has to say, whatever the client sent; unchanged for a first sheet.
json::object with_correction(const json::object& state, const std::string& sheet, json::object data);

struct PanelResult {
  std::string score;   ///< empty: closed without a result
  json::array sheets;  ///< {scores, total}, and the vetoes of those that have some
  bool vetoed = false;
  bool diverges = false;  ///< by range or deviation of the totals, past the rubric's limits
};
/// From the scores of the sheets that count: no total that stands in a sheet is trusted.
/// Errors: `rejected` "panel.too_few".
Result<PanelResult> result_of(const review::Rubric& rubric, const json::object& state);

}  // namespace chuyi::panel
