// Goal: a deputy acts within the period and the rights that were handed over, is kept to the rules of both people, and
// both are on record. Method: whole applications in memory.
#include <gtest/gtest.h>

#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

class Delegation : public testing::Test {
 protected:
  Delegation() {
    world_.put_user("bureau2", {{"recommending-officer", "430100"}, {"applicant", "c1"}});
    world_.put_user("boss", {{"administrator", "430000"}});
    world_.submit();
  }
  Result<Reply> delegate(const std::string& from, const std::string& to, const char* since = "2026-03-02", const char* until = "2026-03-06", const std::string& by = {}) {
    return world_.execute({.kind = "delegation.put",
                           .actor = world_.actor(by.empty() ? from : by),
                           .data = {{"from", from}, {"to", to}, {"since", since}, {"until", until}, {"reason", "出差"}}});
  }
  static std::string id_of(const Result<Reply>& reply) { return string_or(reply->body.as_object(), "id"); }
  Result<Reply> sign_for(const std::string& deputy, const std::string& principal, const char* outcome = "recommend") {
    return world_.act("task.complete", deputy, world_.task().id, {{"outcome", outcome}, {"on_behalf_of", principal}});
  }
  World world_;
};

TEST_F(Delegation, NamesBothPeople) {
  world_.put_user("deputy", {{"applicant", "430100"}});
  ASSERT_TRUE(delegate("bureau", "deputy"));
  const std::string id = world_.task().id;
  EXPECT_EQ(world_.act("task.complete", "deputy", id, {{"outcome", "recommend"}}).error().code, "task.not_yours") << "without saying for whom";
  ASSERT_TRUE(sign_for("deputy", "bureau"));
  const TaskRow row = world_.row(id);
  EXPECT_EQ(row.done_by, "deputy");
  EXPECT_EQ(row.done_for, "bureau");
  const std::string record = world_.storage.queries->audit(world_.session().id, 0, 50)->back().record;
  EXPECT_NE(record.find(R"("on_behalf_of":"bureau")"), std::string::npos) << record;
  EXPECT_NE(record.find(R"("id":"deputy")"), std::string::npos);
  EXPECT_EQ(world_.replay_problem(), "");
}

TEST_F(Delegation, HoldsFromItsFirstToItsLastSecond) {
  world_.put_user("deputy", {{"applicant", "430100"}});
  ASSERT_TRUE(delegate("bureau", "deputy", "2026-03-03", "2026-03-04"));
  EXPECT_EQ(sign_for("deputy", "bureau").error().code, "delegation.none") << "not yet";
  ASSERT_TRUE(world_.advance("2026-03-03T00:00:00+08:00"));
  EXPECT_TRUE(world_.act("task.claim", "deputy", world_.task().id, {{"on_behalf_of", "bureau"}}));
  EXPECT_EQ(world_.task().claimed_by, "bureau") << "for whom it was claimed";
  ASSERT_TRUE(world_.advance("2026-03-04T23:59:59+08:00"));
  EXPECT_TRUE(world_.act("task.release", "deputy", world_.task().id, {{"on_behalf_of", "bureau"}}));
  ASSERT_TRUE(world_.advance("2026-03-05T00:00:00+08:00"));
  EXPECT_EQ(sign_for("deputy", "bureau").error().code, "delegation.none") << "no more";
  EXPECT_EQ(world_.replay_problem(), "");
}

TEST_F(Delegation, EndsAtOnce) {
  world_.put_user("deputy", {{"applicant", "430100"}});
  const Result<Reply> made = delegate("bureau", "deputy");
  ASSERT_TRUE(made);
  const auto end = [&](const char* who) { return world_.execute({.kind = "delegation.end", .actor = world_.actor(who), .data = {{"id", id_of(made)}}}); };
  EXPECT_EQ(end("deputy").error().code, "delegation.unknown") << "not the deputy's to end";
  ASSERT_TRUE(end("bureau"));
  EXPECT_EQ(end("bureau").error().code, "delegation.ended");
  EXPECT_EQ(sign_for("deputy", "bureau").error().code, "delegation.none");
}

TEST_F(Delegation, SeparatesThePrincipalAndTheDeputy) {
  // applicant2 filed nothing; "applicant" did. Both sides of a pair are looked at.
  world_.put_user("applicant", {{"applicant", "c1"}, {"recommending-officer", "430100"}});
  ASSERT_TRUE(delegate("bureau", "applicant"));
  EXPECT_EQ(sign_for("applicant", "bureau").error().code, "task.separation") << "the deputy filed it";
  world_.put_user("deputy", {{"applicant", "430100"}, {"applicant", "c1"}});
  ASSERT_TRUE(delegate("applicant", "deputy"));
  EXPECT_EQ(sign_for("deputy", "applicant").error().code, "task.separation") << "the principal filed it";
  world_.put_user("clean", {{"applicant", "430100"}});
  ASSERT_TRUE(delegate("bureau", "clean"));
  EXPECT_TRUE(sign_for("clean", "bureau"));
  world_.put_user("clean", {{"applicant", "430100"}, {"provincial-officer", "430000"}});
  world_.put_user("bureau", {{"recommending-officer", "430100"}, {"provincial-officer", "430000"}});
  for (const char* who : {"clean", "bureau"})
    EXPECT_EQ(world_.complete(who, world_.task().id, "pass").error().code, "task.separation") << who << " recommended it";
}

TEST_F(Delegation, IsNeverACircleAndNeverPassedOn) {
  world_.put_user("a", {{"recommending-officer", "430100"}});
  world_.put_user("b", {{"applicant", "430100"}});
  world_.put_user("c", {{"applicant", "430100"}});
  ASSERT_TRUE(delegate("a", "b"));
  ASSERT_TRUE(delegate("b", "c"));
  EXPECT_EQ(delegate("c", "a").error().code, "delegation.circle");
  EXPECT_EQ(delegate("b", "a").error().code, "delegation.circle");
  EXPECT_TRUE(delegate("c", "a", "2026-03-07", "2026-03-09")) << "another period";
  EXPECT_EQ(sign_for("c", "b").error().code, "task.not_yours") << "b has what b holds, not what a handed over";
  EXPECT_EQ(sign_for("c", "a").error().code, "delegation.none");
  EXPECT_TRUE(sign_for("b", "a"));
}

TEST_F(Delegation, RefusesWhoeverMayNot) {
  world_.put_user("deputy", {{"applicant", "430100"}});
  EXPECT_EQ(delegate("bureau", "deputy", "2026-03-02", "2026-03-06", "deputy").error().code, "delegation.forbidden");
  EXPECT_TRUE(delegate("bureau", "deputy", "2026-03-02", "2026-03-06", "boss")) << "an administrator may";
  EXPECT_EQ(delegate("bureau", "bureau").error().code, "delegation.deputy");
  EXPECT_EQ(delegate("bureau", "nobody").error().code, "delegation.deputy");
  EXPECT_EQ(delegate("bureau", "clerk").error().code, "delegation.deputy") << "of another organisation";
  EXPECT_EQ(delegate("r1", "clerk").error().code, "delegation.nothing") << "an expert's work";
  EXPECT_EQ(delegate("bureau", "deputy", "2026-03-01", "2026-03-01").error().code, "delegation.period");
  EXPECT_EQ(delegate("bureau", "deputy", "2026-03-02", "2027-04-02").error().code, "delegation.period");
  EXPECT_EQ(delegate("bureau", "deputy", "soon", "2027-04-02").error().kind, ErrorKind::invalid);
}

TEST_F(Delegation, NeverCoversASheet) {
  ASSERT_TRUE(world_.complete("bureau", world_.task().id, "recommend"));
  ASSERT_TRUE(world_.complete("clerk", world_.task().id, "pass"));
  world_.put_user("r1", {{"reviewer", "430000"}, {"provincial-officer", "430000"}});
  world_.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r1", "r2", "r3"}}});
  ASSERT_TRUE(delegate("r1", "third"));
  const Result<Reply> reply = world_.act("task.complete", "third", world_.task("sheet", "r1").id, {{"outcome", "sign"}, {"data", World::scores()}, {"on_behalf_of", "r1"}});
  EXPECT_EQ(reply.error().code, "delegation.sheet");
}

TEST_F(Delegation, ADeputysFormIsCheckedAndSealedToo) {
  world_.create();
  ASSERT_TRUE(delegate("applicant", "applicant2"));
  const std::string id = world_.task().id;
  const auto sign = [&](json::object data, const char* who) {
    return world_.act("task.complete", who, id, {{"outcome", "submit"}, {"data", std::move(data)}, {"on_behalf_of", "applicant"}});
  };
  EXPECT_EQ(sign({{"bad", 1}}, "bureau").error().code, "delegation.none") << "who is no deputy learns nothing of the form";
  EXPECT_EQ(sign({{"bad", 1}}, "applicant2").error().code, "form.invalid");
  const int sealed = world_.documents.sealed;
  EXPECT_TRUE(sign({{"name", "x"}}, "applicant2"));
  EXPECT_EQ(world_.documents.sealed, sealed + 1);
}

// ── assigning and handing over ───────────────────────────────────────────────────────────────────────

class Moves : public Delegation {};

TEST_F(Moves, AnOfficeGivesATaskToOneOfItsOwn) {
  world_.put_user("bureau3", {{"recommending-officer", "430100"}});
  const std::string id = world_.task().id;
  const auto assign = [&](const char* who, const char* to) { return world_.act("task.assign", who, id, {{"to", to}}); };
  EXPECT_EQ(assign("clerk", "bureau3").error().code, "task.not_yours");
  EXPECT_EQ(assign("bureau", "clerk").error().code, "task.assignee");
  EXPECT_EQ(assign("bureau", "").error().code, "task.assignee");
  ASSERT_TRUE(assign("bureau", "bureau3"));
  EXPECT_EQ(world_.row(id).claimed_by, "bureau3");
  EXPECT_EQ(assign("bureau", "bureau2").error().code, "task.claimed") << "the holder's to give";
  ASSERT_TRUE(assign("bureau3", "bureau"));
  EXPECT_EQ(world_.complete("bureau3", id, "recommend").error().code, "task.claimed");
  EXPECT_TRUE(world_.complete("bureau", id, "recommend"));
  EXPECT_EQ(world_.replay_problem(), "");
}

TEST_F(Moves, NobodyIsAssignedWhatTheyMayNotSign) {
  world_.put_user("applicant", {{"applicant", "c1"}, {"recommending-officer", "430100"}});
  EXPECT_EQ(world_.act("task.assign", "bureau", world_.task().id, {{"to", "applicant"}}).error().code, "task.separation");
}

TEST_F(Moves, WhatALeavingPersonHoldsGoesOver) {
  const std::string id = world_.task().id;
  ASSERT_TRUE(world_.act("task.claim", "bureau", id));
  const auto hand_over = [&](const char* who, const char* to) { return world_.act("task.handover", who, id, {{"from", "bureau"}, {"to", to}}); };
  EXPECT_EQ(hand_over("bureau", "bureau2").error().code, "handover.forbidden");
  world_.put_user("applicant", {{"applicant", "c1"}, {"recommending-officer", "430100"}});
  EXPECT_EQ(hand_over("boss", "applicant").error().code, "task.separation") << "stays where it is";
  EXPECT_EQ(hand_over("boss", "clerk").error().code, "task.assignee");
  ASSERT_TRUE(hand_over("boss", "bureau2"));
  EXPECT_EQ(world_.row(id).claimed_by, "bureau2");
  EXPECT_EQ(hand_over("boss", "bureau2").error().code, "handover.not_held");
  EXPECT_EQ(world_.replay_problem(), "");
}

TEST_F(Moves, DelegationsGoOverToo) {
  world_.put_user("a", {{"recommending-officer", "430100"}});
  const Result<Reply> made = delegate("a", "bureau");
  ASSERT_TRUE(made);
  const auto move = [&](const char* who, const char* to) {
    return world_.execute({.kind = "delegation.move", .actor = world_.actor(who), .data = {{"id", id_of(made)}, {"from", "bureau"}, {"to", to}}});
  };
  EXPECT_EQ(move("bureau", "bureau2").error().code, "delegation.forbidden");
  EXPECT_EQ(move("boss", "a").error().code, "delegation.deputy") << "would stand in for themselves";
  ASSERT_TRUE(move("boss", "bureau2"));
  EXPECT_EQ(sign_for("bureau", "a").error().code, "delegation.none");
  EXPECT_TRUE(sign_for("bureau2", "a"));
}

// ── signers before and after ─────────────────────────────────────────────────────────────────────────

class Signers : public Delegation {
 protected:
  Signers() {
    for (const char* user : {"x", "y"}) world_.put_user(user, {{"applicant", "430100"}});
    main_ = world_.task().id;
  }
  Result<Reply> add(const char* user, const char* when, const char* who = "bureau") { return world_.act("task.add-signer", who, main_, {{"user", user}, {"when", when}, {"reason", "请把关"}}); }
  std::string main_;
};

TEST_F(Signers, TheSignOffWaitsForThoseBefore) {
  EXPECT_EQ(add("x", "later").error().code, "signer.when");
  EXPECT_EQ(add("clerk", "before").error().code, "signer.user");
  EXPECT_EQ(add("bureau", "before").error().code, "signer.user") << "oneself";
  EXPECT_EQ(add("x", "before", "clerk").error().code, "task.not_yours");
  ASSERT_TRUE(add("x", "before"));
  EXPECT_EQ(add("x", "before").error().code, "signer.twice");
  EXPECT_EQ(world_.complete("bureau", main_, "recommend").error().code, "task.waiting");
  ASSERT_TRUE(world_.complete("x", world_.task("cosign", "x").id, "disagree", {{"opinion", "不妥"}}));
  ASSERT_TRUE(world_.complete("bureau", main_, "recommend"));
  EXPECT_EQ(world_.state(), "formal_check");
  world_.put_user("x", {{"provincial-officer", "430000"}});
  EXPECT_EQ(world_.complete("x", world_.task().id, "pass").error().code, "task.separation") << "has signed the recommendation";
  EXPECT_EQ(world_.replay_problem(), "");
}

TEST_F(Signers, TheOutcomeWaitsForThoseAfter) {
  ASSERT_TRUE(add("x", "after"));
  ASSERT_TRUE(add("y", "after"));
  EXPECT_EQ(world_.task("cosign").id, "") << "not before the sign-off";
  ASSERT_TRUE(world_.complete("bureau", main_, "recommend"));
  EXPECT_EQ(world_.state(), "recommendation");
  ASSERT_TRUE(world_.complete("x", world_.task("cosign", "x").id, "agree"));
  EXPECT_EQ(world_.state(), "recommendation");
  ASSERT_TRUE(world_.complete("y", world_.task("cosign", "y").id, "agree"));
  EXPECT_EQ(world_.state(), "formal_check");
  EXPECT_EQ(world_.replay_problem(), "");
}

TEST_F(Signers, OneAfterWhoDoesNotAgreeHasItComeBack) {
  ASSERT_TRUE(add("x", "after"));
  ASSERT_TRUE(world_.complete("bureau", main_, "recommend"));
  ASSERT_TRUE(world_.complete("x", world_.task("cosign", "x").id, "disagree"));
  EXPECT_EQ(world_.state(), "recommendation");
  ASSERT_NE(world_.task().id, "");
  ASSERT_TRUE(world_.complete("bureau", world_.task().id, "recommend"));
  ASSERT_TRUE(world_.complete("x", world_.task("cosign", "x").id, "agree")) << "is asked again";
  EXPECT_EQ(world_.state(), "formal_check");
  EXPECT_EQ(world_.replay_problem(), "");
}

TEST_F(Signers, ADeputyHasOnlyWhatWasHandedOver) {
  world_.put_user("x", {{"applicant", "430100"}, {"applicant", "c1"}});
  world_.put_user("z", {{"applicant", "430100"}, {"applicant", "c1"}});
  ASSERT_TRUE(add("x", "before"));
  const std::string id = world_.task("cosign", "x").id;
  const auto delegated = [&](const char* org) {
    return world_.execute({.kind = "delegation.put", .actor = world_.actor("x"),
                           .data = {{"to", "z"}, {"org", org}, {"since", "2026-03-02"}, {"until", "2026-03-06"}, {"reason", "出差"}}});
  };
  const auto sign = [&] { return world_.act("task.complete", "z", id, {{"outcome", "agree"}, {"on_behalf_of", "x"}}); };
  ASSERT_TRUE(delegated("c1"));
  EXPECT_EQ(sign().error().code, "task.not_yours") << "of another organisation than was handed over";
  ASSERT_TRUE(delegated("430100"));
  EXPECT_TRUE(sign());
}

TEST_F(Signers, AreHeldToTheSameRules) {
  world_.put_user("applicant", {{"applicant", "c1"}, {"applicant", "430100"}});
  EXPECT_EQ(add("applicant", "before").error().code, "task.separation") << "has filed it";
  world_.put_user("bureau3", {{"recommending-officer", "430100"}});
  ASSERT_TRUE(add("bureau3", "before"));
  ASSERT_TRUE(world_.complete("bureau3", world_.task("cosign").id, "agree"));
  EXPECT_EQ(world_.complete("bureau3", main_, "recommend").error().code, "task.separation") << "one person signs once";
}

// ── returning to an earlier step ─────────────────────────────────────────────────────────────────────

TEST_F(Moves, AReturnNamesTheStepAndTheReason) {
  ASSERT_TRUE(world_.complete("bureau", world_.task().id, "recommend"));
  const std::string id = world_.task().id;
  const auto send_back = [&](const char* to, const char* reason) { return world_.act("task.return", "clerk", id, {{"to", to}, {"reason", reason}}); };
  const Result<Reply> unknown = send_back("awarded", "x");
  EXPECT_EQ(unknown.error().code, "task.return_to");
  EXPECT_EQ(unknown.error().allowed, (std::vector<std::string>{"drafting", "recommendation"}));
  EXPECT_EQ(send_back("drafting", "").error().code, "task.reason");
  EXPECT_EQ(world_.complete("clerk", id, "return_to").error().code, "task.outcome") << "only with a step and a reason";
  ASSERT_TRUE(send_back("recommendation", "请重新排序"));
  EXPECT_EQ(world_.state(), "recommendation");
  EXPECT_EQ(world_.row(id).outcome, "return_to");
  EXPECT_EQ(string_or(world_.row(id).data, "opinion"), "请重新排序");
  EXPECT_EQ(world_.replay_problem(), "");
}

TEST_F(Moves, AReturnSaysHowManyDaysItGives) {
  ASSERT_TRUE(world_.complete("bureau", world_.task().id, "recommend"));
  const std::string id = world_.task().id;
  const auto send_back = [&](const json::value& days) {
    return world_.act("task.return", "clerk", id, {{"to", "drafting"}, {"reason", "x"}, {"days", days}});
  };
  for (const json::value& wrong : {json::value(0), json::value(31), json::value(2.5), json::value("3")}) {
    const Result<Reply> refused = send_back(wrong);
    ASSERT_EQ(refused.error().code, "task.days") << canonical_json(wrong);
    EXPECT_EQ(refused.error().place, "/days");
  }
  ASSERT_TRUE(send_back(12));
  EXPECT_EQ(world_.state(), "drafting");
  EXPECT_NE(world_.session().document.find(R"("correction_days":12)"), std::string::npos) << world_.session().document;
  EXPECT_EQ(world_.replay_problem(), "");
}

TEST(Escalation, TellsThoseAboveWhenNobodyHasSigned) {
  World world;
  world.definitions.put("p", workflow(R"x(<state id="s"><invoke type="task" id="only"><param name="role" expr="'applicant'"/><param name="org" expr="'c1'"/>
    <param name="due" expr="working_days(2)"/><param name="escalate" expr="{role = 'provincial-officer', org = '430000', after = working_days(1)}"/></invoke>
    <transition event="done.invoke.only" target="done"/></state>)x"), plain_manifest(), {});
  world.create("p");
  const std::string id = world.task().id;
  ASSERT_TRUE(world.advance("2026-03-04T23:59:59.999+08:00"));
  EXPECT_FALSE(world.storage.queries->record("escalation", id)->has_value());
  ASSERT_TRUE(world.advance("2026-03-06T00:00:00+08:00"));
  const std::optional<RecordRow> record = *world.storage.queries->record("escalation", id);
  ASSERT_TRUE(record);
  EXPECT_EQ(string_or(record->data, "org"), "430000");
  EXPECT_EQ(world.notifier.told.size(), 1U);
  EXPECT_EQ(world.row(id).status, "open") << "stays with whom it is";
  EXPECT_EQ(world.replay_problem(), "");
}

}  // namespace
}  // namespace chuyi::test
