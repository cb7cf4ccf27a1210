#pragma once

#include <string>
#include <vector>

#include "engine/invoke/handler.h"

namespace chuyi {

/// What a sign-off that takes places came to.
struct Places {
  bool reserve = false;   ///< recommended, but beyond the places of a ranked list
  std::int64_t rank = 0;  ///< in the ranked list, from 1; 0: no list
};

/// Takes a place of every rule that counts sign-offs `at` ("recommend", "select"), in the transaction of the sign-off: each
/// counter is held, so that two officers cannot take the last place together. What the application has already, it keeps.
///
/// @param task     the task that is signed.
/// @param reasons  rule id → why a soft rule is not kept.
/// Errors: `rejected` "quota.places" with every rule that stands in the way; `invalid` "rule.reason", "limit.keys";
/// `rejected` "rank.missing" for an application that is not on the list of a ranked rule.
Result<Places> take_places(const StageContext& context, const TaskRow& task, const std::string& at, const json::object& reasons,
                           std::vector<StageEffect>& effects);

/// The counters that take_places() would raise, in the order in which everybody holds them: for who takes the places of many
/// applications at once. Errors: `invalid` "limit.keys".
Result<std::vector<std::string>> places_counted(const StageContext& context, const TaskRow& task, const std::string& at);

}  // namespace chuyi
