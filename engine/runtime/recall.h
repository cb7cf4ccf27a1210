#pragma once

#include <map>
#include <memory>
#include <string>

#include "engine/ports/store.h"
#include "engine/runtime/command.h"
#include "engine/runtime/dispatcher.h"
#include "engine/runtime/session_document.h"

namespace chuyi {

/// To take back one's own last action (撤回): the session goes back to what it was before it, as one more command. It can
/// be done as long as nobody and no timer has acted on the application since, and nothing that the action did has left
/// the house:
///
/// - a sign-off, a return, an assignment or an added signer of an ordinary task ("task", "cosign"); what an expert has
///   signed, an annual verdict or the settling of an objection stands;
/// - not when it opened or closed a notice, granted, completed or revoked an award: that was public at once;
/// - not when an event to another session, a message or a call to a package's code has been delivered, or may have been;
/// - not when others have since acted on what it shares with them. Places and ranked lists go back by what it took or gave,
///   beside what others have done; but not when a place that it freed is taken, or one has moved up;
/// - not a submission that could not be made again, the round's deadline having passed.
///
/// Tasks that it opened are cancelled, those that it closed are open again; timers run as before; what was to be told and
/// has not been is not, and of what has been told a notice says that it was taken back. Sealed bags and the
/// revisions that they are stay in the store, as withdrawn; the next submission is the next revision.

/// What preparation found out by replaying the journal; pinned by the session's revision.
struct PreparedRecall {
  std::uint64_t revision = 0;  ///< of the session, after the action
  std::int64_t of = 0;         ///< seq of the action's record
  SessionRow former;           ///< before the action
  SessionDocument former_document;
  SessionDocument document;    ///< after it
  std::map<std::string, TimerRow> former_timers;  ///< that ran before it
  Change change;               ///< what the action wrote
  json::object reads;          ///< what it read
};

inline bool is_recall(const Command& command) { return command.kind == "task.recall"; }

/// Outside the transaction. Errors: `rejected` "recall.acted", "recall.kind", "recall.left"; those of replay().
Result<Command> prepare_recall(const Runtime& runtime, Command command);

/// Inside it. Errors: `rejected` "recall.acted", "recall.sent", "recall.shared", "recall.places", "recall.moved_up",
/// "recall.letter", "round.late".
Result<Change> decide_recall(const Runtime& runtime, View& view, const Command& command, Instant now);

/// The document that an application goes back to; the same live and in a replay.
/// @param revisions    of the tasks that are put back: id → revision.
/// @param submissions  how many there were, with the one that is taken back; 0: none is.
SessionDocument recalled(SessionDocument former, const SessionDocument& after, const json::object& revisions, std::int64_t submissions);

}  // namespace chuyi
