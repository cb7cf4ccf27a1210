#include "engine/scxml/words.h"

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>

namespace chuyi::scxml {
namespace {

using Kind = Expression::Kind;

constexpr std::string_view kAnswer = "_event.data.";
constexpr std::string_view kDone = "done.invoke.";

bool contains(const std::vector<std::string>& all, const std::string& one) { return std::find(all.begin(), all.end(), one) != all.end(); }

std::string last_name(const std::string& path) { return path.substr(path.rfind('.') + 1); }

/// `LOCATION = ...` as the parser compiles it, without the rest.
std::string location_of(const Script& script) {
  std::string out = script.source;
  if (const std::size_t end = out.rfind(" = ..."); end != std::string::npos) out.resize(end);
  return out;
}

/// What a comparison lets through, of "less" (1), "equal" (2) and "more" (4).
unsigned passed_by(std::string_view comparison) {
  constexpr std::pair<std::string_view, unsigned> kPassed[] = {{"<", 1}, {"==", 2}, {"<=", 3}, {">", 4}, {"~=", 5}, {">=", 6}};
  for (const auto& [name, passed] : kPassed)
    if (name == comparison) return passed;
  return 0;
}

enum class Relation : std::uint8_t { free, exclusive, opposite };  ///< may hold together; never both; always just one

Relation relation(const Expression& a, const Expression& b) {
  const auto negates = [](const Expression& x, const Expression& y) { return x.is(Kind::unary, "not") && x.parts[0].text == y.text; };
  if (negates(a, b) || negates(b, a)) return Relation::opposite;
  if (a.kind != Kind::binary || b.kind != Kind::binary || a.parts[0].text != b.parts[0].text) return Relation::free;
  if (a.parts[1].text != b.parts[1].text) {  // equal to one text, or to another
    const bool texts = a.parts[1].kind == Kind::string && b.parts[1].kind == Kind::string;
    return texts && a.value == "==" && b.value == "==" ? Relation::exclusive : Relation::free;
  }
  const unsigned first = passed_by(a.value);
  const unsigned second = passed_by(b.value);
  if (first == 0 || second == 0 || (first & second) != 0) return Relation::free;
  return (first | second) == 7 ? Relation::opposite : Relation::exclusive;
}

using Guards = std::vector<Expression>;

bool exclude(const Guards& some, const Guards& others) {
  return std::any_of(some.begin(), some.end(), [&](const Expression& a) {
    return std::any_of(others.begin(), others.end(), [&](const Expression& b) { return relation(a, b) != Relation::free; });
  });
}

/// A guard, as far as it asks for answers of a step.
struct Asked {
  bool pinned = false;
  std::string field;
  std::vector<std::string> values;
  std::vector<Expression> besides;
};

Asked read_guard(const Expression& guard, const std::vector<std::string>& answers) {
  const auto besides = [&] { return Asked{.pinned = false, .field = {}, .values = {}, .besides = {guard}}; };
  if (guard.kind != Kind::binary) return besides();
  const Expression& left = guard.parts[0];
  const Expression& right = guard.parts[1];
  if (guard.value == "and") {
    Asked a = read_guard(left, answers);
    Asked b = read_guard(right, answers);
    a.besides.insert(a.besides.end(), b.besides.begin(), b.besides.end());
    if (!a.pinned) return Asked{.pinned = b.pinned, .field = b.field, .values = b.values, .besides = a.besides};
    if (b.pinned && a.field != b.field) a.besides.push_back(right);  // two things of one answer
    else if (b.pinned) std::erase_if(a.values, [&](const std::string& each) { return !contains(b.values, each); });
    return a;
  }
  if (guard.value == "or") {
    Asked a = read_guard(left, answers);
    const Asked b = read_guard(right, answers);
    if (!a.pinned || !b.pinned || !a.besides.empty() || !b.besides.empty() || a.field != b.field) return besides();
    for (const std::string& each : b.values)
      if (!contains(a.values, each)) a.values.push_back(each);
    return a;
  }
  const bool equal = guard.value == "==";
  if (!equal && (guard.value != "~=" || answers.empty())) return besides();
  if (left.kind != Kind::path || right.kind != Kind::string || !left.value.starts_with(kAnswer)) return besides();
  Asked out{.pinned = true, .field = left.value.substr(kAnswer.size()), .values = {right.value}, .besides = {}};
  if (equal) return out;
  out.values = answers;
  std::erase(out.values, right.value);
  return out;
}

}  // namespace

const Param* param_of(const InvokeElement& invoke, std::string_view name) {
  for (const Param& each : invoke.payload.params)
    if (each.name == name) return &each;
  return nullptr;
}

Words::Words(const Chart& chart, const Phrases& phrases) : chart_(chart), phrases_(phrases), functions_(read_functions(chart.script.source)) {
  for (std::size_t i = 0; i < chart.states.size(); ++i)
    for (const InvokeElement& invoke : chart.states[i].invokes) state_of_invoke_.try_emplace(invoke.id, static_cast<Index>(i));
  for (std::size_t i = 0; i < chart.states.size(); ++i)
    if (const State& state = chart.states[i]; state.kind == StateKind::history_shallow || state.kind == StateKind::history_deep)
      if (title(static_cast<Index>(i)) == state.id) retitle(static_cast<Index>(i), phrases_.say("history"));
  for (const State& state : chart.states) {
    for (const Block& block : state.on_entry) find_timers(block);
    for (const Block& block : state.on_exit) find_timers(block);
  }
  for (const Transition& transition : chart.transitions) find_timers(transition.actions);
}

void Words::find_timers(const Block& block) {
  for (const Action& action : block) {
    for (const Branch& branch : action.branches) find_timers(branch.actions);
    find_timers(action.body);
    if (!action.send || (!action.send->delay_expr && action.send->delay.empty())) continue;
    timers_[action.send->event] = timer_of(*action.send);
  }
}

/// When the delay is over, as a clause.
std::string Words::timer_of(const SendAction& send) const {
  if (!send.delay_expr) {  // "5s", "1.5s", "20ms"
    const std::size_t unit = std::min(send.delay.find_first_not_of(".0123456789"), send.delay.size());
    const std::string words = phrases_.say("unit." + send.delay.substr(unit));
    return phrases_.say("delay", {{"delay", words.empty() ? send.delay : send.delay.substr(0, unit) + words}});
  }
  const Expression delay = read_expression(send.delay_expr.source);
  if (std::string out = phrases_.say("timer." + delay.text); !out.empty()) return out;
  Phrases::Fields fields;
  for (std::size_t i = 0; i < delay.parts.size(); ++i) fields[std::to_string(i + 1)] = value(delay.parts[i]);
  const std::string out = delay.kind == Kind::call ? phrases_.say("timer." + delay.value, fields) : std::string{};
  return out.empty() ? phrases_.say("delay", {{"delay", value(delay)}}) : out;
}

const std::string& Words::title(Index state) const {
  const auto found = titles_.find(state);
  return found != titles_.end() ? found->second : phrases_.zh() ? chart_.at(state).title_zh : chart_.at(state).title_en;
}

std::string Words::timer(const std::string& event) const {
  const auto found = timers_.find(event);
  return found == timers_.end() ? std::string{} : found->second;
}

std::string Words::value(const std::string& kind, const std::string& literal) const {
  if (std::string out = phrases_.say(kind + "." + literal); !kind.empty() && !out.empty()) return out;
  if (kind == "not_by")
    if (const auto found = state_of_invoke_.find(literal); found != state_of_invoke_.end()) return phrases_.quoted(title(found->second));
  return phrases_.quoted(literal);
}

std::string Words::value(const Expression& of, const std::string& kind) const {
  if (std::string out = phrases_.say("expr." + of.text); !out.empty()) return out;
  switch (of.kind) {
    case Kind::string: return value(kind, of.value);
    case Kind::number: return of.value;
    case Kind::constant: return phrases_.say("constant." + of.value);
    case Kind::path: {
      if (std::string out = phrases_.say("fact." + of.value); !out.empty()) return out;
      if (std::string out = phrases_.fact(of.value); !out.empty()) return out;
      const std::string out = phrases_.say("path." + of.value);
      return out.empty() ? phrases_.quoted(of.text) : out;
    }
    case Kind::call: {
      Phrases::Fields fields;
      for (std::size_t i = 0; i < of.parts.size(); ++i) fields[std::to_string(i + 1)] = value(of.parts[i], kind);
      const std::string out = phrases_.say("call." + of.value, fields);
      return out.empty() ? phrases_.quoted(of.text) : out;
    }
    case Kind::list: {
      std::vector<std::string> words;
      for (const Expression& each : of.parts) words.push_back(value(each, kind));
      return phrases_.joined(words, kind == "not_by" ? "join.or" : "join.and");
    }
    default: return phrases_.quoted(of.text);
  }
}

std::string Words::guard(const Expression& of) const {
  if (std::string out = phrases_.say("guard." + of.text); !out.empty()) return out;
  if (of.kind == Kind::binary && (of.value == "and" || of.value == "or")) {
    const bool group = of.value == "and";
    const auto part = [&](const Expression& each) {
      const bool inner = group && each.kind == Kind::binary && each.value == "or";
      return inner ? phrases_.say("join.group", {{"inner", guard(each)}}) : guard(each);
    };
    return phrases_.joined({part(of.parts[0]), part(of.parts[1])}, group ? "join.cond" : "join.or_cond");
  }
  if (of.kind == Kind::unary && of.value == "not") return phrases_.say("op.not", {{"inner", guard(of.parts[0])}});
  if (of.kind == Kind::call && of.value == "In" && of.parts.size() == 1 && of.parts[0].kind == Kind::string)
    if (const Index state = chart_.find(of.parts[0].value); state != kNone) return phrases_.say("guard.In", {{"state", phrases_.quoted(title(state))}});
  if (of.kind == Kind::binary) {
    const Expression& left = of.parts[0];
    const std::string right = value(of.parts[1], last_name(left.value));
    const Index named = of.parts[1].kind == Kind::string ? chart_.find(of.parts[1].value) : kNone;
    const std::string state = named == kNone ? right : phrases_.quoted(title(named));
    if (std::string out = phrases_.say("guard." + left.text + " " + of.value, {{"right", right}, {"state", state}}); !out.empty()) return out;
    const bool plain = left.kind == Kind::path || left.kind == Kind::call || left.kind == Kind::number;
    const std::string field = phrases_.say("field." + last_name(left.value));
    if (std::string out = phrases_.say("op." + of.value, {{"left", field.empty() ? value(left) : field}, {"right", right}}); plain && !out.empty()) return out;
  }
  return phrases_.say("guard", {{"text", phrases_.quoted(of.text)}});
}

std::string Words::guards(const std::vector<Expression>& all) const {
  std::vector<std::string> words;
  words.reserve(all.size());
  for (const Expression& each : all) words.push_back(guard(each));
  return phrases_.joined(words, "join.cond");
}

std::string Words::unless(const std::vector<Expression>& unmet) const {
  if (unmet.size() == 1) {
    const Expression& of = unmet.front();
    if (std::string out = phrases_.say("unless." + of.text); !out.empty()) return out;
    if (of.kind == Kind::binary)
      if (std::string out = phrases_.say("unless." + of.parts[0].text + " " + of.value, {{"right", value(of.parts[1])}}); !out.empty()) return out;
  }
  return phrases_.say("unless");
}

std::vector<std::string> Words::actions(const Block& block) const {
  std::vector<std::string> out;
  for (const Action& action : block) {
    switch (action.kind) {
      case ActionKind::assign: {
        const std::string location = location_of(action.location);
        const Expression given = action.script ? read_expression(action.script.source) : Expression{.kind = Kind::other, .value = {}, .text = action.text, .parts = {}};
        const std::string left = value(Expression{.kind = Kind::path, .value = location, .text = location, .parts = {}});
        std::string words = phrases_.say("assign." + location + " = " + given.text);
        const bool counted = given.kind == Kind::binary && given.value == "+" && given.parts[0].is(Kind::path, location);
        if (words.empty() && counted) words = phrases_.say("action.add", {{"left", left}, {"value", value(given.parts[1])}});
        out.push_back(words.empty() ? phrases_.say("action.set", {{"left", left}, {"value", value(given, location)}}) : words);
        break;
      }
      case ActionKind::raise: out.push_back(phrases_.say("action.raise", {{"event", phrases_.quoted(action.name)}})); break;
      case ActionKind::script: out.push_back(phrases_.say("action.script", {{"text", phrases_.quoted(read_expression(action.script.source).text)}})); break;
      case ActionKind::send: {
        const SendAction& send = *action.send;
        if (timers_.contains(send.event) && (send.delay_expr || !send.delay.empty())) break;  // told where it rings
        const std::string event = send.event_expr ? read_expression(send.event_expr.source).text : send.event;
        const std::string target = send.target_expr ? read_expression(send.target_expr.source).text : send.target;
        if (std::string words = phrases_.say("send." + target + " " + event); !words.empty()) {
          out.push_back(std::move(words));
          break;
        }
        out.push_back(target.empty() ? phrases_.say("action.raise", {{"event", phrases_.quoted(event)}})
                                     : phrases_.say("action.send", {{"event", phrases_.quoted(event)}, {"target", phrases_.quoted(target)}}));
        break;
      }
      case ActionKind::branch:
        for (const Branch& branch : action.branches) {
          const std::vector<std::string> inner = actions(branch.actions);
          if (inner.empty()) continue;
          const std::string then = phrases_.joined(inner, "join.actions");
          out.push_back(branch.cond ? phrases_.say("action.if", {{"cond", guard(guard_of(branch.cond))}, {"then", then}})
                                    : phrases_.say("action.else", {{"then", then}}));
        }
        break;
      case ActionKind::foreach_: {
        const std::vector<std::string> inner = actions(action.body);
        const Expression all = read_expression(action.script.source);
        if (!inner.empty()) out.push_back(phrases_.say("action.foreach", {{"all", value(all)}, {"then", phrases_.joined(inner, "join.actions")}}));
        break;
      }
      case ActionKind::log:
      case ActionKind::cancel: break;
    }
  }
  return out;
}

std::string Words::role(const InvokeElement& invoke) const {
  if (const Param* role = param_of(invoke, "role")) return value(read_expression(role->value.source), "role");
  if (const Param* user = param_of(invoke, "user")) return value(read_expression(user->value.source), "user");
  return phrases_.say("who." + invoke.type);
}

std::string Words::who(const InvokeElement& invoke) const {
  const std::string role_words = role(invoke);
  const Param* org = param_of(invoke, "org");
  if (role_words.empty()) return phrases_.say("who.unknown");
  if (org == nullptr || param_of(invoke, "role") == nullptr) return phrases_.say("who_alone", {{"role", role_words}});
  return phrases_.say("who", {{"role", role_words}, {"org", value(read_expression(org->value.source), "org")}});
}

std::string Words::deadline(const InvokeElement& invoke) const {
  for (const char* name : {"due", "period"}) {
    if (const Param* given = param_of(invoke, name)) return value(read_expression(given->value.source));
    if (std::string out = phrases_.say("default." + invoke.type + "." + name); !out.empty()) return out;
  }
  return {};
}

std::vector<std::string> Words::step(const InvokeElement& invoke) const {
  Phrases::Fields fields;
  for (const Param& param : invoke.payload.params) fields[param.name] = value(read_expression(param.value.source), param.name);
  // A kind of step may have one wording for each of its actions ("invoke.award.revoke").
  std::string key = "invoke." + invoke.type;
  if (const Param* action = param_of(invoke, "action"))
    if (const std::string own = key + "." + read_expression(action->value.source).value; phrases_.has(own)) key = own;
  std::set<std::string, std::less<>> said = {"role", "org", "user", "action", "outcomes"};
  for (const std::string& name : phrases_.fields_of(key)) {
    said.insert(name);
    if (fields.contains(name)) continue;
    std::string words = phrases_.say("default." + invoke.type + "." + name);
    fields[name] = words.empty() ? phrases_.say("unknown." + invoke.type + "." + name) : words;
  }
  fields["who"] = who(invoke);
  fields["type"] = phrases_.quoted(invoke.type);
  std::vector<std::string> out{phrases_.say(phrases_.has(key) ? key : "invoke", fields)};
  for (const Param& param : invoke.payload.params) {
    if (said.contains(param.name)) continue;
    const Expression given = read_expression(param.value.source);
    if (given.is(Kind::constant, "false") || given.is(Kind::constant, "nil")) continue;
    std::string own = "param." + invoke.type + "." + param.name;
    if (!phrases_.has(own)) own = "param";
    if (std::string words = phrases_.say(own, {{"name", phrases_.quoted(param.name)}, {"value", fields[param.name]}}); words != "-") out.push_back(words);
  }
  if (deadline(invoke).empty())
    if (std::string none = phrases_.say("absent." + invoke.type + ".due"); !none.empty()) out.push_back(none);
  return out;
}

/// The outcome that a step has besides `outcomes` because it has this parameter; empty: none.
std::string Words::outcome_of(const InvokeElement& invoke, const Param& param) const {
  return phrases_.say("more." + invoke.type + "." + param.name);
}

std::vector<std::string> Words::answers_of(const InvokeElement& invoke, std::string& field) const {
  std::vector<std::string> out;
  if (const Param* outcomes = param_of(invoke, "outcomes")) {
    field = "outcome";
    for (const Expression& each : read_expression(outcomes->value.source).parts)
      if (each.kind == Kind::string) out.push_back(each.value);
    for (const Param& param : invoke.payload.params)
      if (std::string more = outcome_of(invoke, param); !more.empty()) out.push_back(std::move(more));
    return out;
  }
  std::istringstream in(phrases_.say("answers." + invoke.type));
  in >> field;
  for (std::string each; in >> each;) out.push_back(each);
  return out;
}

std::vector<Ways> Words::ways_of(const State& state) const {
  std::vector<Ways> out;
  std::vector<std::set<std::string>> closed;
  std::vector<std::map<std::string, std::vector<Guards>>> tried;  ///< by answer, what ways above ask besides
  const auto group = [&](const std::string& event) {
    for (std::size_t i = 0; i < out.size(); ++i)
      if (out[i].event == event) return i;
    Ways ways{.event = event, .invoke = nullptr, .answers = {}, .unhandled = {}, .ways = {}};
    if (event.starts_with(kDone))
      if (const auto found = state_of_invoke_.find(event.substr(kDone.size())); found != state_of_invoke_.end())
        for (const InvokeElement& invoke : chart_.at(found->second).invokes)
          if (invoke.id == found->first) ways.invoke = &invoke;
    out.push_back(std::move(ways));
    closed.emplace_back();
    tried.emplace_back();
    return out.size() - 1;
  };
  for (const Index index : state.transitions) {
    const Transition& transition = chart_.transitions[static_cast<std::size_t>(index)];
    const std::vector<std::string> events = transition.events.empty() ? std::vector<std::string>{{}} : transition.events;
    for (const std::string& event : events) {
      const std::size_t at = group(event);
      Ways& ways = out[at];
      Way way{.transition = &transition, .field = {}, .values = {}, .rest = {}, .guards = {}};
      if (ways.invoke != nullptr) ways.answers = answers_of(*ways.invoke, way.field);
      Asked asked;
      if (transition.cond) asked = read_guard(guard_of(transition.cond), ways.answers);
      if (asked.pinned && !way.field.empty() && asked.field != way.field)  // asks for something else of the answer
        asked = {.pinned = false, .field = {}, .values = {}, .besides = {guard_of(transition.cond)}};
      if (asked.pinned) way.field = asked.field;
      for (const std::string& answer : asked.pinned ? asked.values : ways.answers) {
        if (closed[at].contains(answer)) continue;
        std::vector<Guards>& above = tried[at][answer];
        const bool apart = std::all_of(above.begin(), above.end(), [&](const Guards& each) { return exclude(each, asked.besides); });
        (apart ? way.values : way.rest).push_back(answer);
        const bool opposite = asked.besides.size() == 1 && std::any_of(above.begin(), above.end(), [&](const Guards& each) {
          return each.size() == 1 && relation(each.front(), asked.besides.front()) == Relation::opposite;
        });
        if (asked.besides.empty() || opposite) closed[at].insert(answer);
        else above.push_back(asked.besides);
      }
      const bool apart = std::all_of(ways.ways.begin(), ways.ways.end(), [&](const Way& each) { return exclude(each.guards, asked.besides); });
      way.otherwise = !asked.pinned && ways.answers.empty() && !apart;
      for (const Way& before : ways.ways) {
        const auto tried_there = [&](const std::string& each) { return contains(before.values, each) || contains(before.rest, each); };
        if (way.rest.empty() ? way.otherwise : std::any_of(way.rest.begin(), way.rest.end(), tried_there))
          way.unmet.insert(way.unmet.end(), before.guards.begin(), before.guards.end());
      }
      way.guards = std::move(asked.besides);
      ways.ways.push_back(std::move(way));
    }
  }
  for (std::size_t at = 0; at < out.size(); ++at) {
    std::set<std::string> listed;  // one way each for what the parameter lists: together they take every case
    if (out[at].invoke != nullptr)
      for (const Param& param : out[at].invoke->payload.params) listed.insert(outcome_of(*out[at].invoke, param));
    for (const std::string& answer : out[at].answers)
      if (!closed[at].contains(answer) && !(listed.contains(answer) && tried[at].contains(answer))) out[at].unhandled.push_back(answer);
  }
  return out;
}

std::string Words::cause(const State& state, const std::string& event) const {
  if (std::string delay = timer(event); !delay.empty()) return delay;
  if (std::string out = phrases_.say("event." + event); !out.empty()) return out;
  const std::string id = last_name(event);
  if (is_overdue(event) || event.starts_with(kDone)) {
    const bool own = std::any_of(state.invokes.begin(), state.invokes.end(), [&](const InvokeElement& each) { return each.id == id; });
    const auto found = state_of_invoke_.find(id);
    const std::string key = is_overdue(event) ? "event.overdue" : "event.done";
    if (!own && found != state_of_invoke_.end()) return phrases_.say(key + "_of", {{"state", phrases_.quoted(title(found->second))}});
    if (own && !is_overdue(event))
      for (const InvokeElement& invoke : state.invokes)
        if (std::string out = phrases_.say(key + "." + invoke.type); invoke.id == id && !out.empty()) return out;
    return phrases_.say(key);
  }
  if (is_error(event)) {
    for (const InvokeElement& invoke : state.invokes)
      if (std::string out = phrases_.say("event.error." + invoke.type); !out.empty()) return out;
    return phrases_.say("event.error");
  }
  if (event == "done.state." + state.id) return phrases_.say("event.done_all");
  if (event.starts_with("done.state."))
    if (const Index done = chart_.find(event.substr(11)); done != kNone) return phrases_.say("event.done_of", {{"state", phrases_.quoted(title(done))}});
  return phrases_.say("event", {{"event", phrases_.quoted(event)}});
}

}  // namespace chuyi::scxml
