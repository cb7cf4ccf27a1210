#include "engine/scxml/evaluate.h"

#include "engine/scxml/chart_model.h"
#include "engine/scxml/lua_model.h"

namespace chuyi::scxml {

Result<bool> holds(const std::string& expression, const json::object& globals, const std::string& place) {
  Chart chart;  // its own serial, 0, is never cached by a real chart
  chart.scripts.push_back({.source = "return " + expression + "\n", .place = place, .id = 0});
  const Env env;
  LuaModel lua(chart, env, StepLimits{}, [](std::string_view) { return false; });
  lua.load(globals);
  return lua.eval_condition(chart.scripts.front());
}

Conditions::Conditions() : chart_(std::make_unique<Chart>()) { chart_->serial = next_serial(); }
Conditions::~Conditions() = default;
Conditions::Conditions(Conditions&&) noexcept = default;
Conditions& Conditions::operator=(Conditions&&) noexcept = default;

std::size_t Conditions::add(const std::string& expression, const std::string& place) {
  const std::size_t number = chart_->scripts.size();
  chart_->scripts.push_back({.source = "return " + expression + "\n", .place = place, .id = static_cast<int>(number)});
  return number;
}

Result<bool> Conditions::holds(std::size_t number, json::object& globals) const {
  const Env env;
  LuaModel lua(*chart_, env, StepLimits{}, [](std::string_view) { return false; });
  lua.load(std::move(globals));
  Result<bool> out = lua.eval_condition(chart_->scripts[number]);
  globals = lua.unload();
  return out;
}

}  // namespace chuyi::scxml
