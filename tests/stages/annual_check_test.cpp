// Goal: every verdict of an annual check has its consequence. Method: one row for each way through the years.
#include <gtest/gtest.h>

#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

const json::object kReport{{"name", "年报"}};

class AnnualCheck : public testing::Test {
 protected:
  AnnualCheck() {
    world_.award();
    EXPECT_TRUE(world_.advance("2027-03-10T09:00:00+08:00"));
    EXPECT_EQ(world_.state(), "annual_check");
  }
  void check(const char* verdict) {
    world_.sign("applicant", "annual-report", "report", kReport);
    world_.sign("clerk", "annual-verdict", verdict, {{"opinion", "意见"}});
  }
  World world_;
};

struct Verdicts {
  const char* name;
  std::vector<const char*> verdicts;  ///< one a year; "rectify" is followed by a report and the next verdict
  const char* state;
  const char* award;
  std::size_t checks;
};
void PrintTo(const Verdicts& row, std::ostream* out) { *out << row.name; }
class AnnualVerdicts : public AnnualCheck, public testing::WithParamInterface<Verdicts> {};

TEST_P(AnnualVerdicts, DecideTheAward) {
  int year = 2027;
  for (const char* verdict : GetParam().verdicts) {
    check(verdict);
    if (world_.state() == "rectification" || world_.state() == "put_off") {
      world_.sign("applicant", "task", "report", {{"opinion", "整改完成"}});
    } else if (world_.state() == "year_running") {
      ASSERT_TRUE(world_.advance(std::to_string(++year) + "-03-10T09:00:00+08:00"));
    }
  }
  EXPECT_EQ(world_.state(), GetParam().state);
  EXPECT_EQ(world_.award_row()->status, GetParam().award);
  EXPECT_EQ(world_.award_row()->checks.size(), GetParam().checks);
  EXPECT_EQ(world_.replay_problem(), "");
}

INSTANTIATE_TEST_SUITE_P(Ways, AnnualVerdicts, testing::Values(
  //       name                  verdicts                                  state           award        checks
  Verdicts{"ToTheEnd",           {"qualified", "excellent", "qualified"},  "completed",    "completed", 3},
  Verdicts{"SecondYearFails",    {"qualified", "unqualified"},             "plaque_return", "revoked",   2},
  Verdicts{"RectifiedThenGood",  {"rectify", "qualified"},                 "annual_check", "in-force",  2},
  Verdicts{"RectifyTwice",       {"rectify", "rectify"},                   "plaque_return", "revoked",   2},
  Verdicts{"RectifyEveryYear",   {"rectify", "qualified", "rectify", "qualified", "rectify", "excellent"}, "completed", "completed", 6}),
  [](const auto& row) { return std::string(row.param.name); });

TEST_F(AnnualCheck, ARectificationThatIsLateRevokes) {
  check("rectify");
  ASSERT_TRUE(world_.advance("2027-12-01T09:00:00+08:00"));
  EXPECT_EQ(world_.state(), "claw_back") << "and nobody has brought the plaque";
  EXPECT_EQ(world_.award_row()->status, "revoked");
}

TEST_F(AnnualCheck, AReportThatIsLateIsJudgedAllTheSame) {
  const std::string report = world_.task("annual-report").id;
  ASSERT_TRUE(world_.advance("2027-05-01T09:00:00+08:00"));
  const TaskRow without = world_.task("annual-verdict");
  EXPECT_TRUE(bool_or(without.data, "report_missing", false));
  ASSERT_TRUE(world_.complete("applicant", report, "report", kReport));
  EXPECT_EQ(world_.row(without.id).status, "cancelled");
  EXPECT_FALSE(bool_or(world_.task("annual-verdict").data, "report_missing", true));
  world_.sign("clerk", "annual-verdict", "qualified");
  EXPECT_EQ(world_.state(), "year_running");
  EXPECT_EQ(world_.replay_problem(), "");
}

TEST_F(AnnualCheck, AReportThatNeverComesIsCancelledByTheVerdict) {
  const std::string report = world_.task("annual-report").id;
  ASSERT_TRUE(world_.advance("2027-05-01T09:00:00+08:00"));
  world_.sign("clerk", "annual-verdict", "unqualified");
  EXPECT_EQ(world_.row(report).status, "cancelled");
  EXPECT_EQ(world_.state(), "plaque_return");
}

TEST_F(AnnualCheck, TheReportShownIsNotOverwritten) {
  world_.sign("applicant", "annual-report", "report", kReport);
  const std::string verdict = world_.task("annual-verdict").id;
  ASSERT_TRUE(world_.act("task.save", "clerk", verdict, {{"data", json::object{{"report", json::object{}}, {"opinion", "草稿"}}}}));
  EXPECT_EQ(object_or_empty(world_.row(verdict).data, "report"), kReport);
  ASSERT_TRUE(world_.act("task.complete", "clerk", verdict, {{"outcome", "qualified"}}));
  EXPECT_EQ(object_or_empty(world_.row(verdict).data, "report"), kReport);
  EXPECT_EQ(string_or(world_.row(verdict).data, "opinion"), "草稿");
}

}  // namespace
}  // namespace chuyi::test
