#pragma once

#include "engine/invoke/handler.h"

namespace chuyi {

/// A package's own code as a step. Of type "plugin": one question to hook "score" or "number" (parameter `hook`, with
/// `input`), whose answer is the data of done. Of a type that the package declares (manifest: invokes): hook "handle"
/// with action start, signal (an event sent to #_ID), and cancel; it keeps a state and answers with the events "done",
/// which ends it, or those that it declares.
///
/// The code is asked after the transaction, through the outbox. What goes wrong there is error.plugin, with
/// _event.data {code, message}.
///
/// @see  plugins/sdk/chuyi_plugin.h for what is asked and answered.
class PluginStage final : public InvokeHandler {
 public:
  Result<StageOutcome> start(const StageContext& context, const json::object& params) const override;
  Result<StageOutcome> command(const StageContext& context, const json::object& state, const StageCommand& command) const override;
  Result<StageOutcome> timer(const StageContext& context, const json::object& state, std::string_view name) const override;
  Result<StageOutcome> signal(const StageContext& context, const json::object& state, std::string_view event, const json::value& data) const override;
  Result<StageOutcome> answer(const StageContext& context, const json::object& state, std::string_view hook, const json::object& answer) const override;
  StageOutcome cancel(const StageContext& context, const json::object& state) const override;
};

}  // namespace chuyi
