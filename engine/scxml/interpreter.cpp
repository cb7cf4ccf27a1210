#include "engine/scxml/interpreter.h"

#include <algorithm>
#include <list>

#include "engine/base/form.h"
#include "engine/scxml/chart_model.h"
#include "engine/scxml/delay.h"
#include "engine/scxml/describe.h"
#include "engine/scxml/lua_model.h"
#include "engine/scxml/procedures.h"

// The procedures of W3C SCXML 1.0, appendix D, under their names; those that need no data are in procedures.h.
namespace chuyi::scxml {
namespace {

/// How often in a macrostep the chart may answer to values that cannot be kept with more of them.
constexpr int kUnkeptMax = 3;

/// Bytes that canonical JSON can take at most.
std::size_t size_bound(std::string_view text) { return 6 * text.size() + 3; }
std::size_t size_bound(const json::object& object);
std::size_t size_bound(const json::value& value) {
  if (value.is_object()) return size_bound(value.get_object());
  std::size_t out = 32;
  if (value.is_string()) out += size_bound(std::string_view{value.get_string()});
  if (value.is_array())
    for (const json::value& each : value.get_array()) out += size_bound(each);
  return out;
}
std::size_t size_bound(const json::object& object) {
  std::size_t out = 32;
  for (const json::key_value_pair& each : object) out += size_bound(std::string_view{each.key()}) + size_bound(each.value());
  return out;
}
std::size_t size_bound(const Snapshot& snapshot) {
  std::size_t out = 512 + size_bound(snapshot.datamodel) + size_bound(snapshot.history);
  for (const std::string& each : snapshot.configuration) out += size_bound(each);
  for (const std::string& each : snapshot.initialised) out += size_bound(each);
  for (const Invocation& each : snapshot.invocations) out += 128 + size_bound(each.invoke_id) + size_bound(each.state) + size_bound(each.type);
  return out;
}

class Interpreter {
 public:
  Interpreter(const Chart& chart, Snapshot snapshot, const Env& env, const StepLimits& limits)
      : chart_(chart),
        env_(env),
        snapshot_(std::move(snapshot)),
        limits_(limits),
        lua_(chart, env, limits, [this](std::string_view id) { return in_state(id); }) {
    for (const std::string& id : snapshot_.configuration) configuration_.insert(chart_.find(id));
    for (const json::key_value_pair& kept : snapshot_.history) {
      std::vector<Index>& states = history_[chart_.find(kept.key())];
      for (const json::value& id : kept.value().as_array()) states.push_back(chart_.find(id.as_string()));
    }
  }

  Result<Step> start(const json::object& data) {
    snapshot_.running = true;
    lua_.load(data);
    if (Result<> ready = lua_.prepare(); !ready) return ready.error();
    if (!chart_.late_binding) {
      for (const State& state : chart_.states) initialise_data(state, data);
    } else {
      initialise_data(chart_.at(0), data);
    }
    if (chart_.script)
      if (Result<> ran = lua_.run_top_script(); !ran) execution_error(ran.error());
    traces_.emplace_back();
    enter_states({chart_.at(0).initial}, {0});
    return macrostep();
  }

  Result<Step> stop() {
    if (!snapshot_.running) return ended();
    lua_.restore(std::move(snapshot_.datamodel));
    snapshot_.running = false;
    return macrostep();
  }

  Result<Step> step(const Event& event) {
    if (!snapshot_.running) return ended();
    lua_.restore(std::move(snapshot_.datamodel));
    lua_.set_event(event);
    finalize_and_forward(event);
    const std::vector<Index> enabled = select_transitions(&event);
    if (!enabled.empty()) microstep(enabled, event.name);
    return macrostep();
  }

 private:
  static Error ended() {
    return Error{.kind = ErrorKind::rejected, .code = "scxml.ended", .message = "Expected a session that has not ended"};
  }

  const Transition& transition(Index index) const { return chart_.transitions[static_cast<std::size_t>(index)]; }

  bool in_state(std::string_view id) const {
    const Index index = chart_.find(id);
    return index != kNone && configuration_.contains(index);
  }

  void raise(Event event) { internal_.push_back(std::move(event)); }

  void execution_error(const Error& error, const std::string& sendid = {}, const char* name = "error.execution") {
    if (!traces_.empty())
      traces_.back().errors.push_back(error.place.empty() ? error.message : error.place + ": " + error.message);
    raise({.name = name,
           .type = EventType::platform,
           .sendid = sendid,
           .data = json::object{{"message", error.message}, {"place", error.place}}});
  }

  /// The rest of a macrostep: internal events and eventless transitions, then the invokes (appendix D, mainEventLoop).
  Result<Step> macrostep() {
    while (snapshot_.running) {
      if (Result<> within = check_limits(); !within) return within.error();
      std::vector<Index> enabled = select_transitions(nullptr);
      std::string name;
      if (enabled.empty()) {
        if (internal_.empty()) break;
        event_ = std::move(internal_.front());
        internal_.pop_front();
        name = event_.name;
        lua_.set_event(event_);
        enabled = select_transitions(&event_);
      }
      if (!enabled.empty()) microstep(enabled, name);
    }
    if (snapshot_.running) {
      invoke_entered();
      if (!internal_.empty()) return macrostep();
    } else {
      exit_interpreter();
    }
    if (lua_.failure()) return *lua_.failure();
    Result<json::object> data = lua_.save();
    if (data) return finish(std::move(*data));
    if (++unkept_ > kUnkeptMax) {
      Error error = data.error();
      error.code = "scxml.datamodel";
      return error;
    }
    // What cannot be kept is an error of this event: the globals are what they were, and the chart hears of it.
    if (traces_.empty()) traces_.emplace_back();
    execution_error(data.error());
    if (snapshot_.running) return macrostep();
    data = lua_.save();
    return data ? finish(std::move(*data)) : data.error();
  }

  Result<> check_limits() {
    if (++microsteps_ > limits_.microsteps_max)
      return Error{.kind = ErrorKind::invalid,
                   .code = "scxml.microsteps",
                   .message = "Expected at most " + std::to_string(limits_.microsteps_max) +
                              " microsteps for one event; a cycle of transitions without events never ends"};
    if (lua_.failure()) return *lua_.failure();
    if (lua_.exhausted())
      return Error{.kind = ErrorKind::invalid,
                   .code = "scxml.instructions",
                   .message = "Expected the expressions of one event to end within the instruction limit"};
    return {};
  }

  Result<Step> finish(json::object data) {
    Step out;
    snapshot_.datamodel = std::move(data);
    snapshot_.configuration.clear();
    for (const Index index : configuration_)
      if (index != 0) snapshot_.configuration.push_back(chart_.at(index).id);
    snapshot_.history.clear();
    for (const auto& [history, states] : history_) {
      json::array& kept = snapshot_.history[chart_.at(history).id].emplace_array();
      for (const Index state : states) kept.emplace_back(chart_.at(state).id);
    }
    ++snapshot_.revision;
    out.next = std::move(snapshot_);
    out.effects = std::move(effects_);
    std::erase_if(traces_, [](const Trace& trace) {
      return trace.entered.empty() && trace.exited.empty() && trace.errors.empty() && trace.event.empty();
    });
    out.trace = std::move(traces_);
    // Encoding takes longer than most steps: only what may be too large is encoded.
    if (size_bound(out.next) > limits_.datamodel_bytes_max && encode(out.next).size() > limits_.datamodel_bytes_max)
      return Error{.kind = ErrorKind::invalid,
                   .code = "scxml.datamodel_size",
                   .message = "Expected a session of at most " + std::to_string(limits_.datamodel_bytes_max) + " bytes"};
    return out;
  }

  // ── selection ──────────────────────────────────────────────────────────────────────────────────────

  bool enabled_by(const Transition& candidate, const Event* event) {
    if (candidate.events.empty() != (event == nullptr)) return false;
    if (event != nullptr &&
        std::none_of(candidate.events.begin(), candidate.events.end(),
                     [&](const std::string& descriptor) { return matches(descriptor, event->name); }))
      return false;
    if (!candidate.cond) return true;
    const Result<bool> holds = lua_.eval_condition(candidate.cond);
    if (!holds) {
      if (traces_.empty()) traces_.emplace_back();
      execution_error(holds.error());
      return false;
    }
    return *holds;
  }

  /// SCXML appendix D: selectTransitions, selectEventlessTransitions.
  std::vector<Index> select_transitions(const Event* event) {
    return procedures_.select_transitions([&](Index each) { return enabled_by(transition(each), event); });
  }

  // ── microstep ──────────────────────────────────────────────────────────────────────────────────────

  void microstep(const std::vector<Index>& enabled, const std::string& event) {
    traces_.push_back({.event = event, .exited = {}, .entered = {}, .errors = {}});
    const std::vector<Index> domains = procedures_.domains(enabled);
    exit_states(domains);
    for (const Index each : enabled) run_block(transition(each).actions);
    enter_states(enabled, domains);
  }

  void exit_states(const std::vector<Index>& domains) {
    const StateSet exits = procedures_.compute_exit_set(domains);
    for (const Index state : exits) to_invoke_.erase(state);
    for (const Index state : exits)
      for (const Index history : chart_.at(state).histories) history_[history] = procedures_.recorded(history);
    for (auto state = exits.rbegin(); state != exits.rend(); ++state) exit_state(*state);
  }

  void exit_state(Index index) {
    const State& state = chart_.at(index);
    for (const Block& block : state.on_exit) run_block(block);
    std::erase_if(snapshot_.invocations, [&](const Invocation& invocation) {
      if (invocation.state != state.id) return false;
      effects_.emplace_back(CancelInvoke{invocation.invoke_id});
      return true;
    });
    configuration_.erase(index);
    traces_.back().exited.push_back(state.id);
  }

  void enter_states(const std::vector<Index>& enabled, const std::vector<Index>& domains) {
    const EntrySet entry = procedures_.compute_entry_set(enabled, domains);
    for (const Index index : entry.states) enter_state(index, entry);
  }

  void enter_state(Index index, const EntrySet& entry) {
    const State& state = chart_.at(index);
    configuration_.insert(index);
    if (!state.invokes.empty()) to_invoke_.insert(index);
    if (index != 0) traces_.back().entered.push_back(state.id);
    if (chart_.late_binding && index != 0 &&
        std::find(snapshot_.initialised.begin(), snapshot_.initialised.end(), state.id) == snapshot_.initialised.end() &&
        !state.data.empty()) {
      initialise_data(state, json::object{});
      snapshot_.initialised.push_back(state.id);
    }
    for (const Block& block : state.on_entry) run_block(block);
    if (entry.default_entry.contains(index) && state.initial != kNone) run_block(transition(state.initial).actions);
    if (const auto content = entry.history_content.find(index); content != entry.history_content.end())
      run_block(transition(content->second).actions);
    if (state.kind == StateKind::final) enter_final(state);
  }

  void enter_final(const State& state) {
    if (state.parent == 0) {
      snapshot_.running = false;
      return;
    }
    const State& parent = chart_.at(state.parent);
    json::value data;
    if (state.has_donedata) data = evaluate_donedata(state.donedata);
    raise({.name = "done.state." + parent.id, .type = EventType::platform, .data = std::move(data)});
    if (parent.parent == kNone) return;
    const State& grandparent = chart_.at(parent.parent);
    if (grandparent.kind != StateKind::parallel) return;
    const auto done = [&](Index child) { return procedures_.in_final_state(child); };
    if (std::all_of(grandparent.children.begin(), grandparent.children.end(), done))
      raise({.name = "done.state." + grandparent.id, .type = EventType::platform});
  }

  void exit_interpreter() {
    traces_.emplace_back();
    Done done;
    const std::vector<Index> active(configuration_.rbegin(), configuration_.rend());
    const StateSet kept = configuration_;
    for (const Index index : active) {
      exit_state(index);
      const State& state = chart_.at(index);
      if (state.kind != StateKind::final || state.parent != 0) continue;
      done.final_state = state.id;
      if (state.has_donedata) done.data = evaluate_donedata(state.donedata);
    }
    // The snapshot of an ended session says where it ended.
    configuration_ = kept;
    traces_.pop_back();
    effects_.emplace_back(std::move(done));
  }

  // ── invocations ────────────────────────────────────────────────────────────────────────────────────

  const InvokeElement& element_of(const Invocation& invocation) const {
    return chart_.at(chart_.find(invocation.state)).invokes[invocation.index];
  }

  /// Only what comes from the external queue: errors of the runtime are internal events.
  void finalize_and_forward(const Event& event) {
    if (event.type != EventType::external) return;
    for (const Invocation& invocation : snapshot_.invocations) {
      if (invocation.invoke_id == event.invokeid && element_of(invocation).has_finalize) {
        if (traces_.empty()) traces_.emplace_back();
        finalize(element_of(invocation), event);
      }
      if (invocation.autoforward) effects_.emplace_back(Forward{invocation.invoke_id, event});
    }
  }

  /// SCXML 6.5: an empty <finalize> copies what came back into the locations of the invoke's parameters.
  void finalize(const InvokeElement& element, const Event& event) {
    if (!element.finalize.empty()) {
      run_block(element.finalize);
      return;
    }
    if (!event.data.is_object()) return;
    for (const Param& param : element.payload.params)
      if (const json::value* value = event.data.get_object().if_contains(param.name); value != nullptr && param.location)
        if (Result<> assigned = lua_.assign(param.location, *value); !assigned) execution_error(assigned.error());
  }

  void invoke_entered() {
    const StateSet states = std::exchange(to_invoke_, {});
    for (const Index index : states) {
      const State& state = chart_.at(index);
      for (std::size_t i = 0; i < state.invokes.size(); ++i)
        if (Result<> invoked = invoke(state, i); !invoked) execution_error(invoked.error());
    }
  }

  Result<std::string> text_of(const std::string& text, const Script& expression) {
    if (!expression) return text;
    const Result<json::value> value = lua_.eval(expression);
    if (!value) return value.error();
    if (value->is_string()) return std::string{value->get_string()};
    if (value->is_int64()) return std::to_string(value->get_int64());
    return Error{.kind = ErrorKind::invalid,
                 .code = "lua.execution",
                 .message = "Expected text",
                 .place = expression.place};
  }

  Result<> invoke(const State& state, std::size_t index) {
    const InvokeElement& element = state.invokes[index];
    if (traces_.empty()) traces_.emplace_back();
    Invoke effect{.state = state.id, .autoforward = element.autoforward};
    effect.invoke_id = element.id;
    while (effect.invoke_id.empty() || (element.id.empty() && chart_.invoke_ids.contains(effect.invoke_id)))
      effect.invoke_id = state.id + "." + std::to_string(snapshot_.next_id++);
    Result<std::string> type = text_of(element.type, element.type_expr);
    if (!type) return type.error();
    Result<std::string> src = text_of(element.src, element.src_expr);
    if (!src) return src.error();
    Result<json::value> payload = evaluate_params(element.payload, {});
    if (!payload) return payload.error();
    if (element.id_location)
      if (Result<> assigned = lua_.assign(element.id_location, json::value(effect.invoke_id)); !assigned) return assigned;
    effect.type = std::move(*type);
    effect.src = std::move(*src);
    if (payload->is_object()) effect.params = std::move(payload->get_object());
    if (element.payload.has_content) {
      Result<json::value> content = element.payload.content_expr ? lua_.eval(element.payload.content_expr) : lua_.literal(element.payload.content_text);
      if (!content) return content.error();
      effect.content = std::move(*content);
    }
    snapshot_.invocations.push_back({.invoke_id = effect.invoke_id,
                                     .state = state.id,
                                     .index = index,
                                     .type = effect.type,
                                     .autoforward = element.autoforward});
    effects_.emplace_back(std::move(effect));
    return {};
  }

  // ── executable content ─────────────────────────────────────────────────────────────────────────────

  void initialise_data(const State& state, const json::object& given) {
    for (const DataItem& item : state.data) {
      if (given.contains(item.id)) continue;
      if (traces_.empty()) traces_.emplace_back();
      Result<json::value> value = json::value();
      if (item.expr)
        value = lua_.eval(item.expr);
      else if (item.has_text)
        value = lua_.literal(item.text);
      if (!value) {
        execution_error(value.error());
        continue;
      }
      if (value->is_null()) continue;
      if (Result<> set = lua_.set_global(item.id, *value); !set) execution_error(set.error());
    }
  }

  /// An error ends its own block only (SCXML 4.10).
  void run_block(const Block& block) {
    if (Result<> ran = run(block); !ran) execution_error(ran.error(), failed_send_);
    failed_send_.clear();
  }

  Result<> run(const Block& block) {
    for (const Action& action : block)
      if (Result<> ran = run(action); !ran) return ran;
    return {};
  }

  Result<> run(const Action& action) {
    if (Result<> paid = lua_.begin_action(action.place); !paid) return paid;
    switch (action.kind) {
      case ActionKind::raise:
        raise({.name = action.name, .type = EventType::internal});
        return {};
      case ActionKind::branch: return run_branches(action);
      case ActionKind::foreach_:
        return lua_.for_each(action.script, action.name, action.index, [&] { return run(action.body); });
      case ActionKind::log: return run_log(action);
      case ActionKind::assign: return run_assign(action);
      case ActionKind::script: return lua_.run(action.script);
      case ActionKind::send: return run_send(action);
      case ActionKind::cancel: {
        Result<std::string> id = text_of(action.name, action.script);
        if (!id) return id.error();
        if (!id->empty()) effects_.emplace_back(Cancel{std::move(*id)});
        return {};
      }
    }
    return {};
  }

  Result<> run_branches(const Action& action) {
    for (const Branch& branch : action.branches) {
      if (branch.cond) {
        const Result<bool> holds = lua_.eval_condition(branch.cond);
        if (!holds) {
          // SCXML 5.9.1: a condition that cannot be evaluated is false, and raises the error.
          execution_error(holds.error());
          continue;
        }
        if (!*holds) continue;
      }
      return run(branch.actions);
    }
    return {};
  }

  Result<> run_log(const Action& action) {
    json::value value;
    if (action.script) {
      Result<json::value> evaluated = lua_.eval(action.script);
      if (!evaluated) return evaluated.error();
      value = std::move(*evaluated);
    }
    effects_.emplace_back(Log{action.name, std::move(value)});
    return {};
  }

  Result<> run_assign(const Action& action) {
    if (action.script) return lua_.assign_expression(action.location, action.script);
    const Result<json::value> value = lua_.literal(action.text);
    if (!value) return value.error();
    return lua_.assign(action.location, *value);
  }

  /// <content>, or the parameters as an object; null when there is neither (SCXML 5.5–5.7).
  Result<json::value> evaluate_payload(const Payload& payload, const std::string& sendid) {
    return payload.has_content ? evaluate_content(payload, sendid) : evaluate_params(payload, sendid);
  }

  Result<json::value> evaluate_content(const Payload& payload, const std::string& sendid) {
    if (!payload.content_expr) return lua_.literal(payload.content_text);
    Result<json::value> value = lua_.eval(payload.content_expr);
    if (value) return value;
    execution_error(value.error(), sendid);
    return json::value();
  }

  /// A parameter that fails is left out (SCXML 5.7); a namelist is an argument of its element, which fails with it (6.2, 6.4).
  /// @param form  also gets all of them, when that is asked for or a name is repeated.
  Result<json::value> evaluate_params(const Payload& payload, const std::string& sendid, std::string* form = nullptr, bool as_form = false) {
    json::object out;
    std::string pairs;
    bool repeated = false;
    for (const Param& param : payload.params) {
      Result<json::value> value = value_of(param);
      if (!value && param.from_namelist) return value;
      if (!value) {
        execution_error(value.error(), sendid);
        continue;
      }
      repeated = repeated || out.contains(param.name);
      if (form != nullptr) add_form_pair(pairs, param.name, *value);
      out[param.name] = std::move(*value);
    }
    if (form != nullptr && (as_form || repeated)) *form = std::move(pairs);
    if (out.empty()) return json::value();
    return json::value(std::move(out));
  }

  Result<json::value> value_of(const Param& param) {
    Result<json::value> value = lua_.eval(param.value);
    // Lua reads a variable that nobody has declared as nil; a location has to be one (SCXML 5.9.3).
    if (value && value->is_null() && !param.variable.empty() && !chart_.data_ids.contains(param.variable))
      return Error{.kind = ErrorKind::invalid,
                   .code = "lua.execution",
                   .message = "Expected a variable of the data model, but found '" + param.variable + "'",
                   .place = param.value.place};
    return value;
  }

  json::value evaluate_donedata(const Payload& payload) {
    Result<json::value> value = evaluate_payload(payload, {});
    if (value) return std::move(*value);
    execution_error(value.error());
    return {};
  }

  Result<> run_send(const Action& action) {
    const SendAction& send = *action.send;
    Send effect;
    effect.sendid = send.id;
    if (send.id_location) {
      effect.sendid = "send." + std::to_string(snapshot_.next_id++);
      if (Result<> assigned = lua_.assign(send.id_location, json::value(effect.sendid)); !assigned) return assigned;
    }
    failed_send_ = effect.sendid;
    Result<std::string> event = text_of(send.event, send.event_expr);
    if (!event) return event.error();
    Result<std::string> target = text_of(send.target, send.target_expr);
    if (!target) return target.error();
    Result<std::string> type = text_of(send.type, send.type_expr);
    if (!type) return type.error();
    Result<json::value> delay = evaluate_delay(send);
    if (!delay) return delay.error();
    const std::string_view processor = processor_of(*type);
    const bool http = processor == kHttpProcessor;
    const bool internal = !http && *target == "#_internal";
    if (processor.empty() || (http && env_.http_location.empty()))
      return Error{.code = "send.type", .message = "Expected an event I/O processor of this session, but found '" + *type + "'", .place = action.place};
    Result<json::value> data = send.payload.has_content ? evaluate_content(send.payload, failed_send_)
                                                        : evaluate_params(send.payload, failed_send_, &effect.form, http);
    if (!data) return data.error();
    if (http && target->empty()) {
      // SCXML C.2: the one place that has no address for its message.
      communication_error({.code = "send.target", .message = "Expected a target for the Basic HTTP event I/O processor", .place = action.place});
      return {};
    }
    if (!http && event->empty())
      return Error{.code = "send.event", .message = "Expected the name of an event", .place = action.place};
    if (!http && !target->empty() && !target->starts_with("#_"))
      return Error{.code = "send.target", .message = "Expected a target like #_scxml_ID, but found '" + *target + "'", .place = action.place};
    if (internal && !delay->is_null())
      return Error{.code = "send.delay", .message = "Expected no delay for the target #_internal", .place = action.place};
    const bool at_once = delay->is_null() || (delay->is_int64() && delay->get_int64() <= 0);
    if (!http && !internal && at_once && env_.reaches && !env_.reaches(env_.session_id, *target)) {
      communication_error({.code = "send.target", .message = "Expected a session that can be reached, but found '" + *target + "'", .place = action.place});
      return {};
    }
    failed_send_.clear();
    if (internal) {
      raise({.name = std::move(*event),
             .type = EventType::internal,
             .sendid = std::move(effect.sendid),
             .data = std::move(*data),
             .raw = std::move(effect.form)});
      return {};
    }
    effect.type = http ? std::string{processor} : std::string{};
    effect.has_content = send.payload.has_content;
    effect.target = std::move(*target);
    effect.event = std::move(*event);
    effect.data = std::move(*data);
    effect.delay = std::move(*delay);
    effects_.emplace_back(std::move(effect));
    return {};
  }

  /// The block goes on: the send itself is well-formed.
  void communication_error(const Error& error) { execution_error(error, std::exchange(failed_send_, {}), "error.communication"); }

  Result<json::value> evaluate_delay(const SendAction& send) {
    json::value value;
    if (send.delay_expr) {
      Result<json::value> evaluated = lua_.eval(send.delay_expr);
      if (!evaluated) return evaluated;
      if (evaluated->is_object()) return evaluated;
      value = std::move(*evaluated);
    } else if (!send.delay.empty()) {
      value = send.delay;
    } else {
      return json::value();
    }
    if (value.is_int64() && value.get_int64() == 0) return json::value(0);
    const std::optional<std::int64_t> ms = value.is_string() ? parse_css_time(value.get_string()) : std::nullopt;
    if (!ms)
      return Error{.code = "send.delay",
                   .message = "Expected a delay like '5s' or '500ms', or a period",
                   .place = send.delay_expr.place};
    return json::value(*ms);
  }

  const Chart& chart_;
  const Env& env_;
  Snapshot snapshot_;
  StepLimits limits_;
  StateSet configuration_;
  History history_;
  const Procedures procedures_{chart_, configuration_, history_};
  StateSet to_invoke_;
  std::list<Event> internal_;
  Event event_;  ///< the internal event that `_event` shows
  std::vector<Effect> effects_;
  std::vector<Trace> traces_;
  std::string failed_send_;
  std::uint32_t microsteps_ = 0;
  int unkept_ = 0;
  LuaModel lua_;
};

}  // namespace

std::optional<std::int64_t> parse_css_time(std::string_view text) {
  std::size_t at = 0;
  std::int64_t whole = 0;
  std::int64_t thousandths = 0;
  std::int64_t scale = 100;
  bool digits = false;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9' && at < 12; ++at, digits = true)
    whole = whole * 10 + (text[at] - '0');
  if (at < text.size() && text[at] == '.')
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, digits = true, scale /= 10)
      thousandths += (text[at] - '0') * scale;
  if (!digits) return std::nullopt;
  const std::string_view unit = text.substr(at);
  if (unit == "ms") return whole;
  if (unit == "s") return whole * 1000 + thousandths;
  return std::nullopt;
}

Result<Step> start(const Chart& chart, const json::object& data, const Env& env, const StepLimits& limits,
                   bool declared_only) {
  if (!declared_only) return Interpreter(chart, Snapshot{}, env, limits).start(data);
  json::object declared;
  for (const DataItem& item : chart.at(0).data)
    if (const json::value* value = data.if_contains(item.id)) declared[item.id] = *value;
  return Interpreter(chart, Snapshot{}, env, limits).start(declared);
}

Result<Step> step(const Chart& chart, Snapshot snapshot, const Event& event, const Env& env, const StepLimits& limits) {
  return Interpreter(chart, std::move(snapshot), env, limits).step(event);
}

Result<Step> stop(const Chart& chart, Snapshot snapshot, const Env& env, const StepLimits& limits) {
  return Interpreter(chart, std::move(snapshot), env, limits).stop();
}

bool is_chart_type(std::string_view type) {
  return type.empty() || type == "scxml" || type == "http://www.w3.org/TR/scxml/" || type == "http://www.w3.org/TR/scxml";
}

std::string_view processor_of(std::string_view type) {
  if (type.empty() || type == "scxml" || type == kScxmlProcessor) return kScxmlProcessor;
  if (type == "basichttp" || type == kHttpProcessor) return kHttpProcessor;
  return {};
}

}  // namespace chuyi::scxml
