#pragma once

#include <string>
#include <vector>

#include "engine/ports/definition.h"
#include "engine/ports/store.h"
#include "engine/runtime/command.h"
#include "engine/runtime/dispatcher.h"
#include "engine/runtime/session_document.h"

/// Rounds (批次): a session of a package of kind "round", and the parent of its applications. What it is set up with is a
/// record of kind "round" under its id; where it stands is its session. docs/rounds.md.
namespace chuyi {

/// The kind of session, and of the record with its parameters.
inline constexpr const char* kRoundKind = "round";
/// The kind of record with a round's decision; its id is the round's.
inline constexpr const char* kRoundDecisionKind = "round-decision";
/// What the sessions of rounds are called, before the id that people gave. No round of a manifest begins so.
inline constexpr std::string_view kRoundPrefix = "r-";

inline bool is_round_session(std::string_view round) { return round.starts_with(kRoundPrefix); }

/// A moment that a call names, in Asia/Shanghai: "2026-05-15", "2026-05-15T17:30" or "2026-05-15T17:30:00", also with "+08:00".
/// @return the first instant of its second; of a day alone the first of the day, or of its last second when `ends`.
///         Errors: `invalid` "round.time".
Result<Instant> parse_call_time(std::string_view text, bool ends);

struct NewRound {
  SessionRow row;
  json::object facts;  ///< `application` of its chart
  json::object round;  ///< `round` of its chart
  RecordRow record;
};
/// A round as a provincial officer sets it up: {id, title, programmes, parameters}.
/// Errors: `invalid` "round.setup" with every defect in its details, each with its place; `rejected` "round.exists".
Result<NewRound> new_round(const Runtime& runtime, View& view, const Command& command, const Definition& definition, Instant now);

/// An event of a round that a command becomes, and the records that go with it.
struct RoundEvent {
  json::object data;  ///< {"event","data"}
  std::vector<RecordRow> records;
  std::vector<std::pair<std::string, std::int64_t>> series = {};
};
/// round.extend {deadline, reason}, round.decide {selected, not_selected, deviations, reasons?}. The decision takes the places
/// of the rules that count selections; `reasons`, by rule, say why a soft one is not kept.
/// Errors: `forbidden` "round.officer"; `rejected` "round.late", "round.extension", "round.unfinished", "round.cover",
/// "round.planned", "quota.places" with each application and rule that stands in the way; `invalid` "rule.reason"; `forbidden`
/// "task.separation".
Result<RoundEvent> round_event(const Runtime& runtime, View& view, const Command& command, const SessionRow& round, Instant now);

/// In reserve: the state hears the round's refusal and not its selection. Nothing of its review is waited for, and the decision ends it.
bool is_in_reserve(const Definition& definition, const std::string& state);

/// What an application gets from its round.
struct RoundEntry {
  json::object round;  ///< `round` of its chart
  std::int64_t planned = 0;  ///< awards of its programme at most; 0: no limit
};
/// Whether the round takes an application of the programme now. Holds the round against change until the command ends.
/// @param orgs  the applicant's organisation and those above it.
/// Errors: `rejected` "round.unknown", "round.not_open", "round.late", "round.programme", "round.province".
Result<RoundEntry> enter_round(View& view, const std::string& round, const std::string& programme, const std::vector<std::string>& orgs, Instant now);

/// Whether what seals an application may still be signed: until the round's deadline, and after a return with a deadline of
/// its own until that. Holds the round against change. Errors: `rejected` "round.late".
Result<> check_submission(View& view, const TaskRow& task, const SessionRow& session, const SessionDocument& document, Instant now);

/// Whether what a sign-off gives back can be handed in again: after the round's deadline only with a deadline of its own.
/// @param change  what the sign-off, or taking it back, writes. Errors: `rejected` "round.late" with the outcomes that are left.
Result<> check_return(View& view, const Command& command, const Change& change, Instant now);

}  // namespace chuyi
