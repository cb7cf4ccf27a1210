#include "engine/scxml/explain.h"

#include <algorithm>

#include "engine/scxml/describe.h"
#include "engine/scxml/sentences.h"

namespace chuyi::scxml {
namespace {

class Explainer {
 public:
  Explainer(const Chart& chart, const Phrases& phrases) : chart_(chart), say_(phrases), words_(chart, phrases), sentences_(chart, words_) {}

  Explanation run() {
    Explanation out{.title = say_.zh() ? chart_.title_zh : chart_.title_en, .start = {}, .states = {}, .gaps = {}};
    if (out.title.empty()) out.title = chart_.name;
    if (const Index first = leaf_of(0); first != kNone) out.start = say_.say_of("start", chart_.name, {{"state", sentences_.reference(first)}});
    for (std::size_t i = 1; i < chart_.states.size(); ++i) {
      const auto index = static_cast<Index>(i);
      ExplainedState each{.number = static_cast<int>(i), .depth = depth_of(index), .id = chart_.at(index).id, .title = heading(index), .sentences = {}};
      describe(index, each.sentences);
      std::erase_if(each.sentences, [](const std::string& text) { return text.empty(); });
      for (std::string& text : each.sentences) text = capitalised(std::move(text));
      out.states.push_back(std::move(each));
    }
    find_gaps(out.gaps);
    return out;
  }

 private:
  int depth_of(Index index) const {
    int out = 0;
    for (Index at = chart_.at(index).parent; at > 0; at = chart_.at(at).parent) ++out;
    return out;
  }

  Index first_of(Index state) const {
    const Index initial = chart_.at(state).initial;
    if (initial == kNone) return kNone;
    const std::vector<Index>& targets = chart_.transitions[static_cast<std::size_t>(initial)].targets;
    return targets.empty() ? kNone : targets.front();
  }

  /// Where somebody finds the application when it enters the state.
  Index leaf_of(Index state) const {
    while (chart_.at(state).kind == StateKind::compound || chart_.at(state).kind == StateKind::root) state = first_of(state);
    return state;
  }

  /// The title, with the stage where a stage begins.
  std::string heading(Index index) const {
    const State& state = chart_.at(index);
    const std::string& title = words_.title(index);
    if (state.stage.empty() || state.stage == chart_.at(state.parent).stage || state.kind == StateKind::final) return title;
    const std::string stage = say_.say("stage." + state.stage);
    return stage.empty() || capitalised(stage) == capitalised(title) ? title : say_.say("heading", {{"title", title}, {"stage", stage}});
  }

  void describe(Index index, std::vector<std::string>& out) {
    const State& state = chart_.at(index);
    switch (state.kind) {
      case StateKind::final: out.push_back(say_.say_of(state.parent == 0 ? "state.final" : "state.final_inner", chart_.name, {{"parent", say_.quoted(words_.title(state.parent))}})); break;
      case StateKind::history_shallow:
      case StateKind::history_deep: out.push_back(say_.say("state.history", {{"state", sentences_.reference(first_of(index))}})); break;
      case StateKind::parallel: out.push_back(say_.say("state.parallel", range(state, index))); break;
      case StateKind::compound: {
        Phrases::Fields fields = range(state, index);
        if (const Index first = first_of(index); first != kNone) fields["first"] = sentences_.reference(first);
        out.push_back(say_.say("state.compound", fields));
        break;
      }
      default: break;
    }
    for (const Block& block : state.on_entry)
      if (const std::vector<std::string> done = words_.actions(block); !done.empty()) out.push_back(say_.say("on_entry", {{"actions", say_.joined(done, "join.actions")}}));
    for (const InvokeElement& invoke : state.invokes)
      for (std::string& each : words_.step(invoke)) out.push_back(std::move(each));
    for (const Ways& ways : words_.ways_of(state)) {
      const bool during = !state.children.empty() && ways.event != "done.state." + state.id;
      for (std::string& each : sentences_.of(state, ways)) out.push_back(during ? say_.say("during", {{"sentence", each}}) : std::move(each));
    }
    for (const InvokeElement& invoke : state.invokes)
      if (!words_.deadline(invoke).empty() && invoke.type == "task" && !handles(index, "task.overdue." + invoke.id)) out.push_back(say_.say("gap.overdue"));
    for (const Block& block : state.on_exit)
      if (const std::vector<std::string> done = words_.actions(block); !done.empty()) out.push_back(say_.say("on_exit", {{"actions", say_.joined(done, "join.actions")}}));
  }

  Phrases::Fields range(const State& state, Index index) const {
    const Index inner = state.last_descendant - index;
    const Phrases::Fields ends{{"from", std::to_string(index + 1)}, {"to", std::to_string(state.last_descendant)}};
    return {{"range", say_.say(inner == 1 ? "range.one" : inner == 2 ? "range.two" : "range", ends)}};
  }

  /// Does the state or one around it answer the event?
  bool handles(Index index, const std::string& event) const {
    const std::vector<std::string> self{chart_.at(index).id};
    const std::vector<std::string> events = events_of(chart_, self);
    return std::any_of(events.begin(), events.end(), [&](const std::string& each) { return matches(each, event); });
  }

  void find_gaps(std::vector<std::string>& out) const {
    std::vector<std::string> states;
    for (std::size_t i = 1; i < chart_.states.size(); ++i)
      if (const auto index = static_cast<Index>(i); !chart_.at(index).invokes.empty() && !handles(index, "error.communication")) states.push_back(sentences_.reference(index));
    if (!states.empty()) out.push_back(capitalised(say_.say("gap.errors", {{"states", say_.joined(states, "join.and")}})));
  }

  const Chart& chart_;
  const Phrases& say_;
  Words words_;
  Sentences sentences_;
};

}  // namespace

Explanation explain(const Chart& chart, const Phrases& phrases) { return Explainer(chart, phrases).run(); }

std::string timer_words(const Chart& chart, const std::string& event, const Phrases& phrases) { return Words(chart, phrases).timer(event); }

std::string to_text(const Explanation& explanation, const Phrases& phrases) {
  std::string out = (explanation.title.empty() ? "" : explanation.title + "\n") + (explanation.start.empty() ? "" : "\n" + explanation.start + "\n");
  for (const ExplainedState& state : explanation.states) {
    const std::string indent(static_cast<std::size_t>(state.depth) * 2, ' ');
    const std::string number = std::to_string(state.number);
    out += "\n" + indent + number + "  " + state.title + "\n";
    int sentence = 0;
    for (const std::string& each : state.sentences) out += indent + "   " + number + "." + std::to_string(++sentence) + "  " + each + "\n";
  }
  if (!explanation.gaps.empty()) out += "\n" + phrases.say("gaps") + "\n";
  for (const std::string& each : explanation.gaps) out += "   " + each + "\n";
  return out;
}

}  // namespace chuyi::scxml
