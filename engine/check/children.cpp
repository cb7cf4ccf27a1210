#include "engine/check/children.h"

#include <algorithm>
#include <set>

#include "engine/scxml/interpreter.h"

namespace chuyi::check {
namespace {

using scxml::Action;
using scxml::ActionKind;
using scxml::Block;

bool allows(const std::vector<std::string>& list, const std::string& text) {
  return list.empty() || std::find(list.begin(), list.end(), text) != list.end();
}

/// The policy that counts a task of this id, running in this stage, against a workflow; nullptr: none.
const Policy* asks_about(const std::vector<Policy>& policies, const std::string& id, const std::string& stage) {
  for (const Policy& policy : policies)
    for (const auto* patterns : {&policy.what, &policy.after, &policy.since, &policy.clock})
      for (const Pattern& each : *patterns) {
        const bool of_invokes = each.kind == PatternKind::start || each.kind == PatternKind::answer || each.kind == PatternKind::failure;
        if (of_invokes && allows(each.types, "task") && allows(each.stages, stage) && allows(each.ids, id)) return &policy;
      }
  return nullptr;
}

class Children {
 public:
  Children(const World& world, const std::vector<Policy>& policies, const scxml::ReadSource& read, bool people)
      : world_(world), policies_(policies), read_(read), people_(people) {}

  std::vector<Detail> run(const Machine& machine) {
    for (const Element& each : machine.elements()) {
      people_ = people_ || !each.runs_chart();
      seen_.clear();
      stage_ = machine.chart().at(each.state).stage;
      if (!each.type || each.runs_chart()) document(each);
    }
    if (!people_) out_.clear();
    return std::move(out_);
  }

 private:
  void report(const std::string& place, std::string en, std::string zh) {
    out_.push_back({.place = place, .code = "check.child", .message = std::move(en), .message_zh = std::move(zh)});
  }

  /// What the invoke would run.
  void document(const Element& element) {
    const scxml::InvokeElement& invoke = *element.invoke;
    const std::string name = "'" + element.id + "'";
    const std::string name_zh = "“" + element.id + "”";
    const bool given = invoke.src_expr || !invoke.src.empty() || invoke.payload.has_content;
    if (!given) return;
    if (!element.type || invoke.src_expr || invoke.payload.content_expr)
      return report(invoke.place, "Expected a chart that is known before it runs, but type, src or content of " + name + " is computed",
                    "环节" + name_zh + "所调用的流程须事先确定，但其类型、src或内容由表达式给出");
    std::string text = invoke.payload.content_text;
    if (!invoke.src.empty()) {
      const Result<std::string> named = read_ ? read_(invoke.src) : Result<std::string>{Error{.code = "scxml.src", .message = "there are no other documents"}};
      if (!named)
        return report(invoke.place, "Expected to read '" + invoke.src + "', which " + name + " invokes, but: " + named.error().message,
                      "无法读取环节" + name_zh + "所调用的“" + invoke.src + "”");
      text = *named;
    }
    if (!seen_.insert(text).second) return;
    const Result<scxml::ChartPtr> chart = scxml::parse_chart(text, invoke.src.empty() ? invoke.place + "/content" : invoke.src, {}, read_);
    if (!chart)
      return report(invoke.place, "Expected a chart that can be run by " + name + ", but: " + chart.error().place + ": " + chart.error().message,
                    "环节" + name_zh + "所调用的流程有误：" + (chart.error().message_zh.empty() ? chart.error().code : chart.error().message_zh));
    look_into(**chart);
  }

  void look_into(const scxml::Chart& chart) {
    for (const scxml::State& state : chart.states) {
      for (const Block& block : state.on_entry) look_at_sends(block);
      for (const Block& block : state.on_exit) look_at_sends(block);
    }
    for (const scxml::Transition& each : chart.transitions) look_at_sends(each.actions);
    const Machine machine(chart, world_, {});
    for (const Element& each : machine.elements()) {
      if (each.runs_chart()) {
        document(each);
        continue;
      }
      people_ = true;
      if (each.type_text() != "task") {
        report(each.invoke->place,
               "Expected an invoked chart to hold tasks and charts only, but the type of '" + each.id + "' is " + each.type_text() +
                   "; put it into the workflow itself",
               "被调用的流程只能包含待办与流程，而“" + each.id + "”是" + each.type_text() + "；请放入主流程");
        continue;
      }
      if (const Policy* policy = asks_about(policies_, each.id, stage_))
        report(each.invoke->place,
               "Expected task '" + each.id + "' in the workflow itself, because policy '" + policy->id + "' asks about tasks of stage '" + stage_ +
                   "' and does not see into invoked charts",
               "待办“" + each.id + "”须放入主流程：规则“" + policy->id + "”涉及阶段“" + stage_ +
                   "”的待办，而被调用的流程不受其检查");
    }
  }

  /// A message to #_parent is the invoke's; one that finds the workflow by its session comes from nowhere, at any time.
  void look_at_sends(const Block& block) {
    for (const Action& action : block) {
      for (const scxml::Branch& branch : action.branches) look_at_sends(branch.actions);
      look_at_sends(action.body);
      if (action.kind != ActionKind::send) continue;
      const scxml::SendAction& send = *action.send;
      const bool http = !send.type_expr && scxml::processor_of(send.type) == scxml::kHttpProcessor;
      if (!http && (send.target_expr || send.target.starts_with("#_scxml_")))
        report(action.place, "Expected an invoked chart to send to #_parent, its own invokes or by HTTP, but this target may be any session",
               "被调用的流程只能向#_parent、自身的环节或经HTTP发送消息，而此处的目标可能是任意会话");
    }
  }

  const World& world_;
  const std::vector<Policy>& policies_;
  const scxml::ReadSource& read_;
  bool people_;
  std::string stage_;           ///< of the workflow's own state that invokes all this
  std::set<std::string> seen_;  ///< texts, so that charts which invoke each other come to an end
  std::vector<Detail> out_;
};

}  // namespace

std::vector<Detail> check_children(const Machine& machine, const World& world, const std::vector<Policy>& policies, const scxml::ReadSource& read,
                                   bool people) {
  return Children(world, policies, read, people).run(machine);
}

}  // namespace chuyi::check
