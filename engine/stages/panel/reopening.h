#pragma once

#include "engine/invoke/handler.h"

namespace chuyi {

/// Whether a closed panel is scored again: a provincial officer and a discipline supervisor, two different people, each say so with
/// a reason. The chart holds it where nothing has been decided since the panel closed, and goes back to the panel's state on
/// "reopen": the panel then goes on with its sheets, sealed again.
///
/// Parameters: panel (the invoke id of the panel), org.
/// Events: done → {outcome: "reopen" | "refuse", reason}.
/// Errors: `invalid` "panel.params" where that panel has not closed, "form.required" without a reason; `forbidden`
/// "task.separation".
class PanelReopeningStage final : public InvokeHandler {
 public:
  Result<StageOutcome> start(const StageContext& context, const json::object& params) const override;
  Result<StageOutcome> command(const StageContext& context, const json::object& state, const StageCommand& command) const override;
  Result<StageOutcome> timer(const StageContext& context, const json::object& state, std::string_view name) const override;
  StageOutcome cancel(const StageContext& context, const json::object& state) const override;
};

}  // namespace chuyi
