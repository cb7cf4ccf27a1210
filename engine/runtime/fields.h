#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/errors.h"
#include "engine/base/json.h"
#include "engine/base/result.h"

/// Checks that every command about people and organisations shares.
namespace chuyi {

/// An id as people type it: 1–64 of [A-Za-z0-9._@-].
inline bool is_name(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '@';
  });
}

/// One line of 1–240 bytes.
inline bool is_text(std::string_view text) {
  return !text.empty() && text.size() <= 240 && is_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

inline bool is_one_of(const std::vector<std::string>& all, std::string_view one) { return std::find(all.begin(), all.end(), one) != all.end(); }

/// Gathers every field that is wrong.
class FieldChecks {
 public:
  void need(bool kept, std::string code, std::string place, std::string message, std::string message_zh, const std::vector<std::string>& allowed = {}) {
    if (kept) return;
    if (error_.details.empty()) error_ = invalid_field(code, place, message, message_zh, allowed);
    error_.details.push_back({.place = std::move(place), .code = std::move(code), .message = std::move(message), .message_zh = std::move(message_zh)});
  }
  /// The first one, with all in its details.
  Result<> done() const { return error_.details.empty() ? Result<>{} : Result<>{error_}; }

 private:
  Error error_;
};

}  // namespace chuyi
