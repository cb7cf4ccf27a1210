// Goal: an award that is not put right within its year is gone, and with it plaque, money and the right to apply again.
// Method: an award to the end of its term; one test for each way out, and the ban by unit and by leader.
#include <gtest/gtest.h>

#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

const json::object kLeader{{"name", "李老师"}, {"phone", "13800000001"}};
const json::object kReport{{"name", "年报"}};

std::string code(const Result<Reply>& reply) { return reply ? "" : reply.error().code; }

class Revocation : public testing::Test {
 protected:
  explicit Revocation(const char* ban = R"({"years":6,"of":"unit"})") {
    json::object manifest = plain_manifest();
    manifest["ban"] = json::parse(ban);
    world_.definitions.put("workshop", selection(), manifest, {{"nomination", json::object{}}, {"annual", json::object{}}, {"recovery", json::object{}}});
    world_.create();
    world_.sign("applicant", "task", "submit", {{"name", "湘绣"}, {"leader", kLeader}});
    world_.sign("bureau", "task", "recommend");
    world_.sign("clerk", "task", "pass");
    world_.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r1", "r2", "r3"}}});
    for (const char* reviewer : {"r1", "r2", "r3"}) world_.sign(reviewer, "sheet", "sign", World::scores());
    world_.sign("lead", "task", "select");
    EXPECT_TRUE(world_.advance("2026-03-10T09:00:00+08:00"));
  }
  /// The last check of the term: 暂缓通过.
  void put_off() {
    for (const char* year : {"2027", "2028", "2029"}) {
      ASSERT_TRUE(world_.advance(std::string{year} + "-03-10T09:00:00+08:00"));
      check(std::string{year} == "2029" ? "rectify" : "qualified");
    }
    ASSERT_EQ(world_.state(), "put_off");
  }
  void check(const char* verdict) {
    world_.sign("applicant", "annual-report", "report", kReport);
    world_.sign("clerk", "annual-verdict", verdict);
  }
  Result<Reply> apply_again(const json::object& leader) {
    world_.create();
    return world_.complete("applicant", world_.task().id, "submit", {{"name", "陶瓷"}, {"leader", leader}});
  }
  World world_;
};
class RevocationOfALeader : public Revocation {
 protected:
  RevocationOfALeader() : Revocation(R"({"years":6,"of":"leader"})") {}
};

TEST_F(Revocation, ComesAfterAYearThatPutNothingRight) {
  put_off();
  EXPECT_EQ(format_instant(*world_.task().due), "2030-03-08T00:00:00+08:00") << "a year from the end of the term";
  ASSERT_TRUE(world_.advance("2030-03-07T23:00:00+08:00"));
  EXPECT_EQ(world_.state(), "put_off");
  EXPECT_EQ(world_.award_row()->status, "in-force");
  ASSERT_TRUE(world_.advance("2030-03-08T00:00:00+08:00"));
  EXPECT_EQ(world_.award_row()->status, "revoked");
}

TEST_F(Revocation, ComesWhenTheSecondCheckFailsToo) {
  put_off();
  ASSERT_TRUE(world_.advance("2030-02-01T09:00:00+08:00"));
  world_.sign("applicant", "task", "report", {{"opinion", "整改完成"}});
  check("rectify");
  EXPECT_EQ(world_.award_row()->status, "revoked") << "put off once, and not again";
}

TEST_F(Revocation, IsAvertedWithinTheYear) {
  put_off();
  world_.sign("applicant", "task", "report", {{"opinion", "整改完成"}});
  check("qualified");
  EXPECT_EQ(world_.state(), "completed");
  EXPECT_EQ(code(apply_again(kLeader)), "");
}

TEST_F(Revocation, AsksForPlaqueAndMoneyBeforeItEnds) {
  ASSERT_TRUE(world_.event("clerk", "province.revoke"));
  EXPECT_EQ(world_.session().status, "running");
  EXPECT_EQ(world_.task().role, "applicant") << "who has the plaque";
  world_.sign("applicant", "task", "handed_in");
  EXPECT_EQ(world_.state(), "claw_back");
  world_.sign("clerk", "task", "settled", {{"plaque", "已交回"}, {"paid", "20.00"}, {"recovered", "12.50"}, {"basis", "不合格"}});
  EXPECT_EQ(world_.state(), "revoked");
  EXPECT_EQ(world_.session().status, "ended");
  EXPECT_EQ(world_.replay_problem(), "");
}

TEST_F(Revocation, GoesOnWithoutAPlaqueThatNeverComes) {
  ASSERT_TRUE(world_.event("clerk", "province.revoke"));
  ASSERT_TRUE(world_.advance("2026-05-30T09:00:00+08:00"));
  EXPECT_EQ(world_.state(), "claw_back");
}

TEST_F(Revocation, BansTheUnitForItsYears) {
  ASSERT_TRUE(world_.event("clerk", "province.revoke"));
  const Result<Reply> refused = apply_again({{"name", "别人"}, {"phone", "13800000002"}});
  EXPECT_EQ(code(refused), "application.banned");
  EXPECT_EQ(refused.error().place, "/org");
  EXPECT_NE(refused.error().message_zh.find("2032-03-10"), std::string::npos) << refused.error().message_zh;
  ASSERT_TRUE(world_.advance("2032-03-09T09:00:00+08:00"));
  EXPECT_EQ(code(apply_again(kLeader)), "application.banned");
  ASSERT_TRUE(world_.advance("2032-03-10T09:00:00+08:00"));
  EXPECT_EQ(code(apply_again(kLeader)), "");
  EXPECT_EQ(world_.replay_problem(), "");
}

TEST_F(RevocationOfALeader, BansWhoLedItAndNobodyElse) {
  ASSERT_TRUE(world_.event("clerk", "province.revoke"));
  EXPECT_EQ(code(apply_again(kLeader)), "application.banned");
  EXPECT_EQ(code(apply_again({{"name", "别人"}, {"phone", "13800000002"}})), "");
}

}  // namespace
}  // namespace chuyi::test
