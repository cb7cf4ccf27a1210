#pragma once

#include "engine/invoke/handler.h"

namespace chuyi {

/// Expert review: named reviewers score a rubric; all must sign; the result is what the rubric makes of their totals.
///
/// Parameters: org (the organisation whose provincial officer appoints the panel), reviewers (list of
/// user ids: the panel is appointed at once; else a "panel-setup" task is opened), reviewers_min
/// (default: programme panel.reviewers_min, else 3), due (period or date), unit (the kind of applicant, where the
/// rubric has weights for each kind), opening ("none"; "two": the sheets stay sealed until a provincial officer and a
/// discipline supervisor of `org`, two different people, have each signed a "panel-opening"; default: programme panel.opening).
/// The rubric is the programme's (engine/review/rubric.h). Where it gives no result of fewer sheets, that many reviewers are
/// needed: another is appointed for one who recuses (too_few add-reviewer), or the officer closes without a result (refuse).
/// Sheets that diverge by the rubric's limits call, once, for another reviewer or for a "panel-discussion" with a record.
///
/// A reviewer with a conflict of interest (conflict.h) is refused, at appointment and again at scoring. A reviewer who
/// recuses is replaced when too few are left; nobody who has a sheet appoints, opens or records a discussion.
/// A signed sheet never changes: the command "correct" ({reason}) opens another for its reviewer, as long as the panel has not
/// closed; the newest signed one counts, and an opening that had begun starts again.
/// Once reopened (reopening.h), it starts with the sheets it had, and a "panel-setup" that may also close.
///
/// Events: done → {score: decimal string with the rubric's places, sheets: [{scores, total}] with the vetoes of those
/// that have some; vetoed: bool, where a veto puts the application out; too_few: true with an empty score};
/// task.overdue.<invoke id> when `due` has passed before that.
/// Errors: `rejected` "panel.reviewers" with every objection, "panel.too_few", "panel.correction"; `forbidden`
/// "panel.conflict", "task.separation"; `invalid` "form.sheet", "form.required", "panel.params", "rubric.unit", "rubric.invalid".
class PanelStage final : public InvokeHandler {
 public:
  Result<StageOutcome> start(const StageContext& context, const json::object& params) const override;
  Result<StageOutcome> command(const StageContext& context, const json::object& state,
                               const StageCommand& command) const override;
  Result<StageOutcome> timer(const StageContext& context, const json::object& state,
                             std::string_view name) const override;
  StageOutcome cancel(const StageContext& context, const json::object& state) const override;
};

}  // namespace chuyi
