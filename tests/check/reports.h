#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "engine/check/check.h"
#include "engine/stages/profiles.h"

/// Reports of the checker on charts in files.
namespace chuyi::check {

namespace fs = std::filesystem;

inline const std::string kSource = CHUYI_SOURCE_DIR;
inline const std::string kCharts = kSource + "/tests/check/charts/";

inline std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

inline std::vector<std::string> names_in(const std::string& folder, const std::string& extension) {
  std::vector<std::string> out;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == extension) out.push_back(entry.path().stem().string());
  std::sort(out.begin(), out.end());
  return out;
}

inline std::vector<Policy> shipped_policies() {
  std::vector<Policy> out;
  for (const std::string& name : names_in(kSource + "/workflows/policies", ".xml")) {
    const Result<std::vector<Policy>> read_ones = parse_policies(read(kSource + "/workflows/policies/" + name + ".xml"), name + ".xml");
    EXPECT_TRUE(read_ones) << read_ones.error().place << ": " << read_ones.error().message;
    if (read_ones) out.insert(out.end(), read_ones->begin(), read_ones->end());
  }
  return out;
}

inline scxml::ChartPtr chart_of(const std::string& path, const std::string& file) {
  const Result<scxml::ChartPtr> chart = scxml::parse_chart(read(path), file);
  EXPECT_TRUE(chart) << chart.error().place << ": " << chart.error().message;
  return chart ? *chart : nullptr;
}

/// The report as NAME.expected has it.
inline std::string text_of(const Report& report) {
  std::string out;
  for (const Finding& each : report.findings) {
    out += each.detail.place.substr(each.detail.place.find(':') + 1) + " " + each.detail.code + "\n";
    out += "  " + each.detail.message + "\n  " + each.detail.message_zh + "\n";
    std::istringstream way(check::text_of(each.way, "en"));
    for (std::string line; std::getline(way, line);) out += "    " + line + "\n";
  }
  return out;
}

inline const json::object& manifest() {
  static const json::object out{{"publicity", json::object{{"days", 5}, {"unit", "working"}, {"include_start", true}}},
                                {"annual_check", json::object{{"due", json::object{{"days", 20}, {"unit", "working"}}}}},
                                {"panel", json::object{{"reviewers_min", 3}}},
                                {"term_years", 3},
                                {"recommendation", json::object{{"level", "prefecture"}}},
                                {"asks", json::object{{"score", false}, {"number", false}}},
                                {"forms", json::object{{"nomination", "forms/nomination.json"}, {"annual", "forms/annual.json"}}}};
  return out;
}

}  // namespace chuyi::check
