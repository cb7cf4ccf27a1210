#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "engine/invoke/handler.h"
#include "engine/ports/definition.h"
#include "engine/ports/queries.h"

namespace chuyi {

/// One command of a session as it runs again.
struct ReplayedCommand {
  std::int64_t seq = 0;
  json::object record;                     ///< the journal record
  std::vector<std::string> configuration;  ///< after the command
  json::object datamodel;                  ///< after the command
  bool agrees = true;                      ///< the document's digest equals the journalled one
};

struct ReplayReport {
  std::size_t commands = 0;
  std::string document;  ///< the rebuilt document
  bool identical = false;  ///< byte for byte the stored one
  std::int64_t first_difference = 0;  ///< seq of the first command whose document differs; 0: none
};

/// Runs a session's journal again from the start, on the definition it started with, and compares the
/// result with what is stored.
///
/// @param until  stop after the command with this seq; 0: all.
/// @param each   called for each command, in order.
/// Errors: `not_found` "application.unknown", "definition.unknown"; those of a command that fails now.
Result<ReplayReport> replay(Queries& queries, const Definitions& definitions, const InvokeRegistry& registry,
                            std::string_view session_id, std::int64_t until,
                            const std::function<void(const ReplayedCommand&)>& each);

}  // namespace chuyi
