#include "server/simulate/desk.h"

#include <atomic>

namespace chuyi::simulate {

Standing standing_of(const json::object& reply) {
  const json::object& session = object_or_empty(reply, reply.contains("round") ? "round" : "application");
  return {.application = string_or(session, "id"), .status = string_or(session, "status"), .state = string_or(session, "state")};
}

std::function<std::string()> counted_ids() {
  constexpr int kFirst = 1'000'000;  // all of one length, so that they sort as they were made
  return [next = std::make_shared<std::atomic<int>>(kFirst)] { return "application" + std::to_string((*next)++); };
}

}  // namespace chuyi::simulate
