#include <fstream>
#include <iostream>
#include <sstream>

#include <gtest/gtest.h>

#include "engine/check/check.h"
#include "engine/stages/profiles.h"

namespace chuyi::check {
namespace {

std::string read(const std::string& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

TEST(Check, Selection) {
  const std::string path = std::string{CHUYI_SOURCE_DIR} + "/workflows/selection.scxml";
  const auto chart = scxml::parse_chart(read(path), "selection.scxml");
  ASSERT_TRUE(chart);
  const auto policies = parse_policies(read(std::string{CHUYI_SOURCE_DIR} + "/workflows/policies/awards.xml"), "awards.xml");
  ASSERT_TRUE(policies) << policies.error().place << policies.error().message;
  const Report report = check(**chart, {}, builtin_world(), *policies);
  std::cout << report.nodes << " " << report.transitions << "\n";
  for (const Finding& each : report.findings)
    std::cout << each.detail.place << " " << each.detail.code << " " << each.detail.message << "\n" << each.detail.message_zh << "\n" << text_of(each.way, "en") << text_of(each.way, "zh");
  for (const Detail& each : report.notes) std::cout << each.message << "\n";
}

}  // namespace
}  // namespace chuyi::check
