#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "engine/base/json.h"
#include "engine/base/result.h"

namespace chuyi {

struct SeasonOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string admin_password;  ///< of the user "admin"
  std::string people_password;  ///< given to everybody else
  json::object names;          ///< workflows/data/demo/season.json
  std::uint64_t seed = 1;
  /// Called after each step: what is being done (zh, en) and how far it is.
  std::function<void(const std::string& zh, const std::string& en, std::size_t done, std::size_t all)> progress;
};

/// Plays one season of both programmes through the HTTP interface, on the server's manual clock, which stands at
/// 2026-03-02 09:00 or before: bureaus, 20
/// colleges, 10 reviewers, 40 applications; some returned, declined, withdrawn, objected to; two annual
/// checks, one award revoked at the second. The same seed plays the same season.
/// @return counts: {"applications","awards","declined","withdrawn","revoked","objections","in_force"}.
/// Errors: the first answer that is not the expected one, as `invalid` "demo.answer".
Result<json::object> play_season(const SeasonOptions& options);

}  // namespace chuyi
