#include "engine/check/story.h"

#include "engine/scxml/interpreter.h"

namespace chuyi::check {

using scxml::StateKind;

std::string Story::state_text(Index state, bool zh) const {
  const scxml::State& of = machine_.chart().at(state);
  const std::string& title = zh ? of.title_zh : of.title_en;
  if (title.empty() || title == of.id) return of.id;
  return zh ? title + "（" + of.id + "）" : of.id + " (" + title + ")";
}

std::string Story::place_text(const Node& node, bool zh) const {
  std::string out;
  for (const Index state : node.configuration) {
    const StateKind kind = machine_.chart().at(state).kind;
    if (kind != StateKind::atomic && kind != StateKind::final) continue;
    out += (out.empty() ? "" : zh ? "、" : " + ") + state_text(state, zh);
  }
  return out;
}

std::string Story::event_text(int event, bool zh) const {
  const AbstractEvent& of = machine_.events()[static_cast<std::size_t>(event)];
  const std::string& what = zh ? of.zh : of.en;
  switch (of.kind) {
    case EventKind::answer:
    case EventKind::failure: {
      const Element& element = machine_.elements()[static_cast<std::size_t>(of.element)];
      return element.type_text() + " " + element.id + " → " + what;
    }
    case EventKind::timer: return (zh ? "定时器 " : "timer ") + of.name;
    case EventKind::outside: return (zh ? "外部事件 " : "from outside: ") + of.name;
    default: return (zh ? "内部事件 " : "internal event ") + of.name;
  }
}

std::vector<WayStep> Story::of(const std::vector<Graph::Step>& way) const {
  std::vector<WayStep> out;
  bool taken = false;
  Node from;
  const auto close = [&](const Node& node) {
    if (out.empty()) return;
    WayStep& step = out.back();
    for (const Index state : node.configuration)
      if (state != 0) step.configuration.push_back(machine_.chart().at(state).id);
    if (taken && !(node.configuration == from.configuration)) {
      step.zh += " ⇒ " + place_text(node, true);
      step.en += " ⇒ " + place_text(node, false);
    } else if (!taken && !step.event.empty()) {
      step.zh += "，没有迁移处理它";
      step.en += ", and no transition takes it";
    }
  };
  for (const Graph::Step& each : way) {
    const Happening& happening = graph_.happenings[each.edge.happening];
    const Node before = graph_.node(each.node);
    const AbstractEvent* event =
        happening.event == kNothing ? nullptr : &machine_.events()[static_cast<std::size_t>(happening.event)];
    const bool outer = event != nullptr && event->kind != EventKind::internal && event->kind != EventKind::self;
    if (each.node == 0 || outer) {
      close(before);
      from = before;
      taken = false;
      WayStep step;
      if (each.node == 0) {
        const bool runs = happening.transitions.empty();  // it stands there already
        step.zh = runs ? "现在：" + place_text(graph_.node(each.edge.to), true) : "开始";
        step.en = runs ? "now in " + place_text(graph_.node(each.edge.to), false) : "begin";
      } else {
        step.event = event->name;
        if (event->element != kNothing) step.invokeid = machine_.elements()[static_cast<std::size_t>(event->element)].id;
        if (!event->data.empty()) step.data = event->data.front();
        step.zh = place_text(before, true) + "：" + event_text(happening.event, true);
        step.en = place_text(before, false) + ": " + event_text(happening.event, false);
      }
      out.push_back(std::move(step));
    }
    taken = taken || !happening.transitions.empty();
  }
  if (!way.empty()) close(graph_.node(way.back().edge.to));
  return out;
}

std::string text_of(const std::vector<WayStep>& way, std::string_view language) {
  std::string out;
  for (std::size_t i = 0; i < way.size(); ++i)
    out += std::to_string(i + 1) + ". " + (language == "zh" ? way[i].zh : way[i].en) + "\n";
  return out;
}

Detail flat(const Finding& finding) {
  Detail out = finding.detail;
  for (std::size_t i = 0; i < finding.way.size(); ++i) {
    const std::string number = std::to_string(i + 1) + ". ";
    out.message += (i == 0 ? ". It happens so: " : "; ") + number + finding.way[i].en;
    out.message_zh += (i == 0 ? "。经过：" : "；") + number + finding.way[i].zh;
  }
  return out;
}

}  // namespace chuyi::check
