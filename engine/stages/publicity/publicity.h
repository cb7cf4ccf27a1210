#pragma once

#include "engine/invoke/handler.h"

namespace chuyi {

/// Publicity (公示): a public notice for a period, with real-name objections that must all be settled.
///
/// Parameters: period (default: programme publicity), fields (names of facts or form fields shown; default:
/// programme publicity.fields), org (whose provincial officer settles objections),
/// needs_opinion (the outcomes of an objection, "uphold" or "dismiss", that are not taken without an opinion).
///
/// At most programme publicity.objections_max (default 200) objections may wait at a time: `rejected` "objection.limit".
///
/// Event: done → {upheld, dismissed}, when the period is over and no objection is open.
/// Commands: object {notice, objector, contact, reason}; claim, release, save, complete of "objection" tasks.
class PublicityStage final : public InvokeHandler {
 public:
  Result<StageOutcome> start(const StageContext& context, const json::object& params) const override;
  Result<StageOutcome> command(const StageContext& context, const json::object& state,
                               const StageCommand& command) const override;
  Result<StageOutcome> timer(const StageContext& context, const json::object& state,
                             std::string_view name) const override;
  StageOutcome cancel(const StageContext& context, const json::object& state) const override;
};

}  // namespace chuyi
