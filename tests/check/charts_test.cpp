// Goal: the checker finds each planted fault, says where it is, and shows a way there that the engine really goes;
// and it finds nothing in what is shipped. Method: every chart of charts/ holds one fault; NAME.expected beside it is
// the whole report. Each way is played on the interpreter and must lead through the same configurations.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "engine/check/check.h"
#include "engine/scxml/interpreter.h"
#include "engine/stages/profiles.h"

namespace chuyi::check {
namespace {

namespace fs = std::filesystem;

const std::string kSource = CHUYI_SOURCE_DIR;
const std::string kCharts = kSource + "/tests/check/charts/";

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<std::string> names_in(const std::string& folder, const std::string& extension) {
  std::vector<std::string> out;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == extension) out.push_back(entry.path().stem().string());
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<Policy> shipped_policies() {
  std::vector<Policy> out;
  for (const std::string& name : names_in(kSource + "/workflows/policies", ".xml")) {
    const Result<std::vector<Policy>> read_ones = parse_policies(read(kSource + "/workflows/policies/" + name + ".xml"), name + ".xml");
    EXPECT_TRUE(read_ones) << read_ones.error().place << ": " << read_ones.error().message;
    if (read_ones) out.insert(out.end(), read_ones->begin(), read_ones->end());
  }
  return out;
}

scxml::ChartPtr chart_of(const std::string& path, const std::string& file) {
  const Result<scxml::ChartPtr> chart = scxml::parse_chart(read(path), file);
  EXPECT_TRUE(chart) << chart.error().place << ": " << chart.error().message;
  return chart ? *chart : nullptr;
}

/// The report as NAME.expected has it.
std::string text_of(const Report& report) {
  std::string out;
  for (const Finding& each : report.findings) {
    out += each.detail.place.substr(each.detail.place.find(':') + 1) + " " + each.detail.code + "\n";
    out += "  " + each.detail.message + "\n  " + each.detail.message_zh + "\n";
    std::istringstream way(check::text_of(each.way, "en"));
    for (std::string line; std::getline(way, line);) out += "    " + line + "\n";
  }
  return out;
}

const json::object& manifest() {
  static const json::object out{{"publicity", json::object{{"days", 5}, {"unit", "working"}, {"include_start", true}}},
                                {"annual_check", json::object{{"due", json::object{{"days", 20}, {"unit", "working"}}}}},
                                {"panel", json::object{{"reviewers_min", 3}}},
                                {"term_years", 3},
                                {"forms", json::object{{"nomination", "forms/nomination.json"}, {"annual", "forms/annual.json"}}}};
  return out;
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
  const json::object data{{"application", json::object{{"orgs", json::object{{"province", "p"}, {"college", "c"}}}}}, {"score", 55}};
  const scxml::Env env{.session_id = "s", .now = {}};
  for (const Finding& finding : report.findings) {
    scxml::Snapshot at;
    for (std::size_t i = 0; i < finding.way.size(); ++i) {
      const WayStep& step = finding.way[i];
      const Result<scxml::Step> taken =
          i == 0 ? scxml::start(*chart, data, env)
                 : scxml::step(*chart, at,
                               {.name = step.event, .type = scxml::EventType::external, .invokeid = step.invokeid, .data = json::value(step.data)}, env);
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

class Shipped : public testing::TestWithParam<std::string> {
 protected:
  Report report() const {
    const scxml::ChartPtr chart = chart_of(kSource + "/workflows/" + GetParam() + ".scxml", GetParam() + ".scxml");
    return check(*chart, {.manifest = manifest()}, builtin_world(), shipped_policies());
  }
};

TEST_P(Shipped, KeepsThePolicies) {
  for (const Finding& each : report().findings)
    EXPECT_NE(each.detail.code, "check.policy") << each.detail.message << "\n" << check::text_of(each.way, "en");
}

TEST_P(Shipped, HasNoFault) { EXPECT_EQ(text_of(report()), ""); }

INSTANTIATE_TEST_SUITE_P(Workflows, Shipped, testing::ValuesIn(names_in(kSource + "/workflows", ".scxml")),
                         [](const auto& row) { return row.param; });

}  // namespace
}  // namespace chuyi::check
