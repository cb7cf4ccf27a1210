// What the form's schema cannot say: the classes that the leader had do not overlap, and add up to eight years. The certificate says
// how many they were.
#include <algorithm>
#include <string>
#include <vector>

#include "chuyi_plugin.hpp"

namespace json = boost::json;

static int months(const json::value& yearmonth) {  // "2026-03", as the schema saw to
  const std::string text{yearmonth.as_string()};
  return std::stoi(text.substr(0, 4)) * 12 + std::stoi(text.substr(5, 2));
}

static void validate(const json::value& call, chuyi::sdk::Findings& findings) {
  if (call.at("form").as_string() != "nomination") return;
  std::vector<std::pair<int, int>> classes;
  for (const json::value& each : call.at("data").at("classes").as_array()) classes.emplace_back(months(each.at("from")), months(each.at("to")));
  std::sort(classes.begin(), classes.end());
  int led = 0, until = 0;
  for (const auto& [from, to] : classes) {
    if (from <= until) findings.add("/classes", "overlap", "Expected classes one after the other", "带班时间不得重叠");
    led += std::max(0, to - from + 1);
    until = std::max(until, to);
  }
  if (led < 8 * 12) findings.add("/classes", "years", "Expected at least 8 years as head teacher", "班主任工作年限应不少于8年");
}

static json::object render(const json::value& call) {
  int led = 0;
  for (const json::value& each : call.at("data").at("classes").as_array()) led += months(each.at("to")) - months(each.at("from")) + 1;
  return {{"fields", json::object{{"years", std::to_string(led / 12)}}}};
}

CHUYI_PLUGIN("head-teacher-studio", .validate = chuyi::sdk::hook<validate>, .render = chuyi::sdk::hook<render>)
