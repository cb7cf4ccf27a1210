#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/time.h"
#include "engine/scxml/chart.h"

namespace chuyi::scxml {

enum class EventType : std::uint8_t { platform, internal, external };

/// What `_event` shows (SCXML 5.10.1). An empty string stands for an absent field.
struct Event {
  std::string name;
  EventType type = EventType::external;
  std::string sendid;
  std::string origin;
  std::string origintype;
  std::string invokeid;
  json::value data;  ///< null: no data
  std::string raw;   ///< as it came: an HTTP message, or parameters of which a name is repeated
};

/// An `<invoke>` that runs. Kept in the snapshot from the end of the macrostep that started it.
struct Invocation {
  std::string invoke_id;
  std::string state;          ///< id of the state that holds the element
  std::size_t index = 0;      ///< which `<invoke>` of that state, document order
  std::string type;
  bool autoforward = false;
};

/// Where a session stands between two macrosteps. Plain data: copy, store, diff.
struct Snapshot {
  std::vector<std::string> configuration;  ///< active state ids (generated ids for states without one), document order
  json::object datamodel;                  ///< every global of the session; decimals as {"$decimal":"87.5"}
  json::object history;                    ///< history id → array of state ids
  std::vector<std::string> initialised;    ///< states whose late-bound data is set
  std::vector<Invocation> invocations;     ///< running, in order of start
  bool running = false;                    ///< false: a top-level final state was reached
  std::uint64_t revision = 0;              ///< macrosteps taken
  std::uint64_t next_id = 1;               ///< for generated send and invoke ids
};

/// Canonical JSON (engine/base/json.h) of a snapshot, and back.
/// Errors: `invalid` "snapshot.*" for bytes that `encode` could not have made for `chart`.
std::string encode(const Snapshot& snapshot);
Result<Snapshot> decode(const Chart& chart, std::string_view text);

// Effects: what the outside must do, in execution order. None of them has been done.

/// `<send>` to anything but the session's own internal queue.
struct Send {
  std::string sendid;       ///< empty: the author gave none
  std::string type;         ///< empty: the SCXML event I/O processor; else kHttpProcessor
  std::string target;       ///< empty: this session's external queue
  std::string event;
  json::value data;
  /// The parameters as application/x-www-form-urlencoded, all of them in order: for the Basic HTTP event I/O processor,
  /// and when a name is repeated, which `data` cannot hold. Empty otherwise.
  std::string form;
  bool has_content = false;  ///< `data` is what <content> says
  /// null: at once; an integer: ms; an object: a period or date of the profile
  /// ({"days":5,"unit":"working"} or {"until":"2027-03-01"}) that the runtime resolves by its calendar.
  json::value delay;
};
struct Cancel { std::string sendid; };
/// Start the handler of `type`. Emitted at the end of a macrostep only, never for a state left meanwhile.
struct Invoke {
  std::string invoke_id;
  std::string type;
  std::string state;
  std::string src;
  json::object params;      ///< namelist and <param>
  json::value content;      ///< <content>; null when absent
  bool autoforward = false;
};
struct CancelInvoke { std::string invoke_id; };
/// An external event passed on to a child with autoforward="true".
struct Forward { std::string invoke_id; Event event; };
struct Log { std::string label; json::value value; };
/// A top-level final state was entered; `data` is its donedata.
struct Done { std::string final_state; json::value data; };
using Effect = std::variant<Send, Cancel, Invoke, CancelInvoke, Forward, Log, Done>;

/// One microstep as it happened, for history and diagrams.
struct Trace {
  std::string event;                 ///< empty: eventless
  std::vector<std::string> exited;   ///< exit order
  std::vector<std::string> entered;  ///< entry order
  std::vector<std::string> errors;   ///< messages of the error.* events raised meanwhile
};

struct Step {
  Snapshot next;
  std::vector<Effect> effects;
  std::vector<Trace> trace;  ///< empty: the event enabled nothing
};

/// What a step may know of the world. All of it is journalled, so that a replay sees the same.
struct Env {
  std::string session_id;  ///< `_sessionid`
  Instant now;             ///< `_x.now`, ms; the only time a workflow sees
  std::string http_location = {};  ///< where the Basic HTTP event I/O processor reaches the session; empty: there is none
  /// Does this target of a <send> by `session_id` name a session that takes its event now (SCXML C.1)? None: not known
  /// here, and the runtime tells of what cannot be delivered.
  std::function<bool(const std::string& session_id, const std::string& target)> reaches = {};
};

/// Bounds of one macrostep. Past an evaluation's limit the expression fails with error.execution;
/// past a macrostep's limit the whole step is refused.
///
/// What takes longer than a plain instruction counts as many: work inside library functions, instructions once the
/// session holds long texts, tables that are built anew. So an evaluation ends within about 0.1 s of CPU.
struct StepLimits {
  std::uint32_t microsteps_max = 1'000;
  std::uint64_t lua_instructions_max = 250'000;         ///< one evaluation
  std::uint64_t lua_step_instructions_max = 5'000'000;  ///< one macrostep
  std::size_t lua_bytes_max = 32U * 1024 * 1024;        ///< memory of one session's data model
  std::size_t datamodel_bytes_max = 1024U * 1024;       ///< of the encoded snapshot
};

/// Begins a session: enters the initial configuration and completes the first macrostep.
///
/// @param data  globals set before the data model is initialised; they win over <data> of the same id.
/// @param declared_only  take only what a top-level <data> declares: SCXML 6.4, parameters of an invoke.
/// @return      first snapshot and effects in execution order.
///              Errors: `invalid` "scxml.microsteps", "scxml.instructions", "scxml.datamodel_size".
/// @see         W3C SCXML 1.0, appendix D: interpret, enterStates.
Result<Step> start(const Chart& chart, const json::object& data, const Env& env, const StepLimits& limits = {},
                   bool declared_only = false);

/// Takes `event` through microsteps until no transition is enabled and the internal queue is empty;
/// runs <finalize> first when the event comes from a running invocation. An event that enables nothing
/// is discarded: same snapshot but for `revision`, no trace. Never throws; the same arguments give the
/// same bytes on every machine. Events of an invocation that was cancelled are the caller's to drop (SCXML 6.4.3).
///
/// @return Errors: as start(); `rejected` "scxml.ended" when the session has ended.
/// @see    W3C SCXML 1.0, appendix D: mainEventLoop, microstep, selectTransitions.
Result<Step> step(const Chart& chart, Snapshot snapshot, const Event& event, const Env& env, const StepLimits& limits = {});

/// Ends a session from outside, as when the invoke that started it is cancelled (SCXML 6.4.3): its <onexit> handlers
/// run and its own invokes are cancelled. @return Errors: as step().
Result<Step> stop(const Chart& chart, Snapshot snapshot, const Env& env, const StepLimits& limits = {});

/// Does an <invoke> of this type run a chart (SCXML 6.4.1)? Also without a type.
bool is_chart_type(std::string_view type);

inline constexpr std::string_view kScxmlProcessor = "http://www.w3.org/TR/scxml/#SCXMLEventProcessor";
inline constexpr std::string_view kHttpProcessor = "http://www.w3.org/TR/scxml/#BasicHTTPEventProcessor";
/// The processor that a `type` of <send> names, by its URI or short name ("scxml", "basichttp"); empty: an unknown one.
std::string_view processor_of(std::string_view type);

}  // namespace chuyi::scxml
