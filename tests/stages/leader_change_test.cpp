// Goal: another leader during the term comes over the channel of the application, with evidence, and leads nothing else.
// Method: an award in its term; one request all the way, then one row for each way that is closed.
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "engine/forms/forms.h"
#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

const json::object kOld{{"name", "李老师"}, {"title", "副高级"}, {"phone", "13800000001"}};
const json::object kNew{{"name", "王老师"}, {"title", "正高级"}, {"phone", "13800000002"}};

json::value shipped_form() {
  std::stringstream text;
  text << std::ifstream(std::string{CHUYI_SOURCE_DIR} + "/forms/selection/leader-change.json").rdbuf();
  return *inline_common(json::parse(text.str()), "leader-change.json", [](const std::string& path) -> Result<std::string> {
    std::stringstream part;
    part << std::ifstream(std::string{CHUYI_SOURCE_DIR} + "/forms/" + path).rdbuf();
    return part.str();
  });
}

std::string code(const Result<Reply>& reply) { return reply ? "" : reply.error().code; }

class LeaderChange : public testing::Test {
 protected:
  LeaderChange() {
    world_.definitions.put("workshop", selection(), plain_manifest(), {{"nomination", json::object{}}, {"annual", json::object{}}, {"leader-change", shipped_form()}});
    award(kOld);
    id_ = world_.session().id;
  }
  void award(const json::object& leader, const char* notice_ends = "2026-03-10T09:00:00+08:00") {
    world_.create();
    world_.sign("applicant", "task", "submit", {{"name", "湘绣"}, {"leader", leader}});
    world_.sign("bureau", "task", "recommend");
    world_.sign("clerk", "task", "pass");
    world_.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r1", "r2", "r3"}}});
    for (const char* reviewer : {"r1", "r2", "r3"}) world_.sign(reviewer, "sheet", "sign", World::scores());
    world_.sign("lead", "task", "select");
    EXPECT_TRUE(world_.advance(notice_ends));
    EXPECT_EQ(world_.state(), "year_running");
  }
  /// An application of somebody that is under way.
  std::string other(const json::object& leader) {
    world_.create();
    world_.sign("applicant", "task", "submit", {{"name", "陶瓷"}, {"leader", leader}});
    const std::string id = world_.session().id;
    world_.select(id_);
    return id;
  }
  Result<Reply> ask() { return world_.event("applicant", "applicant.change_leader"); }
  Result<Reply> add_evidence() {
    return world_.act("document.add", "applicant", world_.task().id,
                      {{"kind", "evidence"}, {"name", "职称证书.pdf"}, {"media_type", "application/pdf"}, {"digest", std::string(64, 'a')}, {"size", 9}});
  }
  Result<Reply> request(json::object leader = kNew) {
    return world_.complete("applicant", world_.task().id, "submit",
                           {{"leader", std::move(leader)}, {"cause", "健康原因"}, {"reason", "长期病休"}, {"plan", "按原计划推进"}});
  }
  void asked_with_evidence() {
    ASSERT_EQ(code(ask()), "");
    ASSERT_EQ(code(add_evidence()), "");
  }
  std::string leader() { return string_or(object_or_empty(world_.facts(), "leader"), "name", "李老师"); }
  World world_;
  std::string id_;
};

TEST_F(LeaderChange, GoesOverTheChannelOfTheApplicationAndNamesBoth) {
  asked_with_evidence();
  EXPECT_EQ(world_.state(), "year_running") << "the years go on";
  ASSERT_EQ(code(request()), "");
  const TaskRow recommendation = world_.task();
  EXPECT_EQ(recommendation.role + " " + recommendation.org, "recommending-officer 430100");
  EXPECT_EQ(string_or(object_or_empty(object_or_empty(recommendation.data, "request"), "leader"), "name"), "王老师") << "they see what was asked";
  world_.sign("bureau", "task", "recommend");
  EXPECT_EQ(leader(), "李老师") << "the province has not agreed yet";
  EXPECT_EQ(world_.task().role, "provincial-officer");
  world_.sign("clerk", "task", "agree");
  EXPECT_EQ(leader(), "王老师");
  EXPECT_EQ(canonical_json(world_.facts().at("leaders")), R"([{"from":"李老师","on":"2026-03-10","to":"王老师"}])");
  EXPECT_EQ(world_.task().id, "");
  ASSERT_TRUE(world_.advance("2027-03-10T09:00:00+08:00"));
  EXPECT_EQ(world_.state(), "annual_check");
  EXPECT_EQ(code(ask()), "") << "and another one in a later year";
  EXPECT_EQ(world_.replay_problem(), "");
}

TEST_F(LeaderChange, NeedsEvidenceOfThisRequest) {
  ASSERT_EQ(code(ask()), "");
  const Result<Reply> bare = request();
  EXPECT_EQ(code(bare), "document.missing");
  EXPECT_EQ(bare.error().details.at(0).place, "/documents/evidence");
  ASSERT_EQ(code(add_evidence()), "");
  ASSERT_EQ(code(request()), "");
  world_.sign("bureau", "task", "decline");
  ASSERT_TRUE(world_.advance("2026-03-11T09:00:00+08:00"));
  ASSERT_EQ(code(ask()), "");
  EXPECT_EQ(code(request()), "document.missing") << "what came with an earlier request says nothing of this one";
}

TEST_F(LeaderChange, IsRefusedWhileTheNewLeaderLeadsAnother) {
  const std::string live = other(kNew);
  asked_with_evidence();
  const Result<Reply> refused = request();
  EXPECT_EQ(code(refused), "leader.exclusive");
  EXPECT_EQ(refused.error().place, "/data/leader");
  EXPECT_NE(refused.error().message_zh.find("王老师"), std::string::npos);
  EXPECT_EQ(code(request({{"name", "王老师"}, {"title", "正高级"}, {"phone", "13800000003"}})), "") << "somebody else of that name";
  world_.sign("bureau", "task", "return");
  world_.select(live);
  ASSERT_TRUE(world_.event("applicant", "applicant.withdraw"));
  world_.select(id_);
  ASSERT_EQ(code(add_evidence()), "");
  EXPECT_EQ(code(request()), "") << "who withdrew is free";
  EXPECT_EQ(world_.replay_problem(), "");
}

TEST_F(LeaderChange, IsLookedAtAgainWhenTheProvinceAgrees) {
  asked_with_evidence();
  ASSERT_EQ(code(request()), "");
  world_.sign("bureau", "task", "recommend");
  other(kNew);
  EXPECT_EQ(code(world_.complete("clerk", world_.task().id, "agree")), "leader.exclusive");
  EXPECT_EQ(leader(), "李老师");
  world_.sign("clerk", "task", "decline");
  EXPECT_EQ(world_.task().id, "");
}

TEST_F(LeaderChange, FreesTheOneAndBindsTheOther) {
  asked_with_evidence();
  ASSERT_EQ(code(request()), "");
  world_.sign("bureau", "task", "recommend");
  world_.sign("clerk", "task", "agree");
  const std::string first = id_;
  award(json::object{{"name", "赵老师"}, {"title", "正高级"}, {"phone", "13800000009"}}, "2026-03-20T09:00:00+08:00");
  asked_with_evidence();
  EXPECT_EQ(code(request(kNew)), "leader.exclusive") << "leads the first one now";
  EXPECT_EQ(code(request(kOld)), "") << "leads nothing any more";
}

TEST_F(LeaderChange, ClosedWays) {
  EXPECT_EQ(code(world_.event("bureau", "applicant.change_leader")), "event.unknown");
  asked_with_evidence();
  EXPECT_EQ(code(ask()), "event.refused") << "one at a time";
  EXPECT_EQ(code(request({{"name", "王老师"}})), "form.invalid");
  ASSERT_EQ(code(request()), "");
  world_.put_user("both", {{"recommending-officer", "430100"}, {"provincial-officer", "430000"}});
  world_.sign("both", "task", "recommend");
  EXPECT_EQ(code(world_.complete("both", world_.task().id, "agree")), "task.separation");
  ASSERT_TRUE(world_.event("clerk", "province.revoke"));
  EXPECT_EQ(world_.task().state, "plaque_return") << "with the term it is over";
}

TEST_F(LeaderChange, IsWithdrawnByWhoAsked) {
  ASSERT_EQ(code(ask()), "");
  EXPECT_EQ(code(world_.event("applicant", "applicant.withdraw_change")), "");
  EXPECT_EQ(world_.task().id, "");
  EXPECT_EQ(leader(), "李老师");
  EXPECT_EQ(code(world_.event("applicant", "applicant.withdraw_change")), "event.refused");
  EXPECT_EQ(code(ask()), "");
}

}  // namespace
}  // namespace chuyi::test
