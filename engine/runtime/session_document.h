#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/result.h"
#include "engine/invoke/handler.h"
#include "engine/ports/definition.h"
#include "engine/scxml/interpreter.h"

namespace chuyi {

/// A stage that was started and whose state has not been left.
struct RunningStage {
  std::string type;
  std::string chart_state;  ///< the state that holds its <invoke>
  json::object state;       ///< the handler's own
  bool finished = false;    ///< has answered done.invoke; takes no more commands
};

/// A chart that an <invoke> of another one runs (SCXML 6.4), from its start until the state that holds the <invoke> is left.
struct ChildSession {
  std::string parent;     ///< id of the session whose <invoke> it is
  std::string invoke_id;  ///< there
  std::string chart;      ///< the text of its document
  scxml::ChartPtr compiled;  ///< the same; not stored
  scxml::Snapshot snapshot;
  bool finished = false;  ///< has ended; then neither chart nor snapshot are kept

  void finish() {
    finished = true;
    chart.clear();
    compiled.reset();
    snapshot = {};
  }
};

/// An event that waits for its macrostep.
struct QueuedEvent {
  std::string session;  ///< id of the session that gets it
  scxml::Event event;
  std::string source;   ///< of an invoked child: its session id; of a stage: "/" and its key; dropped when that is gone
};

/// Everything a session is between two commands, with the sessions of the charts that it invoked. Kept as text in
/// SessionRow::document.
struct SessionDocument {
  scxml::Snapshot chart;
  /// By the invoke ids that lead there: "apply"; in an invoked chart "sub/apply".
  std::map<std::string, RunningStage, std::less<>> stages;
  std::map<std::string, ChildSession, std::less<>> children;  ///< by session id: the row's id, ".", a number
  SignedBy signed_by;                                         ///< who signed where, ever; keys as of `stages`
  std::vector<std::string> timers;                            ///< ids of the timers that run
  std::vector<QueuedEvent> queue;                             ///< empty but where every command ends after one macrostep
  std::string parent;     ///< id of the round's session that #_parent reaches; empty: none
  std::string http_base;  ///< where messages from outside come in, without the session's id; empty: nowhere
  std::int64_t next_id = 1;
};

/// Two lines of canonical JSON: the chart's snapshot, and the rest. Equal documents give equal bytes.
std::string encode(const SessionDocument& document);
/// Errors: `invalid` "snapshot.*" for bytes that `encode` could not have made.
Result<SessionDocument> decode_document(const Definition& definition, std::string_view text);

}  // namespace chuyi
