// Goal: panels of a round are appointed once each, whatever fails in between; a draw counts when somebody else has witnessed it;
// nobody brings a result of his own. Method: the shipped charts in memory on a manual clock, with a dispatcher that fails when told.
#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include <gtest/gtest.h>

#include "engine/base/digest.h"
#include "engine/review/draw.h"
#include "engine/runtime/people.h"
#include "engine/runtime/review_commands.h"
#include "engine/runtime/review_dashboard.h"
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
    json::object workshop = plain_manifest();
    workshop["conflicts"] = json::object{{"rules", json::parse(text_of("policies/conflicts.json")).at("rules")},
                                         {"fields", json::parse(text_of("policies/conflict-fields.json"))}};
    world.definitions.put("school", selection(), workshop, {{"nomination", json::object{{"type", "object"}}}});
    world.definitions.put("workshop", selection(), std::move(workshop), {{"nomination", json::object{{"type", "object"}}}});
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
    json::object setup = json::parse(R"({"id": "2026-1", "title": "2026年第一批", "programmes": ["workshop", "school"],
      "parameters": {"opens": "2026-03-03", "deadline": "2026-03-13T17:30", "planned": {"workshop": 2, "school": 2}, "stages": {"review": false}}})").as_object();
    must("round.create", std::move(setup));
    world.select(kRound);
    world.sign("clerk", "task", "submit");
    world.sign("lead", "task", "issue");
    ASSERT_TRUE(world.advance("2026-03-03T09:00:00+08:00"));
  }
  std::string to_the_panel(const char* programme = "workshop") {
    const std::string id = string_or(must("application.create", {{"programme", programme}, {"title", "湘绣工坊"}}, "applicant"), "id");
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

TEST_F(RoundReviews, AppointByADrawOnlyForItsProgrammes) {
  const std::string other = to_the_panel("school");
  const std::string seed = sha256_hex("seed");
  must("review.draw", draw_of(seed));
  must("review.reveal", {{"id", "one"}, {"seed", seed}});
  must("review.witness", {{"id", "one"}}, "watch");
  const Result<Reply> refused = run("review.assign", {{"draw", "one"}, {"programmes", json::array{"workshop", "school"}}});
  ASSERT_EQ(code(refused), "review.programmes");
  EXPECT_EQ(refused.error().place, "/programmes");
  EXPECT_EQ(refused.error().allowed, std::vector<std::string>{"workshop"});
  EXPECT_EQ(int_or(must("review.assign", {{"draw", "one"}, {"programmes", json::array{"workshop"}}}), "reviews", 0), 9);
  const json::object proposed = must("review.assign", {{"draw", "one"}});
  EXPECT_EQ(int_or(proposed, "reviews", 0), 9) << "three applications of its programme, three sheets each";
  must("review.appoint", {{"id", string_or(proposed, "id")}});
  world.pumps->run_due();
  EXPECT_EQ(sheets_of(applications[0]), 3U);
  EXPECT_EQ(sheets_of(other), 0U);
}

TEST_F(RoundReviews, TakeNothingThatACallerSaysWasComputed) {
  json::object mine{{"prepared", json::object{{"shown", json::object{{"reviews", 1}}}, {"kept", json::object{{"export", json::object{}}}}}}};
  EXPECT_EQ(int_or(must("review.assign", std::move(mine)), "reviews", 0), 9);
}

TEST_F(RoundReviews, RankWithoutThoseInReserve) {
  const json::object rule = json::parse(R"({"id":"ranked","scope":"prefecture","programmes":["workshop"],"max":0,"ranked":true,"zh":"排序推荐","en":"Ranked"})").as_object();
  must("limit.put", {{"rules", json::array{rule}}});
  const std::string id = string_or(must("application.create", {{"programme", "workshop"}, {"title", "候补工坊"}}, "applicant"), "id");
  world.select(id);
  world.sign("applicant", "task", "submit", {{"name", "湘绣"}});
  must("rank.put", {{"programme", "workshop"}, {"org", "430100"}, {"order", json::array{json::value(id)}}}, "bureau");
  world.select(id);
  world.sign("bureau", "task", "recommend");
  ASSERT_EQ(world.state(), "reserve");
  must("review.appoint", {{"id", string_or(must("review.assign", {}), "id")}});
  world.pumps->run_due();
  for (const std::string& each : applications) {
    world.select(each);
    for (const TaskRow& task : world.tasks())
      if (task.kind == "sheet") {
        EXPECT_TRUE(world.complete(task.user, task.id, "sign", World::scores()));
      }
  }
  EXPECT_EQ(string_or(must("review.rank", {}), "state"), "computed");
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

TEST_F(RoundReviews, PassOverNothingThatTheCommitteeSays) {
  must("review.setup", {{"policy", json::parse(text_of("policies/conflicts.json"))}, {"assignment", json::parse(R"({"coverage": 3})")},
                        {"programmes", json::parse(R"({"workshop": {"committee": {"members": 5, "quorum": "half", "majority": "half", "ballot": "open"}}})")}});
  must("review.appoint", {{"id", string_or(must("review.assign", {}), "id")}});
  world.pumps->run_due();
  for (const std::string& each : applications) {
    world.select(each);
    for (const TaskRow& task : world.tasks())
      if (task.kind == "sheet") {
        EXPECT_TRUE(world.complete(task.user, task.id, "sign", World::scores()));
      }
  }
  must("review.rank", {});
  const auto deliberate = [&](json::object more, const char* list = "votes") {
    if (std::string_view{list} != "tie_decisions") more["application"] = applications[0];
    return run("review.deliberate", {{"id", "results-1"}, {"present", json::array{"甲", "乙"}}, {list, json::array{std::move(more)}}});
  };
  const std::vector<std::string> words{"for", "against", "abstain"};
  struct Case {
    const char* list;
    const char* said;
    const char* code;
    const char* place;
    std::vector<std::string> allowed;
  };
  for (const Case& each : std::initializer_list<Case>{
           {"votes", R"({"ballots": {"甲": "for", "丙": "for"}})", "review.attendance", "/votes/0/ballots/丙", {"甲", "乙"}},
           {"votes", R"({"ballots": {"甲": "banana"}})", "review.ballot", "/votes/0/ballots/甲", words},
           {"votes", R"({"ballots": {"甲": 1}})", "review.ballot", "/votes/0/ballots/甲", words},
           {"votes", R"({"ballots": ["甲"]})", "review.ballot", "/votes/0/ballots", {"application", "ballots"}},
           {"votes", R"({"for": 2, "against": 0})", "review.ballot", "/votes/0/for", {"application", "ballots"}},
           {"votes", R"({"ballots": {"甲": "for"}, "against": 9})", "review.ballot", "/votes/0/against", {"application", "ballots"}},
           {"votes", R"({})", "review.ballot", "/votes/0/ballots", {"application", "ballots"}},
           {"votes", R"({"ballots": {"甲": "for"}, "vote": "for"})", "review.member", "/votes/0/vote", {"application", "ballots", "for", "against", "abstain"}},
           {"decisions", R"({"outcome": "award", "why": "x"})", "review.member", "/decisions/0/why", {"application", "outcome", "reason"}},
           {"tie_decisions", R"({"by": "x"})", "review.member", "/tie_decisions/0/by", {"programme", "list", "order", "reason"}}}) {
    const Result<Reply> reply = deliberate(json::parse(each.said).as_object(), each.list);
    ASSERT_EQ(code(reply), each.code) << each.said;
    EXPECT_EQ(reply.error().place, each.place);
    EXPECT_EQ(reply.error().allowed, each.allowed) << each.said;
  }
  EXPECT_EQ(code(deliberate(json::parse(R"({"ballots": {"甲": "for", "乙": "abstain"}})").as_object())), "");
}

TEST_F(RoundReviews, LiftAPairThatHasBecomeAConflict) {
  json::object proposed = must("review.assign", {});
  must("review.appoint", {{"id", string_or(proposed, "id")}});
  world.pumps->run_due();
  // Of one application somebody recuses; of another a conflict comes up, and the expert has not stood back yet.
  world.select(applications[0]);
  const TaskRow recused = world.task("sheet");
  ASSERT_TRUE(world.complete(recused.user, recused.id, "recuse", {{"comment", "认识申报人"}}));
  world.select(applications[1]);
  const TaskRow late = world.task("sheet");
  const Result<Reply> declared = world.execute({.kind = "expert.declare", .session_id = {}, .task_id = {}, .actor = world.actor(late.user),
                                                .data = {{"application", applications[1]}, {"reason", "师生"}}, .if_revision = {}, .key = {}});
  ASSERT_TRUE(declared) << declared.error().message;
  // It holds nobody up: the pair is named, and the others stay as they are.
  proposed = must("review.assign", {});
  const json::array lifted = array_or_empty(proposed, "lifted");
  ASSERT_EQ(lifted.size(), 1U);
  const json::object& pair = lifted[0].as_object();
  EXPECT_EQ(string_or(pair, "application"), applications[1]);
  EXPECT_EQ(string_or(pair, "expert"), late.user);
  EXPECT_EQ(string_or(pair, "rule"), "self-declared");
  EXPECT_EQ(string_or(pair, "task"), late.id);
  EXPECT_EQ(string_or(pair, "status"), "open");
  EXPECT_EQ(int_or(object_or_empty(proposed, "changes"), "added", -1), 1) << "one new expert, for the one who recused";
  EXPECT_EQ(int_or(object_or_empty(proposed, "changes"), "dropped", -1), 0);
  const Result<std::vector<AuditRow>> audit = world.storage.queries->audit({}, 0, 1'000);
  ASSERT_TRUE(audit);
  EXPECT_TRUE(std::any_of(audit->begin(), audit->end(), [&](const AuditRow& row) {
    return row.record.find("\"lifted\"") != std::string::npos && row.record.find(late.id) != std::string::npos;
  }));
  must("review.appoint", {{"id", string_or(proposed, "id")}});
  world.pumps->run_due();
  EXPECT_EQ(sheets_of(applications[0]), 4U) << "three, and that of who recused";
  // Once he has stood back, another takes the place.
  world.select(applications[1]);
  EXPECT_EQ(code(world.complete(late.user, late.id, "recuse", {{"comment", "师生"}})), "");
  proposed = must("review.assign", {});
  EXPECT_FALSE(proposed.contains("lifted"));
  EXPECT_EQ(int_or(object_or_empty(proposed, "changes"), "added", -1), 1);
  // A pair that the request itself fixes is refused, by name.
  const json::object fixed{{"application", applications[1]}, {"expert", late.user}};
  const Result<Reply> refused = run("review.assign", {{"fixed", json::array{fixed}}});
  EXPECT_EQ(code(refused), "assign.fixed");
  EXPECT_NE(refused.error().message.find(late.user), std::string::npos) << refused.error().message;
}

TEST_F(RoundReviews, ShowScoresByDrawnPanel) {
  for (const int number : {0, 1}) {
    const std::string id = number == 0 ? "one" : "two";
    const std::string seed = sha256_hex(id);
    json::object draw{{"id", id}, {"applications", json::array{applications[static_cast<std::size_t>(number)]}}, {"seats", 3},
                      {"commitment", review::commitment_of(seed, review_id(kRound, id))}};
    must("review.draw", std::move(draw));
    must("review.reveal", {{"id", id}, {"seed", seed}});
    must("review.witness", {{"id", id}}, "watch");
  }
  must("review.appoint", {{"id", string_or(must("review.assign", {}), "id")}});
  world.pumps->run_due();
  world.select(applications[0]);
  for (const TaskRow& task : world.tasks())
    if (task.kind == "sheet") {
      EXPECT_TRUE(world.complete(task.user, task.id, "sign", World::scores()));
    }
  const Result<json::object> shown = review_dashboard(*world.storage.queries, world.definitions, kRound, world.clock.now());
  ASSERT_TRUE(shown);
  std::string panels;
  for (const json::value& each : array_or_empty(*shown, "panels")) {
    const json::object& panel = each.as_object();
    panels += string_or(panel, "panel") + " " + std::to_string(int_or(panel, "applications", 0)) + " " + std::to_string(int_or(panel, "sealed", 0)) +
              " " + std::to_string(int_or(object_or_empty(panel, "scores"), "count", 0)) + "\n";
  }
  EXPECT_EQ(panels, "one 1 0 3\ntwo 1 1 0\nworkshop 1 1 0\n");
}

TEST_F(RoundReviews, ShowWhoMayBeTheSamePersonAndLeaveItToAPerson) {
  must("review.setup", {{"policy", json::parse(text_of("policies/conflicts.json"))},
                        {"people", json::parse(R"({"*": {"leader": ["/form/leader/id_number"], "named": ["/form/leader"]}})")},
                        {"assignment", json::parse(R"({"coverage": 3})")}});
  const std::string id = string_or(must("application.create", {{"programme", "workshop"}, {"title", "另一工坊"}}, "applicant"), "id");
  world.select(id);
  // No number of him: name and unit are all there is, the unit the applicant's.
  world.sign("applicant", "task", "submit", json::parse(R"({"name": "湘绣", "leader": {"name": "王 明", "unit": "c2"}})").as_object());
  world.sign("bureau", "task", "recommend");
  world.sign("clerk", "task", "pass");
  must("expert.put", {{"id", "r1"}, {"name", "王明"}, {"employer", "c2"}, {"nominated_year", 2026}});
  json::array forbidden;  // so that r1 is one of those who can judge it
  for (const char* other : {"r4", "r5", "r6"}) forbidden.push_back(json::object{{"application", id}, {"expert", other}});
  const json::object proposed = must("review.assign", {{"forbidden", forbidden}});
  const json::array possible = array_or_empty(proposed, "possible");
  ASSERT_EQ(possible.size(), 1U);
  EXPECT_EQ(string_or(possible[0].as_object(), "rule"), "same-name");
  EXPECT_EQ(string_or(possible[0].as_object(), "expert"), "r1");
  EXPECT_NE(string_or(possible[0].as_object(), "zh").find("可能为同一人"), std::string::npos);
  // Nobody is kept away without somebody saying so, and nobody gets in either.
  must("review.appoint", {{"id", string_or(proposed, "id")}});
  world.pumps->run_due();
  const auto record = [&](const json::object& of) {
    return world.storage.queries->record(kReviewAssignment, review_id(kRound, string_or(of, "id")))->value().data;
  };
  const json::array refused = array_or_empty(object_or_empty(record(proposed), "report"), "refused");
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_NE(canonical_json(refused[0]).find("panel.conflict.possible"), std::string::npos) << canonical_json(refused[0]);
  const json::object again = must("review.assign", {{"forbidden", forbidden}});
  must("review.appoint", {{"id", string_or(again, "id")}, {"no_conflict", json::array{json::object{{"application", id}, {"expert", "r1"}}}}});
  world.pumps->run_due();
  EXPECT_EQ(canonical_json(object_or_empty(record(again), "report")), R"({"appointed":4,"refused":[]})") << "three have theirs already";
  // With a number on both sides the rule about persons has decided: the name says nothing more.
  EXPECT_EQ(sheets_of(id), 3U);
}

}  // namespace
}  // namespace chuyi::test
