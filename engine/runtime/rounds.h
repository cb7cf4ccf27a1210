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
};
/// round.extend {deadline, reason}, round.decide {selected, not_selected, deviations}.
/// Errors: `forbidden` "round.officer"; `rejected` "round.late", "round.extension", "round.unfinished", "round.cover",
/// "round.planned"; `forbidden` "task.separation".
Result<RoundEvent> round_event(const Runtime& runtime, View& view, const Command& command, const SessionRow& round, Instant now);

/// What an application gets from its round.
struct RoundEntry {
  json::object round;  ///< `round` of its chart
  std::int64_t planned = 0;  ///< awards of its programme at most; 0: no limit
};
/// Whether the round takes an application of the programme now. Holds the round until the command ends.
/// @param orgs  the applicant's organisation and those above it.
/// Errors: `rejected` "round.unknown", "round.not_open", "round.late", "round.programme", "round.province".
Result<RoundEntry> enter_round(View& view, const std::string& round, const std::string& programme, const std::vector<std::string>& orgs, Instant now);

/// Whether what seals an application may still be signed: the first submission until the round's deadline, a later one until
/// its own. Holds the round. Errors: `rejected` "round.late".
Result<> check_submission(View& view, const TaskRow& task, const SessionRow& session, const SessionDocument& document, Instant now);

}  // namespace chuyi
