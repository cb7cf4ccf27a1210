#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "engine/scxml/chart_model.h"

/// The procedures of W3C SCXML 1.0, appendix D, that read the chart, the configuration and the history and no
/// data, under their names. Internal to the engine: the interpreter steps by them, the checker explores by them.
namespace chuyi::scxml {

/// States in document order, each once. A sorted vector: configurations are small.
class StateSet {
 public:
  StateSet() = default;
  StateSet(std::initializer_list<Index> states) {
    for (const Index each : states) insert(each);
  }
  /// @return false when it was there.
  bool insert(Index state) {
    const auto place = std::lower_bound(states_.begin(), states_.end(), state);
    if (place != states_.end() && *place == state) return false;
    states_.insert(place, state);
    return true;
  }
  void erase(Index state) {
    const auto place = std::lower_bound(states_.begin(), states_.end(), state);
    if (place != states_.end() && *place == state) states_.erase(place);
  }
  bool contains(Index state) const { return std::binary_search(states_.begin(), states_.end(), state); }
  bool empty() const { return states_.empty(); }
  std::size_t size() const { return states_.size(); }
  auto begin() const { return states_.begin(); }
  auto end() const { return states_.end(); }
  auto rbegin() const { return states_.rbegin(); }
  auto rend() const { return states_.rend(); }
  friend bool operator==(const StateSet&, const StateSet&) = default;

 private:
  std::vector<Index> states_;
};

/// <history> → the states it would enter again.
using History = std::map<Index, std::vector<Index>>;

/// What a microstep enters.
struct EntrySet {
  StateSet states;
  StateSet default_entry;  ///< compound states whose <initial> content runs
  StateSet descended;      ///< states and histories whose descendants are in: each is gone through once
  std::map<Index, Index> history_content;  ///< state → transition whose content runs after its entry
};

/// Holds references: use it while they live.
class Procedures {
 public:
  Procedures(const Chart& chart, const StateSet& configuration, const History& history)
      : chart_(chart), configuration_(configuration), history_(history) {}

  /// selectTransitions, selectEventlessTransitions: `enabled` says whether event and condition let it be taken; it is
  /// asked in document order, from each atomic state outwards.
  std::vector<Index> select_transitions(const std::function<bool(Index)>& enabled) const;
  std::vector<Index> remove_conflicting_transitions(const std::vector<Index>& enabled) const;
  StateSet effective_targets(const Transition& of) const;
  /// kNone: a transition without targets.
  Index transition_domain(const Transition& of) const;
  StateSet compute_exit_set(const std::vector<Index>& transitions) const;
  EntrySet compute_entry_set(const std::vector<Index>& transitions) const;
  /// What `history` is to remember when its parent is exited now.
  std::vector<Index> recorded(Index history) const;
  bool in_final_state(Index state) const;

 private:
  const Transition& transition(Index index) const { return chart_.transitions[static_cast<std::size_t>(index)]; }
  Index find_lcca(const std::vector<Index>& states) const;
  void add_effective_targets(const Transition& of, StateSet& out, StateSet& histories) const;
  void add_descendant_states_to_enter(Index index, EntrySet& entry) const;
  void add_ancestor_states_to_enter(Index index, Index ancestor, EntrySet& entry) const;
  void enter_default(const Transition& of, Index ancestor, EntrySet& entry) const;
  void enter_regions(const State& parallel, EntrySet& entry) const;

  const Chart& chart_;
  const StateSet& configuration_;
  const History& history_;
};

}  // namespace chuyi::scxml
