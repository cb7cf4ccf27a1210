#include "engine/scxml/evaluate.h"

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

}  // namespace chuyi::scxml
