#include "engine/scxml/procedures.h"

namespace chuyi::scxml {
namespace {

bool remembers(const State& state) {
  return state.kind == StateKind::history_shallow || state.kind == StateKind::history_deep;
}
bool is_atomic(const State& state) { return state.kind == StateKind::atomic || state.kind == StateKind::final; }

}  // namespace

std::vector<Index> Procedures::select_transitions(const std::function<bool(Index)>& enabled) const {
  std::vector<Index> out;
  for (const Index state : configuration_) {
    if (!is_atomic(chart_.at(state))) continue;
    for (Index source = state; source != kNone; source = chart_.at(source).parent) {
      const auto& candidates = chart_.at(source).transitions;
      const auto found = std::find_if(candidates.begin(), candidates.end(), enabled);
      if (found == candidates.end()) continue;
      if (std::find(out.begin(), out.end(), *found) == out.end()) out.push_back(*found);
      break;
    }
  }
  return remove_conflicting_transitions(out);
}

std::vector<Index> Procedures::remove_conflicting_transitions(const std::vector<Index>& enabled) const {
  if (enabled.size() < 2) return enabled;
  std::vector<Index> filtered;
  for (const Index first : enabled) {
    bool preempted = false;
    std::vector<Index> removed;
    const StateSet exits = compute_exit_set({first});
    for (const Index second : filtered) {
      const StateSet others = compute_exit_set({second});
      const bool conflict = std::any_of(exits.begin(), exits.end(), [&](Index state) { return others.contains(state); });
      if (!conflict) continue;
      if (chart_.is_descendant(transition(first).source, transition(second).source)) {
        removed.push_back(second);
      } else {
        preempted = true;
        break;
      }
    }
    if (preempted) continue;
    std::erase_if(filtered, [&](Index each) { return std::find(removed.begin(), removed.end(), each) != removed.end(); });
    filtered.push_back(first);
  }
  return filtered;
}

StateSet Procedures::effective_targets(const Transition& of) const {
  StateSet out;
  StateSet histories;
  add_effective_targets(of, out, histories);
  return out;
}

void Procedures::add_effective_targets(const Transition& of, StateSet& out, StateSet& histories) const {
  for (const Index target : of.targets) {
    const State& state = chart_.at(target);
    if (!remembers(state)) {
      out.insert(target);
    } else if (!histories.insert(target)) {
      continue;
    } else if (const auto kept = history_.find(target); kept != history_.end()) {
      for (const Index each : kept->second) out.insert(each);
    } else {
      add_effective_targets(transition(state.initial), out, histories);
    }
  }
}

Index Procedures::transition_domain(const Transition& of) const {
  const StateSet targets = effective_targets(of);
  if (targets.empty()) return kNone;
  if (of.kind == TransitionKind::internal && chart_.at(of.source).kind == StateKind::compound &&
      std::all_of(targets.begin(), targets.end(), [&](Index t) { return chart_.is_descendant(t, of.source); }))
    return of.source;
  std::vector<Index> list{of.source};
  list.insert(list.end(), targets.begin(), targets.end());
  return find_lcca(list);
}

Index Procedures::find_lcca(const std::vector<Index>& states) const {
  for (Index ancestor = chart_.at(states.front()).parent; ancestor != kNone; ancestor = chart_.at(ancestor).parent) {
    const StateKind kind = chart_.at(ancestor).kind;
    if (kind != StateKind::compound && kind != StateKind::root) continue;
    if (std::all_of(states.begin() + 1, states.end(), [&](Index s) { return chart_.is_descendant(s, ancestor); }))
      return ancestor;
  }
  return 0;
}

StateSet Procedures::compute_exit_set(const std::vector<Index>& transitions) const {
  StateSet out;
  for (const Index each : transitions) {
    const Transition& of = transition(each);
    if (of.targets.empty()) continue;
    const Index domain = transition_domain(of);
    for (const Index state : configuration_)
      if (chart_.is_descendant(state, domain)) out.insert(state);
  }
  return out;
}

std::vector<Index> Procedures::recorded(Index history) const {
  const Index parent = chart_.at(history).parent;
  const bool deep = chart_.at(history).kind == StateKind::history_deep;
  std::vector<Index> out;
  for (const Index active : configuration_)
    if (deep ? is_atomic(chart_.at(active)) && chart_.is_descendant(active, parent) : chart_.at(active).parent == parent)
      out.push_back(active);
  return out;
}

bool Procedures::in_final_state(Index index) const {
  const State& state = chart_.at(index);
  if (state.kind == StateKind::compound)
    return std::any_of(state.children.begin(), state.children.end(), [&](Index child) {
      return chart_.at(child).kind == StateKind::final && configuration_.contains(child);
    });
  if (state.kind == StateKind::parallel)
    return std::all_of(state.children.begin(), state.children.end(), [&](Index child) { return in_final_state(child); });
  return false;
}

EntrySet Procedures::compute_entry_set(const std::vector<Index>& transitions) const {
  EntrySet entry;
  for (const Index each : transitions) {
    const Transition& of = transition(each);
    for (const Index target : of.targets) add_descendant_states_to_enter(target, entry);
    // The root's initial transition enters below the root, which is always active.
    const bool begins = of.source == 0 && chart_.at(0).initial == each;
    const Index ancestor = begins ? 0 : transition_domain(of);
    for (const Index target : effective_targets(of)) add_ancestor_states_to_enter(target, ancestor, entry);
    if (begins && !configuration_.contains(0)) {
      entry.states.insert(0);
      entry.default_entry.insert(0);
    }
  }
  return entry;
}

void Procedures::add_descendant_states_to_enter(Index index, EntrySet& entry) const {
  if (!entry.descended.insert(index)) return;
  const State& state = chart_.at(index);
  if (remembers(state)) {
    if (const auto kept = history_.find(index); kept != history_.end()) {
      for (const Index each : kept->second) add_descendant_states_to_enter(each, entry);
      for (const Index each : kept->second) add_ancestor_states_to_enter(each, state.parent, entry);
    } else {
      entry.history_content[state.parent] = state.initial;
      enter_default(transition(state.initial), state.parent, entry);
    }
    return;
  }
  entry.states.insert(index);
  if (state.kind == StateKind::compound) {
    entry.default_entry.insert(index);
    enter_default(transition(state.initial), index, entry);
  } else if (state.kind == StateKind::parallel) {
    enter_regions(state, entry);
  }
}

void Procedures::enter_default(const Transition& of, Index ancestor, EntrySet& entry) const {
  for (const Index target : of.targets) add_descendant_states_to_enter(target, entry);
  for (const Index target : of.targets) add_ancestor_states_to_enter(target, ancestor, entry);
}

void Procedures::enter_regions(const State& parallel, EntrySet& entry) const {
  for (const Index child : parallel.children) {
    const bool entered = std::any_of(entry.states.begin(), entry.states.end(), [&](Index state) {
      return state == child || chart_.is_descendant(state, child);
    });
    if (!entered) add_descendant_states_to_enter(child, entry);
  }
}

void Procedures::add_ancestor_states_to_enter(Index index, Index ancestor, EntrySet& entry) const {
  for (Index each = chart_.at(index).parent; each != ancestor && each != kNone && each != 0; each = chart_.at(each).parent) {
    entry.states.insert(each);
    if (chart_.at(each).kind == StateKind::parallel) enter_regions(chart_.at(each), entry);
  }
}

}  // namespace chuyi::scxml
