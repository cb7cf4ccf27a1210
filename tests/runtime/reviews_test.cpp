// Goal: panels of a round are appointed once each, whatever fails in between; a draw counts when somebody else has witnessed it;
// nobody brings a result of his own. Method: the shipped charts in memory on a manual clock, with a dispatcher that fails when told.
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include <gtest/gtest.h>

#include "engine/base/digest.h"
#include "engine/review/draw.h"
#include "engine/runtime/people.h"
#include "engine/runtime/review_commands.h"
#include "engine/runtime/rounds.h"
#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

std::string text_of(const std::string& name) {
  std::stringstream out;
  out << std::ifstream(std::string{CHUYI_SOURCE_DIR} + "/workflows/" + name).rdbuf();
  return out.str();
}

/// Refuses commands of one kind as a store that is gone does.
class Failing final : public CommandService {
 public:
  Failing(CommandService& inner, std::string kind) : inner_(inner), kind_(std::move(kind)) {}
  void execute(Command command, Done done) override {
    if (command.kind == kind_) return done(Error{.kind = ErrorKind::unavailable, .code = "store.io"});
    inner_.execute(std::move(command), std::move(done));
  }
  void probe(Command command, Done done) override { inner_.probe(std::move(command), std::move(done)); }

 private:
  CommandService& inner_;
  std::string kind_;
};

class RoundReviews : public testing::Test {
 protected:
  RoundReviews() {
    json::object manifest = plain_manifest();
    manifest["kind"] = "round";
    manifest["rounds"] = json::array{};
    world.definitions.put("annual-round", text_of("round.scxml"), std::move(manifest), {});
    world.put_user("watch", {{"discipline", "430000"}});
    world.put_user("both", {{"discipline", "430000"}, {"provincial-officer", "430000"}});
    open();
    for (int i = 0; i < 3; ++i) applications.push_back(to_the_panel());
    for (const char* expert : {"r1", "r2", "r3", "r4", "r5", "r6"})
      must("expert.put", {{"id", expert}, {"name", expert}, {"nominated_year", 2026}});
    must("review.setup", {{"policy", json::parse(text_of("policies/conflicts.json"))}, {"assignment", json::parse(R"({"coverage": 3})")}});
  }

  Result<Reply> run(const char* kind, json::object data, const char* who = "clerk") {
    data["round"] = kRound;
    return world.execute({.kind = kind, .session_id = {}, .task_id = {}, .actor = world.actor(who), .data = std::move(data), .if_revision = {}, .key = {}});
  }
  json::object must(const char* kind, json::object data, const char* who = "clerk") {
    const Result<Reply> reply = run(kind, std::move(data), who);
    EXPECT_TRUE(reply) << kind << ": " << reply.error().code << " " << reply.error().message << " " << reply.error().place;
    return reply && reply->body.is_object() ? reply->body.get_object() : json::object{};
  }
  std::string code(const Result<Reply>& reply) const { return reply ? "" : reply.error().code; }
  void open() {
    json::object setup = json::parse(R"({"id": "2026-1", "title": "2026年第一批", "programmes": ["workshop"],
      "parameters": {"opens": "2026-03-03", "deadline": "2026-03-13T17:30", "planned": {"workshop": 2}, "stages": {"review": false}}})").as_object();
    must("round.create", std::move(setup));
    world.select(kRound);
    world.sign("clerk", "task", "submit");
    world.sign("lead", "task", "issue");
    ASSERT_TRUE(world.advance("2026-03-03T09:00:00+08:00"));
  }
  std::string to_the_panel() {
    const std::string id = string_or(must("application.create", {{"programme", "workshop"}, {"title", "湘绣工坊"}}, "applicant"), "id");
    world.select(id);
    world.sign("applicant", "task", "submit", {{"name", "湘绣"}});
    world.sign("bureau", "task", "recommend");
    world.sign("clerk", "task", "pass");
    return id;
  }
  json::object draw_of(const std::string& seed) const {
    return {{"id", "one"}, {"programmes", json::array{"workshop"}}, {"seats", 4}, {"commitment", review::commitment_of(seed, review_id(kRound, "one"))}};
  }
  std::size_t sheets_of(const std::string& application) {
    world.select(application);
    std::set<std::string> users;
    std::size_t count = 0;
    for (const TaskRow& task : world.tasks())
      if (task.kind == "sheet") {
        ++count;
        users.insert(task.user);
      }
    EXPECT_EQ(users.size(), count) << "somebody has two sheets";
    return count;
  }

  static constexpr const char* kRound = "r-2026-1";
  World world;
  std::vector<std::string> applications;
};

TEST_F(RoundReviews, AppointEachPanelOnceWhenTheReportIsLost) {
  const json::object proposed = must("review.assign", {});
  // Confirmed without the pumps: the entry waits.
  must("review.appoint", {{"id", string_or(proposed, "id")}});
  const Result<std::vector<OutboxRow>> due = world.storage.queries->due_outbox(world.clock.now(), 10);
  ASSERT_TRUE(due);
  ASSERT_EQ(due->size(), 1U);
  Failing failing(*world.dispatcher, "review.appointed");
  const Result<Reply> lost = appoint_panels(failing, *world.storage.queries, due->front());
  EXPECT_EQ(code(lost), "store.io");
  for (const std::string& each : applications) EXPECT_EQ(sheets_of(each), 3U);
  world.pumps->run_due();
  for (const std::string& each : applications) EXPECT_EQ(sheets_of(each), 3U);
  const json::object record = world.storage.queries->record(kReviewAssignment, review_id(kRound, string_or(proposed, "id")))->value().data;
  EXPECT_EQ(string_or(record, "state"), "appointed");
  EXPECT_EQ(object_or_empty(record, "report"), (json::object{{"appointed", 3}, {"refused", json::array{}}}));
  EXPECT_TRUE(world.storage.queries->due_outbox(world.clock.now(), 10)->empty());
}

TEST_F(RoundReviews, CountADrawThatSomebodyElseHasWitnessed) {
  const std::string seed = sha256_hex("seed");
  must("review.draw", draw_of(seed), "both");
  EXPECT_EQ(code(run("review.assign", {{"draw", "one"}})), "review.state");
  EXPECT_EQ(code(run("review.witness", {{"id", "one"}}, "watch")), "review.state") << "nothing is drawn yet";
  EXPECT_EQ(code(run("review.reveal", {{"id", "one"}, {"seed", sha256_hex("other")}})), "draw.commitment");
  const json::object drawn = must("review.reveal", {{"id", "one"}, {"seed", seed}});
  EXPECT_EQ(array_or_empty(drawn, "seated").size(), 4U);
  EXPECT_EQ(code(run("review.witness", {{"id", "one"}}, "both")), "task.separation");
  EXPECT_EQ(code(run("review.witness", {{"id", "one"}}, "lead")), "review.witness");
  must("review.witness", {{"id", "one"}}, "watch");
  const json::object proposed = must("review.assign", {{"draw", "one"}});
  EXPECT_EQ(int_or(proposed, "reviews", 0), 9);
  // Whoever does not like it does not draw again, unless the supervisor withdraws it.
  json::object again = draw_of(seed);
  again["id"] = "two";
  EXPECT_EQ(code(run("review.draw", again)), "review.drawn");
  EXPECT_EQ(code(run("review.withdraw", {{"id", "one"}, {"reason", " "}}, "watch")), "review.reason");
  must("review.withdraw", {{"id", "one"}, {"reason", "专家库有误"}}, "watch");
  must("review.draw", again);
}

TEST_F(RoundReviews, TakeNothingThatACallerSaysWasComputed) {
  json::object mine{{"prepared", json::object{{"shown", json::object{{"reviews", 1}}}, {"kept", json::object{{"export", json::object{}}}}}}};
  EXPECT_EQ(int_or(must("review.assign", std::move(mine)), "reviews", 0), 9);
}

TEST_F(RoundReviews, RankNothingBeforeEveryPanelHasClosed) {
  const json::object proposed = must("review.assign", {});
  must("review.appoint", {{"id", string_or(proposed, "id")}});
  world.pumps->run_due();
  for (const std::string& each : applications) {
    EXPECT_EQ(code(run("review.rank", {})), "review.sealed");
    world.select(each);
    for (const TaskRow& task : world.tasks())
      if (task.kind == "sheet") {
        EXPECT_TRUE(world.complete(task.user, task.id, "sign", World::scores()));
      }
  }
  const json::object ranked = must("review.rank", {});
  EXPECT_EQ(string_or(ranked, "state"), "computed");
  // All are equal, and two of three may be selected: the tie is decided on, not the order of rows.
  must("review.deliberate", {{"id", "results-1"}, {"present", json::array{"甲"}}});
  EXPECT_EQ(code(run("review.settle", {{"id", "results-1"}}, "watch")), "review.undecided");
}

}  // namespace
}  // namespace chuyi::test
