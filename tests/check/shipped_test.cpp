// Goal: every shipped workflow is without fault and keeps every shipped policy. Method: the whole report is empty.
#include <algorithm>

#include "tests/check/reports.h"

namespace chuyi::check {
namespace {

class Shipped : public testing::TestWithParam<std::string> {
 protected:
  Report report() const {
    const scxml::ChartPtr chart = chart_of(kSource + "/workflows/" + GetParam() + ".scxml", GetParam() + ".scxml");
    json::object given = manifest();
    given["shared_workflow"] = GetParam();
    // Which forms there are is the packages' matter, and so is what the parameters are.
    given.erase("forms");
    json::object params{{"due_days", "60"}};
    for (char i = '1'; i <= '5'; ++i) params[std::string{"countersigner_"} + i] = std::string{"department-"} + i;
    given["params"] = std::move(params);
    return check(*chart, {.manifest = std::move(given)}, builtin_world(), shipped_policies());
  }
};

TEST_P(Shipped, KeepsThePolicies) {
  for (const Finding& each : report().findings)
    EXPECT_NE(each.detail.code, "check.policy") << each.detail.message << "\n" << check::text_of(each.way, "en");
}

TEST_P(Shipped, HasNoFault) { EXPECT_EQ(text_of(report()), ""); }

/// Whatever the parameters of a package are: nothing in it is there for nothing.
TEST_P(Shipped, HasNoFaultOfItsOwn) {
  const scxml::ChartPtr chart = chart_of(kSource + "/workflows/" + GetParam() + ".scxml", GetParam() + ".scxml");
  EXPECT_EQ(text_of(check(*chart, {}, builtin_world(), {})), "");
}

/// What is told apart for the sake of broken charts costs sound ones nothing.
TEST_P(Shipped, HasASmallSpace) {
  const Report found = report();
  RecordProperty("situations", static_cast<int>(found.nodes));
  EXPECT_LE(found.nodes, 1'000U);
}

INSTANTIATE_TEST_SUITE_P(Workflows, Shipped, testing::ValuesIn(names_in(kSource + "/workflows", ".scxml")),
                         [](const auto& row) {
                           std::string name = row.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace chuyi::check
