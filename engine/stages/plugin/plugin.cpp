#include "engine/stages/plugin/plugin.h"

#include <algorithm>

namespace chuyi {
namespace {

constexpr const char* kHandle = "handle";
constexpr std::size_t kEventsMax = 20;
constexpr std::size_t kWaitingMax = 100;

StageOutcome keep(json::object state) {
  StageOutcome out;
  out.state = std::move(state);
  return out;
}

StageOutcome ask(json::object state, const std::string& hook, json::object input) {
  StageOutcome out = keep(std::move(state));
  out.effects.emplace_back(CallPlugin{.hook = hook, .input = std::move(input)});
  return out;
}

json::object handle_input(const StageContext& context, const char* action, const json::object& state) {
  return {{"action", action}, {"type", context.type}, {"state", object_or_empty(state, "kept")}, {"application", context.application}};
}

/// One call at a time: each sees the state that the one before has left.
StageOutcome ask_next(const StageContext& context, json::object state) {
  json::array& waiting = state["waiting"].get_array();
  json::object input = handle_input(context, "signal", state);
  input["signal"] = waiting.front();
  waiting.erase(waiting.begin());
  state["asked"] = true;
  return ask(std::move(state), kHandle, std::move(input));
}

/// Whether the package said in its manifest that this type may send this event.
bool is_declared(const StageContext& context, const std::string& event) {
  for (const json::value& invoke : array_or_empty(context.programme, "invokes")) {
    if (string_or(invoke.get_object(), "type") != context.type) continue;
    for (const json::value& answer : array_or_empty(invoke.get_object(), "answers"))
      if (string_or(answer.get_object(), "event") == event) return true;
  }
  return false;
}

Error wrong_answer(const std::string& what) {
  return Error{.kind = ErrorKind::unavailable, .code = "plugin.answer", .message = "Expected " + what, .place = {}, .message_zh = "项目插件返回内容有误"};
}

}  // namespace

Result<StageOutcome> PluginStage::start(const StageContext& context, const json::object& params) const {
  if (context.type != "plugin") {
    json::object input = handle_input(context, "start", {});
    input["params"] = params;
    return ask({{"hook", kHandle}, {"asked", true}}, kHandle, std::move(input));
  }
  const std::string hook = string_or(params, "hook");
  if (hook != "score" && hook != "number")
    return Error{.kind = ErrorKind::invalid, .code = "plugin.hook", .message = "Expected hook score or number, but found '" + hook + "'", .allowed = {"score", "number"}};
  json::object input = object_or_empty(params, "input");
  input["application"] = context.application;
  if (hook == "score") input["rubric"] = object_or_empty(context.programme, "rubric");
  return ask({{"hook", hook}}, hook, std::move(input));
}

Result<StageOutcome> PluginStage::command(const StageContext& context, const json::object& /*state*/, const StageCommand& command) const {
  return Error{.kind = ErrorKind::rejected,
               .code = "stage.command",
               .message = "Expected no command for invoke '" + context.invoke_id + "', but found '" + command.name + "'"};
}

Result<StageOutcome> PluginStage::timer(const StageContext& /*context*/, const json::object& state, std::string_view /*name*/) const {
  return keep(state);
}

Result<StageOutcome> PluginStage::signal(const StageContext& context, const json::object& state, std::string_view event, const json::value& data) const {
  if (string_or(state, "hook") != kHandle) return InvokeHandler::signal(context, state, event, data);
  json::object next = state;
  if (!next.contains("waiting")) next["waiting"] = json::array{};
  json::array& waiting = next["waiting"].get_array();
  if (waiting.size() >= kWaitingMax)
    return Error{.kind = ErrorKind::rejected, .code = "stage.signal", .message = "Expected fewer than " + std::to_string(kWaitingMax) + " events that wait for the package's answer"};
  waiting.push_back(json::object{{"name", event}, {"data", data}});
  return bool_or(next, "asked", false) ? keep(std::move(next)) : ask_next(context, std::move(next));
}

Result<StageOutcome> PluginStage::answer(const StageContext& context, const json::object& state, std::string_view hook, const json::object& answer) const {
  StageOutcome out = keep(state);
  if (hook != kHandle) {
    if (string_or(answer, std::string{hook}).empty()) return wrong_answer("an answer with '" + std::string{hook} + "'");
    if (hook == "score") out.effects.emplace_back(SetFact{.key = "score", .value = answer.at("score")});
    out.events.push_back({.name = "done", .data = answer});
    return out;
  }
  if (answer.contains("state")) out.state["kept"] = object_or_empty(answer, "state");
  out.state["asked"] = false;
  if (!array_or_empty(out.state, "waiting").empty()) out = ask_next(context, std::move(out.state));
  const json::array& events = array_or_empty(answer, "events");
  if (events.size() > kEventsMax) return wrong_answer("at most " + std::to_string(kEventsMax) + " events");
  for (const json::value& each : events) {
    if (!each.is_object()) return wrong_answer("events that are objects");
    const std::string name = string_or(each.get_object(), "name");
    if (name != "done" && !is_declared(context, name)) return wrong_answer("the event 'done' or one that plugin.xml declares for '" + context.type + "', but found '" + name + "'");
    const json::value* data = each.get_object().if_contains("data");
    out.events.push_back({.name = name, .data = data == nullptr ? json::value(json::object{}) : *data});
    if (name == "done") break;
  }
  return out;
}

StageOutcome PluginStage::cancel(const StageContext& context, const json::object& state) const {
  if (string_or(state, "hook") != kHandle) return {};
  return ask(state, kHandle, handle_input(context, "cancel", state));
}

}  // namespace chuyi
