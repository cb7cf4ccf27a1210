#pragma once

#include "engine/invoke/handler.h"

namespace chuyi {

/// Grants an award, or ends one.
///
/// Parameters: action ("grant", the default; "revoke"; "complete").
/// grant: takes the next number of the programme's scheme, within the quota of programme and round, and
/// enters the award into the public register. Fails with `rejected` "award.quota" when the quota is used up.
/// revoke, complete: changes the status of the entry.
///
/// Event: done → {number, award_date, ends, status}.
class AwardStage final : public InvokeHandler {
 public:
  Result<StageOutcome> start(const StageContext& context, const json::object& params) const override;
  Result<StageOutcome> command(const StageContext& context, const json::object& state,
                               const StageCommand& command) const override;
  Result<StageOutcome> timer(const StageContext& context, const json::object& state,
                             std::string_view name) const override;
  StageOutcome cancel(const StageContext& context, const json::object& state) const override;
};

}  // namespace chuyi
