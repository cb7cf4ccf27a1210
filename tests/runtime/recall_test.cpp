// Goal: one's own last action is taken back as if it had not been, but for its place in the journal, as long as nobody has
// acted on it and nothing has left the house. Method: whole applications in memory; rows before and after are compared.
#include <gtest/gtest.h>

#include "engine/invoke/rows_json.h"
#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

Result<Reply> recall(World& world, const std::string& who, const std::string& task) { return world.act("task.recall", who, task, {{"reason", "点错了"}}); }

/// What people see of the tasks, without what only counts.
std::string shown(const World& world) {
  std::string out = world.session().status + " " + world.session().stage + " " + world.session().state + "\n";
  for (TaskRow each : world.tasks()) {
    if (each.status == "cancelled") continue;
    each.revision = 0;
    out += canonical_json(json::value(to_json(each))) + "\n";
  }
  const std::vector<TimerRow> timers = *world.storage.queries->timers(world.session().id);
  for (const TimerRow& each : timers) out += each.id + " " + std::to_string(to_ms(each.due)) + canonical_json(json::value(each.event)) + "\n";
  return out;
}

TEST(Recall, PutsEverythingBack) {
  World world;
  world.submit();
  const std::string before = shown(world);
  const json::object facts = world.facts();
  const std::string id = world.task().id;
  const std::uint64_t revision = world.row(id).revision;
  ASSERT_TRUE(world.complete("bureau", id, "recommend"));
  const std::string opened = world.task().id;
  ASSERT_NE(opened, id);
  ASSERT_TRUE(recall(world, "bureau", id));
  EXPECT_EQ(shown(world), before);
  EXPECT_EQ(world.facts(), facts);
  EXPECT_EQ(world.row(opened).status, "cancelled");
  EXPECT_GT(world.row(id).revision, revision + 1) << "nobody's ETag comes true again";
  EXPECT_EQ(world.replay_problem(), "");
  ASSERT_TRUE(world.complete("bureau", id, "recommend")) << "and it goes on";
  EXPECT_EQ(world.state(), "formal_check");
  EXPECT_NE(world.task().id, opened) << "an id is given once";
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Recall, GivesPlacesOfAQuotaBack) {
  World world;
  json::object manifest = plain_manifest();
  manifest["quota"] = json::object{{"per", json::array{json::object{{"level", "prefecture"}, {"max", 1}}}}};
  world.definitions.put("workshop", selection(), manifest, {{"nomination", json::object{{"type", "object"}}}});
  const auto submitted = [&] {
    const std::string id = world.create();
    world.sign("applicant", "task", "submit", {{"name", "x"}});
    return id;
  };
  const std::string first = submitted();
  const std::string task = world.task().id;
  ASSERT_TRUE(world.complete("bureau", task, "recommend"));
  submitted();
  EXPECT_EQ(world.complete("bureau", world.task().id, "recommend").error().code, "quota.places");
  ASSERT_TRUE(recall(world, "bureau", task));
  EXPECT_TRUE(world.complete("bureau", world.task().id, "recommend"));
  world.select(first);
  EXPECT_EQ(world.complete("bureau", task, "recommend").error().code, "quota.places");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Recall, BringsAnEndedApplicationBack) {
  World world;
  world.submit();
  const std::string before = shown(world);
  const std::string id = world.task().id;
  ASSERT_TRUE(world.complete("bureau", id, "decline"));
  ASSERT_EQ(world.session().status, "ended");
  ASSERT_TRUE(recall(world, "bureau", id));
  EXPECT_EQ(shown(world), before);
  world.pumps->run_due();
  EXPECT_TRUE(world.notifier.told.empty()) << "what had not been told is not";
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Recall, SaysSoWhereSomebodyWasTold) {
  World world;
  world.submit();
  const std::string id = world.task().id;
  ASSERT_TRUE(world.complete("bureau", id, "decline"));
  world.pumps->run_due();
  ASSERT_EQ(world.notifier.told.size(), 1U);
  ASSERT_TRUE(recall(world, "bureau", id));
  world.pumps->run_due();
  EXPECT_EQ(world.notifier.told.size(), 2U);
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Recall, TimersRunAsBefore) {
  World world;
  world.submit();
  ASSERT_TRUE(world.complete("bureau", world.task().id, "recommend"));
  ASSERT_TRUE(world.complete("clerk", world.task().id, "correct", {{"points", json::array{json::object{{"place", "/name"}, {"text", "名称不规范"}}}}}));
  ASSERT_EQ(world.state(), "correction");
  const std::string before = shown(world);
  EXPECT_NE(before.find("overdue"), std::string::npos);
  const std::string id = world.task().id;
  ASSERT_TRUE(world.complete("applicant", id, "submit", {{"name", "x"}}));
  ASSERT_TRUE(recall(world, "applicant", id));
  EXPECT_EQ(shown(world), before);
  ASSERT_TRUE(world.advance("2026-03-20T00:00:00+08:00"));
  EXPECT_EQ(world.state(), "declined") << "overdue after all";
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Recall, IsRefusedOnceSomebodyHasActed) {
  World world;
  world.submit();
  const std::string id = world.task().id;
  ASSERT_TRUE(world.complete("bureau", id, "recommend"));
  EXPECT_EQ(recall(world, "clerk", id).error().code, "recall.acted") << "not the clerk's";
  ASSERT_TRUE(world.act("task.claim", "clerk", world.task().id));
  const std::string rows = world.rows();
  EXPECT_EQ(recall(world, "bureau", id).error().code, "recall.acted");
  EXPECT_EQ(world.rows(), rows);
}

TEST(Recall, IsNotTakenBackItself) {
  World world;
  world.submit();
  const std::string id = world.task().id;
  ASSERT_TRUE(world.complete("bureau", id, "recommend"));
  ASSERT_TRUE(recall(world, "bureau", id));
  EXPECT_EQ(recall(world, "bureau", id).error().code, "recall.kind");
}

TEST(Recall, IsRefusedOnceATimerHasFired) {
  World world;
  world.definitions.put("p", workflow(R"(<state id="s"><invoke type="task" id="one"><param name="role" expr="'applicant'"/><param name="org" expr="'c1'"/></invoke>
    <transition event="done.invoke.one" target="t"/></state>
    <state id="t"><onentry><send event="e" delay="10s"/></onentry><transition event="e" target="u"/></state><state id="u"/>)"), plain_manifest(), {});
  world.create("p");
  const std::string id = world.task().id;
  ASSERT_TRUE(world.complete("applicant", id, "done"));
  ASSERT_TRUE(world.advance("2026-03-02T09:00:10+08:00"));
  EXPECT_EQ(recall(world, "applicant", id).error().code, "recall.acted");
}

TEST(Recall, IsRefusedForWhatHasLeftTheHouse) {
  World world;
  world.recommend();
  const std::string pass = world.tasks().back().id;
  world.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r1", "r2", "r3"}}});
  const std::string sheet = world.task("sheet", "r1").id;
  world.sign("r1", "sheet", "sign", World::scores());
  EXPECT_EQ(recall(world, "r1", sheet).error().code, "recall.kind") << "a signed sheet stands";
  for (const char* reviewer : {"r2", "r3"}) world.sign(reviewer, "sheet", "sign", World::scores());
  const std::string select = world.task().id;
  world.sign("lead", "task", "select");
  EXPECT_EQ(recall(world, "lead", select).error().code, "recall.left") << "the publicity is open";
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Recall, IsRefusedOnceItsMessageWasDelivered) {
  World world;
  world.definitions.put("q", workflow("<state id=\"s\"/>"), plain_manifest(), {});
  const std::string other = world.create("q");
  world.definitions.put("p", workflow(R"(<state id="s"><invoke type="task" id="one"><param name="role" expr="'applicant'"/><param name="org" expr="'c1'"/></invoke>
    <transition event="done.invoke.one" target="t"><send event="hello" target="#_scxml_)" + other + R"("/></transition></state><state id="t"/>)"), plain_manifest(), {});
  for (const bool delivered : {false, true}) {
    world.create("p");
    const std::string id = world.task().id;
    ASSERT_TRUE(world.complete("applicant", id, "done"));
    ASSERT_EQ(world.storage.queries->due_outbox(world.clock.now(), 9)->size(), 1U);
    if (delivered) world.pumps->run_due();
    const Result<Reply> reply = recall(world, "applicant", id);
    EXPECT_EQ(reply ? "" : reply.error().code, delivered ? "recall.sent" : "");
    world.pumps->run_due();
    EXPECT_EQ(world.replay_problem(), "");
  }
}

TEST(Recall, AssignmentsAndAddedSignersToo) {
  World world;
  world.put_user("bureau2", {{"recommending-officer", "430100"}});
  world.submit();
  const std::string before = shown(world);
  const std::string id = world.task().id;
  ASSERT_TRUE(world.act("task.assign", "bureau", id, {{"to", "bureau2"}}));
  ASSERT_TRUE(recall(world, "bureau", id));
  EXPECT_EQ(shown(world), before);
  ASSERT_TRUE(world.act("task.add-signer", "bureau", id, {{"user", "bureau2"}, {"when", "before"}}));
  ASSERT_TRUE(recall(world, "bureau", id));
  EXPECT_EQ(shown(world), before);
  EXPECT_EQ(world.replay_problem(), "");
}

}  // namespace
}  // namespace chuyi::test
