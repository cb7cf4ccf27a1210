// Goal: the checker finds each planted fault, says where it is, and shows a way there that the engine really goes.
// Method: every chart of charts/ holds one fault; NAME.expected beside it is the whole report. Each way is played on
// the interpreter, which also takes what the chart sends to itself, and must lead through the same configurations.
#include <deque>

#include "engine/scxml/interpreter.h"
#include "tests/check/reports.h"

namespace chuyi::check {
namespace {

/// Goes on with what a step has sent to its own session at once.
Result<scxml::Step> settled(const scxml::Chart& chart, Result<scxml::Step> step, const scxml::Env& env) {
  std::deque<scxml::Send> queue;
  const auto keep = [&] {
    for (const scxml::Effect& effect : step->effects)
      if (const auto* send = std::get_if<scxml::Send>(&effect); send != nullptr && send->delay.is_null())
        if (send->target.empty() || send->target == "#_scxml_" + env.session_id) queue.push_back(*send);
  };
  for (bool first = true; step && (first || !queue.empty()); first = false) {
    if (!first) {
      const scxml::Send send = queue.front();
      queue.pop_front();
      step = scxml::step(chart, step->next, {.name = send.event, .data = send.data}, env);
    }
    if (step) keep();
  }
  return step;
}

class Planted : public testing::TestWithParam<std::string> {};

TEST_P(Planted, IsFoundWithItsWay) {
  const scxml::ChartPtr chart = chart_of(kCharts + GetParam() + ".scxml", GetParam() + ".scxml");
  ASSERT_TRUE(chart);
  // The charts of policies are whole; the others are about one thing and grant nothing properly.
  const bool policy = GetParam().starts_with("policy");
  const Report report = check(*chart, {.manifest = manifest()}, builtin_world(), policy ? shipped_policies() : std::vector<Policy>{});
  EXPECT_EQ(text_of(report), read(kCharts + GetParam() + ".expected"));
  EXPECT_FALSE(report.findings.empty());
}

TEST_P(Planted, WayIsGoneByTheEngine) {
  const scxml::ChartPtr chart = chart_of(kCharts + GetParam() + ".scxml", GetParam() + ".scxml");
  ASSERT_TRUE(chart);
  const bool policy = GetParam().starts_with("policy");
  const Report report = check(*chart, {.manifest = manifest()}, builtin_world(), policy ? shipped_policies() : std::vector<Policy>{});
  const json::object data{{"application", json::object{{"orgs", json::object{{"province", "p"}, {"college", "c"}, {"list", json::array{1, 2}}}}, {"kind", "award"}}}, {"score", 55}};
  const scxml::Env env{.session_id = "s", .now = {}};
  for (const Finding& finding : report.findings) {
    scxml::Snapshot at;
    for (std::size_t i = 0; i < finding.way.size(); ++i) {
      const WayStep& step = finding.way[i];
      const Result<scxml::Step> taken =
          settled(*chart,
                  i == 0 ? scxml::start(*chart, data, env)
                         : scxml::step(*chart, at,
                                       {.name = step.event, .type = scxml::EventType::external, .invokeid = step.invokeid, .data = json::value(step.data)}, env),
                  env);
      if (finding.detail.code == "check.endless" && i + 1 == finding.way.size()) {
        ASSERT_FALSE(taken);
        EXPECT_EQ(taken.error().code, "scxml.microsteps");
        break;
      }
      ASSERT_TRUE(taken) << taken.error().message;
      at = taken->next;
      EXPECT_EQ(at.configuration, step.configuration) << "after step " << i + 1 << " of " << finding.detail.code << ": " << step.en;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Charts, Planted, testing::ValuesIn(names_in(kCharts, ".scxml")), [](const auto& row) { return row.param; });

}  // namespace
}  // namespace chuyi::check
