#pragma once

#include "engine/invoke/handler.h"

namespace chuyi {

/// Expert review: named reviewers score a rubric; all must sign; the result is the mean.
///
/// Parameters: org (the organisation whose provincial officer appoints the panel), reviewers (list of
/// user ids: the panel is appointed at once; else a "panel-setup" task is opened), reviewers_min
/// (default: programme panel.reviewers_min, else 3), due (period or date).
/// The rubric is the programme's: {"criteria":[{"id","titles","weight"}]}; each score is 0 to the weight.
///
/// A reviewer with a conflict of interest (own organisation, signed another stage of the same application,
/// is the applicant, appointed this panel) is refused, at appointment and again at scoring. A reviewer who
/// recuses is replaced when too few are left; nobody who has a sheet appoints.
///
/// Events: done → {score: mean as decimal string with 2 places, sheets: number of sheets};
/// task.overdue.<invoke id> when `due` has passed before that.
/// Errors: `rejected` "panel.reviewers" with every objection, "panel.too_few"; `forbidden` "panel.conflict",
/// "task.separation"; `invalid` "form.sheet".
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
