#include "engine/scxml/describe.h"

#include <algorithm>
#include <set>

#include "engine/scxml/chart_model.h"

namespace chuyi::scxml {
namespace {

const char* kind_name(StateKind kind) {
  switch (kind) {
    case StateKind::parallel: return "parallel";
    case StateKind::final: return "final";
    case StateKind::history_shallow:
    case StateKind::history_deep: return "history";
    default: return "state";
  }
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out + "\"";
}

class DotWriter {
 public:
  DotWriter(const Chart& chart, bool zh, std::span<const std::string> configuration, std::span<const std::string> visited)
      : chart_(chart),
        zh_(zh),
        current_(configuration.begin(), configuration.end()),
        visited_(visited.begin(), visited.end()) {}

  std::string run() {
    out_ =
        "digraph workflow {\n"
        "  graph [rankdir=TB, compound=true, nodesep=0.35, ranksep=0.45, pad=0.2, bgcolor=\"transparent\","
        " fontname=\"Noto Sans CJK SC\", fontsize=12, fontcolor=\"#1f2328\"];\n"
        "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\", color=\"#8c959f\","
        " fontname=\"Noto Sans CJK SC\", fontsize=12, fontcolor=\"#1f2328\", margin=\"0.16,0.08\"];\n"
        "  edge [color=\"#5f6369\", fontname=\"Noto Sans CJK SC\", fontsize=9, fontcolor=\"#5f6369\", arrowsize=0.7];\n"
        "  start [shape=circle, label=\"\", width=0.16, fixedsize=true, fillcolor=\"#1f2328\", color=\"#1f2328\"];\n";
    for (const Index child : chart_.at(0).children) write_state(child, 1);
    out_ += "  start -> " + leaf_of(first_target(0)) + ";\n";
    for (const State& state : chart_.states)
      for (const Index each : state.transitions) write_transition(chart_.transitions[static_cast<std::size_t>(each)]);
    return out_ + "}\n";
  }

 private:
  Index first_target(Index state) const {
    const Index initial = chart_.at(state).initial;
    if (initial == kNone) return state;
    const auto& targets = chart_.transitions[static_cast<std::size_t>(initial)].targets;
    return targets.empty() ? state : targets.front();
  }
  /// Graphviz joins nodes, not clusters: the node that stands for a state with children is where it is entered.
  std::string leaf_of(Index index) const {
    while (!chart_.at(index).children.empty())
      index = chart_.at(index).kind == StateKind::parallel ? chart_.at(index).children.front() : first_target(index);
    return "n" + std::to_string(index);
  }
  const std::string& title(const State& state) const { return zh_ ? state.title_zh : state.title_en; }

  void write_state(Index index, int depth) {
    const State& state = chart_.at(index);
    const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
    if (state.children.empty()) {
      const bool current = current_.contains(state.id);
      const bool visited = visited_.contains(state.id);
      out_ += indent + "n" + std::to_string(index) + " [label=" + quoted(title(state)) + ", id=" + quoted("state-" + state.id);
      if (current)
        out_ += ", class=\"current\", fillcolor=\"#1a5fb4\", color=\"#1a5fb4\", fontcolor=\"#ffffff\", penwidth=2";
      else if (visited)
        out_ += ", class=\"visited\", fillcolor=\"#dbe7f6\", color=\"#1a5fb4\"";
      if (state.kind == StateKind::final) out_ += ", peripheries=2";
      out_ += "];\n";
      return;
    }
    const bool parallel = state.kind == StateKind::parallel;
    out_ += indent + "subgraph cluster_" + std::to_string(index) + " {\n" + indent + "  label=" + quoted(title(state)) +
            "; id=" + quoted("state-" + state.id) + "; labeljust=l; style=\"rounded" + (parallel ? ",dashed" : "") +
            "\"; color=\"" + (current_.contains(state.id) ? "#1a5fb4" : "#c4cad1") + "\";\n";
    for (const Index child : state.children) write_state(child, depth + 1);
    out_ += indent + "}\n";
  }

  void write_transition(const Transition& transition) {
    if (transition.targets.empty()) return;
    std::string label;
    for (const std::string& event : transition.events) label += (label.empty() ? "" : ", ") + event;
    const State& source = chart_.at(transition.source);
    for (const Index target : transition.targets) {
      out_ += "  " + leaf_of(transition.source) + " -> " + leaf_of(target) + " [";
      if (!label.empty()) out_ += "tooltip=" + quoted(label) + ", ";
      if (!source.children.empty()) out_ += "ltail=cluster_" + std::to_string(transition.source) + ", style=dashed, ";
      if (!chart_.at(target).children.empty()) out_ += "lhead=cluster_" + std::to_string(target) + ", ";
      out_ += "weight=1];\n";
    }
  }

  const Chart& chart_;
  bool zh_;
  std::set<std::string, std::less<>> current_;
  std::set<std::string, std::less<>> visited_;
  std::string out_;
};

}  // namespace

bool matches(std::string_view descriptors, std::string_view event) {
  while (!descriptors.empty()) {
    const std::size_t space = descriptors.find(' ');
    std::string_view each = descriptors.substr(0, space);
    descriptors.remove_prefix(space == std::string_view::npos ? descriptors.size() : space + 1);
    if (each.ends_with(".*")) each.remove_suffix(2);
    if (each.size() > 1 && each.ends_with('.')) each.remove_suffix(1);
    if (each.empty()) continue;
    if (each == "*" || each == event) return true;
    if (event.starts_with(each) && event.size() > each.size() && event[each.size()] == '.') return true;
  }
  return false;
}

std::vector<StateInfo> states_of(const Chart& chart) {
  std::vector<StateInfo> out;
  for (std::size_t i = 1; i < chart.states.size(); ++i) {
    const State& state = chart.states[i];
    out.push_back({.id = state.id,
                   .parent = state.parent > 0 ? chart.at(state.parent).id : std::string{},
                   .kind = kind_name(state.kind),
                   .stage = state.stage,
                   .title_zh = state.title_zh,
                   .title_en = state.title_en});
  }
  return out;
}

const std::string& name_of(const Chart& chart) { return chart.name; }

const std::string& stage_of(const Chart& chart, std::string_view state) {
  static const std::string kNoStage;
  const Index index = chart.find(state);
  return index == kNone ? kNoStage : chart.at(index).stage;
}

const std::string& state_of_invoke(const Chart& chart, std::string_view invoke_id) {
  static const std::string kNowhere;
  for (const State& state : chart.states)
    for (const InvokeElement& each : state.invokes)
      if (each.id == invoke_id) return state.id;
  return kNowhere;
}

std::vector<std::string> events_of(const Chart& chart, std::span<const std::string> configuration) {
  std::set<std::string> out;
  std::set<Index> seen;
  for (const std::string& id : configuration)
    for (Index index = chart.find(id); index != kNone && seen.insert(index).second; index = chart.at(index).parent)
      for (const Index each : chart.at(index).transitions) {
        const auto& events = chart.transitions[static_cast<std::size_t>(each)].events;
        out.insert(events.begin(), events.end());
      }
  return {out.begin(), out.end()};
}

std::vector<std::string> invoke_types_of(const Chart& chart) {
  std::set<std::string> out;
  for (const State& state : chart.states)
    for (const InvokeElement& invoke : state.invokes) out.insert(invoke.type);
  return {out.begin(), out.end()};
}

std::string to_dot(const Chart& chart, std::string_view language, std::span<const std::string> configuration,
                   std::span<const std::string> visited) {
  return DotWriter(chart, language != "en", configuration, visited).run();
}

}  // namespace chuyi::scxml
