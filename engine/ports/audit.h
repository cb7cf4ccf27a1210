#pragma once

#include <cstdint>
#include <functional>

#include "engine/ports/queries.h"

namespace chuyi {

struct AuditHead {
  std::int64_t count = 0;
  std::string hash;  ///< of the last record; kAuditGenesis when there is none
};

using FetchArchived = std::function<Result<std::string>(const AuditRow& row, const std::string& bag)>;

/// Reads the whole audit log and checks it: sequence numbers 1, 2, 3 … without a gap, each record in its
/// canonical form and naming its own row, each hash the link over the one before, and the end where the
/// store says it is (which finds a cut tail; somebody who rewrites everything is found only by a head
/// that was published elsewhere).
///
/// @param progress  called with the number of records checked so far, now and then.
/// @param archived  fetches the record of a row from the bag that the row names; none: such a row is broken.
/// @return the head. Errors: `invalid` "audit.broken", place = "audit:SEQ"; those of `archived`.
Result<AuditHead> verify_audit(Queries& queries, const std::function<void(std::int64_t)>& progress = {}, const FetchArchived& archived = {});

/// Settings keys under which a store keeps the head.
inline constexpr std::string_view kAuditCountSetting = "audit_count";
inline constexpr std::string_view kAuditHashSetting = "audit_hash";

}  // namespace chuyi
