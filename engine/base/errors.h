#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/base/result.h"

/// The refusals that commands, stages and routes give: one way to build each.
namespace chuyi {

/// Malformed: a field that never is taken so.
inline Error invalid_field(std::string code, std::string place, std::string message, std::string message_zh, std::vector<std::string> allowed = {}) {
  return Error{.kind = ErrorKind::invalid,
               .code = std::move(code),
               .message = std::move(message),
               .place = std::move(place),
               .message_zh = std::move(message_zh),
               .details = {},
               .allowed = std::move(allowed)};
}

/// Well-formed, but refused in this state.
inline Error rejection(std::string code, std::string message, std::string message_zh, std::string place = {}, std::vector<std::string> allowed = {}) {
  return Error{.kind = ErrorKind::rejected,
               .code = std::move(code),
               .message = std::move(message),
               .place = std::move(place),
               .message_zh = std::move(message_zh),
               .details = {},
               .allowed = std::move(allowed)};
}

/// Not for this person to do.
inline Error forbidden(std::string code, std::string message, std::string message_zh, std::string place = {}) {
  return Error{.kind = ErrorKind::forbidden, .code = std::move(code), .message = std::move(message), .place = std::move(place), .message_zh = std::move(message_zh)};
}

inline Error not_found(std::string code, std::string message, std::string message_zh) {
  return Error{.kind = ErrorKind::not_found, .code = std::move(code), .message = std::move(message), .message_zh = std::move(message_zh)};
}

}  // namespace chuyi
