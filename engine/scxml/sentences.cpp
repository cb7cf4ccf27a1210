#include "engine/scxml/sentences.h"

namespace chuyi::scxml {

std::string Sentences::reference(Index state) const {
  if (state == kNone || !numbered_) return say_.quoted(state == kNone ? "" : words_.title(state));
  return say_.say("reference", {{"title", say_.quoted(words_.title(state))}, {"number", std::to_string(state)}});
}

std::string Sentences::leads(const State& source, const Transition& transition) const {
  std::vector<std::string> targets;
  bool ends = false;
  bool back = false;
  for (const Index target : transition.targets) {
    const bool top_final = chart_.at(target).kind == StateKind::final && chart_.at(target).parent == 0;
    ends |= top_final;
    back |= target <= transition.source;
    targets.push_back(top_final ? say_.quoted(words_.title(target)) : reference(target));
  }
  const std::string joined = say_.joined(targets, "join.and");
  const std::string stay = source.children.empty() ? "go.stay" : "go.stay_inner";
  std::string out = say_.say_of(targets.empty() ? stay : ends ? "go.end" : back ? "go.back" : "go.forward", chart_.name, {{"state", joined}});
  if (const std::vector<std::string> done = words_.actions(transition.actions); !done.empty())
    out = say_.say("go.with", {{"go", out}, {"actions", say_.joined(done, "join.actions")}});
  return out;
}

std::vector<std::string> Sentences::named(const std::string& field, const std::vector<std::string>& values) const {
  std::vector<std::string> out;
  for (const std::string& each : values) {
    const std::string words = say_.say(field + "." + each);
    out.push_back(say_.quoted(words.empty() ? each : words));
  }
  return out;
}

std::vector<std::string> Sentences::of(const State& source, const Ways& ways) const {
  std::vector<std::string> out;
  for (const Way& way : ways.ways) out.push_back(sentence(source, ways, way));
  if (!ways.unhandled.empty()) {
    const std::string field = ways.ways.empty() ? "outcome" : ways.ways.front().field;
    out.push_back(say_.say("gap.answers", {{"field", say_.say("field." + field)}, {"values", say_.joined(named(field, ways.unhandled), "join.or")}}));
  }
  return out;
}

std::string Sentences::sentence(const State& source, const Ways& ways, const Way& way) const {
  Phrases::Fields fields{{"go", leads(source, *way.transition)}, {"cond", words_.guards(way.guards)}, {"unless", words_.unless(way.unmet)}};
  const bool guarded = !way.guards.empty();
  if (ways.event.empty()) return say_.say(guarded ? "when.cond" : way.otherwise ? "when.otherwise" : "when.at_once", fields);
  std::string field = say_.say("field." + way.field);
  fields["field"] = field.empty() ? say_.quoted(way.field) : field;
  fields["values"] = say_.joined(named(way.field, way.values), "join.or");
  fields["rest"] = say_.joined(named(way.field, way.rest), "join.or");
  if (!ways.answers.empty() && way.values.empty() && way.rest.empty()) return say_.say("when.never", fields);
  if (ways.invoke != nullptr && ways.answers.size() == 1 && !guarded && way.rest.empty()) {
    const std::string done = say_.say("done." + ways.answers.front());
    if (!done.empty()) return say_.say("when.then", {{"cause", done}, {"go", fields["go"]}});
  }
  if (!way.values.empty() && way.rest.empty()) return say_.say(guarded ? "when.values_if" : "when.values", fields);
  if (!way.values.empty()) return say_.say(guarded ? "when.values_rest_if" : "when.values_rest", fields);
  if (!way.rest.empty()) return say_.say(guarded ? "when.rest_if" : "when.rest", fields);
  fields["cause"] = words_.cause(source, ways.event);
  if (way.otherwise) return say_.say(guarded ? "when.otherwise_if" : "when.then_unless", fields);
  return say_.say(guarded ? "when.then_if" : "when.then", fields);
}

std::string Sentences::label(const State& source, const Ways& ways, const Way& way) const {
  std::vector<std::string> answers;
  for (const std::vector<std::string>* all : {&way.values, &way.rest})
    for (const std::string& each : *all) {
      const std::string words = say_.say(way.field + "." + each);
      answers.push_back(words.empty() ? each : words);
    }
  std::string out = say_.joined(answers, "join.slash");
  if (!way.rest.empty() && way.values.empty() && way.unmet.size() == 1) out = say_.say("short.if", {{"label", out}, {"cond", words_.unless(way.unmet)}});
  if (answers.empty()) {
    if (ways.invoke == nullptr && !ways.event.empty()) {
      out = say_.say("short." + ways.event);
      if (out.empty() && Words::is_overdue(ways.event)) out = say_.say("short.overdue");
      if (Words::is_error(ways.event))
        for (const InvokeElement& invoke : source.invokes)
          if (out.empty()) out = say_.say("short.error." + invoke.type);
      if (out.empty() && Words::is_error(ways.event)) out = say_.say("short.error");
      const bool known = say_.has("event." + ways.event) || ways.event.starts_with("done.") || !words_.timer(ways.event).empty();
      if (out.empty()) out = known ? words_.cause(source, ways.event) : ways.event;
    }
    if (way.otherwise && way.guards.empty()) out = way.unmet.size() == 1 ? words_.unless(way.unmet) : say_.say("short.otherwise");
  }
  if (way.guards.empty()) return out;
  const std::string guards = words_.guards(way.guards);
  return out.empty() ? guards : say_.say("short.if", {{"label", out}, {"cond", guards}});
}

}  // namespace chuyi::scxml
