// Goal: every shipped workflow is without fault and keeps every shipped policy. Method: the whole report is empty.
#include "tests/check/reports.h"

namespace chuyi::check {
namespace {

class Shipped : public testing::TestWithParam<std::string> {
 protected:
  Report report() const {
    const scxml::ChartPtr chart = chart_of(kSource + "/workflows/" + GetParam() + ".scxml", GetParam() + ".scxml");
    json::object shared = manifest();
    shared["shared_workflow"] = GetParam();
    return check(*chart, {.manifest = std::move(shared)}, builtin_world(), shipped_policies());
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
                         [](const auto& row) { return row.param; });

}  // namespace
}  // namespace chuyi::check
