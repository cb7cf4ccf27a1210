#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/scxml/chart.h"

/// The chart as parse_chart builds it. Internal to engine/scxml.
namespace chuyi::scxml {

using Index = std::int32_t;
inline constexpr Index kNone = -1;

/// A piece of Lua with its place in the document. `id` numbers the chunks of one chart, from 0.
struct Script {
  std::string source;  ///< the chunk to compile
  std::string place;   ///< file:line:column, for messages
  Index id = kNone;    ///< kNone: absent
  explicit operator bool() const { return id != kNone; }
};

struct Param {
  std::string name;
  Script value;     ///< expr or location as expression
  Script location;  ///< as assignment, when `location` was given (finalize writes there)
  std::string variable = {};  ///< `location` when it is a plain name
  bool from_namelist = false;
};

enum class ActionKind : std::uint8_t { raise, branch, foreach_, log, assign, script, send, cancel };

struct Action;
using Block = std::vector<Action>;

struct Branch {
  Script cond;  ///< absent: else
  Block actions;
};

/// `<send>`, and what `<content>` and `<param>` give anywhere.
struct Payload {
  std::vector<Param> params;  ///< namelist first
  bool has_content = false;
  Script content_expr;
  std::string content_text;
};

struct SendAction {
  Script event_expr, target_expr, type_expr, delay_expr;
  std::string event, target, type, delay, id;
  Script id_location;
  Payload payload;
};

/// One piece of executable content (SCXML 4).
struct Action {
  ActionKind kind = ActionKind::raise;
  std::string name;  ///< raise: event; log: label; foreach: item; cancel: sendid
  std::string index;  ///< foreach
  Script script;     ///< log, assign (value), script, foreach (array), cancel (sendidexpr)
  Script location;   ///< assign: chunk that stores its argument
  std::string text;  ///< assign: inline content
  bool has_text = false;
  std::vector<Branch> branches;
  Block body;  ///< foreach
  std::unique_ptr<SendAction> send;
  std::string place;
};

struct DataItem {
  std::string id;
  Script expr;
  std::string text;
  bool has_text = false;  ///< inline, or what `src` named
  std::string place;
};

struct InvokeElement {
  std::string id;
  Script id_location;
  std::string type, src;
  Script type_expr, src_expr;
  bool autoforward = false;
  Payload payload;
  bool has_finalize = false;
  Block finalize;
  std::string place;
};

enum class TransitionKind : std::uint8_t { external, internal };

struct Transition {
  Index source = kNone;
  std::vector<std::string> events;  ///< normalised descriptors; empty: eventless
  Script cond;
  std::vector<Index> targets;  ///< state indices, document order as written
  TransitionKind kind = TransitionKind::external;
  Block actions;
  std::string place;
};

enum class StateKind : std::uint8_t { root, atomic, compound, parallel, final, history_shallow, history_deep };

inline bool is_history(StateKind kind) { return kind == StateKind::history_shallow || kind == StateKind::history_deep; }

struct State {
  std::string id;
  StateKind kind = StateKind::atomic;
  Index parent = kNone;
  Index last_descendant = kNone;  ///< descendants are the indices (self, last_descendant]
  std::vector<Index> children;    ///< states, parallels, finals; document order; no histories
  std::vector<Index> histories;
  std::vector<Index> transitions;  ///< indices into Chart::transitions, document order
  Index initial = kNone;           ///< transition index of the default entry (compound, root, history)
  std::vector<Block> on_entry, on_exit;
  std::vector<DataItem> data;
  std::vector<InvokeElement> invokes;
  bool has_donedata = false;
  Payload donedata;
  std::string title_zh, title_en, stage;
  std::string place;
};

enum class DataModelKind : std::uint8_t { null, lua };

class Chart {
 public:
  std::string name;
  std::string title_zh, title_en;
  DataModelKind datamodel = DataModelKind::lua;
  bool late_binding = false;
  std::vector<std::string> http_events;  ///< chuyi:http-events, event descriptors
  std::vector<State> states;  ///< document order; [0] is <scxml>
  std::vector<Transition> transitions;
  Script script;  ///< top-level <script>
  std::vector<Script> scripts;  ///< every chunk by id
  std::map<std::string, Index, std::less<>> by_id;
  std::set<std::string, std::less<>> data_ids;
  std::set<std::string, std::less<>> invoke_ids;  ///< that authors chose
  std::uint64_t serial = 0;  ///< unique in the process: key of the compiled-chunk caches

  Index find(std::string_view id) const {
    const auto found = by_id.find(id);
    return found == by_id.end() ? kNone : found->second;
  }
  /// SCXML appendix D, isDescendant(a, b).
  bool is_descendant(Index a, Index b) const {
    return a > b && a <= states[static_cast<std::size_t>(b)].last_descendant;
  }
  const State& at(Index index) const { return states[static_cast<std::size_t>(index)]; }
};

/// Another one than ever before in this process.
std::uint64_t next_serial();

/// `_event` and the others of SCXML 5.10, which no chart may change.
bool is_system_variable(std::string_view name);

/// True for a Lua identifier that is no keyword.
bool is_identifier(std::string_view text);

}  // namespace chuyi::scxml
