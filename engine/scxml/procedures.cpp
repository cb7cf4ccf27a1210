#include "engine/scxml/procedures.h"

namespace chuyi::scxml {
std::vector<Index> Procedures::remove_conflicting_transitions(std::vector<Index> enabled) const {
  if (enabled.size() < 2) return enabled;
  std::vector<Index> filtered;
  for (const Index first : enabled) {
    bool preempted = false;
    std::vector<Index> removed;
    for (const Index second : filtered) {
      if (!conflict(first, second)) continue;
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

/// Do the exit sets of two transitions share a state? Each is the active part below a domain, so that they do when one
/// domain is the other or below it, and something is active there.
bool Procedures::conflict(Index first, Index second) const {
  const Index a = transition_domain(transition(first));
  const Index b = transition_domain(transition(second));
  if (a == kNone || b == kNone) return false;
  if (a != b && !chart_.is_descendant(a, b) && !chart_.is_descendant(b, a)) return false;
  const auto active = configuration_.upper_bound(std::max(a, b));
  return active != configuration_.end() && chart_.is_descendant(*active, std::max(a, b));
}

std::vector<Index> Procedures::effective_targets(const Transition& of) const {
  if (std::none_of(of.targets.begin(), of.targets.end(), [&](Index each) { return is_history(chart_.at(each).kind); }))
    return of.targets;
  std::vector<Index> out;
  StateSet histories;
  add_effective_targets(of, out, histories);
  return out;
}

void Procedures::add_effective_targets(const Transition& of, std::vector<Index>& out, StateSet& histories) const {
  for (const Index target : of.targets) {
    const State& state = chart_.at(target);
    if (!is_history(state.kind)) {
      out.push_back(target);
    } else if (!histories.insert(target).second) {
      continue;
    } else if (const auto kept = history_.find(target); kept != history_.end()) {
      out.insert(out.end(), kept->second.begin(), kept->second.end());
    } else {
      add_effective_targets(transition(state.initial), out, histories);
    }
  }
}

Index Procedures::transition_domain(const Transition& of) const {
  const std::vector<Index> targets = effective_targets(of);
  if (targets.empty()) return kNone;
  const auto contains_all = [&](Index ancestor) {
    return std::all_of(targets.begin(), targets.end(), [&](Index each) { return chart_.is_descendant(each, ancestor); });
  };
  if (of.kind == TransitionKind::internal && chart_.at(of.source).kind == StateKind::compound && contains_all(of.source))
    return of.source;
  // findLCCA of the source and the targets.
  for (Index ancestor = chart_.at(of.source).parent; ancestor != kNone; ancestor = chart_.at(ancestor).parent) {
    const StateKind kind = chart_.at(ancestor).kind;
    if ((kind == StateKind::compound || kind == StateKind::root) && contains_all(ancestor)) return ancestor;
  }
  return 0;
}

std::vector<Index> Procedures::domains(const std::vector<Index>& transitions) const {
  std::vector<Index> out;
  for (const Index each : transitions) out.push_back(each == chart_.at(0).initial ? 0 : transition_domain(transition(each)));
  return out;
}

StateSet Procedures::compute_exit_set(const std::vector<Index>& domains) const {
  StateSet out;
  for (const Index domain : domains) {
    if (domain == kNone) continue;
    for (auto state = configuration_.upper_bound(domain); state != configuration_.end() && chart_.is_descendant(*state, domain); ++state)
      out.insert(*state);
  }
  return out;
}

std::vector<Index> Procedures::recorded(Index history) const {
  const Index parent = chart_.at(history).parent;
  const bool deep = chart_.at(history).kind == StateKind::history_deep;
  std::vector<Index> out;
  for (const Index active : configuration_)
    if (deep ? is_atomic(chart_.at(active).kind) && chart_.is_descendant(active, parent) : chart_.at(active).parent == parent)
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

EntrySet Procedures::compute_entry_set(const std::vector<Index>& transitions, const std::vector<Index>& domains) const {
  EntrySet entry;
  for (std::size_t i = 0; i < transitions.size(); ++i) {
    const Transition& of = transition(transitions[i]);
    enter_targets(of, entry);
    for (const Index target : effective_targets(of)) add_ancestor_states_to_enter(target, domains[i], entry);
    if (transitions[i] == chart_.at(0).initial) {
      entry.states.insert(0);
      entry.default_entry.insert(0);
    }
  }
  return entry;
}

void Procedures::add_descendant_states_to_enter(Index index, EntrySet& entry) const {
  if (!entry.descended.insert(index).second) return;
  const State& state = chart_.at(index);
  if (is_history(state.kind)) {
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

/// A target that has another one below it takes no default of its own (SCXML 3.3): it is entered as that one's ancestor.
void Procedures::enter_targets(const Transition& of, EntrySet& entry) const {
  for (const Index target : of.targets)
    if (std::none_of(of.targets.begin(), of.targets.end(), [&](Index each) { return chart_.is_descendant(each, target); }))
      add_descendant_states_to_enter(target, entry);
}

void Procedures::enter_default(const Transition& of, Index ancestor, EntrySet& entry) const {
  enter_targets(of, entry);
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
