#pragma once

#include "engine/ports/store.h"
#include "engine/runtime/command.h"
#include "engine/runtime/dispatcher.h"

namespace chuyi {

/// Commands about quotas and ranked lists: they change no session.
///
/// limit.put          {round, rules}: the rules of a round; one of the same id takes the place of that of the installation. A
///                    rule that the round had and that is not among them ends.
/// exception.ask      {application, rules, reason}: an over-quota place; by an officer of the application
/// exception.decide   {application, outcome: "grant"|"refuse", reason}: by a provincial officer who neither asked nor applies
/// rank.put           {programme, round, org, order}: the ranked list of a recommending organisation; its If-Match is if_revision
/// rank.letter        {programme, round, org, number, truthful}: the recommendation letter; the list does not change any more
bool is_nomination_command(const Command& command);

/// Errors: `forbidden` "task.not_yours", "task.separation"; `invalid` "limit.*", "rank.*", "exception.*"; `rejected`
/// "rank.sealed", "rank.letter", "exception.decided"; `precondition` "precondition.failed".
Result<Change> decide_nomination(const Runtime& runtime, View& view, const Command& command, Instant now);

}  // namespace chuyi
