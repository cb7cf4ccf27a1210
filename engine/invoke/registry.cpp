#include "engine/invoke/handler.h"

namespace chuyi {

bool Actor::has(std::string_view role, std::string_view org) const {
  for (const Membership& membership : memberships)
    if (membership.role == role && (org.empty() || membership.org == org)) return true;
  return false;
}

Result<StageOutcome> InvokeHandler::signal(const StageContext& context, const json::object& /*state*/, std::string_view event, const json::value& /*data*/) const {
  return Error{.kind = ErrorKind::rejected,
               .code = "stage.signal",
               .message = "Expected no event for invoke '" + context.invoke_id + "', but found '" + std::string{event} + "'"};
}

Result<StageOutcome> InvokeHandler::answer(const StageContext& /*context*/, const json::object& state, std::string_view /*hook*/, const json::object& /*answer*/) const {
  StageOutcome out;
  out.state = state;
  return out;
}

Result<> InvokeRegistry::add(std::string type, std::unique_ptr<InvokeHandler> handler) {
  const auto [place, added] = handlers_.try_emplace(std::move(type), std::move(handler));
  if (!added)
    return Error{.kind = ErrorKind::invalid,
                 .code = "registry.duplicate",
                 .message = "Expected one handler for invoke type '" + place->first + "', but there are two"};
  return {};
}

const InvokeHandler* InvokeRegistry::find(std::string_view type) const {
  const auto found = handlers_.find(type);
  return found == handlers_.end() ? nullptr : found->second.get();
}

std::vector<std::string> InvokeRegistry::types() const {
  std::vector<std::string> out;
  out.reserve(handlers_.size());
  for (const auto& [type, handler] : handlers_) out.push_back(type);
  return out;
}

}  // namespace chuyi
