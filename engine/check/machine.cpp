#include "engine/check/machine.h"

#include <algorithm>
#include <functional>
#include <set>

#include "engine/scxml/describe.h"
#include "engine/scxml/interpreter.h"

namespace chuyi::check {

using scxml::Action;
using scxml::ActionKind;
using scxml::Block;
using scxml::Procedures;
using scxml::Script;
using scxml::State;
using scxml::StateKind;
using scxml::Transition;
using scxml::Truth;

namespace {

/// `round` is the round's data, whatever the library calls so.
json::object known_globals(const json::object& programme) {
  json::object out{{"round", nullptr}};
  if (!programme.empty()) out["programme"] = programme;
  return out;
}

/// Ways of one step that differ in unknown guards; past it the rest is left out, which `cut` says.
constexpr int kWaysMax = 4096;

/// Rounds of a <foreach> whose list is not known.
constexpr std::size_t kRoundsMax = 2;
/// Of a timer that may run several times.
constexpr std::ptrdiff_t kTimesMax = 2;

/// The runtime refuses to send these to another session.

std::string filled(std::string text, const std::string& id) {
  const std::size_t at = text.find("{id}");
  return at == std::string::npos ? text : text.replace(at, 4, id);
}

void insert_sorted(std::vector<int>& list, int value) {
  const auto place = std::lower_bound(list.begin(), list.end(), value);
  if (place == list.end() || *place != value) list.insert(place, value);
}

void put(std::string& out, std::uint32_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(0x80 | (value & 0x7F));
    value >>= 7;
  }
  out += static_cast<char>(value);
}
std::uint32_t get(const std::string& in, std::size_t& at) {
  std::uint32_t out = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(in[at++]);
    out |= static_cast<std::uint32_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return out;
  }
}
template <class List>
void put_list(std::string& out, const List& list) {
  put(out, static_cast<std::uint32_t>(list.size()));
  for (const int each : list) put(out, static_cast<std::uint32_t>(each));
}
std::vector<int> get_list(const std::string& in, std::size_t& at) {
  std::vector<int> out(get(in, at));
  for (int& each : out) each = static_cast<int>(get(in, at));
  return out;
}

}  // namespace

void Node::add_timer(int timer) {
  if (std::count(timers.begin(), timers.end(), timer) < kTimesMax) timers.insert(std::lower_bound(timers.begin(), timers.end(), timer), timer);
}

std::string Node::encode() const {
  std::string out;
  out += ended ? '\1' : '\0';
  put_list(out, configuration);
  put_list(out, to_invoke);
  for (const auto* list : {&running, &timers, &internal, &self}) put_list(out, *list);
  for (const auto& [index, kept] : history) {
    put(out, static_cast<std::uint32_t>(index));
    put_list(out, kept);
  }
  return out;
}

Node Node::decode(const std::string& bytes) {
  Node out;
  std::size_t at = 1;
  out.ended = bytes[0] != 0;
  for (const int each : get_list(bytes, at)) out.configuration.insert(each);
  for (const int each : get_list(bytes, at)) out.to_invoke.insert(each);
  for (auto* list : {&out.running, &out.timers, &out.internal, &out.self}) *list = get_list(bytes, at);
  while (at < bytes.size()) {
    const auto index = static_cast<Index>(get(bytes, at));
    out.history[index] = get_list(bytes, at);
  }
  return out;
}

bool Element::runs_chart() const { return type && scxml::is_chart_type(*type); }

std::string Element::type_text() const { return !type ? "typeexpr" : runs_chart() ? "scxml" : *type; }

std::optional<json::value> Element::parameter(const std::string& name, const json::object& manifest) const {
  if (const auto given = parameters.find(name); given != parameters.end()) return given->second;
  if (profile == nullptr) return std::nullopt;
  for (const ParameterRule& rule : profile->parameters) {
    if (rule.name != name) continue;
    if (rule.manifest.empty()) return rule.fallback;
    if (const json::value* found = manifest.if_contains(rule.manifest)) return *found;
    return std::nullopt;
  }
  return json::value();
}

/// Which way each unknown guard goes, in the order they are asked. Trying all ways is counting in binary.
struct Machine::Choices {
  std::vector<bool> ways;
  std::size_t asked = 0;

  bool next() {
    if (asked == ways.size()) ways.push_back(true);
    return ways[asked++];
  }
  /// False: all ways were tried.
  bool advance() {
    ways.resize(asked);
    asked = 0;
    while (!ways.empty() && !ways.back()) ways.pop_back();
    if (ways.empty()) return false;
    ways.back() = false;
    return true;
  }
};

/// One microstep, or the part of a macrostep between two.
class Machine::Run {
 public:
  Run(Machine& machine, Choices& choices, const Node& from, Successor& out) : m_(machine), choices_(choices), out_(out) {
    out_.next = from;
  }

  Node& node() { return out_.next; }

  void microstep(const std::vector<Index>& enabled) {
    out_.happening.transitions = enabled;
    const scxml::Chart& chart = m_.chart_;
    const Procedures procedures(chart, node().configuration, node().history);
    const std::vector<Index> domains = procedures.domains(enabled);
    const StateSet exits = procedures.compute_exit_set(domains);
    scxml::History recorded;
    for (const Index state : exits)
      for (const Index history : chart.at(state).histories) recorded[history] = procedures.recorded(history);
    for (auto& [history, states] : recorded) node().history[history] = std::move(states);
    for (const Index state : exits) node().to_invoke.erase(state);
    for (auto state = exits.rbegin(); state != exits.rend(); ++state) exit(*state);
    for (const Index each : enabled)
      if (each != chart.at(0).initial) run(transition(each).actions);
    const scxml::EntrySet entry = procedures.compute_entry_set(enabled, domains);
    for (const Index state : entry.states) enter(state, entry);
    if (node().ended) {
      out_.happening.ended = true;
      Node last;
      last.configuration = node().configuration;
      last.ended = true;
      node() = std::move(last);
    }
  }

  void start_invokes() {
    for (const Index state : node().to_invoke)
      for (const int element : m_.elements_of_.at(state)) {
        insert_sorted(node().running, element);
        out_.happening.started.push_back(element);
      }
    node().to_invoke = {};
  }

  /// @return false: an action failed, and the rest of the block is left out (SCXML 4.9).
  bool run(const Block& block) {
    return std::all_of(block.begin(), block.end(), [&](const Action& action) { return run(action); });
  }

  bool decide(const Script& script) {
    Assumptions none;  // the block may have changed what the conditions look at
    const bool out = m_.decide(script, out_.happening.event, node(), none, choices_);
    raise_failures();
    return out;
  }

  /// SCXML 5.9.1: a condition that fails is false and raises error.execution. @return whether one did.
  bool raise_failures() {
    const bool any = m_.failures_ > 0;
    for (; m_.failures_ > 0; --m_.failures_) node().internal.push_back(m_.error_event_);
    return any;
  }

 private:
  const Transition& transition(Index index) const { return m_.chart_.transitions[static_cast<std::size_t>(index)]; }

  void exit(Index index) {
    const State& state = m_.chart_.at(index);
    for (const Block& block : state.on_exit) run(block);
    std::erase_if(node().running, [&](int each) { return m_.elements_[static_cast<std::size_t>(each)].state == index; });
    node().configuration.erase(index);
    out_.happening.exited.push_back(index);
  }

  void enter(Index index, const scxml::EntrySet& entry) {
    const State& state = m_.chart_.at(index);
    node().configuration.insert(index);
    if (!state.invokes.empty()) node().to_invoke.insert(index);
    if (index != 0) out_.happening.entered.push_back(index);
    for (const Block& block : state.on_entry) run(block);
    if (entry.default_entry.contains(index) && state.initial != scxml::kNone) run(transition(state.initial).actions);
    if (const auto content = entry.history_content.find(index); content != entry.history_content.end())
      run(transition(content->second).actions);
    if (state.kind != StateKind::final) return;
    if (state.parent == 0) {
      node().ended = true;
      return;
    }
    raise_done(state.parent);
    const Index grandparent = m_.chart_.at(state.parent).parent;
    if (grandparent == scxml::kNone || m_.chart_.at(grandparent).kind != StateKind::parallel) return;
    const Procedures procedures(m_.chart_, node().configuration, node().history);
    const auto& regions = m_.chart_.at(grandparent).children;
    if (std::all_of(regions.begin(), regions.end(), [&](Index each) { return procedures.in_final_state(each); }))
      raise_done(grandparent);
  }

  void raise_done(Index state) {
    for (const int event : m_.done_events_.at(state)) node().internal.push_back(event);
  }

  bool run(const Action& action) {
    switch (action.kind) {
      case ActionKind::branch:
        for (const scxml::Branch& branch : action.branches)
          if (!branch.cond || decide(branch.cond)) return run(branch.actions);
        return true;
      case ActionKind::foreach_: return run_foreach(action);
      case ActionKind::raise:
      case ActionKind::send: return send(action);
      case ActionKind::cancel:
        if (fails(action.script)) return false;
        cancel(m_.text_of(action.name, action.script));
        return true;
      default: return !fails(action.script);  // data is not looked at
    }
  }

  bool fails(const Script& script) {
    if (!m_.surely_fails(script)) return false;
    node().internal.push_back(m_.error_event_);
    return true;
  }

  bool run_foreach(const Action& action) {
    if (fails(action.script)) return false;
    const std::optional<json::value> known = m_.model_.value(action.script);
    const bool counted = known && known->is_array();
    const std::size_t rounds = counted ? std::min(known->get_array().size(), kQueueMax + 1) : kRoundsMax;
    for (std::size_t i = 0; i < rounds && (counted || choices_.next()); ++i)
      if (!run(action.body)) return false;
    return true;
  }

  /// @param id  nullopt: unknown, each may be meant or not.
  void cancel(const std::optional<std::string>& id) {
    if (id && id->empty()) return;  // sends without an id are not meant
    const bool open = !id || id->starts_with("send.");  // ids that idlocation was given
    std::erase_if(node().timers, [&](int each) { return open ? choices_.next() : m_.timers_[static_cast<std::size_t>(each)].send->id == *id; });
  }

  bool send(const Action& action) {
    if (action.kind == ActionKind::send) {
      const scxml::SendAction& send = *action.send;
      if (fails(send.event_expr) || fails(send.target_expr) || fails(send.type_expr) || fails(send.delay_expr)) return false;
      fails(send.payload.content_expr);
      // A parameter that fails is left out, a namelist fails with its element.
      for (const scxml::Param& param : send.payload.params)
        if (fails(param.value) && param.from_namelist) return false;
    }
    const std::vector<Sent>& ways = m_.sent_.at(&action);
    if (ways.empty()) {
      node().internal.push_back(m_.error_event_);
      return false;
    }
    std::size_t way = 0;
    while (way + 1 < ways.size() && choices_.next()) ++way;
    const auto [event, timer] = ways[way];
    if (timer != kNothing) node().add_timer(timer);
    if (event == kNothing) return true;
    const bool internal = m_.events_[static_cast<std::size_t>(event)].kind == EventKind::internal;
    (internal ? node().internal : node().self).push_back(event);
    return true;
  }

  Machine& m_;
  Choices& choices_;
  Successor& out_;
};

Machine::Machine(const scxml::Chart& chart, const World& world, const json::object& programme)
    : chart_(chart), world_(world), model_(chart, known_globals(programme)) {
  for (Index i = 0; i < static_cast<Index>(chart.states.size()); ++i) {
    const State& state = chart.at(i);
    add_elements(i);
    for (const Block& block : state.on_entry) collect(block);
    for (const Block& block : state.on_exit) collect(block);
    for (const scxml::InvokeElement& invoke : state.invokes) collect(invoke.finalize);
    if (state.kind == StateKind::compound || state.kind == StateKind::parallel)
      done_events_[i] = {add_event({.kind = EventKind::internal, .name = "done.state." + state.id, .zh = "完成", .en = "done"})};
  }
  for (const Transition& each : chart.transitions) collect(each.actions);
  collect_outside();
  collect_from_children();
  error_event_ = add_event({.kind = EventKind::internal, .name = "error.execution", .zh = "出错", .en = "error"});
  for (const AbstractEvent& event : events_) {
    std::vector<bool>& heard = heard_.emplace_back();
    for (const Transition& each : chart.transitions)
      heard.push_back(std::any_of(each.events.begin(), each.events.end(),
                                  [&](const std::string& descriptor) { return scxml::matches(descriptor, event.name); }));
  }
}

int Machine::element_of(const scxml::Invocation& invocation) const {
  return elements_of_.at(chart_.find(invocation.state))[invocation.index];
}

int Machine::add_event(AbstractEvent event) {
  json::array data(event.data.begin(), event.data.end());
  const std::string key = std::to_string(static_cast<int>(event.kind)) + " " + std::to_string(event.element) + " " + event.name + " " +
                          canonical_json(data) + (event.ends ? "!" : "") + (event.open ? "*" : "");
  const auto [place, added] = event_ids_.try_emplace(key, static_cast<int>(events_.size()));
  if (added) events_.push_back(std::move(event));
  return place->second;
}

void Machine::add_elements(Index state) {
  const auto& invokes = chart_.at(state).invokes;
  for (const scxml::InvokeElement& invoke : invokes) {
    const int index = static_cast<int>(elements_.size());
    Element element{.state = state,
                    .invoke = &invoke,
                    .id = invoke.id.empty() ? chart_.at(state).id + ".1" : invoke.id,
                    .type = text_of(invoke.type, invoke.type_expr)};
    if (element.type) element.profile = world_.find(element.type_text());
    for (const scxml::Param& param : invoke.payload.params) element.parameters[param.name] = model_.value(param.value);
    add_answers(element, index);
    elements_.push_back(std::move(element));
    elements_of_[state].push_back(index);
  }
}

void Machine::add_answers(Element& element, int index) {
  const auto add = [&](EventKind kind, const std::string& name, std::vector<json::object> data, bool ends, std::string zh, std::string en) {
    element.answers.push_back(add_event({.kind = kind,
                                         .name = filled(name, element.id),
                                         .element = index,
                                         .data = std::move(data),
                                         .ends = ends,
                                         .zh = std::move(zh),
                                         .en = std::move(en)}));
  };
  static const InvokeProfile kUnknown{.answers = {{.event = "done.invoke.{id}", .zh = "完成", .en = "done"}}};
  const InvokeProfile& profile = element.profile == nullptr ? kUnknown : *element.profile;
  if (!profile.outcomes.empty()) {
    const std::optional<json::value> outcomes = element.parameter(profile.outcomes, {});
    if (!outcomes) add(EventKind::answer, "done.invoke.{id}", {}, true, "办结", "some outcome");
    if (outcomes && outcomes->is_array())
      for (const json::value& outcome : outcomes->get_array())
        if (outcome.is_string())
          add(EventKind::answer, "done.invoke.{id}", {{{"outcome", outcome}}}, true, std::string{outcome.get_string()},
              std::string{outcome.get_string()});
  }
  if (!profile.returns.empty()) {
    const std::optional<json::value> steps = element.parameter(profile.returns, {});
    // Where to is not known: any of its transitions may be taken, and whether one is missing cannot be said.
    if (!steps) add(EventKind::answer, "done.invoke.{id}", {{{"outcome", "return_to"}}}, false, "退回", "return_to some step");
    if (steps && steps->is_array())
      for (const json::value& step : steps->get_array())
        if (step.is_string())
          add(EventKind::answer, "done.invoke.{id}", {{{"outcome", "return_to"}, {"to", step}}}, true, "退回" + std::string{step.get_string()},
              "return_to " + std::string{step.get_string()});
  }
  for (const Answer& answer : profile.answers)
    if (answer.parameter.empty() || element.parameters.contains(answer.parameter))
      add(EventKind::answer, answer.event, answer.data, answer.ends, answer.zh, answer.en);
  if (!profile.fails) return;
  add(EventKind::failure, "error.communication", {}, true, "失败", "fails");
  // A second name for the same misfortune, for charts that listen to it.
  const auto listens = [](const Transition& each) {
    return std::any_of(each.events.begin(), each.events.end(), [](const std::string& name) { return name.starts_with("error.execution"); });
  };
  if (std::any_of(chart_.transitions.begin(), chart_.transitions.end(), listens))
    add(EventKind::failure, "error.execution", {}, true, "失败", "fails");
}

void Machine::collect(const Block& block) {
  for (const Action& action : block) {
    for (const scxml::Branch& branch : action.branches) collect(branch.actions);
    collect(action.body);
    if (action.kind == ActionKind::raise)
      sent_[&action] = {{.event = add_event({.kind = EventKind::internal, .name = action.name, .zh = "内部事件", .en = "raised"})}};
    if (action.kind == ActionKind::send) collect_send(action);
  }
}

void Machine::collect_send(const Action& action) {
  const scxml::SendAction& send = *action.send;
  const std::optional<std::string> type = text_of(send.type, send.type_expr);
  const std::optional<std::string> target = text_of(send.target, send.target_expr);
  const std::optional<std::string> name = text_of(send.event, send.event_expr);
  std::vector<Sent>& out = sent_[&action];
  const std::string_view processor = scxml::processor_of(type.value_or(""));
  const bool http = type && processor == scxml::kHttpProcessor;
  if (processor.empty() || (!http && target && !target->empty() && !target->starts_with("#_"))) return;
  const bool to_self = !http && (!target || target->empty());
  const bool to_internal = !http && (!target || *target == "#_internal");
  if (!type || !target || http || !(to_self || to_internal)) {
    out.emplace_back();
    sends_out_ = true;
    sends_out_reserved_ = sends_out_reserved_ || !name || scxml::is_reserved(*name);
  }
  const auto add = [&](EventKind kind, std::string event, bool open) {
    const bool timer = kind == EventKind::timer;
    const int added = add_event({.kind = kind, .name = std::move(event), .open = open, .zh = "到时", .en = "time is up"});
    out.push_back({.event = timer ? kNothing : added, .timer = timer ? static_cast<int>(timers_.size()) : kNothing});
    if (timer) timers_.push_back({.send = &send, .event = added, .place = action.place});
  };
  const auto add_names = [&](EventKind kind) {
    if (name) return add(kind, *name, false);
    for (std::string& each : open_names(true)) add(kind, std::move(each), true);
  };
  if (to_internal) add_names(EventKind::internal);
  if (!to_self) return;
  const std::optional<json::value> delay = send.delay_expr ? model_.value(send.delay_expr) : json::value(send.delay);
  const auto none = [](const json::string& text) { return text.empty() || text == "0s" || text == "0ms"; };
  const bool at_once = delay && (delay->is_int64() ? delay->get_int64() <= 0 : delay->is_string() && none(delay->get_string()));
  add_names(at_once ? EventKind::self : EventKind::timer);
}

std::optional<std::string> Machine::text_of(const std::string& text, const Script& expression) {
  if (!expression) return text;
  const std::optional<json::value> known = model_.value(expression);
  if (!known || !known->is_string()) return std::nullopt;
  return std::string{known->get_string()};
}

bool Machine::surely_fails(const Script& script) {
  if (!script) return false;
  const auto [known, added] = failing_.try_emplace(script.id, false);
  if (added) known->second = model_.condition(script, nullptr, [](std::string_view) { return false; }) == Truth::fails && !model_.asked_in();
  return known->second;
}

/// Names for events of which nothing is known but that a transition hears them: whatever comes is heard by the same
/// transitions as the longest descriptor that matches it.
std::vector<std::string> Machine::open_names(bool reserved) const {
  std::set<std::string> out;
  for (const Transition& each : chart_.transitions)
    for (const std::string& name : each.events)
      if (reserved || !scxml::is_reserved(name)) out.insert(name);
  return {out.begin(), out.end()};
}

/// What people and other systems send, and what a message to them comes back as.
void Machine::collect_outside() {
  const auto comes = [&](const std::string& name, bool open) {
    insert_sorted(outside_, add_event({.kind = EventKind::outside, .name = name, .open = open, .zh = "外部事件", .en = "from outside"}));
  };
  for (std::string mine : chart_.http_events) {
    if (mine.ends_with(".*")) mine.resize(mine.size() - 2);
    comes(mine, true);
    for (const std::string& name : open_names(true))
      if (scxml::matches(mine, name)) comes(name, true);
  }
  for (const Transition& each : chart_.transitions)
    for (const std::string& name : each.events) {
      // People send no event but one that a transition names.
      if (std::any_of(world_.outside.begin(), world_.outside.end(), [&](const std::string& mine) { return scxml::matches(mine, name); })) comes(name, false);
      if (sends_out_ && scxml::matches(name, "error.communication")) comes("error.communication", false);
      if (sends_out_reserved_ && scxml::matches(name, "error.execution")) comes("error.execution", false);
    }
}

/// An invoked chart may send its parent whatever is heard and not reserved.
void Machine::collect_from_children() {
  for (Element& element : elements_) {
    if (element.type && !element.runs_chart()) continue;
    const int index = static_cast<int>(&element - elements_.data());
    for (const std::string& name : open_names(false))
      insert_sorted(element.answers, add_event({.kind = EventKind::answer, .name = name, .element = index, .open = true, .zh = name, .en = name}));
  }
}

bool Machine::decide(const Script& script, int event, const Node& node, Assumptions& assumed, Choices& choices) {
  auto known = guards_.find(script.id);
  if (known == guards_.end()) known = guards_.emplace(script.id, read_guard(script, leaves_)).first;
  const Truth truth = decide_guard(known->second, event, node, assumed, choices);
  if (truth == Truth::fails) ++failures_;
  return truth == Truth::yes;
}

Truth Machine::decide_guard(const Guard& guard, int event, const Node& node, Assumptions& assumed, Choices& choices) {
  switch (guard.kind) {
    case Guard::Kind::leaf: {
      const Truth truth = decide_leaf(guard.script, event, node);
      if (truth != Truth::unknown) return truth;
      return assumed.decide(guard, [&] { return choices.next(); }) ? Truth::yes : Truth::no;
    }
    case Guard::Kind::negation: {
      const Truth truth = decide_guard(guard.parts.front(), event, node, assumed, choices);
      return truth == Truth::fails ? truth : truth == Truth::yes ? Truth::no : Truth::yes;
    }
    case Guard::Kind::both:
    case Guard::Kind::either: {
      const Truth stop = guard.kind == Guard::Kind::both ? Truth::no : Truth::yes;
      Truth out = stop;
      for (const Guard& part : guard.parts) {
        out = decide_guard(part, event, node, assumed, choices);
        if (out == stop || out == Truth::fails) break;
      }
      return out;
    }
  }
  return Truth::no;
}

Truth Machine::decide_leaf(const Script& script, int event, const Node& node) {
  const auto known = verdicts_.find({script.id, event});
  if (known != verdicts_.end() && known->second.fixed) return known->second.truth;
  const auto in_state = [&](std::string_view id) {
    const Index state = chart_.find(id);
    return state != scxml::kNone && node.configuration.contains(state);
  };
  Truth out = Truth::unknown;
  bool fixed = true;
  if (event == kNothing) {
    out = model_.condition(script, nullptr, in_state);
    fixed = !model_.asked_in();
  } else {
    const AbstractEvent& of = events_[static_cast<std::size_t>(event)];
    scxml::KnownEvent shown{.name = of.open ? "" : of.name,
                            .invokeid = of.open || of.element == kNothing ? "" : elements_[static_cast<std::size_t>(of.element)].id,
                            .data = {}};
    const std::size_t samples = std::max<std::size_t>(of.data.size(), 1);
    for (std::size_t i = 0; i < samples; ++i) {
      if (i < of.data.size()) shown.data = of.data[i];
      const Truth truth = model_.condition(script, &shown, in_state);
      fixed = fixed && !model_.asked_in();
      out = i == 0 || out == truth ? truth : Truth::unknown;
      if (out == Truth::unknown) break;
    }
  }
  verdicts_[{script.id, event}] = {out, fixed};
  return out;
}

std::vector<Index> Machine::select(const Node& node, int event, Choices& choices) {
  Assumptions assumed;  // nothing happens between two guards of one selection
  return Procedures(chart_, node.configuration, node.history).select_transitions([&](Index index) {
    const Transition& each = chart_.transitions[static_cast<std::size_t>(index)];
    if (event == kNothing ? !each.events.empty() : !hears(index, event)) return false;
    if (!each.cond) return true;
    return decide(each.cond, event, node, assumed, choices);
  });
}

void Machine::try_all_ways(Expansion& out, const std::function<bool(Choices&, Successor&)>& run) {
  Choices choices;
  for (int ways = 0; ways < kWaysMax; ++ways) {
    Successor successor;
    if (run(choices, successor)) out.successors.push_back(std::move(successor));
    if (!choices.advance()) return;
  }
  out.cut = true;
}

Expansion Machine::begin() {
  Expansion out;
  try_all_ways(out, [&](Choices& choices, Successor& successor) {
    Run(*this, choices, {}, successor).microstep({chart_.at(0).initial});
    return true;
  });
  return out;
}

Expansion Machine::expand(const Node& node) {
  Expansion out;
  if (node.ended) return out;
  try_all_ways(out, [&](Choices& choices, Successor& successor) {
    Run run(*this, choices, node, successor);
    std::vector<Index> enabled = select(node, kNothing, choices);
    const bool failed = run.raise_failures();
    if (!enabled.empty()) run.microstep(enabled);
    if (!enabled.empty() || failed) return true;
    const bool internal = !node.internal.empty();
    if (!internal && !node.to_invoke.empty()) {
      run.start_invokes();
      return true;
    }
    std::vector<int>& queue = internal ? run.node().internal : run.node().self;
    if (queue.empty()) {
      out.resting = true;
      return false;
    }
    successor.happening.event = queue.front();
    queue.erase(queue.begin());
    enabled = select(node, successor.happening.event, choices);
    run.raise_failures();
    if (!enabled.empty()) run.microstep(enabled);
    return true;
  });
  if (!out.resting) return out;
  const auto take = [&](int event, const std::function<void(Node&, Choices&)>& prepare, bool drop) {
    try_all_ways(out, [&](Choices& choices, Successor& successor) {
      Run run(*this, choices, node, successor);
      successor.happening.event = event;
      prepare(run.node(), choices);
      const AbstractEvent& of = events_[static_cast<std::size_t>(event)];
      if (of.element != kNothing) run.run(elements_[static_cast<std::size_t>(of.element)].invoke->finalize);
      const std::vector<Index> enabled = select(node, event, choices);
      const bool failed = run.raise_failures();
      if (enabled.empty()) return drop || failed;
      run.microstep(enabled);
      return true;
    });
  };
  for (const int running : node.running)
    for (const int answer : elements_[static_cast<std::size_t>(running)].answers)
      take(answer,
           [&](Node& next, Choices&) {
             if (events_[static_cast<std::size_t>(answer)].ends) std::erase(next.running, running);
           },
           // A failure that no transition takes is no step: the runtime refuses the command that brought it.
           events_[static_cast<std::size_t>(answer)].kind != EventKind::failure);
  for (std::size_t i = 0; i < node.timers.size(); ++i) {
    const int timer = node.timers[i];
    const bool again = i > 0 && node.timers[i - 1] == timer;
    if (again) continue;
    const bool often = std::count(node.timers.begin(), node.timers.end(), timer) == kTimesMax;
    const auto fire = [&](Node& next, Choices& choices) {
      if (!often || choices.next()) next.timers.erase(std::find(next.timers.begin(), next.timers.end(), timer));
    };
    take(timers_[static_cast<std::size_t>(timer)].event, fire, true);
  }
  for (const int event : outside_) take(event, [](Node&, Choices&) {}, false);
  return out;
}

}  // namespace chuyi::check
