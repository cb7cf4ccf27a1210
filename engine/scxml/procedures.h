#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include <boost/container/flat_set.hpp>
#include <boost/container/small_vector.hpp>

#include "engine/scxml/chart_model.h"

/// The procedures of W3C SCXML 1.0, appendix D, that read the chart, the configuration and the history and no
/// data, under their names. Internal to the engine: the interpreter steps by them, the checker explores by them.
namespace chuyi::scxml {

/// States in document order, each once.
using StateSet = boost::container::flat_set<Index, std::less<>, boost::container::small_vector<Index, 16>>;

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

  /// selectTransitions, selectEventlessTransitions: `enabled(Index)` says whether event and condition let it be taken;
  /// it is asked in document order, from each atomic state outwards.
  template <class Enabled>
  std::vector<Index> select_transitions(const Enabled& enabled) const {
    std::vector<Index> out;
    for (const Index state : configuration_) {
      if (!is_atomic(chart_.at(state).kind)) continue;
      for (Index source = state; source != kNone; source = chart_.at(source).parent) {
        const auto& candidates = chart_.at(source).transitions;
        const auto found = std::find_if(candidates.begin(), candidates.end(), enabled);
        if (found == candidates.end()) continue;
        if (std::find(out.begin(), out.end(), *found) == out.end()) out.push_back(*found);
        break;
      }
    }
    return remove_conflicting_transitions(std::move(out));
  }
  /// getTransitionDomain of each; kNone: a transition without targets. Leaving states may record a history that a
  /// transition leads to: a microstep takes its domains before, so that all that is left is entered again. Appendix D
  /// takes them anew, which can end in a configuration that 3.11 forbids.
  std::vector<Index> domains(const std::vector<Index>& transitions) const;
  /// All active states below the domains.
  StateSet compute_exit_set(const std::vector<Index>& domains) const;
  EntrySet compute_entry_set(const std::vector<Index>& transitions, const std::vector<Index>& domains) const;
  /// What `history` is to remember when its parent is exited now.
  std::vector<Index> recorded(Index history) const;
  bool in_final_state(Index state) const;

 private:
  static bool is_atomic(StateKind kind) { return kind == StateKind::atomic || kind == StateKind::final; }
  const Transition& transition(Index index) const { return chart_.transitions[static_cast<std::size_t>(index)]; }
  std::vector<Index> remove_conflicting_transitions(std::vector<Index> enabled) const;
  bool conflict(Index first, Index second) const;
  std::vector<Index> effective_targets(const Transition& of) const;
  void add_effective_targets(const Transition& of, std::vector<Index>& out, StateSet& histories) const;
  Index transition_domain(const Transition& of) const;
  void add_descendant_states_to_enter(Index index, EntrySet& entry) const;
  void add_ancestor_states_to_enter(Index index, Index ancestor, EntrySet& entry) const;
  void enter_targets(const Transition& of, EntrySet& entry) const;
  void enter_default(const Transition& of, Index ancestor, EntrySet& entry) const;
  void enter_regions(const State& parallel, EntrySet& entry) const;

  const Chart& chart_;
  const StateSet& configuration_;
  const History& history_;
};

}  // namespace chuyi::scxml
