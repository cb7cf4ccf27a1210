// Goal: a panel's score is what its reviewers gave, and nobody with a conflict gives one.
// Method: whole applications in memory; one row for each wrong sheet and each kind of conflict.
#include <gtest/gtest.h>

#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

struct Sheet {
  const char* name;
  const char* outcome;
  const char* data;
  const char* code;  ///< of the refusal; empty: signed
};
void PrintTo(const Sheet& row, std::ostream* out) { *out << row.name; }

class Panel : public testing::Test {
 protected:
  void appoint(json::array reviewers = {"r1", "r2", "r3"}) {
    world_.recommend();
    world_.sign("clerk", "panel-setup", "appoint", {{"reviewers", std::move(reviewers)}});
  }
  Result<Reply> appoint_as(const char* officer, json::array reviewers) {
    return world_.complete(officer, world_.task("panel-setup").id, "appoint", {{"reviewers", std::move(reviewers)}});
  }
  World world_;
};

class PanelSheet : public Panel, public testing::WithParamInterface<Sheet> {};

TEST_P(PanelSheet, CountsOnlyWithEveryScore) {
  appoint();
  json::object data{{"outcome", GetParam().outcome}, {"data", json::parse(GetParam().data)}};
  if (std::string{GetParam().outcome} == "(none)") data.erase("outcome");
  const Result<Reply> reply = world_.act("task.complete", "r1", world_.task("sheet", "r1").id, data);
  EXPECT_EQ(reply ? "" : reply.error().code, GetParam().code) << (reply ? "" : reply.error().message);
  if (!reply) {
    EXPECT_EQ(world_.task("sheet", "r1").status, "open");
    world_.sign("r1", "sheet", "sign", World::scores());
  }
  world_.sign("r2", "sheet", "sign", World::scores("30", "20.5"));
  world_.sign("r3", "sheet", "sign", World::scores("0", "0.25"));
  EXPECT_EQ(string_or(world_.facts(), "score"), "46.92") << "(90 + 50.5 + 0.25) / 3";
  EXPECT_EQ(world_.replay_problem(), "");
}

INSTANTIATE_TEST_SUITE_P(Sheets, PanelSheet, testing::Values(
  //    name                 outcome   data                                                              code
  Sheet{"Whole",             "sign",   R"({"scores":{"team":"60","plan":"30"}})",                       ""},
  Sheet{"NoOutcome",         "(none)", R"({"scores":{"team":"60","plan":"30"}})",                       ""},
  Sheet{"BlankOutcome",      "",       R"({"scores":{"team":"60","plan":"30"}})",                       ""},
  Sheet{"OwnTotal",          "sign",   R"({"total":"99999","scores":{"team":"60","plan":"30"}})",       ""},
  Sheet{"BlankForged",       "",       R"({"total":"99999","scores":{}})",                              "form.sheet"},
  Sheet{"NoScores",          "sign",   R"({"total":"99999"})",                                          "form.sheet"},
  Sheet{"OneMissing",        "sign",   R"({"scores":{"team":"60"}})",                                   "form.sheet"},
  Sheet{"AboveWeight",       "sign",   R"({"scores":{"team":"60.01","plan":"30"}})",                    "form.sheet"},
  Sheet{"Negative",          "sign",   R"({"scores":{"team":"-1","plan":"30"}})",                       "form.sheet"},
  Sheet{"ThreePlaces",       "sign",   R"({"scores":{"team":"59.999","plan":"30"}})",                   "form.sheet"},
  Sheet{"NumberNotText",     "sign",   R"({"scores":{"team":60,"plan":30}})",                           "form.sheet"},
  Sheet{"UnknownCriterion",  "sign",   R"({"scores":{"team":"60","plan":"30","x":"1"}})",               "form.sheet"},
  Sheet{"UnknownOutcome",    "praise", R"({"scores":{"team":"60","plan":"30"}})",                       "task.outcome"}),
  [](const auto& row) { return std::string(row.param.name); });

TEST_F(Panel, ASavedTotalDoesNotCount) {
  appoint();
  const std::string sheet = world_.task("sheet", "r1").id;
  json::object draft = World::scores();
  draft["total"] = "99999";
  ASSERT_TRUE(world_.act("task.save", "r1", sheet, {{"data", draft}}));
  ASSERT_TRUE(world_.act("task.complete", "r1", sheet));
  EXPECT_EQ(string_or(world_.row(sheet).data, "total"), "90.00");
}

struct Conflict {
  const char* name;
  const char* reviewer;
  const char* code;  ///< of the detail
};
void PrintTo(const Conflict& row, std::ostream* out) { *out << row.name; }
class PanelConflict : public Panel, public testing::WithParamInterface<Conflict> {
 protected:
  PanelConflict() {
    world_.put_user("clerk", {{"provincial-officer", "430000"}, {"reviewer", "430000"}});
    world_.put_user("bureau", {{"recommending-officer", "430100"}, {"reviewer", "430000"}});
    world_.put_user("lead", {{"provincial-officer", "430000"}, {"reviewer", "430000"}});
    world_.put_user("inside", {{"reviewer", "430000"}, {"applicant", "c1"}});
    world_.put_user("closed", {{"reviewer", "430000"}}, true);
  }
};

TEST_P(PanelConflict, IsRefusedAtAppointment) {
  world_.recommend();
  const Result<Reply> reply = appoint_as("lead", {"r1", "r2", GetParam().reviewer});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, "panel.reviewers");
  ASSERT_EQ(reply.error().details.size(), 1U);
  EXPECT_EQ(reply.error().details[0].code, GetParam().code);
  EXPECT_EQ(reply.error().details[0].place, "/data/reviewers/2");
}

INSTANTIATE_TEST_SUITE_P(Kinds, PanelConflict, testing::Values(
  Conflict{"NoReviewer",      "applicant", "panel.not_reviewer"},
  Conflict{"Unknown",         "nobody",    "panel.not_reviewer"},
  Conflict{"ClosedAccount",   "closed",    "panel.not_reviewer"},
  Conflict{"OwnUnit",         "inside",    "panel.conflict.own_unit"},
  Conflict{"Recommended",     "bureau",    "panel.conflict.same_application"},
  Conflict{"CheckedTheForm",  "clerk",     "panel.conflict.same_application"},
  Conflict{"AppointsHimself", "lead",      "panel.conflict.same_application"},
  Conflict{"Twice",           "r1",        "panel.duplicate"}),
  [](const auto& row) { return std::string(row.param.name); });

TEST_F(Panel, EveryEarlierSignerCounts) {
  world_.put_user("bureau", {{"recommending-officer", "430100"}, {"reviewer", "430000"}});
  world_.put_user("bureau2", {{"recommending-officer", "430100"}});
  world_.submit();
  world_.sign("bureau", "task", "return");
  world_.sign("applicant", "task", "submit", {{"name", "湘绣"}});
  world_.sign("bureau2", "task", "recommend");
  world_.sign("clerk", "task", "pass");
  const Result<Reply> reply = appoint_as("clerk", {"r1", "r2", "bureau"});
  ASSERT_FALSE(reply) << "bureau signed the recommendation once, though not last";
  EXPECT_EQ(reply.error().details.at(0).code, "panel.conflict.same_application");
}

TEST_F(Panel, TooFewReviewersAreRefused) {
  world_.recommend();
  const Result<Reply> reply = appoint_as("clerk", {"r1", "r2"});
  EXPECT_EQ(reply.error().details.at(0).code, "panel.too_few");
}

TEST_F(Panel, AReviewerIsCheckedAgainAtScoring) {
  appoint();
  world_.put_user("r1", {{"applicant", "c1"}});
  world_.put_user("r2", {{"reviewer", "430000"}, {"applicant", "c1"}});
  for (const char* reviewer : {"r1", "r2"}) {
    const Result<Reply> reply = world_.complete(reviewer, world_.task("sheet", reviewer).id, "sign", World::scores());
    ASSERT_FALSE(reply) << reviewer;
    EXPECT_EQ(reply.error().code, "panel.conflict");
    EXPECT_EQ(reply.error().kind, ErrorKind::forbidden);
    EXPECT_EQ(reply.error().details.size(), 1U);
    world_.sign(reviewer, "sheet", "recuse");
  }
  EXPECT_EQ(world_.task("panel-setup").status, "open");
}

TEST_F(Panel, ARecusalIsReplaced) {
  appoint();
  world_.sign("r1", "sheet", "sign", World::scores());
  world_.sign("r2", "sheet", "recuse", {{"comment", "近三年共同承担课题"}});
  world_.sign("r3", "sheet", "sign", World::scores());
  EXPECT_EQ(world_.state(), "panel_review") << "two sheets are too few";
  EXPECT_EQ(appoint_as("clerk", {"r2"}).error().details.at(0).code, "panel.duplicate") << "who recused does not come back";
  EXPECT_EQ(appoint_as("clerk", json::array{}).error().details.at(0).code, "panel.too_few");
  world_.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r4"}}});
  world_.sign("r4", "sheet", "sign", World::scores("30", "0"));
  EXPECT_EQ(world_.state(), "deliberation");
  EXPECT_EQ(string_or(world_.facts(), "score"), "70.00");
  EXPECT_EQ(world_.replay_problem(), "");
}

/// The programme's rubric is this from now on.
void put_rubric(World& world, const char* rubric) {
  json::object manifest = plain_manifest();
  manifest["rubric"] = json::parse(rubric);
  world.definitions.put("workshop", selection(), std::move(manifest), {{"nomination", json::object{}}, {"annual", json::object{}}});
}

// Goal: five scores and a trimmed mean, one expert withdraws: four are not enough where the rubric says so.
TEST_F(Panel, ATrimmedMeanWaitsForTheReviewersItNeeds) {
  put_rubric(world_, R"({"combine":"trimmed-mean","trim":{"min":5,"too_few":"add-reviewer"},"criteria":[{"id":"team","weight":"60"},{"id":"plan","weight":"40"}]})");
  world_.recommend();
  EXPECT_EQ(appoint_as("clerk", {"r1", "r2", "r3", "r4"}).error().details.at(0).code, "panel.too_few") << "though the panel needs three only";
  world_.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r1", "r2", "r3", "r4", "r5"}}});
  world_.sign("r1", "sheet", "recuse", {{"comment", "回避"}});
  for (const auto& [reviewer, plan] : {std::pair{"r2", "0"}, std::pair{"r3", "20"}, std::pair{"r4", "21"}, std::pair{"r5", "40"}})
    world_.sign(reviewer, "sheet", "sign", World::scores("60", plan));
  EXPECT_EQ(world_.state(), "panel_review");
  world_.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r6"}}});
  world_.sign("r6", "sheet", "sign", World::scores("60", "20.5"));
  EXPECT_EQ(string_or(world_.facts(), "score"), "80.50") << "(80 + 80.5 + 81) / 3";
  EXPECT_EQ(world_.replay_problem(), "");
}

TEST_F(Panel, ScoresByLevelsAndVetoes) {
  put_rubric(world_, R"({"criteria":[{"id":"team","weight":"60","levels":[{"id":"A","points":"60"},{"id":"B","points":"45"}]},{"id":"plan","weight":"40"}],
    "veto":{"effect":"zero","items":[{"id":"ethics"}]}})");
  appoint();
  const auto sheet = [](const char* level, bool veto, const char* reason) {
    return json::object{{"scores", json::object{{"team", level}, {"plan", "40"}}}, {"vetoes", json::object{{"ethics", json::object{{"veto", veto}, {"reason", reason}}}}}};
  };
  const std::string task = world_.task("sheet", "r1").id;
  EXPECT_EQ(world_.complete("r1", task, "sign", sheet("C", true, "")).error().details.size(), 2U);
  world_.sign("r1", "sheet", "sign", sheet("A", true, "师德失范"));
  EXPECT_EQ(string_or(world_.row(task).data, "total"), "0.00");
  world_.sign("r2", "sheet", "sign", sheet("A", false, ""));
  world_.sign("r3", "sheet", "sign", sheet("B", false, ""));
  EXPECT_EQ(string_or(world_.facts(), "score"), "61.67") << "(0 + 100 + 85) / 3";
}

TEST_F(Panel, WhoAppointedOnceIsNoReplacement) {
  world_.put_user("lead", {{"provincial-officer", "430000"}, {"reviewer", "430000"}});
  world_.recommend();
  world_.sign("lead", "panel-setup", "appoint", {{"reviewers", json::array{"r1", "r2", "r3"}}});
  world_.sign("r1", "sheet", "recuse");
  EXPECT_EQ(appoint_as("clerk", {"lead"}).error().details.at(0).code, "panel.conflict.same_application");
}

TEST_F(Panel, WhoReviewsAppointsNobody) {
  world_.put_user("r2", {{"reviewer", "430000"}, {"provincial-officer", "430000"}});
  appoint();
  world_.sign("r1", "sheet", "recuse");
  EXPECT_EQ(appoint_as("r2", {"r4"}).error().code, "task.separation");
}

TEST_F(Panel, ARecusalAboveTheMinimumNeedsNoReplacement) {
  appoint({"r1", "r2", "r3", "r4"});
  world_.sign("r4", "sheet", "recuse");
  EXPECT_EQ(world_.task("panel-setup").id, "");
  for (const char* reviewer : {"r1", "r2", "r3"}) world_.sign(reviewer, "sheet", "sign", World::scores());
  EXPECT_EQ(world_.state(), "deliberation");
}

TEST_F(Panel, ItsSignersDoNotDecide) {
  world_.put_user("r1", {{"reviewer", "430000"}, {"provincial-officer", "430000"}});
  appoint();
  for (const char* reviewer : {"r1", "r2", "r3"}) world_.sign(reviewer, "sheet", "sign", World::scores());
  const std::string deliberation = world_.task().id;
  for (const char* signer : {"r1", "clerk"}) {
    const Result<Reply> reply = world_.complete(signer, deliberation, "select");
    ASSERT_FALSE(reply) << signer;
    EXPECT_EQ(reply.error().code, "task.separation");
  }
  EXPECT_TRUE(world_.complete("lead", deliberation, "select"));
}

TEST_F(Panel, ANamedPanelNeedsNoAppointmentAndSaysWhenItIsLate) {
  world_.definitions.put("named", workflow(R"x(<state id="s"><invoke type="panel" id="panel">
      <param name="reviewers" expr="{'r1'}"/><param name="reviewers_min" expr="1"/><param name="org" expr="'430000'"/>
      <param name="due" expr="working_days(3)"/></invoke>
    <transition event="done.invoke.panel" target="done"/><transition event="task.overdue.panel" target="broken"/></state>)x"),
                         plain_manifest(), {});
  world_.create("named");
  const TaskRow sheet = world_.task("sheet");
  ASSERT_TRUE(sheet.due);
  EXPECT_EQ(format_instant(*sheet.due), "2026-03-06T00:00:00+08:00");
  ASSERT_TRUE(world_.advance("2026-03-05T23:59:59+08:00"));
  EXPECT_EQ(world_.state(), "s");
  ASSERT_TRUE(world_.advance("2026-03-06T00:00:00+08:00"));
  EXPECT_EQ(world_.state(), "broken");
  EXPECT_EQ(world_.row(sheet.id).status, "cancelled");
  world_.create("named");
  world_.sign("r1", "sheet", "sign", World::scores());
  EXPECT_EQ(world_.state(), "done");
  EXPECT_FALSE(world_.storage.queries->next_timer()->has_value()) << "signed in time: nothing is overdue any more";
}

}  // namespace
}  // namespace chuyi::test
