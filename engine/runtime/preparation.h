#pragma once

#include "engine/runtime/dispatcher.h"

namespace chuyi {

/// Whether the command may have work to do before its transaction; the task tells.
bool may_need_preparation(const Command& command);
/// Whether it has: there is a form to check or a bag to seal, and the actor may act on the task.
bool needs_preparation(const Command& command, const TaskRow& task);

/// Whether it moves an application to a version whose package says what becomes of its data (hook "migrate").
bool asks_package(const Runtime& runtime, const Command& command);

/// Whether a bag is sealed: not for a command that is only asked about.
enum class Sealing : std::uint8_t { done, left_out };

/// The work of a sign-off that must not run inside the transaction: the form's schema, its rules, the
/// package's own validation, and sealing the bag. Blocks; call it on a worker thread.
///
/// Of a migration: the package's own say, kept as "model" in the command.
///
/// @return the command with the exact task revision and definition that was checked or sealed, and "bundle" when one was sealed; the
///         command as it came when the actor may not act on the task. Errors: `not_found` "task.unknown"; `unavailable`
///         "definition.form_unknown"; `invalid` "form.invalid", "rule.broken", "plugin.refused" with every
///         failure (place = JSON pointer into the form); `unavailable` "plugin.*"; those of sealing.
Result<Command> prepare(const Runtime& runtime, Command command, Sealing sealing = Sealing::done);

}  // namespace chuyi
