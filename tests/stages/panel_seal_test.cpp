// Goal: sheets stay sealed until two people open them, a signed sheet never changes, sheets too far apart get another look, and a
// panel that has closed is scored again only by two and only before anything was decided on it.
// Method: whole applications in memory; each ends with a replay byte for byte.
#include <gtest/gtest.h>

#include "engine/base/digest.h"
#include "engine/review/people.h"
#include "engine/runtime/journal_view.h"
#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

class PanelSeal : public testing::Test {
 protected:
  PanelSeal() {
    world_.put_user("warden", {{"discipline", "430000"}});
    world_.put_user("both", {{"discipline", "430000"}, {"provincial-officer", "430000"}});
  }
  ~PanelSeal() override { EXPECT_EQ(world_.replay_problem(), ""); }

  void programme(const char* opening, const char* rubric = nullptr, json::object conflicts = {}) {
    json::object manifest = plain_manifest();
    manifest["panel"].as_object()["opening"] = opening;
    if (rubric != nullptr) manifest["rubric"] = json::parse(rubric);
    if (!conflicts.empty()) manifest["conflicts"] = std::move(conflicts);
    world_.definitions.put("workshop", selection(), std::move(manifest), {{"nomination", json::object{}}, {"annual", json::object{}}});
  }
  void appoint(json::array reviewers = {"r1", "r2", "r3"}) {
    world_.recommend();
    world_.sign("clerk", "panel-setup", "appoint", {{"reviewers", std::move(reviewers)}});
  }
  void score(std::initializer_list<std::pair<const char*, const char*>> plans) {
    for (const auto& [reviewer, plan] : plans) world_.sign(reviewer, "sheet", "sign", World::scores("60", plan));
  }
  TaskRow task_for(const std::string& kind, const std::string& role) const {
    for (const TaskRow& each : world_.tasks())
      if (each.kind == kind && each.role == role && each.status == "open") return each;
    return {};
  }
  Result<Reply> two(const char* kind, const char* role, const char* who, const char* outcome, json::object data = {}) {
    return world_.complete(who, task_for(kind, role).id, outcome, std::move(data));
  }
  std::string code(const Result<Reply>& reply) const { return reply ? "" : reply.error().code; }
  bool sealed() const { return bool_or(world_.storage.queries->record("panel", world_.session().id + "/panel")->value().data, "sealed", false); }
  Result<Reply> correct(const char* who, const std::string& sheet, const char* reason = "计分有误") {
    return world_.act("task.correct", who, sheet, {{"reason", reason}});
  }
  void open_by_two() {
    EXPECT_EQ(code(two("panel-opening", "provincial-officer", "third", "open")), "");
    EXPECT_EQ(code(two("panel-opening", "discipline", "warden", "open")), "");
  }
  void reopen() {
    ASSERT_EQ(code(world_.event("clerk", "province.reopen_panel")), "");
    ASSERT_EQ(code(two("panel-reopening", "provincial-officer", "third", "reopen", {{"reason", "举报属实"}})), "");
    ASSERT_EQ(code(two("panel-reopening", "discipline", "warden", "reopen", {{"reason", "同意"}})), "");
  }
  World world_;
};

TEST_F(PanelSeal, IsOpenedByTwoDifferentPeople) {
  programme("two");
  appoint();
  score({{"r1", "30"}, {"r2", "20"}, {"r3", "10"}});
  EXPECT_EQ(world_.state(), "panel_review") << "all have signed, and nobody has opened";
  EXPECT_TRUE(sealed());
  EXPECT_EQ(string_or(world_.facts(), "score"), "");
  EXPECT_EQ(code(two("panel-opening", "discipline", "clerk", "open")), "task.not_yours");
  EXPECT_EQ(code(two("panel-opening", "discipline", "both", "open")), "");
  EXPECT_EQ(code(two("panel-opening", "provincial-officer", "both", "open")), "task.separation") << "one person is not two";
  EXPECT_TRUE(sealed());
  EXPECT_EQ(code(two("panel-opening", "provincial-officer", "clerk", "open")), "");
  EXPECT_EQ(world_.state(), "deliberation");
  EXPECT_FALSE(sealed());
  EXPECT_EQ(string_or(world_.facts(), "score"), "80.00");
}

TEST_F(PanelSeal, AReviewerOpensNothing) {
  programme("two");
  world_.put_user("r1", {{"reviewer", "430000"}, {"discipline", "430000"}});
  appoint();
  score({{"r1", "30"}, {"r2", "20"}, {"r3", "10"}});
  EXPECT_EQ(code(two("panel-opening", "discipline", "r1", "open")), "task.separation");
}

TEST_F(PanelSeal, StaysSealedWhenTheApplicationEndsBefore) {
  programme("two");
  appoint();
  score({{"r1", "30"}, {"r2", "20"}, {"r3", "10"}});
  ASSERT_TRUE(world_.event("applicant", "applicant.ask_withdrawal"));
  ASSERT_TRUE(world_.event("bureau", "recommender.grant_withdrawal"));
  EXPECT_TRUE(sealed());
}

TEST_F(PanelSeal, AnUnknownOpeningIsRefused) {
  programme("three");
  world_.submit();
  world_.sign("bureau", "task", "recommend");
  EXPECT_EQ(code(world_.complete("clerk", world_.task().id, "pass")), "stage.failed");
}

TEST_F(PanelSeal, ACorrectionIsANewSheet) {
  programme("two");
  appoint();
  const std::string first = world_.task("sheet", "r1").id;
  score({{"r1", "0"}, {"r2", "20"}, {"r3", "10"}});
  EXPECT_EQ(code(two("panel-opening", "discipline", "warden", "open")), "");
  EXPECT_EQ(code(correct("r2", first)), "task.not_yours");
  EXPECT_EQ(code(correct("r1", first, " ")), "form.required");
  ASSERT_EQ(code(correct("r1", first)), "");
  EXPECT_EQ(code(correct("r1", first)), "panel.correction") << "one at a time";
  const TaskRow second = world_.task("sheet", "r1");
  EXPECT_EQ(string_or(second.data, "corrects"), first);
  EXPECT_EQ(string_or(second.data, "reason"), "计分有误");
  EXPECT_EQ(task_for("panel-opening", "provincial-officer").id, "") << "there is nothing to open while a sheet is";
  ASSERT_TRUE(world_.act("task.save", "r1", second.id, {{"data", {{"scores", {{"team", "60"}, {"plan", "30"}}}, {"corrects", "other"}}}}));
  EXPECT_EQ(string_or(world_.row(second.id).data, "corrects"), first) << "a client does not say what it corrects";
  score({{"r1", "30"}});
  EXPECT_EQ(string_or(object_or_empty(world_.row(first).data, "scores"), "plan"), "0") << "what was signed stays as it was";
  EXPECT_EQ(code(correct("r1", first)), "panel.correction") << "it counts no more";
  open_by_two();
  EXPECT_EQ(string_or(world_.facts(), "score"), "80.00") << "(90 + 80 + 70) / 3; the two had to open again";
  EXPECT_EQ(code(correct("r1", second.id)), "stage.not_running");
}

TEST_F(PanelSeal, ACorrectionMayBeDropped) {
  programme("none");
  appoint();
  const std::string first = world_.task("sheet", "r1").id;
  score({{"r1", "30"}, {"r2", "20"}});
  ASSERT_EQ(code(correct("r1", first)), "");
  ASSERT_EQ(code(world_.complete("r1", world_.task("sheet", "r1").id, "keep", World::scores("0", "0"))), "");
  score({{"r3", "10"}});
  EXPECT_EQ(string_or(world_.facts(), "score"), "80.00") << "the first sheet stands";
}

TEST_F(PanelSeal, WhoRecusesFromACorrectionTakesAllOfHisSheetsAlong) {
  programme("none");
  appoint();
  const std::string first = world_.task("sheet", "r1").id;
  score({{"r1", "0"}, {"r2", "20"}});
  ASSERT_EQ(code(correct("r1", first)), "");
  world_.sign("r1", "sheet", "recuse");
  score({{"r3", "10"}});
  world_.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r4"}}});
  score({{"r4", "30"}});
  EXPECT_EQ(string_or(world_.facts(), "score"), "80.00");
}

TEST_F(PanelSeal, ASavedSheetNeverCounts) {
  programme("two");
  appoint({"r1", "r2", "r3", "r4"});
  const std::string saved = world_.task("sheet", "r4").id;
  ASSERT_TRUE(world_.act("task.save", "r4", saved, {{"data", World::scores("60", "40")}}));
  score({{"r1", "30"}, {"r2", "20"}, {"r3", "10"}});
  EXPECT_EQ(task_for("panel-opening", "discipline").id, "") << "it is waited for";
  world_.sign("r4", "sheet", "recuse", World::scores("60", "40"));
  open_by_two();
  EXPECT_EQ(string_or(world_.facts(), "score"), "80.00");
}

constexpr const char* kThird = R"({"divergence":{"range":"15","then":"third-reviewer"},"criteria":[{"id":"team","weight":"60"},{"id":"plan","weight":"40"}]})";
constexpr const char* kDiscussed = R"({"divergence":{"deviation":"5","then":"discussion"},"criteria":[{"id":"team","weight":"60"},{"id":"plan","weight":"40"}]})";

TEST_F(PanelSeal, SheetsTooFarApartCallForAnotherReviewer) {
  programme("none", kThird);
  appoint();
  score({{"r1", "30"}, {"r2", "20"}, {"r3", "14.99"}});
  EXPECT_EQ(world_.state(), "panel_review") << "90 - 74.99 > 15";
  EXPECT_EQ(code(world_.complete("clerk", world_.task("panel-setup").id, "appoint", {{"reviewers", json::array{}}})), "panel.reviewers");
  world_.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r4"}}});
  score({{"r4", "31.01"}});
  EXPECT_EQ(string_or(world_.facts(), "score"), "84.00") << "once: (90 + 80 + 74.99 + 91.01) / 4";
}

TEST_F(PanelSeal, SheetsAtTheLimitDoNotDiverge) {
  programme("none", kThird);
  appoint();
  score({{"r1", "30"}, {"r2", "20"}, {"r3", "15"}});
  EXPECT_EQ(world_.state(), "deliberation");
}

TEST_F(PanelSeal, SealedSheetsTellOfTheirDivergenceOnlyOnceOpened) {
  programme("two", kThird);
  appoint();
  score({{"r1", "30"}, {"r2", "20"}, {"r3", "0"}});
  EXPECT_EQ(world_.task("panel-setup").id, "");
  open_by_two();
  EXPECT_TRUE(sealed()) << "the third must not be led by them";
  world_.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r4"}}});
  score({{"r4", "30"}});
  EXPECT_TRUE(sealed());
  open_by_two();
  EXPECT_EQ(string_or(world_.facts(), "score"), "80.00");
}

TEST_F(PanelSeal, SheetsTooFarApartAreDiscussed) {
  programme("none", kDiscussed);
  appoint();
  const std::string third = world_.task("sheet", "r3").id;
  score({{"r1", "30"}, {"r2", "20"}, {"r3", "0"}});
  const std::string discussion = world_.task("panel-discussion").id;
  ASSERT_NE(discussion, "");
  EXPECT_EQ(code(world_.complete("clerk", discussion, "discussed")), "form.required");
  ASSERT_EQ(code(correct("r3", third)), "");
  score({{"r3", "10"}});
  EXPECT_EQ(world_.state(), "panel_review");
  EXPECT_EQ(code(world_.complete("clerk", discussion, "discussed", {{"record", "合议意见"}})), "");
  EXPECT_EQ(string_or(world_.facts(), "score"), "80.00");
}

// Trap: five scores and a trimmed mean, one expert withdraws, four are left. What then is the rubric's to say.
struct FourLeft {
  const char* name;
  const char* too_few;
  const char* score;  ///< of the four; "(waits)": the panel is not closed
  bool may_close;
};
void PrintTo(const FourLeft& row, std::ostream* out) { *out << row.name; }
class PanelFourLeft : public PanelSeal, public testing::WithParamInterface<FourLeft> {};

TEST_P(PanelFourLeft, TheRubricSaysWhat) {
  const std::string rubric = std::string{R"({"combine":"trimmed-mean","trim":{"min":5,"too_few":")"} + GetParam().too_few +
                             R"("},"criteria":[{"id":"team","weight":"60"},{"id":"plan","weight":"40"}]})";
  programme("none", rubric.c_str());
  appoint({"r1", "r2", "r3", "r4", "r5"});
  world_.sign("r5", "sheet", "recuse");
  score({{"r1", "0"}, {"r2", "10"}, {"r3", "20"}, {"r4", "40"}});
  if (std::string{GetParam().score} != "(waits)") {
    EXPECT_EQ(string_or(world_.facts(), "score"), GetParam().score);
    return;
  }
  EXPECT_EQ(world_.state(), "panel_review");
  const std::string setup = world_.task("panel-setup").id;
  EXPECT_EQ(code(world_.complete("clerk", setup, "close")), GetParam().may_close ? "" : "task.outcome");
  if (GetParam().may_close) {
    EXPECT_EQ(world_.state(), "deliberation");
    EXPECT_EQ(string_or(world_.facts(), "score", "none"), "") << "no result is better than a wrong one";
  } else {
    world_.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r6"}}});
    score({{"r6", "30"}});
    EXPECT_EQ(string_or(world_.facts(), "score"), "80.00");
  }
}
INSTANTIATE_TEST_SUITE_P(Rules, PanelFourLeft, testing::Values(
  //       name        too_few         score      may_close
  FourLeft{"Mean",     "mean",         "77.50",   false},
  FourLeft{"Refuse",   "refuse",       "(waits)", true},
  FourLeft{"Another",  "add-reviewer", "(waits)", false}),
  [](const auto& row) { return std::string(row.param.name); });

TEST_F(PanelSeal, IsReopenedByTwoWithAReason) {
  programme("two");
  appoint();
  const std::string first = world_.task("sheet", "r1").id;
  score({{"r1", "0"}, {"r2", "20"}, {"r3", "10"}});
  open_by_two();
  EXPECT_EQ(string_or(world_.facts(), "score"), "70.00");
  ASSERT_EQ(code(world_.event("clerk", "province.reopen_panel")), "");
  EXPECT_EQ(code(two("panel-reopening", "discipline", "both", "reopen")), "form.required");
  EXPECT_EQ(code(two("panel-reopening", "discipline", "both", "reopen", {{"reason", "计分有误"}})), "");
  EXPECT_EQ(code(two("panel-reopening", "provincial-officer", "both", "reopen", {{"reason", "计分有误"}})), "task.separation");
  EXPECT_FALSE(sealed());
  EXPECT_EQ(code(two("panel-reopening", "provincial-officer", "third", "reopen", {{"reason", "同意"}})), "");
  EXPECT_EQ(world_.state(), "panel_review");
  EXPECT_TRUE(sealed());
  EXPECT_EQ(string_or(world_.facts(), "score"), "");
  ASSERT_EQ(code(correct("r1", first)), "");
  score({{"r1", "30"}});
  EXPECT_EQ(world_.state(), "panel_review") << "the officer has to say that nobody is missing";
  EXPECT_EQ(code(world_.complete("clerk", world_.task("panel-setup").id, "appoint", {{"reviewers", json::array{}}})), "form.required");
  world_.sign("clerk", "panel-setup", "close");
  open_by_two();
  EXPECT_EQ(string_or(world_.facts(), "score"), "80.00");
  reopen();
  EXPECT_EQ(world_.state(), "panel_review") << "as often as two people want it";
}

TEST_F(PanelSeal, OneWhoRefusesKeepsItClosed) {
  programme("none");
  appoint();
  score({{"r1", "30"}, {"r2", "20"}, {"r3", "10"}});
  ASSERT_EQ(code(world_.event("clerk", "province.reopen_panel")), "");
  EXPECT_EQ(code(two("panel-reopening", "provincial-officer", "third", "refuse", {{"reason", "没有依据"}})), "");
  EXPECT_EQ(world_.state(), "deliberation");
  EXPECT_EQ(string_or(world_.facts(), "score"), "80.00");
  EXPECT_FALSE(sealed());
}

TEST_F(PanelSeal, WhatWasDecidedOnIsNotReopened) {
  programme("none");
  appoint();
  score({{"r1", "30"}, {"r2", "20"}, {"r3", "10"}});
  world_.sign("lead", "task", "select");
  EXPECT_NE(code(world_.event("clerk", "province.reopen_panel")), "");
}

/// A pool whose r4 has `data`, and the rules of the province.
class PanelPool : public PanelSeal {
 protected:
  static json::object rules() {
    return json::parse(R"({"fields":{"leader":["leader.id_number"],"members":["members.id_number"],"partners":["enterprises.uscc"]},"rules":[
      {"rule":"own-unit","zh":"就职于{org}","en":"works for {org}"},{"rule":"own-application","zh":"经办{user}","en":"handled it as {user}"},
      {"rule":"same-person","zh":"负责人或成员","en":"leads it or is a member"},
      {"rule":"partner-enterprise","zh":"合作企业{enterprise}","en":"partner {enterprise}"},
      {"rule":"co-project","years":3,"zh":"合作{project}（{year}）","en":"worked on {project} in {year}"}]})").as_object();
  }
  void put_expert(const std::string& id, json::object data) {
    const auto decide = [&](View& view) -> Result<Change> {
      Change change;
      const std::optional<RecordRow> now = view.record("expert", id);
      change.records.push_back({.kind = "expert", .id = id, .about = id, .data = data, .updated = world_.clock.now(), .revision = now ? now->revision + 1 : 1});
      change.audit = json::object{{"kind", "expert.put"}, {"data", data}};
      return change;
    };
    ASSERT_TRUE(update_and_wait(*world_.storage.store, {.decide = decide}));
  }
  /// Up to the panel, for an application with people and a partner.
  void apply() {
    programme("none", nullptr, rules());
    world_.create();
    world_.sign("applicant", "task", "submit", json::parse(R"({"leader":{"id_number":"430102197001011234"},
      "members":[{"id_number":"430102198001011234"},{"name":"无证件"}],"enterprises":[{"uscc":"91350100M000100Y43"}]})").as_object());
    world_.sign("bureau", "task", "recommend");
    world_.sign("clerk", "task", "pass");
  }
};

struct Pool {
  const char* name;
  const char* data;
  const char* code;
  const char* en;
};
void PrintTo(const Pool& row, std::ostream* out) { *out << row.name; }
class PanelPoolRules : public PanelPool, public testing::WithParamInterface<Pool> {};

TEST_P(PanelPoolRules, KeepAwayAtAppointmentAndAtScoring) {
  json::object data = json::parse(GetParam().data).as_object();
  for (const char* person : {"person"})
    if (data.contains(person)) data[person] = person_digest("", string_or(data, person));
  if (data.contains("co_projects")) data["co_projects"].as_array()[0].as_object()["with"] = person_digest("", "430102197001011234");
  apply();
  put_expert("r1", data);
  const Result<Reply> refused = world_.complete("clerk", world_.task("panel-setup").id, "appoint", {{"reviewers", json::array{"r1", "r2", "r3"}}});
  const std::string expected = GetParam().code;
  if (expected.empty()) {
    EXPECT_EQ(code(refused), "");
    return;
  }
  ASSERT_EQ(code(refused), "panel.reviewers");
  ASSERT_EQ(refused.error().details.size(), 1U);
  EXPECT_EQ(refused.error().details[0].code, expected);
  EXPECT_EQ(refused.error().details[0].message, GetParam().en);
  // The same comes up after the appointment: he is told to stand back, the officer is told why.
  put_expert("r1", json::object{});
  world_.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r1", "r2", "r3"}}});
  put_expert("r1", data);
  const Result<Reply> scored = world_.complete("r1", world_.task("sheet", "r1").id, "sign", World::scores());
  ASSERT_EQ(code(scored), "panel.conflict");
  ASSERT_EQ(scored.error().details.size(), 1U);
  EXPECT_EQ(scored.error().details[0].message.find(GetParam().en), std::string::npos);
  world_.sign("r1", "sheet", "recuse");
  const json::array told = array_or_empty(world_.task("panel-setup").data, "recusals");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(string_or(told[0].as_object(), "en"), GetParam().en);
}
INSTANTIATE_TEST_SUITE_P(Rules, PanelPoolRules, testing::Values(
  //   name            data                                                              code                                en
  Pool{"Nothing",      R"({"employer":"c2","person":"430102196001011234","phone":"1"})", "",                                 ""},
  Pool{"Employer",     R"({"employer":"c1"})",                                           "panel.conflict.own_unit",           "works for c1"},
  Pool{"Leader",       R"({"person":"430102197001011234"})",                             "panel.conflict.same_person",        "leads it or is a member"},
  Pool{"Member",       R"({"person":"430102198001011234"})",                             "panel.conflict.same_person",        "leads it or is a member"},
  Pool{"Partner",      R"({"enterprises":["91350100M000100Y43"]})",                      "panel.conflict.partner_enterprise", "partner 91350100M000100Y43"},
  Pool{"ThreeYears",   R"({"co_projects":[{"with":"","project":"P","year":2023}]})",     "panel.conflict.co_project",         "worked on P in 2023"},
  Pool{"LongerAgo",    R"({"co_projects":[{"with":"","project":"P","year":2022}]})",     "",                                 ""}),
  [](const auto& row) { return std::string(row.param.name); });

TEST_F(PanelPool, AnExpertWhoseDataCannotBeReadIsRefused) {
  apply();
  put_expert("r1", {{"co_projects", json::array{1}}});
  const Result<Reply> refused = world_.complete("clerk", world_.task("panel-setup").id, "appoint", {{"reviewers", json::array{"r1", "r2", "r3"}}});
  EXPECT_EQ(refused.error().details.at(0).code, "panel.conflict.unknown");
}

}  // namespace
}  // namespace chuyi::test
