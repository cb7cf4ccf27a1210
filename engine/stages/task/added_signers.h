#pragma once

#include "engine/invoke/work_items.h"

/// Signers that whoever holds a task adds (加签): before the sign-off, which waits for them, or after it, and then what
/// the task answers waits. They are held to the same rules as the one who signs.
namespace chuyi {

/// Kind of an added signer's task.
inline constexpr const char* kCosign = "cosign";
/// Outcome of a task that was sent back.
inline constexpr const char* kReturned = "return_to";

/// {user, when: "before" | "after", reason}. Errors: those of WorkItems::find_for; `rejected` "signer.when",
/// "signer.user", "signer.twice", "signer.count"; `forbidden` "task.separation".
Result<StageOutcome> add_signer(const StageContext& context, WorkItems items, const StageCommand& command);
/// Whether the task may be signed now, by these people. Errors: `rejected` "task.waiting" with each who is to sign
/// first; `forbidden` "task.separation".
Result<> check_signers_before(const WorkItems& items, const StageCommand& command);
/// Opens the tasks of those who sign after `task`. @return whether there are any: then `done` is kept until they have.
bool hold_for_signers_after(WorkItems& items, const TaskRow& task, json::object& done);
/// An added signer's own sign-off. Who signs after and does not agree has the task come back to its office.
Result<StageOutcome> sign_as_added(WorkItems items, const StageCommand& command);

}  // namespace chuyi
