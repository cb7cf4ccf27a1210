#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "engine/invoke/handler.h"
#include "engine/ports/definition.h"
#include "engine/ports/queries.h"
#include "engine/runtime/session_run.h"

namespace chuyi {

/// One value of a data model that is not what it was. null: it was not there, or is there no more.
struct DataChange {
  std::string path;  ///< JSON pointer
  json::value before;
  json::value after;
};
/// What differs, deepest first where both are objects or both arrays, in the order of the paths.
std::vector<DataChange> data_changes(const json::object& before, const json::object& after);

/// One command of a session as it runs again.
struct ReplayedCommand {
  std::int64_t seq = 0;
  json::object record;                     ///< the journal record
  DefinitionPtr definition;                ///< that the session has after the command
  std::vector<Happened> happened;          ///< what the chart took, in order; empty for a migration
  SessionRow row;                          ///< after the command
  SessionDocument document;                ///< after the command
  Change change;                           ///< the rows that it wrote; of a migration none, of a recall its timers
  std::vector<DataChange> changes;         ///< of the data model
  bool agrees = true;                      ///< the document's digest equals the journalled one
};

struct ReplayReport {
  std::size_t commands = 0;
  std::string document;  ///< the rebuilt document
  bool identical = false;  ///< byte for byte the stored one
  std::int64_t first_difference = 0;  ///< seq of the first command whose document differs; 0: none
};

/// Runs a session's journal again from the start, on the definitions that it had (a migration changes it, an undone one
/// changes it back), and compares the result with what is stored.
///
/// @param until  stop after the command with this seq; 0: all.
/// @param each   called for each command, in order.
/// Errors: `not_found` "application.unknown", "definition.unknown"; `rejected` "application.archived"; those of a command that fails now.
Result<ReplayReport> replay(Queries& queries, const Definitions& definitions, const InvokeRegistry& registry,
                            std::string_view session_id, std::int64_t until,
                            const std::function<void(const ReplayedCommand&)>& each);

}  // namespace chuyi
