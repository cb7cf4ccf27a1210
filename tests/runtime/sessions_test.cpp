// Goal: what the runtime promises beside any stage: timers, deliveries, failed stages, repeats, replay.
// Method: small workflows in memory on a manual clock.
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

const std::string kTask = R"(<invoke type="task" id="one"><param name="role" expr="'applicant'"/><param name="org" expr="'c1'"/></invoke>)";

struct Sends {
  const char* name;
  const char* entry;  ///< executable content on entry
  const char* after_three, *after_six, *after_nine;
};
void PrintTo(const Sends& row, std::ostream* out) { *out << row.name; }
class DelayedSends : public testing::TestWithParam<Sends> {};

TEST_P(DelayedSends, ArriveEachAtItsTime) {
  World world;
  world.definitions.put("p", workflow("<state id=\"s0\"><onentry>" + std::string{GetParam().entry} + R"(</onentry><transition event="e" target="s1"/></state>
      <state id="s1"><transition event="e" target="s2"/></state><state id="s2"/>)"), plain_manifest(), {});
  world.create("p");
  ASSERT_TRUE(world.advance("2026-03-02T09:00:03+08:00"));
  EXPECT_EQ(world.state(), GetParam().after_three);
  ASSERT_TRUE(world.advance("2026-03-02T09:00:06+08:00"));
  EXPECT_EQ(world.state(), GetParam().after_six);
  ASSERT_TRUE(world.advance("2026-03-02T09:00:09+08:00"));
  EXPECT_EQ(world.state(), GetParam().after_nine);
  EXPECT_EQ(world.replay_problem(), "");
}

#define SEND(id, delay) "<send event=\"e\" id=\"" id "\" delay=\"" delay "\"/>"
INSTANTIATE_TEST_SUITE_P(Ways, DelayedSends, testing::Values(
  //    name                  entry                                                              3 s   6 s   9 s
  Sends{"TwoIds",             SEND("a", "5s") SEND("b", "8s"),                                   "s0", "s1", "s2"},
  Sends{"OneIdTwice",         SEND("a", "5s") SEND("a", "8s"),                                   "s0", "s1", "s2"},
  Sends{"OneIdOneTime",       SEND("a", "5s") SEND("a", "5s"),                                   "s0", "s2", "s2"},
  Sends{"CancelTakesBoth",    SEND("a", "5s") SEND("a", "8s") "<cancel sendid=\"a\"/>",          "s0", "s0", "s0"},
  Sends{"CancelTakesItsOwn",  SEND("a", "5s") SEND("a/b", "5s") "<cancel sendid=\"a\"/>",        "s0", "s1", "s1"},
  Sends{"SentAfterCancel",    SEND("a", "5s") "<cancel sendid=\"a\"/>" SEND("a", "8s"),          "s0", "s0", "s1"}),
  [](const auto& row) { return std::string(row.param.name); });

/// A first state with a task, then a stage that cannot start.
std::string failing(const char* stage, const char* handler) {
  return workflow("<state id=\"s\">" + kTask + R"(<transition event="done.invoke.one" target="next"/></state><state id="next">)" + stage + handler + "</state>");
}

struct Failing {
  const char* name;
  const char* stage;
  const char* handler;
  const char* code;   ///< of the refusal; empty: the workflow takes the error
  const char* state;
};
void PrintTo(const Failing& row, std::ostream* out) { *out << row.name; }
class FailedStage : public testing::TestWithParam<Failing> {};

TEST_P(FailedStage, IsTakenByTheWorkflowOrRefusesTheCommand) {
  World world;
  world.definitions.put("p", failing(GetParam().stage, GetParam().handler), plain_manifest(), {});
  world.create("p");
  const std::string before = world.rows();
  const Result<Reply> reply = world.complete("applicant", world.task().id, "done");
  EXPECT_EQ(reply ? "" : reply.error().code, GetParam().code);
  EXPECT_EQ(world.state(), GetParam().state);
  if (!reply) {
    EXPECT_EQ(reply.error().kind, ErrorKind::rejected);
    EXPECT_EQ(world.rows(), before) << "nothing half-done";
    EXPECT_NE(reply.error().message_zh, "");
  }
  EXPECT_EQ(world.replay_problem(), "");
}

#define BAD_TASK R"(<invoke type="task" id="two"/>)"
#define BAD_AWARD R"(<invoke type="award" id="two"><param name="action" expr="'revoke'"/></invoke>)"
INSTANTIATE_TEST_SUITE_P(Kinds, FailedStage, testing::Values(
  //      name             stage                               handler                                                   code            state
  Failing{"Taken",         BAD_TASK,                           R"(<transition event="error.communication" target="broken"/>)", "",       "broken"},
  Failing{"TakenByAll",    BAD_AWARD,                          R"(<transition event="*" target="broken"/>)",             "",             "broken"},
  Failing{"TaskParams",    BAD_TASK,                           "",                                                       "stage.failed", "s"},
  Failing{"NoAward",       BAD_AWARD,                          "",                                                       "stage.failed", "s"},
  Failing{"UnknownType",   R"(<invoke type="magic" id="two"/>)", "",                                                     "stage.failed", "s"},
  Failing{"GuardSaysNo",   BAD_TASK,                           R"(<transition event="error" cond="false" target="broken"/>)", "stage.failed", "s"}),
  [](const auto& row) { return std::string(row.param.name); });

TEST(Sessions, AFirstStageThatCannotStartCreatesNothing) {
  World world;
  world.definitions.put("p", workflow("<state id=\"s\">" BAD_TASK "</state>"), plain_manifest(), {});
  const Result<Reply> reply = world.try_create("p");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, "stage.failed");
  EXPECT_TRUE(world.storage.queries->sessions({}, {})->rows.empty());
}

/// The timer's command cannot be done for as long as `next` has no organisation.
const std::string kPoisoned = workflow("<state id=\"s\"><onentry><send event=\"e\" delay=\"10s\"/></onentry><transition event=\"e\" target=\"next\"/>"
                                       "</state><state id=\"next\">" BAD_TASK "</state>");
const std::string kPlain = workflow("<state id=\"s\"><onentry><send event=\"e\" delay=\"20s\"/></onentry><transition event=\"e\" target=\"done\"/></state>");

TEST(Timers, ARefusedOneIsPutOffAndHoldsNobodyUp) {
  World world;
  world.definitions.put("bad", kPoisoned, plain_manifest(), {});
  world.definitions.put("good", kPlain, plain_manifest(), {});
  for (int i = 0; i < 250; ++i) world.create("bad");
  const std::string bad = world.session().id;
  world.create("good");
  const Result<PumpReport> moved = world.advance("2026-03-02T09:00:25+08:00");
  ASSERT_TRUE(moved) << moved.error().code;
  EXPECT_EQ(world.state(), "done") << "more refused timers than a batch holds, and still it fired";
  EXPECT_EQ(moved->fired, 1U);
  EXPECT_GE(moved->refused.size(), 250U);
  EXPECT_EQ(moved->refused.front().code, "stage.failed");
  world.select(bad);
  EXPECT_EQ(world.state(), "s");
  EXPECT_EQ(world.replay_problem(), "");
  EXPECT_TRUE(world.advance("2026-03-03T09:00:00+08:00")) << "the clock goes on";
}

TEST(Timers, ARefusedOneWaitsTwiceAsLongEachTimeUpToADay) {
  World world;
  world.definitions.put("bad", kPoisoned, plain_manifest(), {});
  world.create("bad");
  Instant before = world.clock.now();
  std::chrono::milliseconds wait{0};
  for (int attempt = 0; attempt < 20; ++attempt) {
    const Instant next = world.storage.queries->next_timer()->value();
    const auto waited = next - before;
    if (attempt > 1) {
      EXPECT_EQ(waited, std::min<std::chrono::milliseconds>(wait * 2, std::chrono::hours{24})) << attempt;
    }
    wait = waited;
    before = next;
    const Result<PumpReport> moved = world.advance(format_instant(next));
    ASSERT_TRUE(moved);
    EXPECT_EQ(moved->refused.size(), 1U);
  }
  EXPECT_EQ(wait, std::chrono::hours{24});
  world.definitions.put("bad", kPlain, plain_manifest(), {});
  EXPECT_EQ(world.replay_problem().substr(0, 18), "definition.unknown") << "its own definition is gone";
}

TEST(Timers, FireOnlyWhenDueAndAsStored) {
  World world;
  world.definitions.put("good", kPlain, plain_manifest(), {});
  world.create("good");
  const TimerRow timer = world.storage.queries->due_timers(world.clock.now() + std::chrono::hours{1}, 1)->at(0);
  const auto fire = [&](json::object event) {
    return world.execute({.kind = "timer.fire",
                          .session_id = timer.session_id,
                          .actor = {.user_id = "system"},
                          .data = {{"timer", timer.id}, {"event", std::move(event)}}});
  };
  EXPECT_EQ(fire(timer.event).error().code, "timer.early");
  ASSERT_TRUE(world.clock.advance_to(timer.due));
  json::object other = timer.event;
  other["event"] = "applicant.withdraw";
  ASSERT_TRUE(fire(other));
  EXPECT_EQ(world.state(), "done") << "the stored event counts";
  EXPECT_EQ(fire(timer.event).error().code, "timer.gone");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Timers, AStoreThatDoesNotAnswerIsSaidToBeStuck) {
  World world;
  world.definitions.put("good", kPlain, plain_manifest(), {});
  world.create("good");
  bool full = false;
  world.reopen({.fault = [&](std::uint64_t) { return full ? Fault::full : Fault::none; }});
  ASSERT_TRUE(world.advance("2026-03-02T09:00:10+08:00"));
  ASSERT_TRUE(world.clock.advance_to(*parse_instant("2026-03-02T09:00:30+08:00")));
  full = true;
  EXPECT_EQ(world.advance("2026-03-02T09:00:40+08:00").error().code, "timer.stuck");
  full = false;
  ASSERT_TRUE(world.advance("2026-03-02T09:00:40+08:00"));
  EXPECT_EQ(world.state(), "done");
}

TEST(Outbox, ANoticeThatFailsIsTriedAgainLaterAndLater) {
  World world;
  world.create();
  ASSERT_TRUE(world.event("applicant", "applicant.withdraw"));
  world.notifier.fails = true;
  PumpReport report = world.pumps->run_due();
  ASSERT_EQ(report.refused.size(), 1U);
  EXPECT_EQ(report.refused[0].code, "test.mail");
  EXPECT_TRUE(world.pumps->run_due().refused.empty()) << "not again at once";
  const auto later = [&](int hours) { return world.storage.queries->due_outbox(world.clock.now() + std::chrono::hours{hours}, 9)->size(); };
  EXPECT_EQ(later(1), 1U);
  EXPECT_EQ(world.storage.queries->due_outbox(world.clock.now() + std::chrono::hours{1}, 9)->at(0).attempts, 1);
  world.notifier.fails = false;
  ASSERT_TRUE(world.clock.advance_to(world.clock.now() + std::chrono::hours{1}));
  world.pumps->run_due();
  EXPECT_EQ(world.notifier.told.size(), 1U);
  EXPECT_EQ(later(48), 0U);
}

/// Counts what it is given, and never answers.
class CountingSender final : public MessageSender {
 public:
  void post(OutgoingMessage /*message*/, std::function<void(Result<>)> /*done*/) override { ++posted; }
  int posted = 0;
};

/// Lets another run first when the first command comes.
class Overtaken final : public CommandService {
 public:
  Overtaken(CommandService& below, std::function<void()> other) : below_(below), other_(std::move(other)) {}
  void execute(Command command, Done done) override {
    if (std::exchange(first_, false)) other_();
    below_.execute(std::move(command), std::move(done));
  }
  void probe(Command command, Done done) override { below_.probe(std::move(command), std::move(done)); }

 private:
  CommandService& below_;
  std::function<void()> other_;
  bool first_ = true;
};

// Goal: a message leaves once, however many nodes find it due. Method: one node has read what is due when the other
// delivers it.
TEST(Outbox, AMessageLeavesFromOneOfTwoNodes) {
  World world;
  const json::object message{{"target", "http://127.0.0.1/in"}, {"media_type", "text/plain"}, {"body", "hello"}, {"from", "a-none"}};
  ASSERT_TRUE(update_and_wait(*world.storage.store, {.key = {}, .decide = [&](View&) -> Result<Change> {
    Change out;
    out.audit = {{"kind", "test"}};
    out.outbox = {{.id = "x", .session_id = "a-none", .kind = "http", .payload = message, .created = world.clock.now(), .attempts = 0, .next_at = world.clock.now()}};
    return out;
  }}));
  CountingSender sender;
  Pumps quick(*world.storage.queries, *world.dispatcher, world.clock, world.notifier, [](const Detail&) {}, {.base = {}, .sender = &sender});
  Overtaken commands(*world.dispatcher, [&] { quick.run_due(); });
  Pumps slow(*world.storage.queries, commands, world.clock, world.notifier, [](const Detail&) {}, {.base = {}, .sender = &sender});
  EXPECT_TRUE(slow.run_due().refused.empty());
  EXPECT_EQ(sender.posted, 1);
}

TEST(Sessions, TalkByEventsThatAreDeliveredOnce) {
  World world;
  world.definitions.put("listener", workflow(R"(<state id="s"><transition event="hello" target="done"/></state>)"), plain_manifest(), {});
  const std::string listener = world.create("listener");
  world.definitions.put("speaker", workflow("<state id=\"s\"><onentry><send event=\"hello\" target=\"#_scxml_" + listener +
                                            "\"/><send event=\"hello\" target=\"#_scxml_a-none\"/></onentry><transition event=\"error.communication\" target=\"broken\"/></state>"),
                        plain_manifest(), {});
  world.create("speaker");
  EXPECT_EQ(world.state(), "broken") << "nobody of that name";
  EXPECT_TRUE(world.pumps->run_due().refused.empty());
  EXPECT_EQ(world.replay_problem(), "");
  world.select(listener);
  EXPECT_EQ(world.state(), "done");
  EXPECT_EQ(world.replay_problem(), "");
}

// Goal: an entry that two pumps have read is taken once. Method: the command of the second comes after that of the first.
TEST(Sessions, TakeAnEventOfTheOutboxOnce) {
  World world;
  world.definitions.put("listener", workflow(R"(<datamodel><data id="n" expr="0"/></datamodel><state id="s"><transition event="hello" cond="n == 0"><assign location="n" expr="1"/>
      </transition><transition event="hello" target="broken"/></state>)"), plain_manifest(), {});
  const std::string listener = world.create("listener");
  world.definitions.put("speaker", workflow("<state id=\"s\"><onentry><send event=\"hello\" target=\"#_scxml_" + listener + "\"/></onentry></state>"), plain_manifest(), {});
  world.create("speaker");
  const std::vector<OutboxRow> entries = *world.storage.queries->due_outbox(world.clock.now(), 9);
  ASSERT_EQ(entries.size(), 1U);
  world.pumps->run_due();
  world.select(listener);
  json::object data = entries[0].payload;
  data.erase("target");
  data["outbox"] = entries[0].id;
  Command again = system_command("session.deliver", std::move(data));
  again.session_id = listener;
  const Result<Reply> reply = world.execute(std::move(again));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, "outbox.gone");
  EXPECT_EQ(world.state(), "s");
}

// Goal: sessions that keep each other busy hold up neither the pumps nor the clock. Method: each answers every event of the other.
TEST(Sessions, ThatNeverRestAreSetAside) {
  World world;
  world.definitions.put("echo", workflow(R"(<state id="s"><transition event="ping"><send event="ping" targetexpr="_event.data"><content expr="'#_scxml_' .. _sessionid"/></send></transition></state>)"), plain_manifest(), {});
  const std::string one = world.create("echo");
  world.definitions.put("first", workflow("<state id=\"s\"><onentry><send event=\"ping\" target=\"#_scxml_" + one + "\"><content expr=\"'#_scxml_' .. _sessionid\"/></send></onentry>"
                                          R"(<transition event="ping"><send event="ping" targetexpr="_event.data"><content expr="'#_scxml_' .. _sessionid"/></send></transition></state>)"), plain_manifest(), {});
  world.create("first");
  EXPECT_TRUE(world.pumps->run_due().endless);
}

// Goal: what is stored can be read again. Method: invoked charts with large data, each within its bounds.
TEST(Sessions, TooLargeWithTheirChildrenAreRefused) {
  World world;
  std::string invokes;
  for (int i = 0; i < 12; ++i)
    invokes += "<invoke type=\"scxml\" id=\"c" + std::to_string(i) + R"x("><content><scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="lua">
      <datamodel><data id="big" expr="('x'):rep(900000)"/></datamodel><state id="s"/></scxml></content></invoke>)x";
  world.definitions.put("large", workflow("<state id=\"s\">" + invokes + "</state>"), plain_manifest(), {});
  const Result<Reply> made = world.try_create("large");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, "session.size");
}

TEST(Sessions, MayNotSpeakForTheSystem) {
  World world;
  world.definitions.put("p", workflow(R"(<state id="s"><invoke type="scxml" id="c"><content><scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="lua">
      <state id="a"><onentry><send target="#_parent" event="done.invoke.notice"/></onentry><transition event="error.execution" target="b"/></state>
      <final id="b"/></scxml></content></invoke>
      <transition event="done.invoke.notice" target="broken"/><transition event="done.invoke.c" target="done"/></state>)"), plain_manifest(), {});
  world.create("p");
  EXPECT_EQ(world.state(), "done");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Sessions, LogIsPartOfTheJournal) {
  World world;
  world.definitions.put("p", workflow(R"x(<state id="s"><onentry><log label="score" expr="{a=1}"/><log expr="('x'):rep(5000)"/></onentry></state>)x"), plain_manifest(), {});
  world.create("p");
  const std::vector<AuditRow> rows = *world.storage.queries->audit(world.session().id, 0, 9);
  const json::value record = json::parse(rows.at(0).record);
  const json::array& log = array_or_empty(record.as_object(), "log");
  ASSERT_EQ(log.size(), 2U);
  EXPECT_EQ(log[0], json::value("score: {\"a\":1}"));
  EXPECT_LE(log[1].as_string().size(), 1'000U);
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Sessions, OneOfAHundredSignOffsWins) {
  World world;
  world.submit();
  const std::string task = world.task().id;
  std::atomic<int> signed_off = 0, refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 10; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 10; ++k)
        ++(world.complete("bureau", task, "recommend") ? signed_off : refused);
    });
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(signed_off, 1);
  EXPECT_EQ(refused, 99);
  EXPECT_EQ(world.state(), "formal_check");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Sessions, ARepeatedKeyHasOneEffect) {
  World world;
  world.submit();
  Command command{.kind = "task.complete", .task_id = world.task().id, .actor = world.actor("bureau"), .data = {{"outcome", "recommend"}}};
  command.key = IdempotencyKey{.actor = "bureau", .key = "once", .digest = "d"};
  const Result<Reply> first = world.execute(command);
  ASSERT_TRUE(first);
  const std::string after = world.rows();
  for (int i = 0; i < 3; ++i) {
    const Result<Reply> again = world.execute(command);
    ASSERT_TRUE(again) << again.error().code;
    EXPECT_TRUE(again->replayed);
    EXPECT_EQ(again->body, first->body);
  }
  EXPECT_EQ(world.rows(), after);
  command.key->digest = "other";
  EXPECT_EQ(world.execute(command).error().code, "idempotency.mismatch");
}

// Goal: what another request has stored stays. Method: a command that stored nothing ends no holding, one that did
// ends its own once, and says whether the content is wanted.
TEST(Sessions, ACommandReleasesOnlyWhatItHolds) {
  World world;
  world.create();
  Command add{.kind = "document.add", .session_id = {}, .task_id = world.task().id, .actor = world.actor("applicant"),
              .data = {{"kind", "evidence"}, {"name", "a.pdf"}, {"media_type", "application/pdf"}, {"digest", std::string(64, 'a')}, {"size", 10}},
              .if_revision = {}, .key = {}, .holds = {}};
  ASSERT_TRUE(world.execute(add));
  EXPECT_TRUE(world.documents.released.empty());
  add.hold(std::string(64, 'a'));
  ASSERT_TRUE(world.execute(add));
  add.data["kind"] = "nothing";
  ASSERT_FALSE(world.execute(add));
  EXPECT_EQ(world.documents.released, (std::vector<std::pair<std::string, bool>>{{add.holds, true}, {add.holds, false}}));
}

// Goal: a row never names content that another node may have deleted meanwhile. Method: a command that stood still for long.
TEST(Sessions, ACommandThatComesTooLateAfterItsContentIsRefused) {
  World world;
  world.create();
  Command add{.kind = "document.add", .session_id = {}, .task_id = world.task().id, .actor = world.actor("applicant"),
              .data = {{"kind", "evidence"}, {"name", "a.pdf"}, {"media_type", "application/pdf"}, {"digest", std::string(64, 'a')}, {"size", 10}},
              .if_revision = {}, .key = {}, .holds = {}};
  add.hold(std::string(64, 'a'));
  add.held_since -= kHoldMax;
  EXPECT_EQ(world.execute(add).error().code, "document.late");
}

TEST(Sessions, AnOldRevisionIsRefused) {
  World world;
  world.create();
  const TaskRow task = world.task();
  ASSERT_TRUE(world.act("task.save", "applicant", task.id, {{"data", json::object{{"name", "a"}}}}, task.revision));
  const std::string before = world.rows();
  for (const char* name : {"task.save", "task.complete", "task.claim"})
    EXPECT_EQ(world.act(name, "applicant2", task.id, {{"data", json::object{{"name", "b"}}}}, task.revision).error().code, "precondition.failed") << name;
  EXPECT_EQ(world.rows(), before);
}

}  // namespace
}  // namespace chuyi::test
