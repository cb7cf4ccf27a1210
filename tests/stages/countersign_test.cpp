// Goal: a countersign ends when its rule says so, asks whom it has to, and keeps what became of every signature.
// Method: whole applications in memory; after each the journal is replayed.
#include <gtest/gtest.h>

#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

/// A draft by the applicant, then a countersign with `params` of the bureau, the province and the reviewers r1 and r2.
std::string flow(const std::string& params) {
  return workflow(
      "<datamodel><data id=\"signatures\" expr=\"{}\"/></datamodel>"
      "<state id=\"drafting\"><invoke type=\"task\" id=\"draft\"><param name=\"role\" expr=\"'applicant'\"/><param name=\"org\" expr=\"'c1'\"/></invoke>"
      "<transition event=\"done.invoke.draft\" target=\"signing\"/></state>"
      "<state id=\"signing\"><invoke type=\"countersign\" id=\"sign\"><param name=\"parties\" expr=\"{{role='recommending-officer', org='430100'},"
      "{role='provincial-officer', org='430000', weight='2.5'}, {user='r1'}, {user='r2'}}\"/><param name=\"signatures\" expr=\"signatures\"/>" +
      params +
      "</invoke><transition event=\"done.invoke.sign\" cond=\"_event.data.outcome == 'agreed'\" target=\"done\"/>"
      "<transition event=\"done.invoke.sign\" target=\"drafting\"><assign location=\"signatures\" expr=\"_event.data.signatures\"/></transition>"
      "<transition event=\"error.communication\" target=\"broken\"/></state>");
}

std::string param(const std::string& name, const std::string& value) { return "<param name=\"" + name + "\" expr=\"" + value + "\"/>"; }

struct Countersigning : World {
  explicit Countersigning(const std::string& params) {
    definitions.put("workshop", flow(params), plain_manifest(), {});
    create();
    sign("applicant", "task", "done");
  }
  std::vector<std::string> asked() const {
    std::vector<std::string> out;
    for (const TaskRow& each : tasks())
      if (each.kind == "countersign" && each.status == "open") out.push_back(each.user.empty() ? each.org : each.user);
    return out;
  }
  Result<Reply> say(const std::string& who, const std::string& outcome, const std::string& opinion = "意见") {
    const Actor one = actor(who);
    for (const TaskRow& each : tasks())
      if (each.kind == "countersign" && each.status == "open" && (each.user == who || (each.user.empty() && one.has(each.role, each.org))))
        return complete(who, each.id, outcome, {{"opinion", opinion}});
    return Error{.code = "test.nobody_asked"};
  }
};

using Asked = std::vector<std::string>;

TEST(Countersign, NeedsAllAndAsksThemAtOnce) {
  Countersigning world("");
  EXPECT_EQ(world.asked().size(), 4U);
  for (const char* who : {"r2", "bureau", "clerk"}) ASSERT_TRUE(world.say(who, "agree"));
  EXPECT_EQ(world.state(), "signing");
  ASSERT_TRUE(world.say("r1", "agree"));
  EXPECT_EQ(world.state(), "done");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Countersign, AsksOneAfterTheOther) {
  Countersigning world(param("order", "'sequence'"));
  for (const char* who : {"bureau", "clerk", "r1", "r2"}) {
    ASSERT_EQ(world.asked().size(), 1U);
    ASSERT_TRUE(world.say(who, "agree")) << who;
  }
  EXPECT_EQ(world.state(), "done");
  EXPECT_EQ(world.replay_problem(), "");
}

struct Rule {
  const char* name;
  std::string params;
  std::vector<std::pair<const char*, const char*>> said;  ///< all but the last leave it open
  const char* state;
};
class CountersignRule : public testing::TestWithParam<Rule> {};

TEST_P(CountersignRule, EndsWhenItIsMetOrCannotBe) {
  Countersigning world(GetParam().params);
  for (const auto& [who, outcome] : GetParam().said) {
    EXPECT_EQ(world.state(), "signing") << who;
    ASSERT_TRUE(world.say(who, outcome)) << who;
  }
  EXPECT_EQ(world.state(), GetParam().state);
  EXPECT_TRUE(world.asked().empty());
  EXPECT_EQ(world.replay_problem(), "");
}

INSTANTIATE_TEST_SUITE_P(Edges, CountersignRule, testing::Values(
  Rule{"OneReturnEndsAll", "", {{"r1", "return"}}, "drafting"},
  Rule{"AnyIsEnough", param("needs", "'any'"), {{"r1", "return"}, {"r2", "agree"}}, "done"},
  Rule{"NoneOfAny", param("needs", "'any'"), {{"r1", "return"}, {"r2", "return"}, {"bureau", "return"}, {"clerk", "return"}}, "drafting"},
  Rule{"QuorumExact", param("needs", "'quorum'") + param("quorum", "2"), {{"r1", "return"}, {"r2", "agree"}, {"clerk", "agree"}}, "done"},
  Rule{"QuorumOutOfReach", param("needs", "'quorum'") + param("quorum", "3"), {{"r1", "return"}, {"r2", "return"}}, "drafting"},
  Rule{"WeightExact", param("needs", "'weight'") + param("weight", "'3.5'"), {{"r1", "return"}, {"bureau", "agree"}, {"clerk", "agree"}}, "done"},
  Rule{"WeightOneShort", param("needs", "'weight'") + param("weight", "'3.51'"), {{"bureau", "agree"}, {"clerk", "agree"}, {"r1", "agree"}}, "done"},
  Rule{"WeightOutOfReach", param("needs", "'weight'") + param("weight", "'3.5'"), {{"clerk", "return"}}, "drafting"}),
  [](const auto& row) { return std::string(row.param.name); });

// One of the parties returns with comment after another has signed: which signatures stand is the workflow's to say.
TEST(CountersignReturn, SignaturesStandOrFall) {
  for (const bool fall : {false, true}) {
    Countersigning world(param("on_return", fall ? "'fall'" : "'stand'"));
    ASSERT_TRUE(world.say("bureau", "agree"));
    ASSERT_TRUE(world.say("r1", "return", "资金来源不明"));
    ASSERT_EQ(world.state(), "drafting");
    world.sign("applicant", "task", "done");
    EXPECT_EQ(world.asked().size(), fall ? 4U : 3U);
    if (fall) { ASSERT_TRUE(world.say("bureau", "agree")); }
    for (const char* who : {"clerk", "r1", "r2"}) ASSERT_TRUE(world.say(who, "agree"));
    EXPECT_EQ(world.state(), "done");
    EXPECT_EQ(world.replay_problem(), "");
  }
}

TEST(CountersignReturn, KeepsTheHistoryOfEverySignature) {
  Countersigning world(param("on_return", "'fall'") + param("needs", "'quorum'") + param("quorum", "4"));
  ASSERT_TRUE(world.say("bureau", "agree", "同意"));
  ASSERT_TRUE(world.say("r1", "return", "请修改"));
  world.sign("applicant", "task", "done");
  ASSERT_TRUE(world.say("r1", "return", "仍请修改"));
  const std::string document = world.session().document;
  for (const char* each : {"\"fallen\"", "请修改", "仍请修改", "\"turn\":2", "\"bureau\""}) EXPECT_NE(document.find(each), std::string::npos) << each;
}

TEST(Countersign, ASilentPartyMayCountAsAgreeing) {
  Countersigning world(param("due", "working_days(5)") + param("silence", "'agrees'"));
  for (const char* who : {"r1", "r2", "bureau"}) ASSERT_TRUE(world.say(who, "agree"));
  ASSERT_TRUE(world.advance("2026-03-31T09:00:00+08:00"));
  EXPECT_EQ(world.state(), "done");
  EXPECT_TRUE(world.asked().empty());
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Countersign, WaitsForALateOneOtherwise) {
  Countersigning world(param("due", "working_days(5)"));
  ASSERT_TRUE(world.advance("2026-03-31T09:00:00+08:00"));
  EXPECT_EQ(world.state(), "signing");
  EXPECT_EQ(world.asked().size(), 4U);
}

TEST(Countersign, RefusesWhatIsNotOneParty) {
  Countersigning world("");
  EXPECT_EQ(world.say("bureau", "return", "").error().code, "countersign.opinion");
  EXPECT_EQ(world.complete("r3", world.task("countersign").id, "agree").error().code, "task.not_yours");
  // Somebody who is two parties signs for one.
  world.put_user("bureau", {{"recommending-officer", "430100"}, {"provincial-officer", "430000"}});
  ASSERT_TRUE(world.say("bureau", "agree"));
  EXPECT_EQ(world.say("bureau", "agree").error().code, "countersign.twice");
}

TEST(Countersign, RefusesParametersThatCannotWork) {
  for (const std::string& params : {param("needs", "'quorum'") + param("quorum", "5"), param("needs", "'weight'") + param("weight", "'5.51'"), param("needs", "'most'"),
                                    param("order", "'random'"), param("on_return", "'vanish'"), param("needs", "'quorum'")}) {
    Countersigning world(params);
    EXPECT_EQ(world.state(), "broken") << params;
  }
}

}  // namespace
}  // namespace chuyi::test
