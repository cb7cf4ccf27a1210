#pragma once

#include "engine/invoke/handler.h"

namespace chuyi {

/// One annual check (年度考核): a report by the college, then an officer's verdict.
///
/// Parameters: form (default "annual"), year (1, 2, …), due (default: programme annual_check.due),
/// reporter_org, officer_org.
/// A report that is not filed in time raises task.overdue.<invoke id> and lets the officer decide without it.
///
/// Event: done → {verdict: "excellent"|"qualified"|"rectify"|"unqualified", year}.
class AnnualCheckStage final : public InvokeHandler {
 public:
  Result<StageOutcome> start(const StageContext& context, const json::object& params) const override;
  Result<StageOutcome> command(const StageContext& context, const json::object& state,
                               const StageCommand& command) const override;
  Result<StageOutcome> timer(const StageContext& context, const json::object& state,
                             std::string_view name) const override;
  StageOutcome cancel(const StageContext& context, const json::object& state) const override;
};

}  // namespace chuyi
