// Goal: an organisation has so many places and no more. Method: recommendations of one prefecture against its limit.
#include <gtest/gtest.h>

#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

const json::object kForms{{"nomination", json::object{}}, {"annual", json::object{}}};

json::object limited(const char* quota) {
  json::object out = plain_manifest();
  out["quota"] = json::parse(quota);
  return out;
}

struct Row {
  const char* name;
  const char* quota;
  int places;  ///< of prefecture 430100
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
class Places : public testing::TestWithParam<Row> {};

TEST_P(Places, AreTakenWithTheRecommendation) {
  World world;
  world.definitions.put("workshop", selection(), limited(GetParam().quota), kForms);
  for (int i = 0; i <= GetParam().places; ++i) {
    world.create();
    world.submit();
    const Result<Reply> reply = world.complete("bureau", world.task().id, "recommend");
    if (i < GetParam().places) {
      ASSERT_TRUE(reply) << reply.error().message;
    } else {
      ASSERT_FALSE(reply);
      EXPECT_EQ(reply.error().code, "quota.places");
      EXPECT_EQ(world.state(), "recommendation");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Limits, Places, testing::Values(
  Row{"Two",            R"({"per":[{"level":"prefecture","max":2}]})", 2},
  Row{"ExceptChangsha", R"({"per":[{"level":"prefecture","max":1,"except":{"430100":3}}]})", 3},
  Row{"TheCollegesOwn", R"({"per":[{"level":"prefecture","max":9},{"level":"college","max":1}]})", 1}),
  [](const auto& row) { return std::string(row.param.name); });

// A request to withdraw is work of whoever recommended, and nobody else's but the province's.
TEST(Withdrawal, IsAnsweredByWhoRecommended) {
  World world;
  world.put_user("inner", {{"recommending-officer", "c1"}});
  world.submit();
  world.sign("bureau", "task", "recommend");
  ASSERT_TRUE(world.event("applicant", "applicant.ask_withdrawal"));
  EXPECT_EQ(world.state(), "formal_check") << "everything else goes on";
  const auto open = [&](const char* state) {
    for (const TaskRow& each : world.tasks())
      if (each.state == state && each.status == "open") return each;
    return TaskRow{};
  };
  const auto asked = [&] { return open("withdrawal_decision"); };
  const TaskRow task = asked();
  EXPECT_EQ(task.org + "/" + task.role, "430100/recommending-officer");
  EXPECT_EQ(format_instant(*task.due), "2026-03-10T00:00:00+08:00");
  EXPECT_EQ(world.event("inner", "recommender.grant_withdrawal").error().code, "event.unknown") << "an officer of its tree, not of the office that recommended";
  EXPECT_EQ(world.complete("inner", task.id, "grant").error().code, "task.not_yours");
  const Result<Reply> bare = world.complete("bureau", task.id, "reject");
  ASSERT_FALSE(bare);
  EXPECT_EQ(bare.error().details.at(0).place, "/data/reason");
  ASSERT_TRUE(world.complete("bureau", task.id, "reject", {{"reason", "已进入评审准备"}}));
  EXPECT_EQ(asked().id, "");
  EXPECT_EQ(world.event("bureau", "recommender.grant_withdrawal").error().code, "event.unknown") << "answered";
  ASSERT_TRUE(world.event("applicant", "applicant.ask_withdrawal"));
  EXPECT_EQ(world.event("bureau", "recommender.refuse_withdrawal").error().code, "event.refused") << "without a reason";
  ASSERT_TRUE(world.complete("clerk", open("formal_check").id, "pass"));
  ASSERT_TRUE(world.complete("bureau", asked().id, "grant"));
  EXPECT_EQ(world.state(), "withdrawn");
  EXPECT_EQ(world.replay_problem(), "");
  world.submit();
  world.sign("bureau", "task", "recommend");
  ASSERT_TRUE(world.event("applicant", "applicant.ask_withdrawal"));
  ASSERT_TRUE(world.event("lead", "recommender.grant_withdrawal")) << "the province";
  EXPECT_EQ(world.state(), "withdrawn");
}

TEST(Quota, AnApplicationThatEndsWithoutAnAwardGivesItsPlaceBack) {
  World world;
  world.definitions.put("workshop", selection(), limited(R"({"per":[{"level":"prefecture","max":1}]})"), kForms);
  world.create();
  world.submit();
  world.sign("bureau", "task", "recommend");
  EXPECT_EQ(world.event("applicant", "applicant.withdraw").error().code, "event.unknown") << "it is recommended";
  EXPECT_EQ(world.event("bureau", "recommender.grant_withdrawal").error().code, "event.unknown") << "nobody has asked";
  ASSERT_TRUE(world.event("applicant", "applicant.ask_withdrawal"));
  ASSERT_TRUE(world.event("bureau", "recommender.grant_withdrawal"));
  EXPECT_EQ(world.replay_problem(), "");
  world.create();
  world.submit();
  EXPECT_TRUE(world.complete("bureau", world.task().id, "recommend"));
}

TEST(Quota, WhoAppliesToTheProvinceDirectlyTakesThePlaceWithTheSubmission) {
  World world;
  json::object manifest = limited(R"({"per":[{"level":"college","max":1}]})");
  manifest["recommendation"] = json::object{{"level", "none"}};
  world.definitions.put("workshop", selection(), manifest, kForms);
  world.create();
  world.submit();
  EXPECT_EQ(world.state(), "formal_check");
  world.create();
  const Result<Reply> second = world.complete("applicant", world.task().id, "submit");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "quota.places");
}

TEST(Applicants, OfAnotherLevelAreRefused) {
  World world;
  json::object manifest = plain_manifest();
  manifest["applicants"] = json::parse(R"({"levels":["prefecture"]})");
  world.definitions.put("workshop", selection(), manifest, kForms);
  const Result<Reply> refused = world.try_create();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "application.level");
  EXPECT_EQ(refused.error().allowed, std::vector<std::string>{"prefecture"});
}

}  // namespace
}  // namespace chuyi::test
