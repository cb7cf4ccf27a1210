#pragma once

#include "engine/invoke/handler.h"

namespace chuyi {

/// Expert review: named reviewers score a rubric; all must sign; the result is what the rubric makes of their totals.
///
/// Parameters: org (the organisation whose provincial officer appoints the panel), reviewers (list of
/// user ids: the panel is appointed at once; else a "panel-setup" task is opened), reviewers_min
/// (default: programme panel.reviewers_min, else 3), due (period or date), unit (the kind of applicant, where the
/// rubric has weights for each kind).
/// The rubric is the programme's (engine/review/rubric.h). Where it gives no result of fewer sheets (trimmed mean with
/// too_few refuse or add-reviewer), that many reviewers are needed, and another is appointed for one who recuses.
///
/// A reviewer with a conflict of interest (own organisation, signed another stage of the same application,
/// is the applicant, appointed this panel) is refused, at appointment and again at scoring. A reviewer who
/// recuses is replaced when too few are left; nobody who has a sheet appoints.
///
/// Events: done → {score: decimal string with the rubric's places, sheets: [{scores, total}] with the vetoes of those
/// that have some; vetoed: bool, where a veto puts the application out};
/// task.overdue.<invoke id> when `due` has passed before that.
/// Errors: `rejected` "panel.reviewers" with every objection, "panel.too_few"; `forbidden` "panel.conflict",
/// "task.separation"; `invalid` "form.sheet", "rubric.unit", "rubric.invalid".
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
