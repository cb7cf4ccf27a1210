#pragma once

#include <functional>
#include <string>

#include "engine/base/result.h"

namespace chuyi {

/// A message of the Basic HTTP event I/O processor to another system (SCXML C.2).
struct OutgoingMessage {
  std::string id;  ///< the same each time it is tried: lets the receiver drop a repeat
  std::string target;  ///< URL
  std::string media_type;
  std::string body;
};

/// Posts messages to where the administrator allows.
class MessageSender {
 public:
  virtual ~MessageSender() = default;
  /// `done` is called once, on any thread. Errors: `unavailable` "http_event.unreachable": worth another try;
  /// `forbidden` "http_event.denied", `rejected` "http_event.refused": not.
  virtual void post(OutgoingMessage message, std::function<void(Result<>)> done) = 0;
};

}  // namespace chuyi
