#pragma once

#include "engine/runtime/dispatcher.h"

namespace chuyi {

/// Decides commands about the installation: organisation.put, user.put, login, logout, package.put,
/// clock.advance, outbox.done, pump.defer, migration.begin, migration.undo.
/// Errors: `invalid` "command.unknown", "user.*", "organisation.*"; `rejected` "pump.gone".
Result<Change> decide_system(const Runtime& runtime, View& view, const Command& command, Instant now);

}  // namespace chuyi
