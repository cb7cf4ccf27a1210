#include "engine/scxml/diagram.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/scxml/describe.h"
#include "engine/scxml/sentences.h"

namespace chuyi::scxml {
namespace {

constexpr const char* kAccent = "#1a5fb4";
constexpr const char* kQuiet = "#57606a";
constexpr const char* kClock = "\u25f7";  // in every common font, unlike the emoji clocks

/// A stage's colours: ground of a cluster, ground of a node. In the order in which a chart names its stages.
struct Band {
  const char* cluster;
  const char* node;
  const char* line;
};
constexpr std::array<Band, 6> kBands = {{{"#f1f6fc", "#dfeaf7", "#9db8d9"},
                                         {"#f6f2fb", "#e9e0f5", "#bba7d6"},
                                         {"#fdf7ea", "#faebcb", "#d9bd7c"},
                                         {"#f0f8f1", "#dcefdf", "#97c29f"},
                                         {"#fcf2f0", "#f8e0dc", "#dba99f"},
                                         {"#f0f7f8", "#d9ecef", "#94bfc6"}}};
constexpr Band kNoBand = {"#fafbfc", "#ffffff", "#c4cad1"};

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out + "\"";
}

/// On a screen a Chinese character takes two columns.
std::size_t columns_of(std::string_view text) {
  std::size_t out = 0;
  for (const char c : text) out += (static_cast<unsigned char>(c) & 0xC0U) == 0xC0U ? 2 : (static_cast<unsigned char>(c) & 0x80U) != 0 ? 0 : 1;
  return out;
}

/// Adds `text` in lines of about the same length, some kLineMax columns at most, broken at spaces.
void wrap(std::string_view text, std::vector<std::string>& out) {
  constexpr std::size_t kLineMax = 26;
  constexpr std::size_t kWord = 4;  // what a line may take more, so that no word stands alone
  const std::size_t line_max = columns_of(text) / (columns_of(text) / kLineMax + 1) + kWord;
  std::string line;
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, space);
    text.remove_prefix(std::min(space + 1, text.size()));
    if (!line.empty() && columns_of(line) + 1 + columns_of(word) > line_max) out.push_back(std::exchange(line, {}));
    line += (line.empty() ? "" : " ") + std::string{word};
  }
  if (!line.empty()) out.push_back(std::move(line));
}

/// The lines of a label; what stands in brackets begins a line, unless all is short.
std::vector<std::string> wrapped(std::string_view text) {
  constexpr std::size_t kShort = 13;
  const std::size_t bracket = columns_of(text) <= kShort ? text.size() : std::min({text.find(" (", 1), text.find("（", 1), text.size()});
  std::vector<std::string> out;
  wrap(text.substr(0, bracket), out);
  wrap(text.substr(std::min(text.find_first_not_of(' ', bracket), text.size())), out);
  return out;
}

enum class EdgeKind : std::uint8_t { plain, clock, error };

/// All transitions of one kind between two states: one arrow with several labels.
struct Edge {
  Index source = kNone, target = kNone;
  EdgeKind kind = EdgeKind::plain;
  std::vector<std::string> labels;
  bool taken = false;
};

/// What both kinds of picture show, before they differ.
class Picture {
 public:
  Picture(const Chart& chart, const Phrases& phrases, const Progress& progress)
      : chart_(chart), say_(phrases), words_(chart, phrases), sentences_(chart, words_), progress_(progress) {
    for (const State& state : chart_.states)
      if (!state.stage.empty() && std::find(stages_.begin(), stages_.end(), state.stage) == stages_.end()) stages_.push_back(state.stage);
    for (const State& state : chart_.states) add_edges(state);
  }

 protected:
  Index first_target(Index state) const {
    const Index initial = chart_.at(state).initial;
    if (initial == kNone) return state;
    const auto& targets = chart_.transitions[static_cast<std::size_t>(initial)].targets;
    return targets.empty() ? state : targets.front();
  }
  const Band& band(Index index) const {
    const auto found = std::find(stages_.begin(), stages_.end(), chart_.at(index).stage);
    return found == stages_.end() ? kNoBand : kBands[static_cast<std::size_t>(found - stages_.begin()) % kBands.size()];
  }
  bool current(const State& state) const { return progress_.configuration.contains(state.id); }
  bool visited(const State& state) const { return progress_.visited.contains(state.id); }
  /// Who acts, and until when.
  std::vector<std::string> details(const State& state) const {
    std::vector<std::string> out;
    for (const InvokeElement& invoke : state.invokes) {
      if (std::string role = words_.role(invoke); !role.empty()) out.push_back(std::move(role));
      if (std::string due = words_.deadline(invoke); !due.empty()) out.push_back(std::string{kClock} + " " + due);
    }
    return out;
  }

  const Chart& chart_;
  const Phrases& say_;
  Words words_;
  Sentences sentences_;
  const Progress& progress_;
  std::vector<std::string> stages_;
  std::vector<Edge> edges_;

 private:
  void add_edges(const State& state) {
    for (const Ways& ways : words_.ways_of(state))
      for (const Way& way : ways.ways) {
        const EdgeKind kind = Words::is_overdue(ways.event) || !words_.timer(ways.event).empty() ? EdgeKind::clock
                              : Words::is_error(ways.event)                                      ? EdgeKind::error
                                                                                                 : EdgeKind::plain;
        const std::string label = sentences_.label(state, ways, way);
        const auto number = static_cast<std::size_t>(way.transition - chart_.transitions.data());
        for (const Index target : way.transition->targets) {
          Edge& edge = edge_of(way.transition->source, target, kind);
          if (!label.empty() && std::find(edge.labels.begin(), edge.labels.end(), label) == edge.labels.end()) edge.labels.push_back(label);
          edge.taken |= progress_.taken.contains(number);
        }
      }
  }
  Edge& edge_of(Index source, Index target, EdgeKind kind) {
    for (Edge& each : edges_)
      if (each.source == source && each.target == target && each.kind == kind) return each;
    return edges_.emplace_back(Edge{.source = source, .target = target, .kind = kind, .labels = {}});
  }
};

class DotWriter : private Picture {
 public:
  using Picture::Picture;

  std::string run() {
    out_ =
        "digraph workflow {\n"
        "  graph [rankdir=TB, compound=true, newrank=false, nodesep=0.3, ranksep=0.42, pad=0.2, bgcolor=\"transparent\","
        " fontname=\"Noto Sans CJK SC\", fontsize=13, fontcolor=\"#1f2328\"];\n"
        "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\", color=\"#8c959f\","
        " fontname=\"Noto Sans CJK SC\", fontsize=13, fontcolor=\"#1f2328\", margin=\"0.12,0.05\"];\n"
        "  edge [color=\"#6e7781\", fontname=\"Noto Sans CJK SC\", fontsize=11, fontcolor=\"#424a53\", arrowsize=0.7];\n"
        "  start [shape=circle, label=\"\", width=0.16, fixedsize=true, fillcolor=\"#1f2328\", color=\"#1f2328\"];\n";
    for (const Index child : chart_.at(0).children) write_state(child, 1);
    write_legend();
    Index first = first_target(0);
    while (chart_.at(first).kind == StateKind::compound) first = first_target(first);
    out_ += "  start -> " + leaf_of(first) + (chart_.at(first).children.empty() ? "" : " [lhead=cluster_" + std::to_string(first) + "]") + ";\n";
    for (const Edge& edge : edges_) write_edge(edge);
    return out_ + "}\n";
  }

 private:
  /// Graphviz joins nodes, not clusters: the node that stands for a state with children is where it is entered.
  std::string leaf_of(Index index) const {
    while (!chart_.at(index).children.empty())
      index = chart_.at(index).kind == StateKind::parallel ? chart_.at(index).children.front() : first_target(index);
    return "n" + std::to_string(index);
  }

  void write_state(Index index, int depth) {
    const State& state = chart_.at(index);
    const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
    if (!state.children.empty()) {
      const bool parallel = state.kind == StateKind::parallel;
      out_ += indent + "subgraph cluster_" + std::to_string(index) + " {\n" + indent + "  label=<<b>" + escaped(words_.title(index)) +
              "</b>>; id=" + quoted("state-" + state.id) + "; labeljust=l; margin=10; style=\"rounded,filled" + (parallel ? ",dashed" : "") + "\"; fillcolor=\"" +
              band(index).cluster + "\"; color=\"" + (current(state) ? kAccent : band(index).line) + "\";\n";
      for (const Index child : state.children) write_state(child, depth + 1);
      for (const Index history : state.histories) write_leaf(history, indent + "  ");
      out_ += indent + "}\n";
      return;
    }
    write_leaf(index, indent);
  }

  void write_leaf(Index index, const std::string& indent) {
    const State& state = chart_.at(index);
    const bool history = state.kind == StateKind::history_shallow || state.kind == StateKind::history_deep;
    const bool is_current = current(state);
    out_ += indent + "n" + std::to_string(index) + " [label=<<table border=\"0\" cellborder=\"0\" cellspacing=\"0\" cellpadding=\"1\"><tr><td><b>" +
            escaped(history ? "H" : words_.title(index)) + "</b></td></tr>";
    for (const std::string& line : details(state))
      out_ += "<tr><td><font point-size=\"10.5\" color=\"" + std::string{is_current ? "#ffffff" : kQuiet} + "\">" + escaped(line) + "</font></td></tr>";
    out_ += "</table>>, id=" + quoted("state-" + state.id);
    if (is_current)
      out_ += std::string{", class=\"current\", fillcolor=\""} + kAccent + "\", color=\"" + kAccent + "\", fontcolor=\"#ffffff\", penwidth=2";
    else if (visited(state))
      out_ += std::string{", class=\"visited\", fillcolor=\""} + band(index).node + "\", color=\"" + kAccent + "\", penwidth=2";
    else
      out_ += std::string{", fillcolor=\""} + band(index).node + "\", color=\"" + band(index).line + "\"";
    if (state.kind == StateKind::final) out_ += ", peripheries=2";
    if (history) out_ += ", shape=circle";
    out_ += "];\n";
    if (history && chart_.at(index).initial != kNone) out_ += indent + "n" + std::to_string(index) + " -> " + leaf_of(first_target(index)) + " [style=dotted];\n";
  }

  /// The stages and their colours, beside the start.
  void write_legend() {
    if (stages_.empty()) return;
    out_ += "  legend [shape=plain, style=\"\", label=<<table border=\"0\" cellborder=\"1\" cellspacing=\"6\" cellpadding=\"5\" color=\"#d0d7de\"><tr>";
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      const std::string words = say_.say("stage." + stages_[i]);
      out_ += std::string{"<td bgcolor=\""} + kBands[i % kBands.size()].node + "\"><font point-size=\"11\">" + escaped(words.empty() ? stages_[i] : words) + "</font></td>";
    }
    out_ += "</tr></table>>];\n  { rank=source; legend; start; }\n";
  }

  /// The child of the states' common ancestor that holds `index`.
  Index branch_of(Index index, Index other) const {
    while (chart_.at(index).parent != kNone && !chart_.is_descendant(other, chart_.at(index).parent)) index = chart_.at(index).parent;
    return index;
  }

  void write_edge(const Edge& edge) {
    const State& source = chart_.at(edge.source);
    out_ += "  " + leaf_of(edge.source) + " -> " + leaf_of(edge.target) + " [";
    if (edge.kind == EdgeKind::clock) out_ += "style=dashed, arrowtail=odot, dir=both, ";
    if (edge.kind == EdgeKind::error) out_ += "style=dotted, ";
    // A label may lie on a frame that its arrow leaves: it has a ground of its own then. A dash before each of several.
    const std::string ground = source.children.empty() && source.parent == chart_.at(edge.target).parent ? "" : " bgcolor=\"#ffffffcc\"";
    const bool several = edge.labels.size() > 1;
    const std::string first = edge.kind == EdgeKind::clock ? std::string{kClock} + " " : several ? "\u2013 " : "";
    std::string label;
    for (const std::string& each : edge.labels) {
      const std::vector<std::string> lines = wrapped(each);
      for (std::size_t i = 0; i < lines.size(); ++i) label += (i == 0 ? first : "") + escaped(lines[i]) + (several ? "<br align=\"left\"/>" : i + 1 < lines.size() ? "<br/>" : "");
    }
    if (!label.empty()) out_ += "label=<<table border=\"0\" cellpadding=\"2\"" + ground + "><tr><td>" + label + "</td></tr></table>>, ";
    if (edge.taken) out_ += std::string{"class=\"visited\", color=\""} + kAccent + "\", fontcolor=\"" + kAccent + "\", penwidth=2, ";
    // An arrow from a frame shows only outside of it: long enough to be seen.
    if (!source.children.empty()) out_ += "ltail=cluster_" + std::to_string(edge.source) + (chart_.is_descendant(edge.target, edge.source) ? ", " : ", minlen=2, ");
    if (!chart_.at(edge.target).children.empty()) out_ += "lhead=cluster_" + std::to_string(edge.target) + ", ";
    const bool forward = edge.target > edge.source && chart_.at(edge.target).kind != StateKind::final && edge.kind == EdgeKind::plain;
    out_ += std::string{"weight="} + (forward ? "6" : "1") + "];\n";
    // What comes later stands below all of what came before, not beside it.
    const Index before = branch_of(edge.source, edge.target);
    if (!forward || chart_.at(before).children.empty() || chart_.is_descendant(edge.target, before)) return;
    Index last = chart_.at(before).last_descendant;
    while (!chart_.at(last).children.empty()) --last;
    out_ += "  n" + std::to_string(last) + " -> " + leaf_of(edge.target) + " [style=invis, weight=0];\n";
  }

  std::string out_;
};

class MermaidWriter : private Picture {
 public:
  using Picture::Picture;

  std::string run() {
    out_ = "stateDiagram-v2\n";
    for (const Index child : chart_.at(0).children) write_state(child, 1);
    out_ += "  [*] --> " + id(first_target(0)) + "\n";
    for (const Edge& edge : edges_) {
      std::string label = edge.kind == EdgeKind::clock ? kClock : "";
      for (const std::string& each : edge.labels) label += (label.empty() ? "" : edge.labels.front() == each ? " " : ", ") + each;
      out_ += "  " + id(edge.source) + " --> " + id(edge.target) + (label.empty() ? "" : " : " + plain(label)) + "\n";
    }
    for (const Index child : chart_.at(0).children)
      if (chart_.at(child).kind == StateKind::final) out_ += "  " + id(child) + " --> [*]\n";
    out_ += std::string{"  classDef current fill:"} + kAccent + ",color:#ffffff,stroke:" + kAccent + "\n  classDef visited stroke:" + kAccent + ",stroke-width:2px\n";
    for (std::size_t i = 1; i < chart_.states.size(); ++i) {
      const State& state = chart_.states[i];
      if (!state.children.empty()) continue;  // Mermaid styles no composite state
      if (current(state) || visited(state)) out_ += "  class " + id(static_cast<Index>(i)) + (current(state) ? " current\n" : " visited\n");
    }
    return out_;
  }

 private:
  static std::string id(Index index) { return "s" + std::to_string(index); }
  /// Without the characters that Mermaid takes for syntax.
  static std::string plain(std::string_view text) {
    std::string out;
    for (const char c : text) {
      if (c == '"') out += '\'';
      else if (c == ':' || c == ';' || c == '#' || c == '{' || c == '}' || c == '%') out += ' ';
      else if (static_cast<unsigned char>(c) >= 0x20) out += c;
    }
    return out;
  }

  void write_state(Index index, int depth) {
    const State& state = chart_.at(index);
    const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
    std::string label = words_.title(index);
    for (const std::string& line : details(state)) label += "<br/>" + line;
    out_ += indent + "state \"" + plain(label) + "\" as " + id(index) + (state.children.empty() ? "\n" : " {\n");
    if (state.children.empty()) return;
    const bool parallel = state.kind == StateKind::parallel;
    for (const Index child : state.children) {
      if (parallel && child != state.children.front()) out_ += indent + "  --\n";
      write_state(child, depth + 1);
    }
    for (const Index history : state.histories) out_ += indent + "  state \"H\" as " + id(history) + "\n";
    if (!parallel) out_ += indent + "  [*] --> " + id(first_target(index)) + "\n";
    out_ += indent + "}\n";
  }

  std::string out_;
};

}  // namespace

void follow(const Chart& chart, Progress& progress, std::span<const std::string> events, std::span<const std::string> exited,
            std::span<const std::string> entered) {
  const auto has = [](std::span<const std::string> all, const std::string& one) { return std::find(all.begin(), all.end(), one) != all.end(); };
  for (std::size_t i = 0; i < chart.transitions.size(); ++i) {
    const Transition& transition = chart.transitions[i];
    if (transition.source == 0 || transition.targets.empty()) continue;
    const std::string& source = chart.at(transition.source).id;
    const bool was_active = progress.configuration.contains(source) || has(entered, source);
    const bool left = has(exited, source) || transition.kind == TransitionKind::internal;
    const bool arrived = std::all_of(transition.targets.begin(), transition.targets.end(), [&](Index target) { return has(entered, chart.at(target).id); });
    const bool heard = transition.events.empty() || std::any_of(transition.events.begin(), transition.events.end(), [&](const std::string& descriptor) {
      return std::any_of(events.begin(), events.end(), [&](const std::string& event) { return matches(descriptor, event); });
    });
    if (was_active && left && arrived && heard) progress.taken.insert(i);
  }
  for (const std::string& state : exited) progress.configuration.erase(state);
  for (const std::string& state : entered) {
    progress.configuration.insert(state);
    progress.visited.insert(state);
  }
}

std::string to_dot(const Chart& chart, const Phrases& phrases, const Progress& progress) { return DotWriter(chart, phrases, progress).run(); }

std::string to_mermaid(const Chart& chart, const Phrases& phrases, const Progress& progress) { return MermaidWriter(chart, phrases, progress).run(); }

}  // namespace chuyi::scxml
