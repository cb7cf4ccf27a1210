#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/check/guard.h"
#include "engine/check/profile.h"
#include "engine/scxml/interpreter.h"
#include "engine/scxml/partial.h"
#include "engine/scxml/procedures.h"

/// The chart without its data: what may happen from where.
namespace chuyi::check {

using scxml::Index;
using scxml::StateSet;

inline constexpr int kNothing = -1;
/// A chart that keeps more events waiting inside one macrostep never comes to rest.
inline constexpr std::size_t kQueueMax = 24;

/// One <invoke> of the chart, with what is known of its parameters before it runs.
struct Element {
  Index state = scxml::kNone;
  const scxml::InvokeElement* invoke = nullptr;
  std::string id;
  std::optional<std::string> type;                               ///< nullopt: computed, and not known before it runs
  const InvokeProfile* profile = nullptr;                        ///< nullptr: nobody knows this type
  std::map<std::string, std::optional<json::value>> parameters;  ///< given ones; nullopt: not known yet
  std::vector<int> answers;                                      ///< events
  /// The parameter as the handler will see it: given, from the manifest, or its fallback. nullopt: not known.
  std::optional<json::value> parameter(const std::string& name, const json::object& manifest) const;
  bool runs_chart() const;
  /// The type as people read it: "task", "scxml"; "typeexpr" when it is not known.
  std::string type_text() const;
};

enum class EventKind : std::uint8_t { internal, self, answer, failure, timer, outside };

/// An event as far as guards can tell it from others.
struct AbstractEvent {
  EventKind kind = EventKind::internal;
  std::string name;
  int element = kNothing;
  std::vector<json::object> data;
  bool ends = false;  ///< answer: the invoke is over
  bool open = false;  ///< any event of this name or below: who sends it chose the name while running
  std::string zh, en;
};

/// A <send> with a delay.
struct Timer {
  const scxml::SendAction* send = nullptr;
  int event = kNothing;
  std::string place;
};

/// Where a chart stands between two microsteps.
struct Node {
  StateSet configuration;
  scxml::History history;
  StateSet to_invoke;           ///< states entered in this macrostep whose invokes have not started
  std::vector<int> running;     ///< elements, sorted
  std::vector<int> timers;      ///< sorted; one that stands there twice runs twice or more often
  std::vector<int> internal;    ///< events, first to come first
  std::vector<int> self;        ///< sent to itself without delay
  bool ended = false;

  /// It runs once more.
  void add_timer(int timer);
  bool flooded() const { return internal.size() + self.size() > kQueueMax; }
  std::string encode() const;
  static Node decode(const std::string& bytes);
};

/// What happens on the way from one node to the next.
struct Happening {
  int event = kNothing;  ///< kNothing: a transition without event, or the start of invokes
  std::vector<Index> transitions;
  std::vector<Index> exited, entered;
  std::vector<int> started;  ///< elements
  bool ended = false;
  friend auto operator<=>(const Happening&, const Happening&) = default;
};

struct Successor {
  Happening happening;
  Node next;
};

struct Expansion {
  std::vector<Successor> successors;
  bool resting = false;  ///< the macrostep is over: what comes next comes from outside
  bool cut = false;      ///< too many unknown guards at once: not every way is there
};

class Machine {
 public:
  /// @param programme  the manifest's data as charts see it; empty: not known.
  Machine(const scxml::Chart& chart, const World& world, const json::object& programme);

  const scxml::Chart& chart() const { return chart_; }
  const std::vector<Element>& elements() const { return elements_; }
  /// Index of the element that this invocation runs.
  int element_of(const scxml::Invocation& invocation) const;
  const std::vector<AbstractEvent>& events() const { return events_; }
  const std::vector<Timer>& timers() const { return timers_; }
  Expansion begin();
  Expansion expand(const Node& node);

 private:
  class Run;
  struct Choices;
  struct Verdict {
    scxml::Truth truth;
    bool fixed;  ///< the same in every configuration
  };

  /// What a <send> or <raise> may do. Neither: it goes elsewhere.
  struct Sent {
    int event = kNothing;
    int timer = kNothing;
  };

  int add_event(AbstractEvent event);
  void add_elements(Index state);
  void add_answers(Element& element, int index);
  void collect(const scxml::Block& block);
  void collect_send(const scxml::Action& action);
  void collect_outside();
  void collect_from_children();
  std::vector<std::string> open_names(bool reserved) const;
  std::optional<std::string> text_of(const std::string& text, const scxml::Script& expression);
  bool surely_fails(const scxml::Script& script);
  bool hears(Index transition, int event) const { return heard_[static_cast<std::size_t>(event)][static_cast<std::size_t>(transition)]; }
  scxml::Truth decide_leaf(const scxml::Script& script, int event, const Node& node);
  scxml::Truth decide_guard(const Guard& guard, int event, const Node& node, Assumptions& assumed, Choices& choices);
  bool decide(const scxml::Script& script, int event, const Node& node, Assumptions& assumed, Choices& choices);
  std::vector<Index> select(const Node& node, int event, Choices& choices);
  /// Runs once for each way that unknown guards can go; `run` says whether it led anywhere.
  static void try_all_ways(Expansion& out, const std::function<bool(Choices&, Successor&)>& run);

  const scxml::Chart& chart_;
  const World& world_;
  scxml::PartialModel model_;
  std::vector<Element> elements_;
  std::vector<AbstractEvent> events_;
  std::vector<Timer> timers_;
  std::vector<int> outside_;
  std::vector<std::vector<bool>> heard_;  ///< event → transitions whose descriptors match it
  std::map<Index, std::vector<int>> elements_of_;
  std::map<std::string, int> event_ids_;
  std::map<const scxml::Action*, std::vector<Sent>> sent_;  ///< raise and send → one of these; none: it fails
  std::map<Index, std::vector<int>> done_events_;           ///< state → done.state.ID
  std::map<Index, Guard> guards_;                      ///< script → its parts
  Index leaves_ = 0;
  int error_event_ = kNothing;  ///< error.execution
  int failures_ = 0;            ///< conditions that surely failed since the last look
  std::map<std::pair<Index, int>, Verdict> verdicts_;  ///< (leaf, event)
  std::map<Index, bool> failing_;                      ///< script → it fails whatever the data
  bool sends_out_ = false;          ///< to another session or system
  bool sends_out_reserved_ = false;  ///< … an event that is refused there
};

}  // namespace chuyi::check
