#include "tests/scxml/literal.h"

#include <algorithm>
#include <stdexcept>

namespace chuyi::scxml::literal {
namespace {

std::vector<std::string> tokens(std::string_view name) {
  std::vector<std::string> out{""};
  for (const char c : name) {
    if (c == '.')
      out.emplace_back();
    else
      out.back() += c;
  }
  return out;
}

std::vector<Index> sorted(std::vector<Index> list) {
  std::sort(list.begin(), list.end());
  return list;
}

/// Document order puts ancestors first, so that it is entry order, and its reverse exit order.
std::vector<Index> document_order(const OrderedSet& set) { return sorted(set.list); }
std::vector<Index> entry_order(const OrderedSet& set) { return sorted(set.list); }
std::vector<Index> exit_order(const OrderedSet& set) {
  std::vector<Index> out = sorted(set.list);
  std::reverse(out.begin(), out.end());
  return out;
}

bool has_intersection(const OrderedSet& a, const OrderedSet& b) {
  return std::any_of(a.list.begin(), a.list.end(), [&](Index each) { return b.is_member(each); });
}

}  // namespace

void OrderedSet::add(Index each) {
  if (!is_member(each)) list.push_back(each);
}
void OrderedSet::remove(Index each) { std::erase(list, each); }
bool OrderedSet::is_member(Index each) const { return std::find(list.begin(), list.end(), each) != list.end(); }

bool name_match(const std::vector<std::string>& descriptors, const std::string& event) {
  const std::vector<std::string> name = tokens(event);
  return std::any_of(descriptors.begin(), descriptors.end(), [&](const std::string& descriptor) {
    if (descriptor == "*") return true;
    const std::vector<std::string> prefix = tokens(descriptor);
    return prefix.size() <= name.size() && std::equal(prefix.begin(), prefix.end(), name.begin());
  });
}

Record Interpreter::interpret() {
  running_ = true;
  record_.microsteps.emplace_back();
  enter_states({{state(0).initial}});
  run_to_completion();
  return take_record();
}

Record Interpreter::external_event(const std::string& name) {
  const OrderedSet enabled_transitions = select_transitions(name);
  if (!enabled_transitions.is_empty()) microstep(enabled_transitions, name);
  run_to_completion();
  return take_record();
}

/// The inner loop of mainEventLoop, and what follows it when running has become false.
void Interpreter::run_to_completion() {
  bool macrostep_done = false;
  for (std::uint32_t turn = 0; running_ && !macrostep_done; ++turn) {
    if (turn == turns_max_) {
      record_.endless = true;
      return;
    }
    OrderedSet enabled_transitions = select_eventless_transitions();
    std::string event;
    if (enabled_transitions.is_empty()) {
      if (internal_queue_.empty()) {
        macrostep_done = true;
      } else {
        event = internal_queue_.front();
        internal_queue_.pop_front();
        enabled_transitions = select_transitions(event);
      }
    }
    if (!enabled_transitions.is_empty()) microstep(enabled_transitions, event);
  }
  for (const Index s : document_order(configuration_))
    if (s != 0) record_.configuration.push_back(state(s).id);
  record_.running = running_;
  if (!running_) exit_interpreter();
}

Record Interpreter::take_record() { return std::exchange(record_, {}); }

void Interpreter::exit_interpreter() {
  for (const Index s : exit_order(configuration_)) {
    for (const Block& content : state(s).on_exit) execute_content(content);
    configuration_.remove(s);
  }
}

OrderedSet Interpreter::select_eventless_transitions() {
  OrderedSet enabled_transitions;
  for (const Index atomic : document_order(configuration_)) {
    if (!is_atomic_state(atomic)) continue;
    std::vector<Index> line{atomic};
    for (const Index ancestor : get_proper_ancestors(atomic, kNone)) line.push_back(ancestor);
    bool found = false;
    for (const Index s : line) {
      for (const Index t : sorted(state(s).transitions)) {
        if (transition(t).events.empty() && condition_match(transition(t).cond)) {
          enabled_transitions.add(t);
          found = true;
          break;
        }
      }
      if (found) break;
    }
  }
  return remove_conflicting_transitions(enabled_transitions);
}

OrderedSet Interpreter::select_transitions(const std::string& event) {
  OrderedSet enabled_transitions;
  for (const Index atomic : document_order(configuration_)) {
    if (!is_atomic_state(atomic)) continue;
    std::vector<Index> line{atomic};
    for (const Index ancestor : get_proper_ancestors(atomic, kNone)) line.push_back(ancestor);
    bool found = false;
    for (const Index s : line) {
      for (const Index t : sorted(state(s).transitions)) {
        if (!transition(t).events.empty() && name_match(transition(t).events, event) && condition_match(transition(t).cond)) {
          enabled_transitions.add(t);
          found = true;
          break;
        }
      }
      if (found) break;
    }
  }
  return remove_conflicting_transitions(enabled_transitions);
}

OrderedSet Interpreter::remove_conflicting_transitions(const OrderedSet& enabled_transitions) {
  OrderedSet filtered_transitions;
  for (const Index t1 : enabled_transitions.list) {
    bool t1_preempted = false;
    OrderedSet transitions_to_remove;
    for (const Index t2 : filtered_transitions.list) {
      if (has_intersection(compute_exit_set({{t1}}), compute_exit_set({{t2}}))) {
        if (is_descendant(transition(t1).source, transition(t2).source)) {
          transitions_to_remove.add(t2);
        } else {
          t1_preempted = true;
          break;
        }
      }
    }
    if (!t1_preempted) {
      for (const Index t3 : transitions_to_remove.list) filtered_transitions.remove(t3);
      filtered_transitions.add(t1);
    }
  }
  return filtered_transitions;
}

void Interpreter::microstep(const OrderedSet& enabled_transitions, const std::string& event) {
  record_.microsteps.push_back({.event = event, .exited = {}, .entered = {}});
  const std::vector<Index> domains = domains_of(enabled_transitions);
  exit_states(enabled_transitions);
  execute_transition_content(enabled_transitions);
  record_.domain_moved |= domains != domains_of(enabled_transitions);
  enter_states(enabled_transitions);
}

std::vector<Index> Interpreter::domains_of(const OrderedSet& transitions) {
  std::vector<Index> out;
  for (const Index t : transitions.list) out.push_back(get_transition_domain(t));
  return out;
}

void Interpreter::exit_states(const OrderedSet& enabled_transitions) {
  const OrderedSet states_to_exit = compute_exit_set(enabled_transitions);
  const std::vector<Index> in_order =
      fault_ == Fault::exit_in_document_order ? document_order(states_to_exit) : exit_order(states_to_exit);
  for (const Index s : in_order) {
    for (const Index h : state(s).histories) {
      std::vector<Index> kept;
      for (const Index s0 : document_order(configuration_)) {
        const bool deep = state(h).kind == StateKind::history_deep;
        if (deep ? is_atomic_state(s0) && is_descendant(s0, s) : state(s0).parent == s) kept.push_back(s0);
      }
      history_value_[state(h).id] = kept;
    }
  }
  for (const Index s : in_order) {
    for (const Block& content : state(s).on_exit) execute_content(content);
    configuration_.remove(s);
    record_.microsteps.back().exited.push_back(state(s).id);
  }
}

OrderedSet Interpreter::compute_exit_set(const OrderedSet& transitions) {
  OrderedSet states_to_exit;
  for (const Index t : transitions.list) {
    if (transition(t).targets.empty()) continue;
    const Index domain = get_transition_domain(t);
    for (const Index s : configuration_.list)
      if (is_descendant(s, domain)) states_to_exit.add(s);
  }
  return states_to_exit;
}

void Interpreter::execute_transition_content(const OrderedSet& enabled_transitions) {
  for (const Index t : enabled_transitions.list) execute_content(transition(t).actions);
}

void Interpreter::enter_states(const OrderedSet& enabled_transitions) {
  states_to_enter_ = {};
  states_for_default_entry_ = {};
  default_history_content_.clear();
  compute_entry_set(enabled_transitions);
  for (const Index s : entry_order(states_to_enter_)) {
    configuration_.add(s);
    if (s != 0) record_.microsteps.back().entered.push_back(state(s).id);
    for (const Block& content : state(s).on_entry) execute_content(content);
    if (states_for_default_entry_.is_member(s)) execute_content(transition(state(s).initial).actions);
    if (default_history_content_.contains(s)) execute_content(transition(default_history_content_.at(s)).actions);
    if (state(s).kind == StateKind::final) {
      if (state(s).parent == 0) {
        running_ = false;
      } else {
        const Index parent = state(s).parent;
        const Index grandparent = state(parent).parent;
        internal_queue_.push_back("done.state." + state(parent).id);
        if (state(grandparent).kind == StateKind::parallel) {
          const std::vector<Index>& children = state(grandparent).children;
          if (std::all_of(children.begin(), children.end(), [&](Index child) { return is_in_final_state(child); }))
            internal_queue_.push_back("done.state." + state(grandparent).id);
        }
      }
    }
  }
}

void Interpreter::compute_entry_set(const OrderedSet& transitions) {
  for (const Index t : transitions.list) {
    for (const Index s : without_ancestors(transition(t).targets)) add_descendant_states_to_enter(s);
    const Index ancestor = get_transition_domain(t);
    for (const Index s : get_effective_target_states(transition(t)).list) add_ancestor_states_to_enter(s, ancestor);
  }
}

/// The one departure from the pseudo-code, which would enter two children of a state: 3.3 gives a target its default only
/// when none of its descendants is specified.
std::vector<Index> Interpreter::without_ancestors(const std::vector<Index>& targets) {
  std::vector<Index> out;
  for (const Index s : targets)
    if (std::none_of(targets.begin(), targets.end(), [&](Index each) { return is_descendant(each, s); })) out.push_back(s);
  return out;
}

void Interpreter::add_descendant_states_to_enter(Index s) {
  if (is_history_state(s)) {
    const Index parent = state(s).parent;
    if (history_value_.contains(state(s).id)) {
      const std::vector<Index> kept = history_value_.at(state(s).id);
      for (const Index each : kept) add_descendant_states_to_enter(each);
      for (const Index each : kept) add_ancestor_states_to_enter(each, parent);
    } else {
      default_history_content_[parent] = state(s).initial;
      for (const Index each : without_ancestors(transition(state(s).initial).targets)) add_descendant_states_to_enter(each);
      for (const Index each : transition(state(s).initial).targets) add_ancestor_states_to_enter(each, parent);
    }
    return;
  }
  states_to_enter_.add(s);
  if (state(s).kind == StateKind::compound) {
    states_for_default_entry_.add(s);
    for (const Index each : without_ancestors(transition(state(s).initial).targets)) add_descendant_states_to_enter(each);
    for (const Index each : transition(state(s).initial).targets) add_ancestor_states_to_enter(each, s);
  } else if (state(s).kind == StateKind::parallel) {
    for (const Index child : state(s).children)
      if (std::none_of(states_to_enter_.list.begin(), states_to_enter_.list.end(),
                       [&](Index each) { return is_descendant(each, child); }))
        add_descendant_states_to_enter(child);
  }
}

void Interpreter::add_ancestor_states_to_enter(Index s, Index ancestor) {
  for (const Index anc : get_proper_ancestors(s, ancestor)) {
    states_to_enter_.add(anc);
    if (state(anc).kind == StateKind::parallel)
      for (const Index child : state(anc).children)
        if (std::none_of(states_to_enter_.list.begin(), states_to_enter_.list.end(),
                         [&](Index each) { return is_descendant(each, child); }))
          add_descendant_states_to_enter(child);
  }
}

bool Interpreter::is_in_final_state(Index s) {
  const std::vector<Index>& children = state(s).children;
  if (state(s).kind == StateKind::compound)
    return std::any_of(children.begin(), children.end(), [&](Index child) {
      return state(child).kind == StateKind::final && configuration_.is_member(child);
    });
  if (state(s).kind == StateKind::parallel)
    return std::all_of(children.begin(), children.end(), [&](Index child) { return is_in_final_state(child); });
  return false;
}

Index Interpreter::get_transition_domain(Index t) {
  const OrderedSet tstates = get_effective_target_states(transition(t));
  const Index source = transition(t).source;
  if (tstates.is_empty()) return kNone;
  if (transition(t).kind == TransitionKind::internal && state(source).kind == StateKind::compound &&
      std::all_of(tstates.list.begin(), tstates.list.end(), [&](Index s) { return is_descendant(s, source); }))
    return source;
  std::vector<Index> state_list{source};
  state_list.insert(state_list.end(), tstates.list.begin(), tstates.list.end());
  return find_lcca(state_list);
}

Index Interpreter::find_lcca(const std::vector<Index>& state_list) {
  for (const Index anc : get_proper_ancestors(state_list.front(), kNone)) {
    if (!is_compound_state_or_scxml_element(anc)) continue;
    if (std::all_of(state_list.begin() + 1, state_list.end(), [&](Index s) { return is_descendant(s, anc); })) return anc;
  }
  return kNone;
}

OrderedSet Interpreter::get_effective_target_states(const Transition& of) {
  OrderedSet targets;
  for (const Index s : of.targets) {
    if (!is_history_state(s)) {
      targets.add(s);
    } else if (history_value_.contains(state(s).id)) {
      for (const Index each : history_value_.at(state(s).id)) targets.add(each);
    } else {
      for (const Index each : get_effective_target_states(transition(state(s).initial)).list) targets.add(each);
    }
  }
  return targets;
}

std::vector<Index> Interpreter::get_proper_ancestors(Index state1, Index state2) {
  std::vector<Index> out;
  if (state2 != kNone && (state2 == state1 || state2 == state(state1).parent || is_descendant(state2, state1))) return out;
  for (Index each = state(state1).parent; each != state2 && each != kNone; each = state(each).parent) out.push_back(each);
  return out;
}

bool Interpreter::is_descendant(Index state1, Index state2) {
  for (Index each = state(state1).parent; each != kNone; each = state(each).parent)
    if (each == state2) return true;
  return false;
}

bool Interpreter::is_history_state(Index s) const {
  return state(s).kind == StateKind::history_shallow || state(s).kind == StateKind::history_deep;
}
bool Interpreter::is_compound_state_or_scxml_element(Index s) const {
  return state(s).kind == StateKind::compound || state(s).kind == StateKind::root;
}
bool Interpreter::is_atomic_state(Index s) const {
  return state(s).kind == StateKind::atomic || state(s).kind == StateKind::final;
}

/// The null data model's only condition: In('STATE'), here without white space.
bool Interpreter::condition_match(const Script& cond) const {
  if (!cond) return true;
  const std::size_t from = cond.source.find('\'') + 1;
  const std::string id = cond.source.substr(from, cond.source.rfind('\'') - from);
  return std::any_of(configuration_.list.begin(), configuration_.list.end(), [&](Index s) { return state(s).id == id; });
}

void Interpreter::execute_content(const Block& block) {
  for (const Action& action : block) {
    if (action.kind == ActionKind::raise) {
      internal_queue_.push_back(action.name);
    } else if (action.kind == ActionKind::log) {
      record_.logs.push_back(action.name);
    } else if (action.kind == ActionKind::branch) {
      const auto chosen = std::find_if(action.branches.begin(), action.branches.end(),
                                       [&](const Branch& branch) { return condition_match(branch.cond); });
      if (chosen != action.branches.end()) execute_content(chosen->actions);
    } else {
      throw std::logic_error("no such action in the literal interpreter");
    }
  }
}

}  // namespace chuyi::scxml::literal
