#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/scxml/chart_model.h"

/// A second interpreter for comparison: the pseudo-code of W3C SCXML 1.0 (2015-09-01), appendix D, written down
/// procedure by procedure under its own names, as slow as it stands there, but for without_ancestors(). Data model null; no
/// sends, no invokes.
namespace chuyi::scxml::literal {

/// An ordered set of appendix D: union, membership, and a list in order of insertion.
struct OrderedSet {
  std::vector<Index> list;
  void add(Index each);
  void remove(Index each);
  bool is_member(Index each) const;
  bool is_empty() const { return list.empty(); }
};

/// One call of microstep, or the entry of the initial configuration.
struct Microstep {
  std::string event;  ///< empty: eventless
  std::vector<std::string> exited, entered;
  bool operator==(const Microstep&) const = default;
};

/// What one macrostep did.
struct Record {
  std::vector<Microstep> microsteps;
  std::vector<std::string> logs;           ///< labels of <log>, as executed
  std::vector<std::string> configuration;  ///< ids in document order, when the macrostep was over
  bool running = true;
  bool endless = false;  ///< stopped: more turns of the inner loop than allowed
  /// The algorithm computes the domain of a transition before it leaves states, and again before it enters some. Where
  /// leaving has recorded a history that the transition leads to, the second may lie deeper: states are left and not
  /// entered again, and the configuration is none that SCXML 3.11 allows. Nothing after that can be compared.
  bool domain_moved = false;
  bool operator==(const Record&) const = default;
};

/// A mistake made on purpose, to show that the comparison sees it.
enum class Fault : std::uint8_t { none, exit_in_document_order };

class Interpreter {
 public:
  /// @param turns_max  of the inner loop of mainEventLoop, for one external event.
  Interpreter(const Chart& chart, std::uint32_t turns_max, Fault fault = Fault::none)
      : doc_(chart), turns_max_(turns_max), fault_(fault) {}

  /// interpret, up to the first wait for an external event.
  Record interpret();
  /// mainEventLoop from one external event to the wait for the next.
  Record external_event(const std::string& name);

 private:
  void run_to_completion();
  Record take_record();

  void exit_interpreter();
  OrderedSet select_eventless_transitions();
  OrderedSet select_transitions(const std::string& event);
  OrderedSet remove_conflicting_transitions(const OrderedSet& enabled_transitions);
  void microstep(const OrderedSet& enabled_transitions, const std::string& event);
  void exit_states(const OrderedSet& enabled_transitions);
  OrderedSet compute_exit_set(const OrderedSet& transitions);
  void execute_transition_content(const OrderedSet& enabled_transitions);
  void enter_states(const OrderedSet& enabled_transitions);
  void compute_entry_set(const OrderedSet& transitions);
  std::vector<Index> without_ancestors(const std::vector<Index>& targets);
  void add_descendant_states_to_enter(Index state);
  void add_ancestor_states_to_enter(Index state, Index ancestor);
  bool is_in_final_state(Index s);
  Index get_transition_domain(Index t);
  std::vector<Index> domains_of(const OrderedSet& transitions);
  Index find_lcca(const std::vector<Index>& state_list);
  OrderedSet get_effective_target_states(const Transition& transition);
  std::vector<Index> get_proper_ancestors(Index state1, Index state2);
  bool is_descendant(Index state1, Index state2);

  const State& state(Index index) const { return doc_.at(index); }
  const Transition& transition(Index index) const { return doc_.transitions[static_cast<std::size_t>(index)]; }
  bool is_history_state(Index s) const;
  bool is_compound_state_or_scxml_element(Index s) const;
  bool is_atomic_state(Index s) const;
  bool condition_match(const Script& cond) const;
  void execute_content(const Block& block);

  const Chart& doc_;
  std::uint32_t turns_max_;
  Fault fault_;
  Record record_;

  // The global variables of appendix D.
  OrderedSet configuration_;
  std::deque<std::string> internal_queue_;
  std::map<std::string, std::vector<Index>> history_value_;
  bool running_ = false;

  // The in-out parameters of computeEntrySet.
  OrderedSet states_to_enter_;
  OrderedSet states_for_default_entry_;
  std::map<Index, Index> default_history_content_;  ///< state → the history transition whose content runs
};

/// SCXML 3.12.1, token by token.
bool name_match(const std::vector<std::string>& descriptors, const std::string& event);

}  // namespace chuyi::scxml::literal
