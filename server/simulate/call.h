#pragma once

#include <string>
#include <vector>

#include "engine/base/calendar.h"
#include "engine/base/json.h"
#include "engine/base/result.h"

namespace chuyi::simulate {

/// The call that is rehearsed: what POST /api/v1/rounds takes, and what follows from it.
struct Call {
  std::string id, title;
  std::vector<std::string> programmes;  ///< empty: all that can take part
  json::object parameters;              ///< of the round's chart; without `planned`, half of the applications
  Day opens, last;                      ///< the days of its first and last second
  std::size_t days = 0;                 ///< working days from the first to the last
  int year = 0;

  std::string session() const { return "r-" + id; }
  /// The morning of the day before, on which the round is set up.
  Instant start() const;
};

/// Reads a call: {"id", "title", "programmes"?, "parameters": {"opens", "deadline", …}}. Whatever else the parameters say is the round's own to
/// refuse. Errors: those of the file; `invalid` "simulate.call" with its place.
Result<Call> read_call(const std::string& path, const Calendar& calendar);

}  // namespace chuyi::simulate
