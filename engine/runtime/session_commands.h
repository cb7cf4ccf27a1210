#pragma once

#include "engine/base/calendar.h"
#include "engine/ports/definition.h"
#include "engine/ports/store.h"
#include "engine/runtime/command.h"
#include "engine/runtime/dispatcher.h"
#include "engine/runtime/session_run.h"

namespace chuyi {

/// Commands to one application: application.*, task.*, document.*, objection.file, timer.fire, session.deliver.
bool is_session_command(const Command& command);

/// Decides a session command inside its transaction: load, run, collect.
/// Errors: `not_found` "application.unknown", "task.unknown", "notice.unknown"; `precondition`
/// "precondition.failed"; those of SessionRun.
Result<Change> decide_session(const Runtime& runtime, View& view, const Command& command, Instant now);

/// Runs a command on a session that stands as given: what live commands and replay share.
/// @return the reply body for the actor.
Result<json::object> run_command(SessionRun& run, const Command& command);

/// Reads a journal record back into the command that made it.
Command command_of_record(const json::object& record);

}  // namespace chuyi
