#pragma once

#include "engine/runtime/review_facts.h"

/// The review of a whole round: its pool of experts, draws, assignments, results and the list that is decided on.
/// docs/experts.md and docs/review.md. What takes long is computed by prepare_review, outside the transaction, and
/// decide_review keeps it; every command holds the round's setup until it ends, so they come one after the other.
namespace chuyi {

bool is_review_command(const Command& command);
/// Whether something is computed for it first; then `data.prepared` is there afterwards.
bool prepares_review(const Command& command);

/// Computes what the command is about. Blocks; call it on a worker thread.
/// Errors: those of engine/review; `rejected` "review.setup", "review.sealed", "review.outdated", "review.decided", "review.state".
Result<Command> prepare_review(const Runtime& runtime, Command command);

/// Errors: `not_found` "round.unknown", "review.unknown", "expert.unknown"; `forbidden` "review.officer", "review.witness",
/// "task.separation", "expert.officer"; `rejected` "review.state", "review.drawn", "review.undecided", "review.unprepared"; `invalid`
/// "review.setup" and "expert.*" with every defect, "review.reason".
Result<Change> decide_review(const Runtime& runtime, View& view, const Command& command, Instant now);

/// Its parts.
Result<Change> decide_expert(View& view, const Command& command, Instant now);
Result<Change> decide_results(View& view, const Command& command, const SessionRow& round, Instant now);
Result<json::object> read_review_setup(const Runtime& runtime, const json::object& data, const RecordRow& round);
Result<json::object> prepare_results(const Runtime& runtime, const Command& command);

/// {"selected", "not_selected", "deviations"} over all programmes of a settled list: what round.decide takes.
json::object whole_list(const json::object& list);

/// Whether a round's decision says of each application what the settled list says, where there is one.
/// Errors: `rejected` "review.list" with each that differs.
Result<> check_settled_list(View& view, const std::string& round, const json::object& decision);

/// Somebody of the round's province may set up its review; somebody else of it supervises.
bool is_round_officer(const Actor& actor, const SessionRow& round);
bool is_round_supervisor(const Actor& actor, const SessionRow& round);

/// The reason that a command gives. Errors: `invalid` "review.reason".
Result<std::string> reason_of(const Command& command);
/// A row that goes on from `old`, if there is one.
RecordRow review_row(const char* kind, std::string id, std::string about, json::object data, Instant now, const std::optional<RecordRow>& old = {});
json::object who(const Actor& actor, Instant now);

/// The outbox entry of panels to be appointed: {"assignment", "after"}.
inline constexpr const char* kAppointEntry = "appoint";
/// Appoints the next panels of an assignment, each by the command of its own task, in the name of whoever confirmed it, and
/// keeps what became of each. One that is refused is told and stops no other; a crash goes on where it was.
Result<Reply> appoint_panels(CommandService& commands, Queries& queries, const OutboxRow& entry);

}  // namespace chuyi
