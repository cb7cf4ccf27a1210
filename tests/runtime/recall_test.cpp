// Goal: one's own last action is taken back as if it had not been, but for its place in the journal, as long as nobody has
// acted on it and nothing has left the house. Method: whole applications in memory; rows before and after are compared.
#include <gtest/gtest.h>

#include "engine/invoke/limits.h"
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

/// Applications of one prefecture under a rule of the round, all handed in.
class Shared : public testing::Test {
 protected:
  void limit(const char* rule) {
    json::object all = json::parse(rule).as_object();
    for (const auto& [key, text] : std::map<std::string, std::string>{{"id", "each"}, {"scope", "prefecture"}, {"zh", "每市州"}, {"en", "Each"}}) all[key] = text;
    ASSERT_TRUE(world.execute({.kind = "limit.put", .actor = world.actor("clerk"), .data = {{"round", "2026"}, {"rules", json::array{all}}}}));
    for (std::string& id : ids) {
      world.submit();
      id = world.session().id;
      tasks.push_back(world.task().id);
    }
  }
  void rank() {
    ASSERT_TRUE(world.execute({.kind = "rank.put", .actor = world.actor("bureau"),
                               .data = {{"programme", "workshop"}, {"round", "2026"}, {"org", "430100"}, {"order", json::array{ids[0], ids[1], ids[2]}}}}));
  }
  std::string recommend(std::size_t i) { return code(world.complete("bureau", tasks[i], "recommend")); }
  std::string recalled(std::size_t i) { return code(recall(world, "bureau", tasks[i])); }
  std::string refuse(std::size_t i) {
    world.select(ids[i]);
    formal = world.task().id;
    return code(world.complete("clerk", formal, "refuse"));
  }
  static std::string code(const Result<Reply>& reply) { return reply ? "" : reply.error().code; }
  std::string state(std::size_t i) {
    world.select(ids[i]);
    EXPECT_EQ(world.replay_problem(), "") << i;
    return world.state();
  }
  std::int64_t taken() { return int_or(world.storage.queries->record(kPlacesRecord, "places/each/2026/430100")->value().data, "taken", -1); }
  std::string list(const char* key) { return canonical_json(json::value(array_or_empty(world.storage.queries->record(kRankRecord, rank_id("workshop", "2026", "430100"))->value().data, key))); }

  World world;
  std::vector<std::string> ids = std::vector<std::string>(3);
  std::vector<std::string> tasks;
  std::string formal;  ///< the task of the last refuse()
};

TEST_F(Shared, PlacesAreGivenBackBesideWhatOthersHaveTaken) {
  limit(R"({"max":2})");
  EXPECT_EQ(recommend(0), "");
  EXPECT_EQ(recommend(1), "");
  EXPECT_EQ(recommend(2), "quota.places");
  EXPECT_EQ(recalled(0), "") << "others have taken a place of the same rule since";
  EXPECT_EQ(taken(), 1);
  EXPECT_EQ(recommend(2), "");
  EXPECT_EQ(recommend(0), "quota.places");
  EXPECT_EQ(recalled(2), "");
  EXPECT_EQ(recalled(1), "");
  EXPECT_EQ(taken(), 0);
  for (const std::size_t i : {0U, 1U}) EXPECT_EQ(recommend(i), "");
  EXPECT_EQ(taken(), 2);
  EXPECT_EQ(state(2), "recommendation");
}

TEST_F(Shared, APlaceThatSomebodyElseHasTakenDoesNotComeBack) {
  limit(R"({"max":1})");
  EXPECT_EQ(recommend(0), "");
  EXPECT_EQ(refuse(0), "");
  EXPECT_EQ(recommend(1), "");
  EXPECT_EQ(code(recall(world, "clerk", formal)), "recall.places");
  EXPECT_EQ(recalled(1), "");
  EXPECT_EQ(code(recall(world, "clerk", formal)), "");
  EXPECT_EQ(taken(), 1);
  EXPECT_EQ(recommend(1), "quota.places");
  EXPECT_EQ(state(0), "formal_check");
}

TEST_F(Shared, ARankedListKeepsItsOrder) {
  limit(R"({"max":1,"ranked":true,"programmes":["workshop"]})");
  rank();
  for (const std::size_t i : {0U, 1U, 2U}) EXPECT_EQ(recommend(i), "");
  EXPECT_EQ(recalled(0), "");
  EXPECT_EQ(list("held"), "[]");
  EXPECT_EQ(state(0), "recommendation");
  EXPECT_EQ(state(1), "reserve") << "who stands ahead may be recommended again";
  EXPECT_EQ(recalled(2), "");
  EXPECT_EQ(recommend(2), "");
  EXPECT_EQ(state(2), "reserve");
  EXPECT_EQ(recommend(0), "");
  EXPECT_EQ(state(0), "formal_check");
}

TEST_F(Shared, NobodyOvertakesWhoMovedUp) {
  limit(R"({"max":1,"ranked":true,"programmes":["workshop"]})");
  rank();
  for (const std::size_t i : {0U, 1U, 2U}) EXPECT_EQ(recommend(i), "");
  EXPECT_EQ(refuse(0), "");  // the next has its place, and has not heard of it yet
  EXPECT_EQ(recalled(1), "recall.moved_up");
  EXPECT_EQ(code(recall(world, "clerk", formal)), "") << "not heard of";
  EXPECT_EQ(list("held"), canonical_json(json::array{ids[0]}));
  EXPECT_EQ(list("waiting"), canonical_json(json::array{ids[2], ids[1]}));
  world.pumps->run_due();
  EXPECT_EQ(state(1), "reserve");
  EXPECT_EQ(refuse(0), "");
  world.pumps->run_due();
  EXPECT_EQ(state(1), "formal_check");
  EXPECT_EQ(code(recall(world, "clerk", formal)), "recall.sent");
}

TEST_F(Shared, ALetterHoldsTheList) {
  limit(R"({"max":1,"ranked":true,"programmes":["workshop"]})");
  rank();
  EXPECT_EQ(recommend(0), "");
  world.put_user("head", {{"recommending-officer", "430100"}});
  ASSERT_TRUE(world.execute({.kind = "rank.letter", .actor = world.actor("head"),
                             .data = {{"programme", "workshop"}, {"round", "2026"}, {"org", "430100"}, {"number", "1号"}, {"truthful", true}}}));
  EXPECT_EQ(recalled(0), "recall.letter");
}

// What was submitted stays; what is the application's is what was before.
TEST(Recall, KeepsWhatWasSubmitted) {
  World world;
  world.submit();
  const auto bundle = [&] {
    const std::optional<BundleRow> row = *world.storage.queries->latest_bundle(world.session().id);
    return row ? row->digest : "";
  };
  const auto record = [&](const char* kind, const char* number) { return world.storage.queries->record(kind, world.session().id + number)->value(); };
  const std::string first = bundle();
  const std::string trace = record("trace", "/0").about;
  ASSERT_FALSE(trace.empty());
  world.sign("bureau", "task", "return");
  const std::string again = world.task().id;
  world.clock.advance_to(*parse_instant("2026-03-02T09:01:00+08:00"));
  ASSERT_TRUE(world.complete("applicant", again, "submit", {{"name", "湘绣改"}}));
  ASSERT_NE(bundle(), first);
  ASSERT_TRUE(recall(world, "applicant", again));
  world.clock.advance_to(*parse_instant("2026-03-02T09:02:00+08:00"));
  EXPECT_EQ(bundle(), first);
  EXPECT_EQ(record("trace", "/0").about, trace);
  EXPECT_EQ(string_or(object_or_empty(record("revision", "/2").data, "withdrawn"), "by"), "applicant");
  EXPECT_EQ(string_or(object_or_empty(record("revision", "/2").data, "form"), "name"), "湘绣改");
  EXPECT_EQ(world.replay_problem(), "");
  ASSERT_TRUE(world.complete("applicant", again, "submit", {{"name", "湘绣三"}}));
  EXPECT_EQ(string_or(object_or_empty(record("revision", "/3").data, "form"), "name"), "湘绣三") << "a revision of its own";
  EXPECT_TRUE(record("revision", "/2").data.contains("withdrawn"));
  ASSERT_TRUE(recall(world, "applicant", again));
  EXPECT_EQ(bundle(), first);
  EXPECT_EQ(world.replay_problem(), "");

  world.create();
  const std::string only = world.task().id;
  ASSERT_TRUE(world.complete("applicant", only, "submit", {{"name", "湘绣"}}));
  ASSERT_TRUE(recall(world, "applicant", only));
  EXPECT_EQ(bundle(), "") << "nothing is submitted";
  EXPECT_EQ(record("trace", "/0").about, "") << "of nothing any more";
  EXPECT_FALSE(world.facts().contains("bundle"));
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
