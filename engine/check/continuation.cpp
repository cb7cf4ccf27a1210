#include "engine/check/continuation.h"

#include <algorithm>

#include "engine/check/story.h"
#include "engine/scxml/describe.h"

namespace chuyi::check {
namespace {

/// The timer of the chart that this one is: a send of the same event, best one of the same id; else one that computes
/// the event's name, of the name that says most.
int timer_of(const Machine& machine, const std::string& event, const std::string& sendid) {
  int out = kNothing;
  std::size_t best = 0;
  for (std::size_t i = 0; i < machine.timers().size(); ++i) {
    const Timer& each = machine.timers()[i];
    const AbstractEvent& of = machine.events()[static_cast<std::size_t>(each.event)];
    if (of.name != event && !(of.open && scxml::matches(of.name, event))) continue;
    const std::size_t fit = 1 + 4 * of.name.size() + (of.open ? 0 : 2) + (each.send->id == sendid ? 1 : 0);
    if (fit <= best) continue;
    best = fit;
    out = static_cast<int>(i);
  }
  return out;
}

Node node_of(const Machine& machine, const Standing& standing, std::vector<Detail>& problems) {
  const scxml::Chart& chart = machine.chart();
  Node out;
  out.configuration.insert(0);
  for (const std::string& id : standing.snapshot.configuration) out.configuration.insert(chart.find(id));
  for (const auto& member : standing.snapshot.history)
    for (const json::value& id : member.value().as_array()) out.history[chart.find(member.key())].push_back(chart.find(id.as_string()));
  for (const scxml::Invocation& each : standing.snapshot.invocations) {
    if (std::find(standing.finished.begin(), standing.finished.end(), each.invoke_id) != standing.finished.end()) continue;
    out.running.push_back(machine.element_of(each));
  }
  for (const auto& [event, sendid] : standing.timers) {
    const int timer = timer_of(machine, event, sendid);
    if (timer != kNothing) {
      out.add_timer(timer);
      continue;
    }
    problems.push_back({.place = "timer " + event,
                        .code = "check.timer",
                        .message = "Expected a timer that the workflow sets itself, but '" + event + "' waits and nothing there sends it later",
                        .message_zh = "等待中的定时器“" + event + "”在流程中没有对应的设置"});
  }
  std::sort(out.running.begin(), out.running.end());
  out.running.erase(std::unique(out.running.begin(), out.running.end()), out.running.end());
  return out;
}

}  // namespace

std::vector<Detail> Continuation::judge(const Standing& standing, const std::vector<Past>& past) {
  std::vector<Detail> out;
  const Node node = node_of(machine_, standing, out);
  if (!out.empty()) return out;
  auto found = graphs_.find(node.encode());
  if (found == graphs_.end()) found = graphs_.emplace(node.encode(), explore(machine_, limits_, {}, &node)).first;
  const Graph& graph = found->second;
  if (!graph.complete)
    out.push_back({.place = chart_.at(0).place,
                   .code = "check.too_large",
                   .message = "Expected a workflow whose states can all be gone through, but stopped after " + std::to_string(graph.size()) + " situations",
                   .message_zh = "流程的状态空间过大，无法全部检查"});
  const Story story(machine_, graph);
  for (const Policy& policy : policies_) {
    const PolicyVerdict verdict = check::judge(machine_, graph, policy, manifest_, past);
    if (!verdict.breach) continue;
    Finding finding{.detail = {.place = policy.id,
                               .code = "check.policy",
                               .message = "Policy '" + policy.id + "' would be broken (" + policy.en + "): " + verdict.breach->en,
                               .message_zh = "将违反规则“" + policy.id + "”（" + policy.zh + "）：" + verdict.breach->zh},
                    .way = story.of(verdict.breach->way),
                    .policy = policy.id};
    out.push_back(flat(finding));
  }
  return out;
}

}  // namespace chuyi::check
