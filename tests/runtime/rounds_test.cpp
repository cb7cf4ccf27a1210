// Goal: a round takes what is in time and nothing else, speaks to each of its applications once, decides on exactly those that
// wait, and is published without the one that an objection holds up. Method: the shipped charts in memory on a manual clock.
#include <fstream>
#include <sstream>
#include <utility>

#include <gtest/gtest.h>

#include "engine/runtime/rounds.h"
#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

std::string round_chart() {
  std::stringstream out;
  out << std::ifstream(std::string{CHUYI_SOURCE_DIR} + "/workflows/round.scxml").rdbuf();
  return out.str();
}

json::object setup() {
  return json::parse(R"({"id": "2026-1", "title": "2026年第一批", "programmes": ["workshop"],
    "parameters": {"opens": "2026-03-03", "deadline": "2026-03-13T17:30", "planned": {"workshop": 2}, "stages": {"review": false}}})")
      .as_object();
}

class Rounds : public testing::Test {
 protected:
  Rounds() {
    json::object manifest = plain_manifest();
    manifest["kind"] = "round";
    manifest["rounds"] = json::array{};
    manifest["params"] = json::object{{"countersigners", "430100 430000"}, {"on_return", "stand"}};
    world.definitions.put("annual-round", round_chart(), std::move(manifest), {});
  }

  Result<Reply> create_round(json::object data = setup(), const char* who = "clerk") { return world.execute({.kind = "round.create", .actor = world.actor(who), .data = std::move(data)}); }
  /// Set up, submitted, issued; open from 2026-03-03 on.
  void announce() {
    const Result<Reply> made = create_round();
    ASSERT_TRUE(made) << made.error().message << made.error().place;
    world.select(kRound);
    world.sign("clerk", "task", "submit");
    world.sign("lead", "task", "issue");
    EXPECT_EQ(world.state(), "announced");
  }
  void open() {
    announce();
    ASSERT_TRUE(world.advance("2026-03-03T09:00:00+08:00"));
    EXPECT_EQ(state_of(kRound), "open");
  }
  Result<Reply> apply(const char* programme = "workshop", const char* who = "applicant") {
    return world.execute({.kind = "application.create", .actor = world.actor(who), .data = {{"programme", programme}, {"round", kRound}, {"title", "湘绣工坊"}}});
  }
  std::string applied() {
    const Result<Reply> reply = apply();
    EXPECT_TRUE(reply) << reply.error().code << reply.error().message;
    return reply ? string_or(reply->body.as_object(), "id") : std::string{};
  }
  /// To where it waits for the round.
  std::string waiting() {
    const std::string id = applied();
    world.select(id);
    world.sign("applicant", "task", "submit", {{"name", "湘绣"}});
    world.sign("bureau", "task", "recommend");
    world.sign("clerk", "task", "pass");
    world.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r1", "r2", "r3"}}});
    for (const char* reviewer : {"r1", "r2", "r3"}) world.sign(reviewer, "sheet", "sign", World::scores());
    EXPECT_EQ(world.state(), "awaiting_round");
    return id;
  }
  void close() {
    ASSERT_TRUE(world.advance("2026-03-16T09:00:00+08:00"));
    world.select(kRound);
    EXPECT_EQ(world.state(), "closed");
    world.sign("clerk", "task", "done");
    EXPECT_EQ(world.state(), "deliberation");
  }
  Result<Reply> decide(json::array selected, json::array not_selected, const char* who = "lead", json::array deviations = {}) {
    return world.execute({.kind = "round.decide", .session_id = kRound, .actor = world.actor(who),
                          .data = {{"selected", std::move(selected)}, {"not_selected", std::move(not_selected)}, {"deviations", std::move(deviations)}}});
  }
  Result<Reply> extend(const char* deadline, const char* reason = "系统维护", const char* who = "lead") {
    return world.execute({.kind = "round.extend", .session_id = kRound, .actor = world.actor(who), .data = {{"deadline", deadline}, {"reason", reason}}});
  }
  std::string state_of(const std::string& id) const { return world.storage.queries->session(id)->value().state; }
  std::uint64_t revision_of(const std::string& id) const { return world.storage.queries->session(id)->value().revision; }
  std::string code(const Result<Reply>& reply) const { return reply ? "" : reply.error().code; }
  void expect_replays(std::initializer_list<std::string> ids) {
    for (const std::string& id : ids) {
      world.select(id);
      EXPECT_EQ(world.replay_problem(), "") << id;
    }
  }

  static constexpr const char* kRound = "r-2026-1";
  World world;
};

struct CallTime {
  const char* text;
  bool ends;
  const char* at;  ///< empty: refused
};
TEST(CallTimes, AreOfShanghaiToTheSecond) {
  for (const CallTime& row : std::initializer_list<CallTime>{{"2026-05-15", true, "2026-05-15T23:59:59+08:00"},
                                                             {"2026-05-15", false, "2026-05-15T00:00:00+08:00"},
                                                             {"2026-05-15T17:30", true, "2026-05-15T17:30:00+08:00"},
                                                             {"2026-05-15T17:30:30", true, "2026-05-15T17:30:30+08:00"},
                                                             {"2026-05-15T17:30:30+08:00", true, "2026-05-15T17:30:30+08:00"},
                                                             {"2026-05-15T17:30Z", true, ""},
                                                             {"2026-05-15 17:30", true, ""},
                                                             {"2026-02-30", true, ""},
                                                             {"17:30", true, ""},
                                                             {"", true, ""}}) {
    const Result<Instant> at = parse_call_time(row.text, row.ends);
    EXPECT_EQ(at ? format_instant(*at) : "", row.at) << row.text;
  }
}

TEST_F(Rounds, TakeTheSecondThatTheCallNamesAndNothingAfterIt) {
  EXPECT_EQ(code(apply()), "round.unknown");
  announce();
  EXPECT_EQ(code(apply()), "round.not_open");
  ASSERT_TRUE(world.advance("2026-03-03T00:00:00+08:00"));
  const std::string first = applied();
  ASSERT_TRUE(world.advance("2026-03-13T17:30:00+08:00"));
  const std::string last = applied();
  // Half a second on, without what the timers do.
  world.clock.advance_to(*parse_instant("2026-03-13T17:30:00+08:00") + std::chrono::milliseconds{999});
  world.select(last);
  world.sign("applicant", "task", "submit", {{"name", "湘绣"}});
  world.clock.advance_to(*parse_instant("2026-03-13T17:30:01+08:00"));
  EXPECT_EQ(state_of(kRound), "open") << "the timer has not fired yet";
  EXPECT_EQ(code(apply()), "round.late");
  world.select(first);
  EXPECT_EQ(code(world.complete("applicant", world.task().id, "submit", {{"name", "湘绣"}})), "round.late");
  world.pumps->run_due();
  EXPECT_EQ(state_of(kRound), "closed");
  EXPECT_EQ(state_of(first), "lapsed");
  EXPECT_EQ(state_of(last), "recommendation");
  EXPECT_EQ(code(apply()), "round.late");
  expect_replays({kRound, first, last});
}

// A node whose clock is behind: what it thinks is in time is refused by what the round says of itself.
TEST_F(Rounds, AreClosedWhateverAClockSays) {
  open();
  const std::string draft = applied();
  ASSERT_TRUE(world.advance("2026-03-16T09:00:00+08:00"));
  World behind({}, "2026-03-10T09:00:00+08:00");
  world.select(draft);
  EXPECT_EQ(world.state(), "lapsed");
  Runtime late{.store = *world.storage.store, .queries = *world.storage.queries, .definitions = world.definitions, .registry = world.registry, .calendar = world.calendar,
               .clock = behind.clock, .documents = world.documents, .plugins = world.plugins, .post = [](const std::function<void()>& job) { job(); }, .random_id = [] { return std::string{"elsewhere0000000"}; }};
  Dispatcher elsewhere(std::move(late));
  Command command{.kind = "application.create", .actor = world.actor("applicant"), .data = {{"programme", "workshop"}, {"round", kRound}, {"title", "湘绣工坊"}}};
  EXPECT_EQ(code(execute_and_wait(elsewhere, std::move(command))), "round.not_open");
}

TEST_F(Rounds, AreExtendedForAReason) {
  open();
  const std::string draft = applied();
  EXPECT_EQ(code(extend("2026-03-13T17:30")), "round.extension");
  EXPECT_EQ(code(extend("2026-03-20", " ")), "round.reason");
  EXPECT_EQ(code(extend("2026-03-20", "系统维护", "bureau")), "round.officer");
  ASSERT_TRUE(extend("2026-03-20"));
  ASSERT_TRUE(world.advance("2026-03-20T23:59:59+08:00"));
  EXPECT_EQ(state_of(kRound), "open");
  EXPECT_TRUE(apply());
  ASSERT_TRUE(world.advance("2026-03-21T00:00:00+08:00"));
  EXPECT_EQ(state_of(kRound), "closed");
  EXPECT_EQ(state_of(draft), "lapsed");
  EXPECT_EQ(code(extend("2026-03-25")), "round.late");
  const RecordRow record = world.storage.queries->record("round", kRound)->value();
  const json::object extension = array_or_empty(record.data, "extensions").at(0).as_object();
  EXPECT_EQ(string_or(extension, "reason"), "系统维护");
  EXPECT_EQ(string_or(extension, "from"), "2026-03-13T17:30:00+08:00");
  expect_replays({kRound, draft});
}

// A department returns the call after another has signed: what was signed stands, and only the others are asked again.
TEST_F(Rounds, AreCountersignedByTheDepartments) {
  world.put_user("second", {{"recommending-officer", "430000"}});
  json::object data = setup();
  data["parameters"].as_object()["stages"].as_object()["countersign"] = true;
  ASSERT_TRUE(create_round(data));
  world.select(kRound);
  world.sign("clerk", "task", "submit");
  const auto say = [&](const char* who, const char* outcome) {
    const Actor actor = world.actor(who);
    for (const TaskRow& each : world.tasks())
      if (each.kind == "countersign" && each.status == "open" && actor.has(each.role, each.org)) return world.complete(who, each.id, outcome, {{"opinion", "意见"}});
    return Result<Reply>{Error{.code = "test.nobody_asked"}};
  };
  ASSERT_TRUE(say("bureau", "agree"));
  ASSERT_TRUE(say("second", "return"));
  EXPECT_EQ(world.state(), "draft");
  world.sign("clerk", "task", "submit");
  EXPECT_EQ(code(say("bureau", "agree")), "test.nobody_asked");
  ASSERT_TRUE(say("second", "agree"));
  EXPECT_EQ(world.state(), "issue");
  expect_replays({kRound});
}

// A returned submission is bound by its own deadline, not by that of the first one.
TEST_F(Rounds, LetAReturnedApplicationComeAgain) {
  open();
  const std::string id = applied();
  world.select(id);
  world.sign("applicant", "task", "submit", {{"name", "湘绣"}});
  world.sign("bureau", "task", "recommend");
  ASSERT_TRUE(world.advance("2026-03-16T09:00:00+08:00"));
  world.sign("clerk", "task", "correct", {{"points", json::array{json::object{{"place", "/name"}, {"text", "名称不规范"}}}}});
  EXPECT_EQ(world.state(), "correction");
  const TaskRow correction = world.task();
  world.clock.advance_to(*correction.due);  // the timer has not fired yet
  EXPECT_EQ(code(world.complete("applicant", correction.id, "submit", {{"name", "湘绣"}})), "round.late");
}

/// With the steps in the college, whose secretary reviews.
class CollegeRounds : public Rounds {
 protected:
  CollegeRounds() {
    json::object manifest = plain_manifest();
    manifest["params"] = json::object{{"in_college", "yes"}};
    world.definitions.put("workshop", selection(), std::move(manifest), {{"nomination", json::object{{"type", "object"}}}});
    world.put_user("secretary", {{"org-admin", "c1"}});
    world.put_user("dean", {{"org-approver", "c1"}});
  }
  std::string submitted() {
    const std::string id = applied();
    world.select(id);
    submit();
    return id;
  }
  void submit() { world.sign("applicant", "task", "submit", {{"name", "湘绣"}}); }
  void out_of_the_college() {
    world.sign("secretary", "task", "pass");
    world.sign("secretary", "task", "publicised", {{"from", "2026-03-02"}, {"to", "2026-03-06"}, {"objections", "无异议"}});
    world.sign("dean", "task", "seal");
  }
};

// What the college gave back in time is due with the round; what it would give back later could not be handed in any more.
TEST_F(CollegeRounds, TakeNothingBackThatTheCollegeReturned) {
  open();
  const std::string before = submitted();
  world.sign("secretary", "task", "return");
  EXPECT_FALSE(world.task().due);
  const std::string late = submitted();
  const std::string sealed = world.tasks().front().id;
  world.clock.advance_to(*parse_instant("2026-03-13T17:30:01+08:00"));  // no timer has fired yet
  EXPECT_EQ(code(world.act("task.recall", "applicant", sealed)), "round.late") << "it could not be handed in again";
  world.select(before);
  EXPECT_EQ(code(world.complete("applicant", world.task().id, "submit", {{"name", "湘绣"}})), "round.late");
  world.select(late);
  const Result<Reply> refused = world.complete("secretary", world.task().id, "return");
  ASSERT_EQ(code(refused), "round.late");
  EXPECT_EQ(refused.error().place, "/outcome");
  EXPECT_EQ(refused.error().allowed, (std::vector<std::string>{"pass", "decline"}));
  EXPECT_EQ(world.state(), "college_review");
  world.pumps->run_due();
  EXPECT_EQ(state_of(before), "lapsed");
  EXPECT_EQ(code(world.complete("secretary", world.task().id, "return")), "round.late");
  out_of_the_college();
  EXPECT_EQ(world.state(), "recommendation");
  expect_replays({kRound, before, late});
}

// Whoever recommends gives it back with days of its own, whether the round has closed by then or closes meanwhile.
TEST_F(CollegeRounds, GiveAReturnedOneItsOwnDays) {
  open();
  const std::string early = submitted();
  out_of_the_college();
  const std::string late = submitted();
  out_of_the_college();
  const std::string idle = submitted();
  out_of_the_college();
  ASSERT_TRUE(world.advance("2026-03-12T09:00:00+08:00"));
  world.select(early);
  world.sign("bureau", "task", "return", {{"days", 3}});
  EXPECT_EQ(format_instant(*world.task().due), "2026-03-18T00:00:00+08:00");
  ASSERT_TRUE(world.advance("2026-03-16T09:00:00+08:00"));
  EXPECT_EQ(state_of(early), "drafting") << "its days are not over";
  for (const std::string& each : {late, idle}) {
    world.select(each);
    world.sign("bureau", "task", "return");
    EXPECT_EQ(format_instant(*world.task().due), "2026-03-24T00:00:00+08:00");
  }
  world.select(early);
  submit();
  EXPECT_EQ(code(world.complete("secretary", world.task().id, "return")), "round.late") << "its own days are of the bureau's return";
  out_of_the_college();
  world.select(late);
  submit();
  ASSERT_TRUE(world.advance("2026-03-24T00:00:00+08:00"));
  EXPECT_EQ(state_of(early), "recommendation");
  EXPECT_EQ(state_of(late), "college_review");
  EXPECT_EQ(state_of(idle), "lapsed");
  expect_replays({kRound, early, late, idle});
}

// The days of a return that end before the round does leave the round's.
TEST_F(CollegeRounds, AreOpenStillWhenTheDaysOfAReturnAreOver) {
  open();
  const std::string id = submitted();
  out_of_the_college();
  world.sign("bureau", "task", "return", {{"days", 1}});
  ASSERT_TRUE(world.advance("2026-03-10T09:00:00+08:00"));
  EXPECT_EQ(state_of(id), "drafting");
  const std::string again = submitted();
  out_of_the_college();
  world.sign("bureau", "task", "return", {{"days", 1}});
  ASSERT_TRUE(world.advance("2026-03-12T09:00:00+08:00"));
  submit();
  ASSERT_TRUE(world.advance("2026-03-16T09:00:00+08:00"));
  EXPECT_EQ(state_of(id), "lapsed");
  EXPECT_EQ(state_of(again), "college_review");
  expect_replays({kRound, id, again});
}

// Of a ranked list those beyond the places are not under review: they hold nothing up, and end with the decision.
TEST_F(Rounds, EndTheReserveWithTheDecision) {
  open();
  const json::object rule = json::parse(R"({"id":"ranked","scope":"prefecture","programmes":["workshop"],"max":2,"ranked":true,"zh":"排序推荐2个","en":"Two, ranked"})").as_object();
  ASSERT_TRUE(world.execute({.kind = "limit.put", .actor = world.actor("clerk"), .data = {{"round", kRound}, {"rules", json::array{rule}}}}));
  std::vector<std::string> ids;
  json::array order;
  for (int i = 0; i < 4; ++i) {
    ids.push_back(applied());
    order.emplace_back(ids.back());
    world.select(ids.back());
    world.sign("applicant", "task", "submit", {{"name", "湘绣"}});
  }
  const Result<Reply> ranked = world.execute({.kind = "rank.put", .actor = world.actor("bureau"), .data = {{"programme", "workshop"}, {"round", kRound}, {"org", "430100"}, {"order", order}}});
  ASSERT_TRUE(ranked) << ranked.error().message;
  for (const std::string& id : ids) {
    world.select(id);
    world.sign("bureau", "task", "recommend");
    if (world.state() == "reserve") continue;
    world.sign("clerk", "task", "pass");
    world.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r1", "r2", "r3"}}});
    for (const char* reviewer : {"r1", "r2", "r3"}) world.sign(reviewer, "sheet", "sign", World::scores());
  }
  ASSERT_EQ(state_of(ids[2]), "reserve");
  ASSERT_EQ(state_of(ids[3]), "reserve");
  close();
  EXPECT_EQ(code(decide({ids[0], ids[2]}, {ids[1]})), "round.cover");
  const Result<Reply> decided = decide({ids[0]}, {ids[1]});
  ASSERT_TRUE(decided) << decided.error().code << decided.error().message;
  // A place that becomes free from now on moves nobody up: not that of one not selected, and not before the others have heard of it.
  world.pumps->run_due();
  EXPECT_EQ(state_of(ids[0]), "selected");
  for (const std::size_t each : {1U, 2U, 3U}) EXPECT_EQ(state_of(ids[each]), "declined") << each;
  const json::object record = world.storage.queries->record(kRoundDecisionKind, kRound)->value().data;
  EXPECT_EQ(array_or_empty(record, "reserve"), (json::array{json::value(ids[2]), json::value(ids[3])}));
  EXPECT_EQ(array_or_empty(record, "not_selected"), json::array{json::value(ids[1])});
  expect_replays({kRound, ids[0], ids[1], ids[2], ids[3]});
}

TEST_F(Rounds, DecideOnExactlyThoseThatWait) {
  open();
  const std::string a = waiting();
  const std::string b = waiting();
  const std::string c = waiting();
  const std::string straggler = applied();
  world.select(straggler);
  world.sign("applicant", "task", "submit", {{"name", "湘绣"}});
  EXPECT_EQ(code(decide({a}, {b, c})), "round.unfinished");
  world.sign("bureau", "task", "decline");
  EXPECT_EQ(code(decide({a}, {b, c})), "round.state") << "still open";
  close();
  EXPECT_EQ(code(decide({a}, {b})), "round.cover");
  EXPECT_EQ(code(decide({a, a}, {b, c})), "round.cover");
  EXPECT_EQ(code(decide({a}, {b, c, straggler})), "round.cover");
  EXPECT_EQ(code(decide({a, b, c}, {})), "round.planned");
  EXPECT_EQ(code(decide({a}, {b, c}, "bureau")), "round.officer");
  EXPECT_EQ(code(decide({a}, {b, c}, "lead", {json::object{{"application", a}, {"reason", ""}}})), "round.deviation");
  EXPECT_EQ(code(decide({a}, {b, c}, "clerk")), "task.separation") << "appointed the panel";
  ASSERT_TRUE(decide({b}, {a, c}, "lead", {json::object{{"application", b}, {"reason", "区域布局"}}}));
  EXPECT_EQ(code(decide({a}, {b, c})), "round.state") << "once";
  world.pumps->run_due();
  EXPECT_EQ(state_of(a), "declined");
  EXPECT_EQ(state_of(b), "selected");
  EXPECT_EQ(state_of(c), "declined");
  expect_replays({kRound, a, b, c, straggler});
}

// Trap 12: an objection stops its own application; the round is published without it.
// A rule that counts selections holds for the round's decision as for that on a single application: all of it, or nothing.
TEST_F(Rounds, DecideWithinTheLimitsOfSelections) {
  std::uint64_t read = 0;
  const auto limit = [&](const char* rules) {
    const Result<Reply> put = world.execute(
        {.kind = "limit.put", .actor = world.actor("lead"), .data = {{"round", kRound}, {"rules", json::parse(rules)}}, .if_revision = read++});
    ASSERT_TRUE(put) << put.error().message;
  };
  open();
  limit(R"([{"id":"college","scope":"college","at":"select","max":1,"zh":"每校入选不超过1个","en":"One of a college"},
            {"id":"host","scope":"form","field":"/name","at":"select","max":1,"strength":"soft","zh":"同一名称原则上1个","en":"One of a name as a rule"}])");
  const std::string a = waiting();
  const std::string b = waiting();
  const std::string c = waiting();
  close();
  limit(R"([{"id":"college","scope":"college","at":"select","max":1,"zh":"每校入选不超过1个","en":"One of a college"}])");
  const Result<Reply> refused = decide({a, b}, {c});
  ASSERT_EQ(code(refused), "quota.places");
  ASSERT_EQ(refused.error().details.size(), 1U);
  EXPECT_EQ(refused.error().details.front().place, "/selected/1");
  EXPECT_NE(refused.error().details.front().message.find(b + "), /limits/college: "), std::string::npos) << refused.error().details.front().message;
  EXPECT_NE(refused.error().details.front().message_zh.find("每校入选不超过1个"), std::string::npos);
  const auto taken = [&] {
    const std::optional<RecordRow> row = *world.storage.queries->record("places", "places/college/r-2026-1/c1");
    return row ? int_or(row->data, "taken", -1) : 0;
  };
  EXPECT_EQ(taken(), 0) << "nothing is half decided";
  EXPECT_EQ(state_of(kRound), "deliberation");

  limit(R"([{"id":"college","scope":"college","at":"select","max":2,"zh":"每校入选不超过2个","en":"Two of a college"},
            {"id":"host","scope":"form","field":"/name","at":"select","max":1,"strength":"soft","zh":"同一名称原则上1个","en":"One of a name as a rule"}])");
  const Result<Reply> unreasoned = decide({a, b}, {c});
  ASSERT_EQ(code(unreasoned), "rule.reason");
  EXPECT_EQ(unreasoned.error().details.front().place, "/reasons/host");
  ASSERT_TRUE(world.execute({.kind = "round.decide", .session_id = kRound, .actor = world.actor("lead"),
                             .data = {{"selected", json::array{a, b}}, {"not_selected", json::array{c}}, {"reasons", json::object{{"host", "分属两个专业"}}}}}));
  EXPECT_EQ(taken(), 2);
  const RecordRow decision = world.storage.queries->record("round-decision", kRound)->value();
  EXPECT_EQ(string_or(object_or_empty(object_or_empty(decision.data, "limit_reasons"), b), "host"), "分属两个专业");

  // Who is selected and leaves gives its place back.
  world.pumps->run_due();
  world.select(a);
  ASSERT_EQ(world.state(), "selected");
  ASSERT_TRUE(world.event("applicant", "applicant.ask_withdrawal"));
  ASSERT_TRUE(world.event("bureau", "recommender.grant_withdrawal"));
  EXPECT_EQ(world.state(), "withdrawn");
  EXPECT_EQ(taken(), 1);
  expect_replays({kRound, a, b, c});
}

TEST_F(Rounds, DecideBeyondALimitWithAnException) {
  open();
  const std::string a = waiting();
  const std::string b = waiting();
  close();
  const auto put = [&](const char* who, const char* kind, json::object data) { return world.execute({.kind = kind, .actor = world.actor(who), .data = std::move(data)}); };
  ASSERT_TRUE(put("lead", "limit.put", {{"round", kRound}, {"rules", json::parse(R"([{"id":"college","scope":"college","at":"select","max":1,"zh":"每校1个","en":"One"}])")}}));
  EXPECT_EQ(code(decide({a, b}, {})), "quota.places");
  ASSERT_TRUE(put("lead", "exception.ask", {{"application", b}, {"rules", json::array{"college"}}, {"reason", "民族地区"}}));
  ASSERT_TRUE(world.execute({.kind = "exception.decide", .actor = world.actor("third"), .data = {{"application", b}, {"outcome", "grant"}, {"reason", "同意"}}, .if_revision = 1}));
  EXPECT_EQ(code(decide({a, b}, {})), "");
}

TEST_F(Rounds, ArePublishedWithoutTheOneUnderObjection) {
  open();
  const std::string a = waiting();
  const std::string b = waiting();
  close();
  ASSERT_TRUE(decide({a, b}, {}));
  world.pumps->run_due();
  EXPECT_EQ(state_of(a), "selected");
  world.select(kRound);
  world.sign("clerk", "task", "done");
  world.pumps->run_due();
  EXPECT_EQ(state_of(kRound), "publicity");
  world.select(b);
  ASSERT_TRUE(world.object(world.notice().id));
  // Five working days, the first day counted: 16 to 20 March.
  ASSERT_TRUE(world.advance("2026-03-20T23:59:59+08:00"));
  EXPECT_EQ(state_of(kRound), "publicity");
  ASSERT_TRUE(world.advance("2026-03-21T00:00:00+08:00"));
  EXPECT_EQ(state_of(a), "year_running");
  EXPECT_EQ(state_of(b), "notice_open");
  EXPECT_EQ(state_of(kRound), "published");
  world.select(kRound);
  world.sign("clerk", "task", "archive");
  EXPECT_EQ(state_of(kRound), "archived");
  world.select(b);
  world.sign("lead", "objection", "dismiss", {{"opinion", "查无实据"}});
  EXPECT_TRUE(world.award_row()) << "follows later, when the round is over";
  expect_replays({kRound, a, b});
}

TEST_F(Rounds, DoNotWaitForAWithdrawnOne) {
  open();
  const std::string a = waiting();
  const std::string b = waiting();
  close();
  ASSERT_TRUE(decide({a, b}, {}));
  // Before the decision has come to it.
  world.select(a);
  ASSERT_TRUE(world.event("applicant", "applicant.ask_withdrawal"));
  ASSERT_TRUE(world.event("bureau", "recommender.grant_withdrawal"));
  world.pumps->run_due();
  world.select(kRound);
  world.sign("clerk", "task", "done");
  ASSERT_TRUE(world.advance("2026-03-21T00:00:00+08:00"));
  EXPECT_EQ(state_of(a), "withdrawn");
  EXPECT_EQ(state_of(kRound), "published");
  expect_replays({kRound, a, b});
}

// A crash in the midst of a broadcast, and deliveries that come twice: every application hears it once.
TEST_F(Rounds, SpeakToEachApplicationOnce) {
  open();
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(applied());
  world.clock.advance_to(*parse_instant("2026-03-13T17:30:01+08:00"));
  const TimerRow timer = world.storage.queries->timers(kRound)->at(0);
  Command fire = system_command("timer.fire", {{"timer", timer.id}});
  fire.session_id = kRound;
  ASSERT_TRUE(world.execute(fire));
  const OutboxRow entry = world.storage.queries->due_outbox(world.clock.now(), 10)->at(0);
  EXPECT_EQ(entry.kind, "broadcast");
  const auto spread = [&](json::array targets, bool last) {
    const std::string after = std::string{targets.empty() ? "" : targets.back().as_string().c_str()};
    return world.execute(system_command("outbox.spread", {{"outbox", entry.id}, {"targets", std::move(targets)}, {"after", after}, {"last", last}}));
  };
  ASSERT_TRUE(spread({ids[0], ids[1]}, false));
  std::map<std::string, std::uint64_t> before;
  for (const std::string& id : ids) before[id] = revision_of(id);
  world.reopen();  // goes on where it stood
  world.pumps->run_due();
  EXPECT_EQ(code(spread({ids[0]}, true)), "pump.gone");
  Command again = system_command("session.deliver", {{"outbox", entry.id + "/" + ids[0]}, {"event", "round.closed"}});
  again.session_id = ids[0];
  EXPECT_EQ(code(world.execute(again)), "outbox.gone");
  for (const std::string& id : ids) {
    EXPECT_EQ(state_of(id), "lapsed");
    EXPECT_EQ(revision_of(id), before[id] + 1) << "once";
  }
}

TEST_F(Rounds, AreNotImpersonated) {
  // Another application's chart, and one that speaks to the round, cannot say what a round says.
  open();
  const std::string a = waiting();
  world.definitions.put("liar", workflow("<state id=\"s\"><onentry><send target=\"#_scxml_" + a + "\" event=\"round.selected\"/><send target=\"#_scxml_" + std::string{kRound} +
                                         "\" event=\"round.decided\"/></onentry></state>"),
                        plain_manifest(), {});
  world.create("liar");
  world.pumps->run_due();
  EXPECT_EQ(state_of(a), "awaiting_round");
  world.select(a);
  EXPECT_EQ(code(world.event("lead", "round.selected")), "event.unknown");
  EXPECT_EQ(code(world.event("applicant", "round.selected")), "event.unknown");
}

struct BadSetup {
  const char* name;
  const char* member;   ///< of the request, or of its parameters where it begins with "/"
  const char* value;
  const char* place;
  const char* code;
};
void PrintTo(const BadSetup& row, std::ostream* out) { *out << row.name; }
class RoundSetup : public Rounds, public testing::WithParamInterface<BadSetup> {};

TEST_P(RoundSetup, IsRefusedWhereItCannotBeHeld) {
  json::object data = setup();
  const std::string member = GetParam().member;
  (member.starts_with('/') ? data["parameters"].as_object()[member.substr(1)] : data[member]) = json::parse(GetParam().value);
  const Result<Reply> reply = create_round(std::move(data));
  ASSERT_FALSE(reply);
  const Error& error = reply.error();
  EXPECT_NE(error.message_zh, "");
  const std::string found = error.details.empty() ? error.place + " " + error.code : error.details[0].place + " " + error.details[0].code;
  EXPECT_EQ(found, std::string{GetParam().place} + " " + GetParam().code);
}

INSTANTIATE_TEST_SUITE_P(Defects, RoundSetup, testing::Values(
  //       name                 member         value                                        place                             code
  BadSetup{"NoYear",            "id",          R"("spring")",                               "/id",                            "round.id"},
  BadSetup{"IdOfAnApplication", "id",          R"("application10001")",                     "/id",                            "round.id"},
  BadSetup{"NoTitle",           "title",       R"(" ")",                                    "/title",                         "form.required"},
  BadSetup{"UnknownProgramme",  "programmes",  R"(["workshop","castle"])",                  "/programmes/1",                  "programme.unknown"},
  BadSetup{"ARoundItself",      "programmes",  R"(["annual-round"])",                       "/programmes/0",                  "programme.unknown"},
  BadSetup{"Twice",             "programmes",  R"(["workshop","workshop"])",                "/programmes/1",                  "round.programmes"},
  BadSetup{"BeforeOpening",     "/deadline",   R"("2026-03-02T17:30")",                     "/parameters/deadline",           "round.deadline"},
  BadSetup{"Past",              "/opens",      R"("2027-01-01")",                           "/parameters/deadline",           "round.deadline"},
  BadSetup{"NoTime",            "/opens",      R"("soon")",                                 "/parameters/opens",              "round.time"},
  BadSetup{"AboveTarget",       "/planned",    R"({"workshop": 101})",                      "/parameters/planned/workshop",   "round.plan"},
  BadSetup{"NoneAtAll",         "/planned",    R"({"workshop": 0})",                        "/parameters/planned/workshop",   "round.plan"},
  BadSetup{"NotOfTheRound",     "/planned",    R"({"castle": 1})",                          "/parameters/planned/castle",     "programme.unknown"},
  BadSetup{"UnknownStage",      "/stages",     R"({"lottery": true})",                      "/parameters/stages/lottery",     "round.stage"},
  BadSetup{"NoObject",          "/planned",    "[1]",                                        "/parameters/planned",            "round.parameter"},
  BadSetup{"ReasonForNothing",  "/reasons",    R"({"castle": "x"})",                         "/parameters/reasons/castle",     "programme.unknown"},
  BadSetup{"UnknownParameter",  "/lottery",    "1",                                         "/parameters/lottery",            "round.parameter"}),
  [](const auto& row) { return std::string(row.param.name); });

TEST_F(Rounds, PlanMoreThanTheTargetForAReason) {
  json::object data = setup();
  data["parameters"].as_object()["planned"] = json::object{{"workshop", 101}};
  data["parameters"].as_object()["reasons"] = json::object{{"workshop", "省领导小组会议纪要"}};
  EXPECT_TRUE(create_round(data));
  EXPECT_EQ(code(create_round(data)), "round.exists");
  EXPECT_EQ(code(create_round(setup(), "bureau")), "round.officer");
}

// Trap 8: so many working days into a year without a calendar is provisional.
TEST_F(Rounds, SayThatADeadlineIsProvisional) {
  json::object data = setup();
  data["parameters"].as_object()["opens"] = "2026-12-28";
  data["parameters"].as_object()["deadline"] = json::object{{"days", 10}, {"unit", "working"}, {"include_start", false}};
  ASSERT_TRUE(create_round(data));
  EXPECT_TRUE(bool_or(world.storage.queries->record("round", kRound)->value().data, "deadline_provisional", false));
}

TEST_F(Rounds, TakeNoApplicationThemselves) { EXPECT_EQ(code(world.try_create("annual-round")), "programme.round"); }

}  // namespace
}  // namespace chuyi::test
