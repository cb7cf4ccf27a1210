// Goal: running applications move to a new version and back, whole, once, or stay and are named.
// Method: real applications of the shipped workflow in a world in memory; new versions are edits of its text.
#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "engine/migrate/migrations.h"
#include "engine/stages/profiles.h"
#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

const json::object kForms{{"nomination", json::parse(R"({"type":"object"})")}, {"annual", json::parse(R"({"type":"object"})")}};

std::string edited(std::string text, const std::vector<std::pair<std::string, std::string>>& edits) {
  for (const auto& [old, fresh] : edits) {
    EXPECT_NE(text.find(old), std::string::npos) << old;
    for (std::size_t at = 0; (at = text.find(old, at)) != std::string::npos; at += fresh.size()) text.replace(at, old.size(), fresh);
  }
  return text;
}

/// formal_check is called eligibility, and a legal opinion comes before the review.
std::string second_version() {
  return edited(selection(), {{"\"formal_check\"", "\"eligibility\""},
                              {"cond=\"_event.data.outcome == 'pass'\" target=\"review\"", "cond=\"_event.data.outcome == 'pass'\" target=\"legal\""},
                              {"<data id=\"score\" expr=\"''\"/>", "<data id=\"score\" expr=\"''\"/><data id=\"opinion\" expr=\"'none, ' .. round.id\"/>"},
                              {"      <state id=\"correction\"", R"(      <state id="legal" chuyi:title="合法性审查" chuyi:title-en="Legal opinion">
        <invoke type="task" id="counsel">
          <param name="role" expr="'provincial-officer'"/>
          <param name="org" expr="application.orgs.province"/>
          <param name="outcomes" expr="{'pass'}"/>
          <param name="not_by" expr="{'apply', 'recommend', 'correct'}"/>
        </invoke>
        <transition event="done.invoke.counsel" target="review"/>
      </state>
      <state id="correction")"}});
}

const char* const kPublicityFirst = R"(<policies xmlns="urn:chuyi:policies:1"><policy id="publicity-first" zh="先公示" en="publicity first"><always-before>
<what><start type="award"/></what><before><answer type="publicity"/></before></always-before></policy></policies>)";

struct Office {
  explicit Office(World& in, const char* policies = nullptr) : world(in) {
    from = world.definitions.current("workshop");
    if (policies == nullptr) return;
    rules = *check::parse_policies(policies, "p.xml");
  }
  Migrations migrations() {
    return Migrations({.commands = world.dispatcher.get(), .queries = *world.storage.queries, .definitions = world.definitions, .registry = world.registry,
                       .world = builtin_world(), .policies = rules});
  }
  MigrationRequest to(const std::string& workflow, scxml::StateMap map = {}) {
    return {.from = from, .to = world.definitions.add("workshop", "2.0.0", workflow, plain_manifest(), kForms), .map = std::move(map)};
  }
  World& world;
  DefinitionPtr from;
  std::vector<check::Policy> rules;
  Actor admin{.user_id = "admin", .name = "admin", .memberships = {{"administrator", "430000"}}};
};

const PlannedMove& of(const MigrationPlan& plan, const std::string& application) {
  for (const PlannedMove& each : plan.applications)
    if (each.application == application) return each;
  ADD_FAILURE() << application << " is not in the plan";
  return plan.applications.front();
}

std::string last_of(const std::vector<std::string>& configuration) { return configuration.empty() ? "" : configuration.back(); }

TEST(Migrations, MoveARenamedStateAndAnAddedStageAndGoOn) {
  World world;
  Office office(world);
  world.submit();
  world.sign("bureau", "task", "recommend");
  const std::string moving = world.session().id;
  world.create();
  const std::string drafting = world.session().id;
  const MigrationRequest request = office.to(second_version(), {{"formal_check", "eligibility"}});

  const auto without = office.migrations().plan({.from = request.from, .to = request.to});
  ASSERT_TRUE(without) << without.error().message;
  EXPECT_EQ(of(*without, moving).fate, Fate::needs_mapping);
  EXPECT_EQ(of(*without, drafting).fate, Fate::as_is);

  const auto plan = office.migrations().plan(request);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(of(*plan, moving).fate, Fate::mapped) << (of(*plan, moving).reasons.empty() ? "" : of(*plan, moving).reasons[0].message);
  EXPECT_EQ(last_of(of(*plan, moving).before), "formal_check");
  EXPECT_EQ(last_of(of(*plan, moving).after), "eligibility");
  EXPECT_TRUE(std::any_of(plan->states.begin(), plan->states.end(), [](const PlannedState& each) { return each.id.empty() && each.to == "legal"; }));

  const auto applied = office.migrations().apply(request, office.admin);
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_EQ(applied->migration, "m-1");
  EXPECT_EQ(of(*applied, moving).fate, Fate::moved);
  EXPECT_EQ(of(*applied, drafting).fate, Fate::moved);

  world.select(moving);
  EXPECT_EQ(world.session().definition, request.to->digest);
  EXPECT_EQ(world.state(), "eligibility");
  EXPECT_EQ(world.replay_problem(), "");
  world.sign("clerk", "task", "pass");
  EXPECT_EQ(world.state(), "legal");
  world.sign("clerk", "task", "pass");
  world.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r1", "r2", "r3"}}});
  for (const char* reviewer : {"r1", "r2", "r3"}) world.sign(reviewer, "sheet", "sign", World::scores());
  world.sign("lead", "task", "select");
  EXPECT_TRUE(world.advance("2026-03-10T09:00:00+08:00"));
  EXPECT_EQ(world.state(), "year_running");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Migrations, LeaveAloneAndNameWhatCannotMove) {
  World world;
  Office office(world);
  world.review();
  const std::string published = world.session().id;
  const std::string before = world.rows();
  world.submit();
  const std::string other = world.session().id;
  const MigrationRequest request = office.to(edited(selection(), {{"id=\"notice\"", "id=\"announcement\""}, {"done.invoke.notice", "done.invoke.announcement"}}));
  const auto applied = office.migrations().apply(request, office.admin);
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_EQ(of(*applied, published).fate, Fate::cannot);
  EXPECT_EQ(of(*applied, published).reasons.at(0).code, "migrate.invoke_missing");
  EXPECT_EQ(of(*applied, other).fate, Fate::moved);
  world.select(published);
  EXPECT_EQ(world.rows(), before);
}

TEST(Migrations, ARunningTimerMustBeHeard) {
  World world;
  Office office(world);
  world.award();
  const auto plan = office.migrations().plan(office.to(edited(selection(), {{"\"year.over\"", "\"year.gone\""}})));
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->applications.at(0).fate, Fate::cannot);
  EXPECT_EQ(plan->applications.at(0).reasons.at(0).code, "migrate.timer");
}

TEST(Migrations, AnInvokedChartRunsOn) {
  const auto with_child = [](const char* name) {
    return workflow(std::string{"<state id=\""} + name + "\"><invoke type=\"scxml\" id=\"sub\"><content>" +
                    R"(<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="lua"><state id="x"><onentry><send event="t" delay="5s"/></onentry>
<transition event="t" target="z"/></state><final id="z"/></scxml></content></invoke><transition event="done.invoke.sub" target="done"/></state>)");
  };
  World world;
  world.definitions.put("workshop", with_child("a"), plain_manifest(), {});
  world.create();
  Office office(world);
  const auto applied = office.migrations().apply(office.to(with_child("b"), {{"a", "b"}}), office.admin);
  ASSERT_TRUE(applied) << applied.error().message;
  ASSERT_EQ(applied->applications.at(0).fate, Fate::moved) << applied->applications.at(0).reasons.at(0).message;
  EXPECT_EQ(world.state(), "b");
  EXPECT_TRUE(world.advance("2026-03-02T09:01:00+08:00"));
  EXPECT_EQ(world.state(), "done");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Migrations, AFormOfAnOpenTaskMustBeThere) {
  World world;
  Office office(world);
  world.create();
  MigrationRequest request = office.to(selection());
  request.to = world.definitions.add("workshop", "3.0.0", selection() + " ", plain_manifest(), {{"annual", json::parse("{}")}});
  const auto plan = office.migrations().plan(request);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->applications.at(0).reasons.at(0).code, "migrate.form");
}

TEST(Migrations, UndoGivesTheSameBytesWhileNobodyActed) {
  World world;
  Office office(world);
  world.submit();
  const SessionRow before = world.session();
  const MigrationRequest request = office.to(second_version());
  ASSERT_TRUE(office.migrations().apply(request, office.admin));
  ASSERT_NE(world.session().document, before.document);
  const auto undone = office.migrations().undo("m-1", office.admin);
  ASSERT_TRUE(undone) << undone.error().message;
  EXPECT_EQ(undone->restored, std::vector<std::string>{before.id});
  EXPECT_EQ(world.session().document, before.document);
  EXPECT_EQ(world.session().definition, before.definition);
  EXPECT_EQ(world.session().state, before.state);
  EXPECT_EQ(world.replay_problem(), "");
  const auto listed = office.migrations().list();
  ASSERT_TRUE(listed);
  EXPECT_TRUE(listed->at(0).undone);
  EXPECT_EQ(listed->at(0).moved, 0U);
  world.sign("bureau", "task", "recommend");
  EXPECT_EQ(world.replay_problem(), "");
  // The next one is another migration.
  const auto again = office.migrations().apply({.from = request.from, .to = request.to, .map = {{"formal_check", "eligibility"}}}, office.admin);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->migration, "m-2");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Migrations, AreUndoneOneAfterTheOther) {
  World world;
  Office office(world);
  world.submit();
  const SessionRow before = world.session();
  const MigrationRequest first = office.to(second_version());
  ASSERT_TRUE(office.migrations().apply(first, office.admin));
  const SessionRow between = world.session();
  const MigrationRequest second{.from = first.to, .to = world.definitions.add("workshop", "3.0.0", second_version() + " ", plain_manifest(), kForms)};
  ASSERT_TRUE(office.migrations().apply(second, office.admin));
  ASSERT_EQ(world.session().definition, second.to->digest);

  const auto early = office.migrations().undo("m-1", office.admin);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, "migrate.acted");
  const auto undone = office.migrations().undo("m-2", office.admin);
  ASSERT_TRUE(undone) << undone.error().message;
  EXPECT_EQ(world.session().document, between.document);
  const auto both = office.migrations().undo("m-1", office.admin);
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_EQ(both->restored, std::vector<std::string>{before.id});
  EXPECT_EQ(world.session().document, before.document);
  EXPECT_EQ(world.session().definition, before.definition);
  EXPECT_EQ(world.replay_problem(), "");
  const auto listed = office.migrations().list();
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->at(0).moved + listed->at(1).moved, 0U);

  // What was done between two migrations stands between their undoings too.
  ASSERT_TRUE(office.migrations().apply(first, office.admin));
  world.sign("bureau", "task", "recommend");
  ASSERT_TRUE(office.migrations().apply(second, office.admin));
  ASSERT_TRUE(office.migrations().undo("m-4", office.admin));
  EXPECT_FALSE(office.migrations().undo("m-3", office.admin));
  EXPECT_EQ(world.session().definition, first.to->digest);
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Migrations, UndoRefusesAsAWholeOnceSomebodyActed) {
  World world;
  Office office(world);
  world.submit();
  const std::string untouched = world.session().id;
  world.submit();
  ASSERT_TRUE(office.migrations().apply(office.to(second_version()), office.admin));
  world.sign("bureau", "task", "recommend");
  const auto undone = office.migrations().undo("m-1", office.admin);
  ASSERT_FALSE(undone);
  EXPECT_EQ(undone.error().code, "migrate.acted");
  ASSERT_EQ(undone.error().details.size(), 1U);
  EXPECT_EQ(undone.error().details[0].place, world.session().id);
  world.select(untouched);
  EXPECT_NE(world.session().definition, office.from->digest) << "nothing was put back";
}

TEST(Migrations, RefuseWhatWouldBreakAPolicy) {
  // Both keep the rule by themselves; who stands in `decide` of the first has had no publicity and would get none in the second.
  const std::string officer = "<param name=\"role\" expr=\"'provincial-officer'\"/><param name=\"org\" expr=\"application.orgs.province\"/>";
  const auto decide = [&](const char* next) {
    return "<state id=\"decide\"><invoke type=\"task\" id=\"d\">" + officer + "</invoke><transition event=\"done.invoke.d\" target=\"" + next + "\"/></state>";
  };
  const auto notice = [&](const char* next) {
    return std::string{"<state id=\"notice\"><invoke type=\"publicity\" id=\"n\"><param name=\"org\" expr=\"application.orgs.province\"/></invoke>"} +
           "<transition event=\"done.invoke.n\" target=\"" + next + "\"/></state>";
  };
  const std::string grant = "<state id=\"grant\"><invoke type=\"award\" id=\"g\"/><transition event=\"done.invoke.g\" target=\"done\"/></state>";
  World world;
  world.definitions.put("workshop", workflow(decide("notice") + notice("grant") + grant), plain_manifest(), {});
  world.create();
  const std::string early = world.session().id;
  Office office(world, kPublicityFirst);
  const MigrationRequest request = office.to(workflow(notice("decide") + decide("grant") + grant));
  const auto plan = office.migrations().plan(request);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(plan->problems.empty()) << "the new version itself keeps it";
  EXPECT_EQ(of(*plan, early).fate, Fate::breaks_policy);
  EXPECT_NE(of(*plan, early).reasons.at(0).message.find("publicity-first"), std::string::npos);
  const auto applied = office.migrations().apply(request, office.admin);
  ASSERT_TRUE(applied);
  EXPECT_EQ(applied->migration, "");
  EXPECT_EQ(world.session().definition, office.from->digest);

  // One that has been through publicity may: its past counts.
  world.definitions.put("workshop", workflow(notice("decide") + decide("grant") + grant), plain_manifest(), {});
  world.create();
  EXPECT_TRUE(world.advance("2026-03-10T09:00:00+08:00"));
  ASSERT_EQ(world.state(), "decide");
  const auto forth = office.migrations().plan({.from = world.definitions.current("workshop"),
                                               .to = office.to(workflow("<state id=\"early\"/>" + notice("decide") + decide("grant") + grant)).to});
  ASSERT_TRUE(forth) << forth.error().message;
  EXPECT_EQ(of(*forth, world.session().id).fate, Fate::as_is) << of(*forth, world.session().id).reasons.at(0).message;
}

/// What runs was started by the former parameters, so the new version's may not stand in for them.
TEST(Migrations, JudgeWhatRunsByItsOwnParameters) {
  const auto notice = [](const char* id, const char* period, const char* next) {
    return std::string{"<state id=\""} + id + "\"><invoke type=\"publicity\" id=\"" + id + "\"><param name=\"org\" expr=\"application.orgs.province\"/>" + period +
           "</invoke><transition event=\"done.invoke." + id + "\" target=\"" + next + "\"/></state>";
  };
  const auto days = [](int n) { return "<param name=\"period\" expr=\"working_days(" + std::to_string(n) + ")\"/>"; };
  const std::string grant = "<state id=\"grant\"><invoke type=\"award\" id=\"g\"/><transition event=\"done.invoke.g\" target=\"done\"/></state>";
  const char* const rule = R"(<policies xmlns="urn:chuyi:policies:1"><policy id="five-days" zh="五日" en="five days"><always-before>
<what><start type="award"/></what><before><answer type="publicity"><param name="period" working-days-min="5"/></answer></before></always-before></policy></policies>)";
  struct Row {
    std::string before, after;  ///< parameters of the notice that runs
    Fate fate;
    const char* code;
  };
  for (const Row& row : {Row{days(1), days(5), Fate::cannot, "migrate.running_parameter"}, Row{days(5), days(7), Fate::as_is, ""},
                         Row{days(1), "", Fate::cannot, "migrate.running_parameter"}, Row{days(5), days(1), Fate::cannot, "migrate.running_parameter"},
                         Row{days(5), "<param name=\"period\" expr=\"application.period\"/>", Fate::cannot, "migrate.running_parameter"}}) {
    World world;
    world.definitions.put("workshop", workflow(notice("n1", row.before.c_str(), "n2") + notice("n2", days(5).c_str(), "grant") + grant), plain_manifest(), {});
    world.create();
    Office office(world, rule);
    const char* const next = row.fate == Fate::as_is ? "grant" : "n2";
    const auto plan = office.migrations().plan(office.to(workflow(notice("n1", row.after.c_str(), next) + notice("n2", days(5).c_str(), "grant") + grant)));
    ASSERT_TRUE(plan) << plan.error().message;
    const PlannedMove& move = plan->applications.at(0);
    EXPECT_EQ(move.fate, row.fate) << row.after << (move.reasons.empty() ? "" : move.reasons[0].message);
    EXPECT_EQ(move.reasons.empty() ? "" : move.reasons[0].code, row.code) << row.after;
  }
}

TEST(Migrations, AnOpenTaskMayEndAsItWasGiven) {
  const auto task = [](const char* outcomes, const char* more) {
    return workflow("<state id=\"a\"><invoke type=\"task\" id=\"t\"><param name=\"role\" expr=\"'provincial-officer'\"/><param name=\"org\" expr=\"application.orgs.province\"/>" +
                    std::string{outcomes} + "</invoke><transition event=\"done.invoke.t\" target=\"done\"/></state>" + more);
  };
  const auto fate = [&](const char* before, const char* after) {
    World world;
    world.definitions.put("workshop", task(before, ""), plain_manifest(), {});
    world.create();
    Office office(world);
    const auto plan = office.migrations().plan(office.to(task(after, "<state id=\"more\"/>")));
    EXPECT_TRUE(plan);
    const PlannedMove& move = plan->applications.at(0);
    return move.reasons.empty() ? std::string{} : move.reasons[0].code;
  };
  const char* const yes = "<param name=\"outcomes\" expr=\"{'yes'}\"/>";
  const char* const both = "<param name=\"outcomes\" expr=\"{'yes', 'no'}\"/>";
  EXPECT_EQ(fate(yes, both), "");
  EXPECT_EQ(fate(both, yes), "migrate.running_outcomes");
  EXPECT_EQ(fate(yes, ""), "migrate.running_outcomes");
  EXPECT_EQ(fate("", ""), "");
}

TEST(Migrations, WhatHasEndedInsideAnInvokedChartHidesNothing) {
  const auto chart = [](const std::string& body) {
    return "<content><scxml xmlns=\"http://www.w3.org/2005/07/scxml\" version=\"1.0\" datamodel=\"lua\">" + body + "</scxml></content>";
  };
  const std::string waits = "<invoke type=\"scxml\" id=\"x\">" +
                            chart("<state id=\"w\"><onentry><send event=\"t\" delay=\"5s\"/></onentry><transition event=\"t\" target=\"z\"/></state><final id=\"z\"/>") + "</invoke>";
  const std::string nested = "<invoke type=\"scxml\" id=\"sub\">" +
                             chart("<state id=\"s\"><invoke type=\"scxml\" id=\"x\">" + chart("<final id=\"z\"/>") + "</invoke></state>") + "</invoke>";
  const auto decide = [&](const char* next) {
    return "<state id=\"decide\">" + waits + nested + "<transition event=\"done.invoke.x\" target=\"" + next + "\"/></state>";
  };
  const auto notice = [&](const char* next) {
    return std::string{"<state id=\"notice\"><invoke type=\"publicity\" id=\"n\"><param name=\"org\" expr=\"application.orgs.province\"/></invoke>"} +
           "<transition event=\"done.invoke.n\" target=\"" + next + "\"/></state>";
  };
  const std::string grant = "<state id=\"grant\"><invoke type=\"award\" id=\"g\"/><transition event=\"done.invoke.g\" target=\"done\"/></state>";
  World world;
  world.definitions.put("workshop", workflow(decide("notice") + notice("grant") + grant), plain_manifest(), {});
  world.create();
  Office office(world, kPublicityFirst);
  const auto plan = office.migrations().plan(office.to(workflow(notice("decide") + decide("grant") + grant)));
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(plan->problems.empty()) << plan->problems.front().message;
  EXPECT_EQ(plan->applications.at(0).fate, Fate::breaks_policy) << "'x' of the workflow itself still runs";
}

TEST(Migrations, LetEveryStageMoveThatKeepsTheShippedPolicies) {
  std::stringstream policies;
  policies << std::ifstream(std::string{CHUYI_SOURCE_DIR} + "/workflows/policies/awards.xml").rdbuf();
  World world;
  std::map<std::string, std::string> places;  // application → state
  const auto stands = [&] { places[world.session().id] = world.state(); };
  world.award();
  const std::string first = world.session().id;
  world.review();
  EXPECT_TRUE(world.object(world.notice().id));
  world.sign("clerk", "objection", "uphold", {{"opinion", "属实"}});
  ASSERT_TRUE(world.advance("2026-03-20T09:00:00+08:00"));
  stands();
  world.review();
  ASSERT_TRUE(world.advance("2026-03-30T09:00:00+08:00"));
  const std::string second = world.session().id;
  ASSERT_TRUE(world.advance("2027-04-01T09:00:00+08:00"));
  world.select(second);
  stands();
  world.select(first);
  world.sign("applicant", "annual-report", "report", {{"name", "年报"}});
  world.sign("clerk", "annual-verdict", "qualified", {{"opinion", "合格"}});
  stands();
  world.create();
  stands();
  world.submit();
  stands();
  world.submit();
  world.sign("bureau", "task", "recommend");
  world.sign("clerk", "task", "correct", {{"points", json::array{"请补充佐证材料"}}});
  stands();
  world.recommend();
  stands();
  world.review();
  stands();
  std::set<std::string> seen;
  for (const auto& [id, state] : places) seen.insert(state);
  EXPECT_EQ(seen, (std::set<std::string>{"annual_check", "correction", "drafting", "notice_open", "panel_review", "re_examination", "recommendation", "year_running"}));
  Office office(world, policies.str().c_str());
  const auto plan = office.migrations().plan(office.to(second_version(), {{"formal_check", "eligibility"}}));
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(plan->problems.empty()) << plan->problems.front().message;
  EXPECT_EQ(plan->applications.size(), places.size());
  for (const PlannedMove& each : plan->applications)
    EXPECT_EQ(each.fate, Fate::as_is) << places[each.application] << ": " << (each.reasons.empty() ? "" : each.reasons[0].message);
}

TEST(Migrations, RefuseANewVersionThatBreaksAPolicyItself) {
  World world;
  Office office(world, kPublicityFirst);
  world.submit();
  const auto applied = office.migrations().apply(
      office.to(edited(selection(), {{"cond=\"_event.data.outcome == 'select'\" target=\"publicity\"", "cond=\"_event.data.outcome == 'select'\" target=\"awarded\""}})),
      office.admin);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, "migrate.policy");
}

TEST(Migrations, ARenamedTaskOfTheNominationKeepsItsSignerAway) {
  std::stringstream policies;
  policies << std::ifstream(std::string{CHUYI_SOURCE_DIR} + "/workflows/policies/awards.xml").rdbuf();
  World world;
  world.submit();
  const std::string before = world.session().id;
  world.submit();
  world.sign("bureau", "task", "recommend");
  Office office(world, policies.str().c_str());
  // As a version of its own it is fine; but who signed 'recommend' is not among those that its review keeps away.
  const auto plan = office.migrations().plan(
      office.to(edited(selection(), {{"id=\"recommend\"", "id=\"endorse\""}, {"done.invoke.recommend", "done.invoke.endorse"}, {"'recommend', 'correct'", "'endorse', 'correct'"}})));
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(plan->problems.empty());
  EXPECT_EQ(of(*plan, before).fate, Fate::cannot) << "'recommend' runs";
  EXPECT_EQ(of(*plan, world.session().id).fate, Fate::breaks_policy);
  EXPECT_NE(of(*plan, world.session().id).reasons.at(0).message.find("'recommend' is not in not_by"), std::string::npos);
}

TEST(Migrations, ASignOffThatWasCheckedOnTheFormerVersionIsRefused) {
  World world;
  Office office(world);
  world.create();
  const MigrationRequest request = office.to(second_version());
  world.plugins.answer = [&](std::string_view, const json::object&) -> Result<json::object> {
    EXPECT_TRUE(office.migrations().apply(request, office.admin));
    return json::object{};
  };
  const Result<Reply> reply = world.complete("applicant", world.task().id, "submit", {{"name", "湘绣"}});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, "precondition.failed");
  world.plugins.answer = [](std::string_view, const json::object&) -> Result<json::object> { return json::object{}; };
  world.sign("applicant", "task", "submit", {{"name", "湘绣"}});
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Migrations, ThePackageSaysWhatBecomesOfTheData) {
  World world;
  Office office(world);
  world.create();
  json::object asking = plain_manifest();
  asking["hooks"] = json::array{"migrate"};
  asking["asks"].as_object()["migrate"] = true;
  const DefinitionPtr to = world.definitions.add("workshop", "3.0.0", selection(), asking, {{"nomination", json::object{}}, {"annual", json::object{}}});
  json::object asked;
  world.plugins.answer = [&](std::string_view hook, const json::object& input) -> Result<json::object> {
    if (hook != "migrate") return json::object{};
    asked = input;
    return json::parse(R"({"data":{"corrections":1,"application":{"id":"forged"}}})").as_object();
  };
  const std::string before = string_or(world.facts(), "id");
  const auto applied = office.migrations().apply({.from = office.from, .to = to}, office.admin);
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_EQ(world.session().definition, to->digest);
  EXPECT_EQ(string_or(asked, "to"), "3.0.0");
  EXPECT_EQ(world.replay_problem(), "");
  EXPECT_EQ(string_or(world.facts(), "id"), before);
  EXPECT_NE(world.session().document.find(R"("corrections":1)"), std::string::npos);
  world.plugins.answer = [](std::string_view, const json::object&) -> Result<json::object> { return json::object{}; };
}

TEST(Migrations, WrongRequestsSayWhatIsWrong) {
  World world;
  Office office(world);
  world.definitions.put("other", workflow("<state id=\"a\"/>"), plain_manifest(), {});
  const auto code = [&](const MigrationRequest& request) {
    const auto plan = office.migrations().plan(request);
    return plan ? std::string{} : plan.error().code;
  };
  EXPECT_EQ(code({.from = office.from, .to = office.from}), "migrate.same");
  EXPECT_EQ(code({.from = office.from, .to = world.definitions.current("other")}), "migrate.programme");
  EXPECT_EQ(code(office.to(second_version(), {{"formal_czech", "eligibility"}})), "migrate.map");
  EXPECT_EQ(code(office.to(second_version(), {{"formal_check", "eligible"}})), "migrate.map");
  EXPECT_EQ(office.migrations().undo("m-9", office.admin).error().code, "migration.unknown");
  EXPECT_EQ(office.migrations().find("workshop@9").error().code, "definition.unknown");
  world.create();
  for (const char* version : {" ", "  "}) {
    const MigrationRequest request{.from = office.from, .to = office.to(second_version() + version).to};
    ASSERT_TRUE(office.migrations().apply(request, office.admin));
    world.create();
  }
  const auto ambiguous = office.migrations().find("workshop@2.0.0");
  ASSERT_FALSE(ambiguous);
  EXPECT_EQ(ambiguous.error().code, "definition.ambiguous");
  EXPECT_EQ(ambiguous.error().allowed.size(), 2U);
  EXPECT_EQ((*office.migrations().find(office.from->digest.substr(0, 8)))->digest, office.from->digest);
}

TEST(Migrations, GoOnAfterACrashAtAnyCommit) {
  for (const Fault fault : {Fault::full, Fault::io, Fault::io_after_write})
    for (std::uint64_t at = 1; at <= 8; ++at) {
      World world;
      Office office(world);
      std::vector<std::string> ids;
      for (int i = 0; i < 3; ++i) {
        world.submit();
        ids.push_back(world.session().id);
      }
      const MigrationRequest request = office.to(second_version());
      std::uint64_t commits = 0;
      bool struck = false;
      world.reopen({.fault = [&](std::uint64_t) {
        if (++commits != at) return Fault::none;
        struck = true;
        return fault;
      }});
      // The apply, and its undoing: each called again after the crash, as often as it takes.
      Result<MigrationPlan> applied = office.migrations().apply(request, office.admin);
      if (!applied) {
        world.reopen();
        applied = office.migrations().apply(request, office.admin);
      }
      ASSERT_TRUE(applied) << applied.error().message;
      for (const std::string& id : ids) {
        world.select(id);
        EXPECT_EQ(world.session().definition, request.to->digest) << at;
        EXPECT_EQ(world.replay_problem(), "") << at;
      }
      const auto listed = office.migrations().list();
      ASSERT_EQ(listed->size(), 1U) << "one migration, whatever came between";
      EXPECT_EQ(listed->at(0).moved, 3U);
      Result<UndoReport> undone = office.migrations().undo("m-1", office.admin);
      if (!undone) {
        EXPECT_TRUE(struck);
        world.reopen();
        undone = office.migrations().undo("m-1", office.admin);
      }
      ASSERT_TRUE(undone) << undone.error().message;
      for (const std::string& id : ids) {
        world.select(id);
        EXPECT_EQ(world.session().definition, office.from->digest) << at;
        EXPECT_EQ(world.replay_problem(), "") << at;
      }
    }
}

TEST(Replay, TellsWhatTheChartTookAndWhatChangedInTheData) {
  World world;
  Office office(world);
  world.submit();
  world.sign("bureau", "task", "recommend");
  world.sign("clerk", "task", "correct", {{"points", json::array{"请补充佐证材料"}}});
  const MigrationRequest request = office.to(second_version());
  ASSERT_TRUE(office.migrations().apply(request, office.admin));
  std::vector<ReplayedCommand> commands;
  const auto report = replay(*world.storage.queries, world.definitions, world.registry, world.session().id, 0,
                             [&](const ReplayedCommand& each) { commands.push_back(each); });
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->identical);
  ASSERT_EQ(commands.size(), 5U);
  const ReplayedCommand& corrected = commands[3];
  EXPECT_EQ(corrected.happened.at(0).event->name, "done.invoke.formal");
  ASSERT_EQ(corrected.changes.size(), 3U) << "the points, their days and the count";
  EXPECT_EQ(corrected.changes[2].path, "/corrections");
  EXPECT_EQ(corrected.changes[2].before, json::value(0));
  EXPECT_EQ(corrected.changes[2].after, json::value(1));
  EXPECT_EQ(commands[4].definition->digest, request.to->digest);
  std::string changed;
  for (const DataChange& each : commands[4].changes) changed += each.path + " ";
  EXPECT_EQ(changed, "/opinion /programme/version ");
}

}  // namespace
}  // namespace chuyi::test
