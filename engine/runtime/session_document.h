#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/result.h"
#include "engine/invoke/handler.h"
#include "engine/scxml/interpreter.h"

namespace chuyi {

/// A stage that was started and whose state has not been left.
struct RunningStage {
  std::string type;
  std::string chart_state;  ///< the state that holds its <invoke>
  json::object state;       ///< the handler's own
  bool finished = false;    ///< has answered done.invoke; takes no more commands
};

/// Everything a session is between two commands. Kept as text in SessionRow::document.
struct SessionDocument {
  scxml::Snapshot chart;
  std::map<std::string, RunningStage, std::less<>> stages;           ///< by invoke id
  SignedBy signed_by;                                                ///< who signed where, ever
  std::vector<std::string> timers;                                   ///< ids of the timers that run
  std::int64_t next_id = 1;
};

/// Two lines of canonical JSON: the chart's snapshot, and the rest. Equal documents give equal bytes.
std::string encode(const SessionDocument& document);
/// Errors: `invalid` "snapshot.*" for bytes that `encode` could not have made.
Result<SessionDocument> decode_document(const scxml::Chart& chart, std::string_view text);

}  // namespace chuyi
