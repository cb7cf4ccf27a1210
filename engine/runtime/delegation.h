#pragma once

#include <string>
#include <vector>

#include "engine/invoke/handler.h"
#include "engine/ports/queries.h"
#include "engine/ports/store.h"
#include "engine/runtime/command.h"

namespace chuyi {

/// Delegation for a period (出差代办): a record about the deputy, {"from","to","role","org","since","until","reason",
/// "made_by","ended"?}; no role and org: all that the principal holds. Days, each inclusive (Asia/Shanghai).
///
/// Only what the principal holds is handed over, never what others have handed to the principal, and neither the work
/// of an expert nor that of an administrator.
inline constexpr const char* kDelegation = "delegation";

/// Whether it holds at `now`.
bool is_in_force(const RecordRow& delegation, Instant now);
/// What of `held` the delegation hands over.
std::vector<Membership> handed_over(const RecordRow& delegation, const std::vector<Membership>& held);

/// The principal with the rights that `deputy` has of them now. The delegation is held until the command ends.
/// Errors: `forbidden` "delegation.none".
Result<Actor> principal_of(StageView& view, const Actor& deputy, const std::string& principal, Instant now);

/// The same outside a transaction, as far as can be told there.
Result<Actor> principal_of(Queries& queries, const Actor& deputy, const std::string& principal, Instant now);
/// All that hold now about this deputy.
Result<std::vector<RecordRow>> delegated_to(Queries& queries, const std::string& deputy, Instant now);

/// delegation.put {id, from, to, role?, org?, since, until, reason} and delegation.end {id, reason}, by the principal or an administrator;
/// delegation.move {id, from, to}: what a leaving person has delegated or been delegated goes to another, by an administrator.
/// Errors: `forbidden` "delegation.forbidden"; `not_found` "delegation.unknown"; `rejected` "delegation.deputy",
/// "delegation.nothing", "delegation.circle", "delegation.period", "delegation.ended".
Result<Change> decide_delegation(View& view, const Command& command, Instant now);

}  // namespace chuyi
