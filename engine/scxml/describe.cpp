#include "engine/scxml/describe.h"

#include <algorithm>
#include <set>

#include "engine/scxml/chart_model.h"
#include "engine/scxml/interpreter.h"

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

}  // namespace

bool matches(std::string_view descriptors, std::string_view event) {
  while (!descriptors.empty()) {
    const std::size_t space = descriptors.find(' ');
    std::string_view each = descriptors.substr(0, space);
    descriptors.remove_prefix(space == std::string_view::npos ? descriptors.size() : space + 1);
    if (each == ".*") each = "*";
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

const std::vector<std::string>& http_events_of(const Chart& chart) { return chart.http_events; }

bool is_reserved(std::string_view event) { return event.starts_with("done.") || event.starts_with("error."); }

std::vector<std::string> invoke_types_of(const Chart& chart) {
  std::set<std::string> out;
  for (const State& state : chart.states)
    for (const InvokeElement& invoke : state.invokes)
      if (!invoke.type_expr && !is_chart_type(invoke.type)) out.insert(invoke.type);
  return {out.begin(), out.end()};
}

std::vector<ChildDocument> child_documents_of(const Chart& chart) {
  std::vector<ChildDocument> out;
  for (const State& state : chart.states)
    for (const InvokeElement& invoke : state.invokes) {
      const bool is_inline = invoke.payload.has_content && !invoke.payload.content_expr;
      if (!invoke.type_expr && is_chart_type(invoke.type) && (!invoke.src.empty() || is_inline))
        out.push_back({.src = invoke.src, .text = is_inline ? invoke.payload.content_text : std::string{}, .place = invoke.place});
    }
  return out;
}

}  // namespace chuyi::scxml
