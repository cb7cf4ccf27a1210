#include "engine/scxml/diff.h"

#include <algorithm>
#include <functional>
#include <set>

#include "engine/scxml/sentences.h"

namespace chuyi::scxml {
namespace {

bool contains(const std::vector<std::string>& all, const std::string& one) { return std::find(all.begin(), all.end(), one) != all.end(); }

/// One of the two versions with its words.
struct Side {
  Side(const Chart& of, const Phrases& phrases) : chart(of), words(of, phrases), sentences(of, words, false) {}
  std::string name(Index state) const { return words.say().quoted(words.title(state)); }
  const Chart& chart;
  Words words;
  Sentences sentences;
};

/// What follows from one answer or event. `signature` is without ids that were only renamed.
struct Route {
  std::string key;     ///< event and answer, the same on both sides
  std::string answer;  ///< in words; empty: not an answer of a step
  std::string cause;   ///< in words
  std::string timed;   ///< the cause when a timer is it
  std::string signature;
  std::string text;
};

class Differ {
 public:
  Differ(const Chart& before, const Phrases& before_phrases, const Chart& after, const Phrases& after_phrases)
      : old_(before, before_phrases), new_(after, after_phrases), say_(after_phrases) {}

  std::vector<ChartChange> run() {
    match_states();
    // A new title is told once; elsewhere both versions call the state by it, so that the rest compares.
    for (const auto& [before, after] : old_to_new_) {
      if (before == 0) continue;
      const std::string was = old_.words.title(before);
      if (was == new_.words.title(after)) continue;
      old_titles_[before] = was;
      old_.words.retitle(before, new_.words.title(after));
    }
    const std::string old_title = say_.zh() ? old_.chart.title_zh : old_.chart.title_en;
    const std::string new_title = say_.zh() ? new_.chart.title_zh : new_.chart.title_en;
    if (old_title != new_title) add("title", {}, {}, {{"old", say_.quoted(old_title)}, {"new", say_.quoted(new_title)}});
    compare_initial(0, 0, "start");
    compare_data();
    for (std::size_t i = 1; i < old_.chart.states.size(); ++i)
      if (!old_to_new_.contains(static_cast<Index>(i))) removed(static_cast<Index>(i));
    for (std::size_t i = 1; i < new_.chart.states.size(); ++i) {
      const auto index = static_cast<Index>(i);
      const auto found = new_to_old_.find(index);
      if (found == new_to_old_.end())
        added(index);
      else
        compare(found->second, index);
    }
    return std::move(out_);
  }

 private:
  void add(std::string kind, std::string state, std::vector<std::string> who, const Phrases::Fields& fields) {
    std::string text = capitalised(say_.say("diff." + kind, fields));
    out_.push_back({.kind = std::move(kind), .state = std::move(state), .who = std::move(who), .text = std::move(text)});
  }

  // --- which state of the old version is which of the new one ---

  void pair(Index before, Index after) {
    old_to_new_[before] = after;
    new_to_old_[after] = before;
    // Steps too: by id, else by place.
    const auto& old_steps = old_.chart.at(before).invokes;
    const auto& new_steps = new_.chart.at(after).invokes;
    const auto has = [](const auto& steps, const std::string& id) { return std::any_of(steps.begin(), steps.end(), [&](const auto& each) { return each.id == id; }); };
    for (std::size_t i = 0; i < old_steps.size(); ++i) {
      if (has(new_steps, old_steps[i].id)) step_names_[old_steps[i].id] = old_steps[i].id;
      else if (i < new_steps.size() && !has(old_steps, new_steps[i].id)) step_names_[old_steps[i].id] = new_steps[i].id;
    }
  }

  void match_states() {
    pair(0, 0);
    for (std::size_t i = 1; i < old_.chart.states.size(); ++i)
      if (const Index after = new_.chart.find(old_.chart.states[i].id); after != kNone) pair(static_cast<Index>(i), after);
    // The same structure under another id, first with the same title, then with another one; then the same title alone.
    match_by([&](const Side& side, Index index) { return signature(side, index, true); });
    match_by([&](const Side& side, Index index) { return signature(side, index, false); });
    match_by([&](const Side& side, Index index) {
      const State& state = side.chart.at(index);
      return state.title_zh == state.id ? std::string{} : state.title_zh + "|" + state.title_en;
    });
  }

  /// Pairs the states of which only one on each side has a text.
  void match_by(const std::function<std::string(const Side&, Index)>& text_of) {
    const auto unmatched = [&](const Side& side, const std::map<Index, Index>& matched) {
      std::map<std::string, std::vector<Index>> out;
      for (auto i = Index{1}; i < static_cast<Index>(side.chart.states.size()); ++i)
        if (!matched.contains(i)) out[text_of(side, i)].push_back(i);
      out.erase("");
      return out;
    };
    const auto left = unmatched(old_, old_to_new_);
    const auto right = unmatched(new_, new_to_old_);
    for (const auto& [text, states] : left)
      if (const auto same = right.find(text); same != right.end() && states.size() == 1 && same->second.size() == 1) pair(states.front(), same->second.front());
  }

  /// All of a state but its ids; states that only one version has are all alike.
  std::string signature(const Side& side, Index index, bool titled) const {
    const State& state = side.chart.at(index);
    std::string out = std::to_string(static_cast<int>(state.kind)) + "|" + state.stage + "|" + (titled ? state.title_zh + "|" + state.title_en : "");
    for (std::size_t i = 0; i < state.invokes.size(); ++i) {
      out += "|i" + state.invokes[i].type;
      for (const Param& param : state.invokes[i].payload.params) out += "|" + param.name + "=" + read_expression(param.value.source).text;
    }
    for (const Index each : state.transitions) {
      const Transition& transition = side.chart.transitions[static_cast<std::size_t>(each)];
      out += "|t";
      for (std::string event : transition.events) {
        for (std::size_t i = 0; i < state.invokes.size(); ++i)
          if (event.ends_with("." + state.invokes[i].id)) event = event.substr(0, event.size() - state.invokes[i].id.size()) + "#" + std::to_string(i);
        out += event + " ";
      }
      out += "?" + read_expression(transition.cond.source).text + ">";
      for (const Index target : transition.targets) {
        const bool known = &side == &old_ ? old_to_new_.contains(target) : new_to_old_.contains(target);
        out += (known ? side.chart.at(target).id : "?") + " ";
      }
    }
    for (const Index child : state.children) out += "{" + signature(side, child, titled) + "}";
    return out;
  }

  // --- the whole workflow ---

  void compare_initial(Index before, Index after, const char* kind) {
    const auto first = [](const Side& side, Index state) {
      const Index initial = side.chart.at(state).initial;
      return initial == kNone ? std::vector<Index>{} : side.chart.transitions[static_cast<std::size_t>(initial)].targets;
    };
    const std::vector<Index> was = first(old_, before);
    const std::vector<Index> is = first(new_, after);
    if (was.empty() || is.empty()) return;
    const auto found = old_to_new_.find(was.front());
    if (found != old_to_new_.end() && found->second == is.front()) return;
    add(kind, new_.chart.at(after).id, {}, {{"state", after == 0 ? "-" : new_.name(after)}, {"old", old_.name(was.front())}, {"new", new_.name(is.front())}});
  }

  static std::map<std::string, std::string> data_of(const Side& side) {
    std::map<std::string, std::string> out;
    for (const State& state : side.chart.states)
      for (const DataItem& item : state.data) out[item.id] = item.expr ? read_expression(item.expr.source).text : item.text;
    return out;
  }
  void compare_data() {
    const std::map<std::string, std::string> was = data_of(old_);
    const std::map<std::string, std::string> is = data_of(new_);
    for (const auto& [id, text] : was) {
      const auto found = is.find(id);
      if (found == is.end()) add("data.removed", {}, {}, {{"name", say_.quoted(id)}});
      else if (found->second != text) add("data.changed", {}, {}, {{"name", say_.quoted(id)}, {"old", say_.quoted(text)}, {"new", say_.quoted(found->second)}});
    }
    for (const auto& [id, text] : is)
      if (!was.contains(id)) add("data.added", {}, {}, {{"name", say_.quoted(id)}, {"new", say_.quoted(text)}});
  }

  // --- states ---

  static std::vector<std::string> who(const Side& side, Index index) {
    std::vector<std::string> out;
    for (const InvokeElement& invoke : side.chart.at(index).invokes)
      if (std::string role = side.words.role(invoke); !role.empty() && !contains(out, role)) out.push_back(std::move(role));
    return out;
  }

  void removed(Index index) {
    if (old_.chart.at(index).parent > 0 && !old_to_new_.contains(old_.chart.at(index).parent)) return;  // went with its parent
    add("state.removed", old_.chart.at(index).id, who(old_, index), {{"state", old_.name(index)}});
  }

  void added(Index index) {
    const State& state = new_.chart.at(index);
    std::vector<std::string> sentences;
    for (const InvokeElement& invoke : state.invokes)
      for (std::string& each : new_.words.step(invoke)) sentences.push_back(capitalised(std::move(each)));
    for (const Ways& ways : new_.words.ways_of(state))
      for (std::string& each : new_.sentences.of(state, ways)) sentences.push_back(capitalised(std::move(each)));
    std::string all;
    for (const std::string& each : sentences) all += (all.empty() || say_.zh() ? "" : " ") + each;
    const bool within = state.parent > 0;
    const Phrases::Fields fields{{"state", new_.name(index)}, {"parent", within ? new_.name(state.parent) : "-"}};
    std::string text = capitalised(say_.say(within ? "diff.state.added_in" : "diff.state.added", fields));
    if (!all.empty()) text += (say_.zh() ? "" : " ") + all;
    out_.push_back({.kind = "state.added", .state = state.id, .who = who(new_, index), .text = std::move(text)});
  }

  void compare(Index before, Index after) {
    const State& was = old_.chart.at(before);
    const State& is = new_.chart.at(after);
    const std::string name = new_.name(after);
    const std::vector<std::string> people = who(new_, after);
    if (was.id != is.id) add("state.renamed", is.id, people, {{"state", name}, {"old", say_.quoted(was.id)}, {"new", say_.quoted(is.id)}});
    if (const auto found = old_titles_.find(before); found != old_titles_.end()) add("state.retitled", is.id, people, {{"old", say_.quoted(found->second)}, {"new", name}});
    if (was.stage != is.stage) add("state.restaged", is.id, people, {{"state", name}, {"old", stage(was.stage)}, {"new", stage(is.stage)}});
    if (const auto parent = old_to_new_.find(was.parent); parent == old_to_new_.end() || parent->second != is.parent)
      add(is.parent > 0 ? "state.moved" : "state.moved_out", is.id, people,
          {{"state", name}, {"new", is.parent > 0 ? new_.name(is.parent) : "-"}, {"old", was.parent > 0 ? old_.name(was.parent) : "-"}});
    if (was.kind != is.kind) add("state.kind", is.id, people, {{"state", name}, {"old", say_.say("kind." + kind(was.kind))}, {"new", say_.say("kind." + kind(is.kind))}});
    if (was.kind == StateKind::compound && is.kind == StateKind::compound) compare_initial(before, after, "initial.changed");
    for (const InvokeElement& step : was.invokes) {
      const InvokeElement* next = find_step(is, step.id);
      if (next == nullptr) add("step.removed", is.id, {old_.words.role(step)}, {{"state", name}, {"old", said(old_, step)}});
      else compare_steps(is.id, name, step, *next);
    }
    for (const InvokeElement& step : is.invokes)
      if (std::none_of(was.invokes.begin(), was.invokes.end(), [&](const InvokeElement& each) { return find_step(is, each.id) == &step; }))
        add("step.added", is.id, {new_.words.role(step)}, {{"state", name}, {"new", said(new_, step)}});
    compare_routes(was, is, name, people);
    compare_blocks("entry.changed", was.on_entry, is.on_entry, is.id, name, people);
    compare_blocks("exit.changed", was.on_exit, is.on_exit, is.id, name, people);
  }

  std::string stage(const std::string& id) const {
    const std::string words = say_.say("stage." + id);
    return say_.quoted(id.empty() ? "-" : words.empty() ? id : words);
  }
  static std::string kind(StateKind of) {
    switch (of) {
      case StateKind::parallel: return "parallel";
      case StateKind::final: return "final";
      case StateKind::compound: return "compound";
      case StateKind::history_shallow:
      case StateKind::history_deep: return "history";
      default: return "atomic";
    }
  }

  // --- steps ---

  const InvokeElement* find_step(const State& in, const std::string& old_id) const {
    const auto renamed = step_names_.find(old_id);
    for (const InvokeElement& each : in.invokes)
      if (renamed != step_names_.end() && each.id == renamed->second) return &each;
    return nullptr;
  }
  /// A step in one text.
  std::string said(const Side& side, const InvokeElement& step) const {
    std::string out;
    for (std::string& each : side.words.step(step)) out += (out.empty() || say_.zh() ? "" : " ") + capitalised(std::move(each));
    return out;
  }

  void compare_steps(const std::string& state, const std::string& name, const InvokeElement& was, const InvokeElement& is) {
    if (was.type != is.type) {
      std::vector<std::string> people{old_.words.role(was)};
      if (std::string role = new_.words.role(is); !contains(people, role)) people.push_back(std::move(role));
      return add("step.type", state, std::move(people), {{"state", name}, {"old", said(old_, was)}, {"new", said(new_, is)}});
    }
    const std::vector<std::string> people{new_.words.role(is)};
    bool told = false;
    if (const std::string from = old_.words.who(was), to = new_.words.who(is); from != to) {
      std::vector<std::string> both{old_.words.role(was)};
      if (!contains(both, people.front())) both.push_back(people.front());
      add("step.role", state, std::move(both), {{"state", name}, {"old", from}, {"new", to}});
      told = true;
    }
    if (const std::string from = old_.words.deadline(was), to = new_.words.deadline(is); from != to) {
      const std::string none = say_.say("diff.no_deadline");
      add("step.deadline", state, people, {{"state", name}, {"old", from.empty() ? none : from}, {"new", to.empty() ? none : to}});
      told = true;
    }
    // Everything else that the step's sentences say, except what was told just now.
    const std::vector<std::string> before = old_.words.step(was);
    const std::vector<std::string> after = new_.words.step(is);
    std::vector<std::string> gone;
    std::vector<std::string> come;
    for (const std::string& each : before)
      if (!contains(after, each)) gone.push_back(each);
    for (const std::string& each : after)
      if (!contains(before, each)) come.push_back(each);
    if (told) {
      const auto about = [&](const Side& side, const InvokeElement& step, const std::vector<std::string>& all) {
        std::set<std::string> out;
        if (!all.empty()) out.insert(all.front());
        const Param* due = param_of(step, "due");
        out.insert(say_.say("param." + step.type + ".due", {{"value", due == nullptr ? "-" : side.words.deadline(step)}}));
        out.insert(say_.say("absent." + step.type + ".due"));
        return out;
      };
      const std::set<std::string> old_told = about(old_, was, before);
      const std::set<std::string> new_told = about(new_, is, after);
      std::erase_if(gone, [&](const std::string& each) { return old_told.contains(each); });
      std::erase_if(come, [&](const std::string& each) { return new_told.contains(each); });
    }
    if (gone.empty() && come.empty()) return;
    const auto text = [&](const std::vector<std::string>& all) {
      std::string out;
      for (const std::string& each : all) out += (out.empty() || say_.zh() ? "" : " ") + capitalised(each);
      return out;
    };
    const Phrases::Fields fields{{"state", name}, {"old", text(gone)}, {"new", text(come)}};
    std::string sentence = capitalised(say_.say(gone.empty() ? "diff.step.more" : come.empty() ? "diff.step.less" : "diff.step.changed", fields));
    out_.push_back({.kind = "step.changed", .state = state, .who = people, .text = std::move(sentence)});
  }

  // --- where things lead ---

  std::string mapped(const Side& side, Index target) const {
    if (&side == &new_) return new_.chart.at(target).id;
    const auto found = old_to_new_.find(target);
    return found == old_to_new_.end() ? "-" + old_.chart.at(target).id : new_.chart.at(found->second).id;
  }

  std::vector<Route> routes(const Side& side, const State& state) const {
    std::vector<Route> out;
    for (const Ways& ways : side.words.ways_of(state)) {
      std::string event = ways.event;
      if (&side == &old_)
        for (const auto& [from, to] : step_names_)
          if (event.ends_with("." + from) && (event.starts_with("done.invoke.") || Words::is_overdue(event))) event = event.substr(0, event.size() - from.size()) + to;
      const std::vector<std::string> answers = ways.answers.empty() ? std::vector<std::string>{{}} : ways.answers;
      for (const std::string& answer : answers) {
        Route route{.key = event + "|" + answer, .answer = {}, .cause = {}, .timed = {}, .signature = {}, .text = {}};
        std::vector<std::string> clauses;
        std::string field;
        for (const Way& way : ways.ways) {
          if (!answer.empty() && !contains(way.values, answer) && !contains(way.rest, answer)) continue;
          field = way.field;
          const std::string guards = side.words.guards(way.guards);
          const std::string leads = side.sentences.leads(state, *way.transition);
          route.signature += guards + ">";
          for (const Index target : way.transition->targets) route.signature += mapped(side, target) + " ";
          for (const std::string& each : side.words.actions(way.transition->actions)) route.signature += each + ";";
          clauses.push_back(guards.empty() ? (clauses.empty() ? leads : say_.say("diff.else", {{"go", leads}})) : say_.say("diff.if", {{"cond", guards}, {"go", leads}}));
        }
        if (clauses.empty()) clauses.push_back(say_.say("diff.nothing"));
        route.text = say_.joined(clauses, "join.clauses");
        route.cause = side.words.cause(state, ways.event);
        if (!answer.empty()) {
          const std::string words = say_.say(field + "." + answer);
          route.answer = say_.quoted(words.empty() ? answer : words);
        }
        route.timed = side.words.timer(ways.event);
        out.push_back(std::move(route));
      }
    }
    return out;
  }

  void compare_routes(const State& was, const State& is, const std::string& name, const std::vector<std::string>& people) {
    const std::vector<Route> before = routes(old_, was);
    const std::vector<Route> after = routes(new_, is);
    const auto find = [](const std::vector<Route>& all, const std::string& key) {
      return std::find_if(all.begin(), all.end(), [&](const Route& each) { return each.key == key; });
    };
    const auto tell = [&](const Route& route, const char* what, const std::string& from, const std::string& to) {
      const bool answer = !route.answer.empty();
      add(std::string{answer ? "answer." : "event."} + what, is.id, people,
          {{"state", name}, {"answer", answer ? route.answer : "-"}, {"cause", route.cause.empty() ? "-" : route.cause}, {"old", from}, {"new", to}});
    };
    for (const Route& route : before) {
      const auto found = find(after, route.key);
      if (found == after.end()) {
        const bool step_gone = std::any_of(was.invokes.begin(), was.invokes.end(), [&](const InvokeElement& each) {
          return find_step(is, each.id) == nullptr && route.key.find("." + each.id + "|") != std::string::npos;
        });
        if (!step_gone) tell(route, "removed", route.text, "-");
      } else if (found->timed != route.timed && !found->timed.empty() && !route.timed.empty()) {
        const auto when = [&](const Route& each) { return say_.say("diff.timed", {{"cause", each.timed}, {"go", each.text}}); };
        add("event.retimed", is.id, people, {{"state", name}, {"old", when(route)}, {"new", when(*found)}});
      } else if (found->signature != route.signature || found->timed != route.timed) {
        tell(*found, "changed", route.text, found->text);
      }
    }
    for (const Route& route : after)
      if (find(before, route.key) == before.end()) tell(route, "added", "-", route.text);
  }

  void compare_blocks(const char* kind, const std::vector<Block>& was, const std::vector<Block>& is, const std::string& state, const std::string& name,
                      const std::vector<std::string>& people) {
    const auto text = [&](const Side& side, const std::vector<Block>& blocks) {
      std::vector<std::string> all;
      for (const Block& block : blocks)
        for (std::string& each : side.words.actions(block)) all.push_back(std::move(each));
      return all.empty() ? say_.say("diff.nothing") : say_.joined(all, "join.actions");
    };
    const std::string from = text(old_, was);
    const std::string to = text(new_, is);
    if (from != to) add(kind, state, people, {{"state", name}, {"old", from}, {"new", to}});
  }

  Side old_;
  Side new_;
  const Phrases& say_;
  std::map<Index, Index> old_to_new_;
  std::map<Index, Index> new_to_old_;
  std::map<Index, std::string> old_titles_;        ///< of the states that have another one now
  std::map<std::string, std::string> step_names_;  ///< invoke id of the old version → of the new one
  std::vector<ChartChange> out_;
};

}  // namespace

std::vector<ChartChange> diff(const Chart& before, const Phrases& before_phrases, const Chart& after, const Phrases& after_phrases) {
  return Differ(before, before_phrases, after, after_phrases).run();
}

std::string to_text(const std::vector<ChartChange>& changes, const Phrases& phrases) {
  if (changes.empty()) return phrases.say("diff.none") + "\n";
  std::string out;
  int number = 0;
  for (const ChartChange& each : changes) {
    const Phrases::Fields fields{{"who", phrases.joined(each.who, "join.and")}, {"text", each.text}};
    out += std::to_string(++number) + "  " + phrases.say(each.who.empty() ? "diff.for_all" : "diff.for", fields) + "\n";
  }
  return out;
}

}  // namespace chuyi::scxml
