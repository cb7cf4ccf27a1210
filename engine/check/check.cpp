#include "engine/check/check.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "engine/check/children.h"
#include "engine/check/story.h"
#include "engine/scxml/describe.h"
#include "engine/scxml/interpreter.h"

namespace chuyi::check {
namespace {

using scxml::State;
using scxml::StateKind;
using scxml::Transition;

using Way = std::vector<Graph::Step>;

constexpr int kNamesMax = 6;  ///< states of a cycle that are named

/// Edges against their direction.
class Reversed {
 public:
  explicit Reversed(const Graph& graph) : first_(graph.size() + 1, 0), from_(graph.edges.size()) {
    for (const Edge& edge : graph.edges) ++first_[edge.to + 1];
    for (std::size_t i = 1; i < first_.size(); ++i) first_[i] += first_[i - 1];
    std::vector<std::uint32_t> at(first_.begin(), first_.end() - 1);
    for (NodeId node = 0; node < graph.size(); ++node)
      for (std::uint32_t e = graph.first_edge[node]; e < graph.first_edge[node + 1]; ++e) from_[at[graph.edges[e].to]++] = node;
  }
  /// Nodes from which one of `goals` can be reached.
  std::vector<bool> reaching(std::vector<bool> goals) const {
    std::vector<NodeId> open;
    for (NodeId node = 0; node < goals.size(); ++node)
      if (goals[node]) open.push_back(node);
    while (!open.empty()) {
      const NodeId node = open.back();
      open.pop_back();
      for (std::uint32_t e = first_[node]; e < first_[node + 1]; ++e)
        if (!goals[from_[e]]) {
          goals[from_[e]] = true;
          open.push_back(from_[e]);
        }
    }
    return goals;
  }

 private:
  std::vector<std::uint32_t> first_;
  std::vector<NodeId> from_;
};

std::string joined(const std::vector<std::string>& list, const std::string& between) {
  std::string out;
  for (const std::string& each : list) out += (out.empty() ? "" : between) + each;
  return out;
}

/// file:line:column as something that sorts like the document.
std::pair<long, long> order_of(const std::string& place) {
  const std::size_t column = place.rfind(':');
  const std::size_t line = column == std::string::npos || column == 0 ? std::string::npos : place.rfind(':', column - 1);
  if (line == std::string::npos) return {0, 0};
  return {std::atol(place.c_str() + line + 1), std::atol(place.c_str() + column + 1)};
}

class Checker {
 public:
  Checker(const scxml::Chart& chart, const Subject& subject, const World& world, const Limits& limits, const Progress& progress)
      : chart_(chart),
        manifest_(subject.manifest),
        sources_(subject.sources),
        world_(world),
        machine_(chart, world, programme_of(subject.manifest)),
        graph_(explore(machine_, limits, progress)),
        story_(machine_, graph_) {}

  Report run(const std::vector<Policy>& policies) {
    out_.nodes = graph_.size();
    out_.transitions = graph_.edges.size();
    out_.complete = graph_.complete;
    collect();
    check_elements();
    check_stages();
    check_titles();
    check_events();
    check_outcomes();
    if (graph_.complete) {
      check_states();
      check_transitions();
      check_ends();
    } else {
      report_too_large();
    }
    for (Detail& each : check_children(machine_, world_, policies, sources_, !manifest_.empty()))
      out_.findings.push_back({.detail = std::move(each), .way = {}, .policy = {}});
    for (const Policy& policy : policies) check_policy(policy);
    std::stable_sort(out_.findings.begin(), out_.findings.end(),
                     [](const Finding& a, const Finding& b) { return order_of(a.detail.place) < order_of(b.detail.place); });
    return std::move(out_);
  }

 private:
  void report(const char* code, std::string place, std::string en, std::string zh, const Way& way = {}) {
    // A package leaves out what its parameters switch off in a workflow shared with others; that is looked at by itself.
    const std::string_view what = code;
    if (manifest_.contains("shared_workflow") && (what == "check.never_taken" || what == "check.unreachable")) return;
    out_.findings.push_back({.detail = {.place = std::move(place), .code = code, .message = std::move(en), .message_zh = std::move(zh)},
                             .way = story_.of(way),
                             .policy = {}});
  }
  const Transition& transition(Index index) const { return chart_.transitions[static_cast<std::size_t>(index)]; }
  const AbstractEvent& event(int index) const { return machine_.events()[static_cast<std::size_t>(index)]; }
  const Element& element(int index) const { return machine_.elements()[static_cast<std::size_t>(index)]; }
  template <class Body>
  void for_edges(Body body) const {
    for (NodeId node = 0; node < graph_.expanded; ++node)
      for (std::uint32_t e = graph_.first_edge[node]; e < graph_.first_edge[node + 1]; ++e) body(node, graph_.edges[e]);
  }
  Way way_over(NodeId node, const Edge& edge) const {
    Way out = graph_.way_to(node);
    out.push_back({.node = node, .edge = edge});
    return out;
  }
  static bool hears(const Transition& of, const std::string& name) {
    return std::any_of(of.events.begin(), of.events.end(), [&](const std::string& each) { return scxml::matches(each, name); });
  }
  std::string heading(const Transition& of) const {
    return of.events.empty() ? "without event" : "on '" + joined(of.events, " ") + "'";
  }
  std::string heading_zh(const Transition& of) const { return of.events.empty() ? "无事件" : "“" + joined(of.events, " ") + "”"; }

  /// What was ever active and ever taken.
  void collect() {
    active_.assign(chart_.states.size(), false);
    taken_.assign(chart_.transitions.size(), false);
    for (const Happening& each : graph_.happenings) {
      for (const Index state : each.entered) active_[static_cast<std::size_t>(state)] = true;
      for (const Index index : each.transitions) taken_[static_cast<std::size_t>(index)] = true;
    }
    active_[0] = true;
    for (const State& state : chart_.states)
      if (state.initial != scxml::kNone) taken_[static_cast<std::size_t>(state.initial)] = true;
  }

  void report_too_large() {
    report("check.too_large", chart_.at(0).place,
           "Expected a chart whose states can all be gone through, but stopped after " + std::to_string(graph_.size()) +
               " situations, of which " + std::to_string(graph_.expanded) + " were looked at; what was found so far is below",
           "流程的状态空间过大：已发现" + std::to_string(graph_.size()) + "种情形，检查了" + std::to_string(graph_.expanded) +
               "种后停止；以下只是已检查部分的结果");
  }

  // ── what needs no running ──────────────────────────────────────────────────────────────────────────

  void check_elements() {
    for (const Element& each : machine_.elements()) {
      const std::string name = "'" + each.id + "'";
      if (!each.type) continue;
      if (each.profile == nullptr) {
        std::vector<std::string> known;
        for (const InvokeProfile& profile : world_.invokes) known.push_back(profile.type);
        report("check.handler", each.invoke->place,
               "Expected an invoke type that this installation has (" + joined(known, ", ") + "), but " + name + " has '" + *each.type + "'",
               "环节" + name + "的类型“" + *each.type + "”没有对应的处理程序（已有：" + joined(known, "、") + "）");
        continue;
      }
      check_required(each, name);
      for (const ParameterRule& rule : each.profile->parameters)
        if (rule.is_form && rule.fallback.is_string() && !each.parameters.contains(rule.name))
          check_form(name, each.invoke->place, std::string{rule.fallback.get_string()});
      if (each.profile->parameters.empty()) continue;  // takes any
      for (const auto& [parameter, value] : each.parameters) check_parameter(each, name, parameter, value);
    }
  }

  void check_required(const Element& each, const std::string& name) {
    const auto& groups = each.profile->required;
    const auto given = [&](const std::vector<std::string>& group) {
      return std::all_of(group.begin(), group.end(), [&](const std::string& one) { return each.parameters.contains(one); });
    };
    if (groups.empty() || std::any_of(groups.begin(), groups.end(), given)) return;
    std::vector<std::string> texts;
    for (const auto& group : groups) texts.push_back(joined(group, " and "));
    report("check.parameter", each.invoke->place, "Expected parameters " + joined(texts, ", or ") + " of " + each.type_text() + " " + name,
           each.type_text() + "环节" + name + "缺少参数：" + joined(texts, "，或"));
  }

  void check_parameter(const Element& each, const std::string& name, const std::string& parameter, const std::optional<json::value>& value) {
    const auto& rules = each.profile->parameters;
    const auto rule = std::find_if(rules.begin(), rules.end(), [&](const ParameterRule& one) { return one.name == parameter; });
    const auto param = std::find_if(each.invoke->payload.params.begin(), each.invoke->payload.params.end(),
                                    [&](const scxml::Param& one) { return one.name == parameter; });
    const std::string place = param->value.place;
    if (rule == rules.end()) {
      std::vector<std::string> known;
      for (const ParameterRule& one : rules) known.push_back(one.name);
      return report("check.parameter", place,
                    "Expected a parameter of " + each.type_text() + " (" + joined(known, ", ") + "), but " + name + " has '" + parameter + "'",
                    "环节" + name + "的参数“" + parameter + "”不是" + each.type_text() + "的参数（可用：" + joined(known, "、") + "）");
    }
    if (parameter == each.profile->outcomes && value && (!value->is_array() || value->get_array().empty()))
      return report("check.parameter", place, "Expected 'outcomes' of " + name + " to be a list of outcomes",
                    "环节" + name + "的“outcomes”应当是结论列表");
    if (value && parameter == each.profile->not_by) check_not_by(each, name, place, *value);
    if (!value || !value->is_string()) return;
    const std::string text{value->get_string()};
    const auto unknown_in = [&](const std::vector<std::string>& list) {
      return !list.empty() && std::find(list.begin(), list.end(), text) == list.end();
    };
    if (unknown_in(rule->allowed))
      report("check.parameter", place, "Expected '" + parameter + "' of " + name + " to be one of " + joined(rule->allowed, ", ") + ", but found '" + text + "'",
             "环节" + name + "的参数“" + parameter + "”应为" + joined(rule->allowed, "、") + "之一，而不是“" + text + "”");
    if (rule->is_role && unknown_in(world_.roles))
      report("check.role", place, "Expected a role (" + joined(world_.roles, ", ") + "), but " + name + " has '" + text + "'",
             "环节" + name + "的角色“" + text + "”不存在（已有：" + joined(world_.roles, "、") + "）");
    if (rule->is_form) check_form(name, place, text);
  }

  void check_form(const std::string& name, const std::string& place, const std::string& form) {
    if (manifest_.contains("forms") && !object_or_empty(manifest_, "forms").contains(form))
      report("check.form", place, "Expected a form of the package, but " + name + " shows '" + form + "'",
             "环节" + name + "的表单“" + form + "”不在任务类型包中");
  }

  /// A policy that asks about a stage sees nothing of states whose stage is misspelt.
  void check_stages() {
    if (world_.stages.empty()) return;
    for (std::size_t i = 1; i < chart_.states.size(); ++i) {
      const State& state = chart_.states[i];
      if (state.stage.empty() || state.stage == chart_.at(state.parent).stage) continue;
      if (std::find(world_.stages.begin(), world_.stages.end(), state.stage) != world_.stages.end()) continue;
      report("check.stage", state.place, "Expected a stage (" + joined(world_.stages, ", ") + "), but state '" + state.id + "' has '" + state.stage + "'",
             "状态“" + state.id + "”的阶段“" + state.stage + "”不存在（可用：" + joined(world_.stages, "、") + "）");
    }
  }

  /// Whoever signed a step that does not exist is kept away from nothing.
  void check_not_by(const Element& each, const std::string& name, const std::string& place, const json::value& value) {
    if (!value.is_array()) return;
    const auto known = [&](const json::value& id) {
      return !id.is_string() || std::any_of(machine_.elements().begin(), machine_.elements().end(), [&](const Element& other) { return other.id == id.get_string(); });
    };
    for (const json::value& id : value.get_array())
      if (!known(id))
        report("check.parameter", place,
               "Expected '" + each.profile->not_by + "' of " + name + " to name steps of the workflow, but found '" + std::string{id.get_string()} + "'",
               "环节" + name + "的“" + each.profile->not_by + "”须为本流程中的环节，而“" + std::string{id.get_string()} + "”不存在");
  }

  /// A chart for people has a title in both languages on each state; any other chart has none at all.
  void check_titles() {
    const auto titled = [](const State& state) { return state.title_zh != state.id || state.title_en != state.id; };
    const auto known = [](const Element& each) { return each.profile != nullptr && !each.runs_chart(); };
    if (std::none_of(chart_.states.begin(), chart_.states.end(), titled) &&
        std::none_of(machine_.elements().begin(), machine_.elements().end(), known))
      return;
    for (std::size_t i = 1; i < chart_.states.size(); ++i) {
      const State& state = chart_.states[i];
      if (state.kind == StateKind::history_shallow || state.kind == StateKind::history_deep || state.id.starts_with("_s")) continue;
      const bool zh = state.title_zh == state.id;
      const bool en = state.title_en == state.id;
      if (!zh && !en) continue;
      const std::string attributes = zh && en ? "chuyi:title and chuyi:title-en" : zh ? "chuyi:title" : "chuyi:title-en";
      report("check.title", state.place, "Expected " + attributes + " of state '" + state.id + "', so that people can read it",
             "状态“" + state.id + "”缺少" + (zh && en ? "中文和英文" : zh ? "中文" : "英文") + "标题（" + attributes + "）");
    }
  }

  void check_events() {
    for (std::size_t i = 0; i < chart_.transitions.size(); ++i) {
      const Transition& of = chart_.transitions[i];
      for (const std::string& descriptor : of.events) {
        const auto raised = [&](const AbstractEvent& each) { return scxml::matches(descriptor, each.name); };
        if (descriptor == "error" || scxml::matches("error.execution", descriptor) ||
            std::any_of(machine_.events().begin(), machine_.events().end(), raised))
          continue;
        unraised_.insert(static_cast<Index>(i));
        report("check.event_unraised", of.place,
               "Expected an event that something raises, but nothing here or outside raises '" + descriptor + "'",
               "没有任何环节或外部操作会产生事件“" + descriptor + "”");
      }
    }
  }

  // ── what running shows ─────────────────────────────────────────────────────────────────────────────

  /// Where an invoke ends and the chart does not hear it.
  void check_outcomes() {
    std::set<int> seen;
    for_edges([&](NodeId node, const Edge& edge) {
      const Happening& happening = graph_.happenings[edge.happening];
      if (happening.event == kNothing || !happening.transitions.empty()) return;
      const AbstractEvent& of = event(happening.event);
      if (of.kind != EventKind::answer || !of.ends || element(of.element).profile == nullptr || !seen.insert(happening.event).second) return;
      // That an invoked chart has ended need not concern the one that invoked it; where it does, that is a dead end.
      if (element(of.element).runs_chart()) return;
      dropped_.insert(happening.event);
      bool guarded = false;
      for (std::uint32_t e = graph_.first_edge[node]; e < graph_.first_edge[node + 1]; ++e) {
        const Happening& other = graph_.happenings[graph_.edges[e].happening];
        guarded = guarded || (other.event == happening.event && !other.transitions.empty());
      }
      report("check.outcome_unhandled", element(of.element).invoke->place,
             "Expected a transition for '" + story_.event_text(happening.event, false) + "'" +
                 (guarded ? ", but when the conditions are false there is none" : ", but there is none"),
             "“" + story_.event_text(happening.event, true) + "”" + (guarded ? "在条件都不成立时没有迁移处理" : "没有迁移处理"), way_over(node, edge));
    });
  }

  void check_states() {
    for (std::size_t i = 1; i < chart_.states.size(); ++i) {
      const State& state = chart_.states[i];
      const bool history = state.kind == StateKind::history_shallow || state.kind == StateKind::history_deep;
      if (history || active_[i] || !active_[static_cast<std::size_t>(state.parent)]) continue;
      report("check.unreachable", state.place, "Expected a way to state '" + state.id + "', but nothing ever enters it",
             "状态“" + story_.state_text(static_cast<Index>(i), true) + "”永远不会进入");
    }
  }

  void check_transitions() {
    std::map<Index, Way> silent;
    for (std::size_t i = 0; i < chart_.transitions.size(); ++i) {
      const Transition& of = chart_.transitions[i];
      const auto index = static_cast<Index>(i);
      const bool reached = of.source != scxml::kNone && active_[static_cast<std::size_t>(of.source)];
      if (!taken_[i] && reached && !unraised_.contains(index)) silent[index] = {};
    }
    if (silent.empty()) return;
    // Best is a moment when its event came and something else was done; else just where it could have been taken.
    std::set<Index> heard;
    std::set<Index> stood;
    for (NodeId node = 1; node < graph_.size() && heard.size() < silent.size(); ++node) {
      const Node at = graph_.node(node);
      for (auto& [index, way] : silent) {
        const Transition& of = transition(index);
        if (heard.contains(index) || !at.configuration.contains(of.source)) continue;
        if (stood.insert(index).second) way = graph_.way_to(node);
        for (std::uint32_t e = graph_.first_edge[node]; e < graph_.first_edge[node + 1]; ++e) {
          const Happening& happening = graph_.happenings[graph_.edges[e].happening];
          const bool mine = happening.event == kNothing ? of.events.empty() && !happening.transitions.empty()
                                                        : hears(of, event(happening.event).name);
          if (!mine || !heard.insert(index).second) continue;
          way = way_over(node, graph_.edges[e]);
          break;
        }
      }
    }
    for (const auto& [index, way] : silent) {
      const Transition& of = transition(index);
      std::string en = "Expected a transition that can be taken, but this one " + heading(of) + " never is";
      std::string zh = "迁移（" + heading_zh(of) + "）永远不会执行";
      const Happening* instead = heard.contains(index) ? &graph_.happenings[way.back().edge.happening] : nullptr;
      if (instead != nullptr && !instead->transitions.empty()) {
        en += ": when its event comes, " + transition(instead->transitions.front()).place + " goes before it";
        zh += "：事件到来时，" + transition(instead->transitions.front()).place + "先于它执行";
      } else if (of.cond) {
        en += ": its condition is never true";
        zh += "：条件从不成立";
      }
      report("check.never_taken", of.place, std::move(en), std::move(zh), way);
    }
  }

  void check_ends() {
    const Reversed reversed(graph_);
    std::vector<bool> ends(graph_.ended.begin(), graph_.ended.end());
    std::vector<bool> rests = ends;
    for (NodeId node = 0; node < graph_.size(); ++node) rests[node] = rests[node] || graph_.resting[node];
    const std::vector<bool> can_rest = reversed.reaching(rests);
    const std::vector<bool> can_end = reversed.reaching(ends);
    std::set<std::string> told;
    for (NodeId node = 0; node < graph_.size(); ++node) {
      const bool first = node == 0;
      if (!can_rest[node] && (first || can_rest[graph_.parents[node].node])) report_endless(first && graph_.size() > 1 ? 1 : node, told);
      if (graph_.resting[node] && silent(node) && waits_for_time(node)) report_no_timer(node, told);
      if (can_rest[node] && !can_end[node] && (first || can_end[graph_.parents[node].node])) report_dead_end(node, told);
    }
  }

  bool silent(NodeId node) const { return graph_.first_edge[node] == graph_.first_edge[node + 1]; }

  /// Some transition there hears what only a timer brings.
  bool waits_for_time(NodeId node) const {
    const Node at = graph_.node(node);
    for (const Index state : at.configuration)
      for (const Index index : chart_.at(state).transitions)
        for (const AbstractEvent& each : machine_.events())
          if (each.kind == EventKind::timer && hears(transition(index), each.name)) return true;
    return false;
  }

  Index leaf_of(const Node& at) const {
    for (const Index state : at.configuration) {
      const StateKind kind = chart_.at(state).kind;
      if (kind == StateKind::atomic || kind == StateKind::final) return state;
    }
    return 0;
  }

  void report_endless(NodeId node, std::set<std::string>& told) {
    // Going on from here never rests: the first situation that comes again closes the cycle.
    Way way = graph_.way_to(node);
    std::set<NodeId> seen;
    std::string place;
    std::string names;
    int named = 0;
    for (NodeId at = node; seen.insert(at).second && !silent(at);) {
      const Edge& edge = graph_.edges[graph_.first_edge[at]];
      const Happening& happening = graph_.happenings[edge.happening];
      way.push_back({.node = at, .edge = edge});
      for (const Index state : happening.entered)
        if (chart_.at(state).children.empty() && ++named <= kNamesMax) names += (names.empty() ? "" : " → ") + chart_.at(state).id;
      if (!happening.transitions.empty() && place.empty()) place = transition(happening.transitions.front()).place;
      at = edge.to;
    }
    if (place.empty() && !way.empty())
      for (const Graph::Step& step : way)
        if (const auto& transitions = graph_.happenings[step.edge.happening].transitions; !transitions.empty())
          place = transition(transitions.front()).place;
    if (!told.insert("endless " + place).second) return;
    report("check.endless", place,
           "Expected transitions that come to rest, but they follow each other for ever without anything from outside" +
               (names.empty() ? "" : " (" + names + " …)"),
           "迁移在没有外部事件的情况下无休止地循环" + (names.empty() ? "" : "（" + names + " ……）"), way);
  }

  void report_no_timer(NodeId node, std::set<std::string>& told) {
    const State& state = chart_.at(leaf_of(graph_.node(node)));
    if (!told.insert("stuck " + state.id).second) return;
    report("check.no_timer", state.place,
           "Expected a timer that runs in '" + state.id + "': only time can lead on from there, and nothing has set or everything has cancelled it",
           "状态“" + state.id + "”只能等待到时，但没有正在运行的定时器", graph_.way_to(node));
  }

  void report_dead_end(NodeId node, std::set<std::string>& told) {
    // The situation that people would see is the next one at rest.
    NodeId rest = node;
    for (std::size_t i = 0; !graph_.resting[rest] && !silent(rest) && i < graph_.size(); ++i) rest = graph_.edges[graph_.first_edge[rest]].to;
    const Happening* cause = node == 0 ? nullptr : &graph_.happenings[graph_.parents[node].edge.happening];
    const bool entered = cause != nullptr && !cause->entered.empty() && graph_.node(rest).configuration.contains(cause->entered.back());
    const State& state = chart_.at(entered ? cause->entered.back() : leaf_of(graph_.node(rest)));
    if (told.contains("stuck " + state.id) || (silent(rest) && waits_for_time(rest))) return;
    const bool dropped = cause != nullptr && cause->event != kNothing && cause->transitions.empty();
    if (dropped && dropped_.contains(cause->event)) return;  // told as an outcome that nothing handles
    if (!told.insert("dead " + state.id).second) return;
    report("check.dead_end", state.place, "Expected a way from '" + state.id + "' to a final state, but there is none",
           "从状态“" + state.id + "”无法到达任何终态", graph_.way_to(rest));
  }

  // ── policies ───────────────────────────────────────────────────────────────────────────────────────

  void check_policy(const Policy& policy) {
    PolicyVerdict verdict = judge(machine_, graph_, policy, manifest_);
    for (const std::string& parameter : verdict.undecided)
      out_.notes.push_back({.place = policy.place,
                            .code = "check.undecided",
                            .message = "Policy '" + policy.id + "' also depends on '" + parameter + "', which the package's manifest gives",
                            .message_zh = "规则“" + policy.id + "”还取决于任务类型包给出的“" + parameter + "”"});
    if (!verdict.breach) return;
    std::string place = chart_.at(0).place;
    for (const Graph::Step& step : verdict.breach->way)
      if (const auto& transitions = graph_.happenings[step.edge.happening].transitions; !transitions.empty() && step.node != 0)
        place = transition(transitions.front()).place;
    report("check.policy", std::move(place), "Policy '" + policy.id + "' is broken (" + policy.en + "): " + verdict.breach->en,
           "违反规则“" + policy.id + "”（" + policy.zh + "）：" + verdict.breach->zh, verdict.breach->way);
    out_.findings.back().policy = policy.id;
  }

  const scxml::Chart& chart_;
  const json::object& manifest_;
  const scxml::ReadSource& sources_;
  const World& world_;
  Machine machine_;
  Graph graph_;
  Story story_;
  Report out_;
  std::vector<bool> active_, taken_;
  std::set<Index> unraised_;  ///< transitions
  std::set<int> dropped_;     ///< answers that nothing handles somewhere
};

}  // namespace

json::object programme_of(const json::object& manifest) {
  json::object out;
  for (const char* key : {"term_years", "publicity", "panel", "annual_check", "recommendation", "params", "asks"})
    if (const json::value* found = manifest.if_contains(key)) out[key] = *found;
  return out;
}

bool keeps_out(const Finding& finding) {
  const std::string& code = finding.detail.code;
  static constexpr std::array kCodes = {"check.policy", "check.child", "check.too_large", "check.stage", "check.form", "check.role", "check.handler", "check.parameter"};
  return std::find(kCodes.begin(), kCodes.end(), code) != kCodes.end();
}

Report check(const scxml::Chart& chart, const Subject& subject, const World& world, const std::vector<Policy>& policies,
             const Limits& limits, const Progress& progress) {
  const World known = world_of(world, subject.manifest);
  return Checker(chart, subject, known, limits, progress).run(policies);
}

}  // namespace chuyi::check
