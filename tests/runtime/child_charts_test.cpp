// Goal: stages of a chart that an application invokes (SCXML 6.4) are stages like any other: people, timers, cancels,
// refusals and replay do not notice. Method: small workflows whose one state invokes a chart.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

/// <invoke id="ID"> of a chart with this body and a final state "end".
std::string invoking(const std::string& id, const std::string& body, const std::string& finalize = {}) {
  return "<invoke id=\"" + id + R"("><content><scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="lua">)" + body +
         R"(<final id="end"><donedata><param name="ok" expr="true"/></donedata></final></scxml></content>)" + finalize + "</invoke>";
}

std::string task(const std::string& id, const std::string& more = {}) {
  return "<invoke type=\"task\" id=\"" + id + R"("><param name="role" expr="'provincial-officer'"/><param name="org" expr="'430000'"/>)" + more + "</invoke>";
}

/// Two officers, one after the other; neither may be whoever signed in `not_by`.
std::string two_tasks(const std::string& not_by = "{'draft'}") {
  return R"(<state id="drafting">)" + task("draft", R"(<param name="outcomes" expr="{'fine'}"/>)") +
         R"(<transition event="done.invoke.draft" cond="_event.data.outcome == 'fine'" target="checking"/></state><state id="checking">)" +
         task("check", "<param name=\"not_by\" expr=\"" + not_by + "\"/>") + R"(<transition event="done.invoke.check" target="end"/></state>)";
}

const std::string kDone = R"(<transition event="done.invoke.sub" cond="_event.data.ok" target="done"/>)";

class ChildCharts : public testing::Test {
 protected:
  void play(const std::string& body) {
    world.definitions.put("p", workflow(body), plain_manifest(), {});
    world.create("p");
  }
  std::size_t open_tasks() {
    const std::vector<TaskRow> all = world.tasks();
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const TaskRow& row) { return row.status == "open"; }));
  }
  TaskRow task_of(const std::string& invoke_id) {
    for (const TaskRow& each : world.tasks())
      if (each.invoke_id == invoke_id && each.status == "open") return each;
    return {};
  }
  World world;
};

TEST_F(ChildCharts, TheirTasksAreTasksOfTheApplication) {
  play(R"(<state id="s">)" + invoking("sub", two_tasks()) + kDone + "</state>");
  EXPECT_EQ(world.task().invoke_id, "sub/draft");
  EXPECT_EQ(world.task().state, "s") << "people know the states of the application";
  world.sign("clerk", "task", "fine");
  EXPECT_EQ(world.task().invoke_id, "sub/check");
  const Result<Reply> again = world.complete("clerk", world.task().id, "done");
  ASSERT_FALSE(again) << "who drafted may not check";
  EXPECT_EQ(again.error().kind, ErrorKind::forbidden);
  world.sign("lead", "task", "done");
  EXPECT_EQ(world.state(), "done");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST_F(ChildCharts, KnowWhoSignedOutside) {
  play(R"(<state id="before">)" + task("first") + R"(<transition event="done.invoke.first" target="s"/></state><state id="s">)" +
       invoking("sub", two_tasks("{'first'}")) + kDone + "</state>");
  world.sign("clerk", "task", "done");
  world.sign("lead", "task", "fine");
  EXPECT_FALSE(world.complete("clerk", world.task().id, "done"));
  world.sign("lead", "task", "done");
  EXPECT_EQ(world.state(), "done");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST_F(ChildCharts, SeveralHaveTasksOfTheSameName) {
  play(R"(<state id="s">)" + invoking("one", two_tasks()) + invoking("two", two_tasks()) +
       R"(<transition event="done.invoke.two" target="broken"/><transition event="done.invoke.one" target="done"/></state>)");
  ASSERT_TRUE(world.complete("clerk", task_of("one/draft").id, "fine"));
  ASSERT_TRUE(world.complete("lead", task_of("two/draft").id, "fine"));
  EXPECT_FALSE(world.complete("clerk", task_of("one/check").id, "done"));
  ASSERT_TRUE(world.complete("clerk", task_of("two/check").id, "done")) << "clerk drafted the other";
  EXPECT_EQ(world.state(), "broken");
  EXPECT_EQ(open_tasks(), 0U) << "the other chart was cancelled";
  EXPECT_EQ(world.replay_problem(), "");
}

TEST_F(ChildCharts, HearOfDueTimesUnderTheirOwnNames) {
  play(R"(<state id="s">)" +
       invoking("sub", R"(<state id="drafting">)" + task("draft", R"x(<param name="due" expr="working_days(2)"/>)x") +
                           R"(<transition event="task.overdue.draft" cond="_event.invokeid == 'draft'" target="end"/></state>)") +
       kDone + "</state>");
  ASSERT_TRUE(world.advance("2026-04-01T09:00:00+08:00"));
  EXPECT_EQ(world.state(), "done");
  EXPECT_EQ(open_tasks(), 0U);
  EXPECT_EQ(world.replay_problem(), "");
}

TEST_F(ChildCharts, LeavingTheStateEndsTheirTasksAndTimers) {
  play(R"(<state id="s"><onentry><send event="leave" delay="1s"/></onentry>)" +
       invoking("sub", R"(<state id="a"><onentry><send event="ghost" target="#_parent" delay="2s"/></onentry>)" +
                           invoking("inner", R"(<state id="drafting">)" + task("draft", R"x(<param name="due" expr="working_days(2)"/>)x") +
                                                 R"(<transition event="task.overdue.draft" target="end"/></state>)") +
                           R"(<transition event="done.invoke.inner" target="end"/></state>)") +
       R"(<transition event="leave" target="t"/></state><state id="t"><transition event="*" target="broken"/></state>)");
  EXPECT_EQ(world.task().invoke_id, "sub/inner/draft");
  ASSERT_TRUE(world.advance("2026-04-01T09:00:00+08:00"));
  EXPECT_EQ(world.state(), "t");
  EXPECT_EQ(open_tasks(), 0U);
  EXPECT_FALSE(world.storage.queries->next_timer()->has_value());
  EXPECT_EQ(world.replay_problem(), "");
}

TEST_F(ChildCharts, StartAnewWhenTheirStateIsEnteredAgain) {
  play(R"(<state id="s">)" + invoking("sub", two_tasks()) + R"(<transition event="done.invoke.sub" target="s"/></state>)");
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(world.complete("clerk", task_of("sub/draft").id, "fine"));
    ASSERT_TRUE(world.complete("lead", task_of("sub/check").id, "done"));
  }
  EXPECT_EQ(open_tasks(), 1U);
  EXPECT_EQ(world.task().invoke_id, "sub/draft");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST_F(ChildCharts, ThatNeverStopTalkingAreRefused) {
  world.definitions.put("p", workflow(R"(<state id="s">)" + invoking("sub", R"(<state id="a"><onentry><send event="ping" target="#_parent"/></onentry>
      <transition event="pong"><send event="ping" target="#_parent"/></transition></state>)") +
                                      R"(<transition event="ping"><send event="pong" target="#_sub"/></transition></state>)"), plain_manifest(), {});
  const Result<Reply> reply = world.try_create("p");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, "session.events");
  EXPECT_TRUE(world.storage.queries->sessions({}, {})->rows.empty());
}

struct Failing {
  const char* name;
  std::string inside;   ///< body of the chart
  std::string outside;  ///< transitions of the state that invokes it
  const char* code;     ///< of the refusal; empty: somebody takes the error
  const char* state;
};
void PrintTo(const Failing& row, std::ostream* out) { *out << row.name; }
class FailingChild : public testing::TestWithParam<Failing> {};

TEST_P(FailingChild, IsTakenSomewhereOrRefusesTheCommand) {
  World world;
  world.definitions.put("p", workflow(R"(<state id="before">)" + task("first") + R"(<transition event="done.invoke.first" target="s"/></state><state id="s">)" +
                                      invoking("sub", GetParam().inside) + GetParam().outside + "</state>"),
                        plain_manifest(), {});
  world.create("p");
  const std::string before = world.rows();
  const Result<Reply> reply = world.complete("clerk", world.task().id, "done");
  EXPECT_EQ(reply ? "" : reply.error().code, GetParam().code);
  EXPECT_EQ(world.state(), GetParam().state);
  EXPECT_EQ(world.rows() == before, !reply) << "nothing half-done";
  EXPECT_EQ(world.replay_problem(), "");
}

const std::string kBadTask = R"(<invoke type="task" id="bad"/>)";
const std::string kTaken = R"(<transition event="error.communication" cond="_event.invokeid == 'sub'" target="broken"/>)";
INSTANTIATE_TEST_SUITE_P(Kinds, FailingChild, testing::Values(
  //      name              inside                                                                                  outside code            state
  Failing{"StageTaken",     R"(<state id="a">)" + kBadTask + R"(<transition event="error.communication" target="end"/></state>)", kDone, "", "done"},
  Failing{"StageRefused",   R"(<state id="a">)" + kBadTask + "</state>",                                            kTaken, "stage.failed", "before"},
  Failing{"NoChart",        R"(<state id="a"><transition target="nowhere"/></state>)",                              kTaken, "",             "broken"},
  Failing{"NoChartRefused", R"(<state id="a"><transition target="nowhere"/></state>)",                              "",     "stage.failed", "before"},
  Failing{"Endless",        R"(<state id="a"><transition target="a"/></state>)",                                    kTaken, "",             "broken"},
  Failing{"EndlessLater",   R"(<state id="a"><onentry><send event="go"/></onentry><transition event="go" target="b"/></state><state id="b"><transition target="b"/></state>)",
                                                                                                                    kTaken, "",             "broken"},
  Failing{"EndlessRefused", R"(<state id="a"><onentry><send event="go"/></onentry><transition event="go" target="b"/></state><state id="b"><transition target="b"/></state>)",
                                                                                                                    "",     "stage.failed", "before"}),
  [](const auto& row) { return std::string(row.param.name); });

/// Is done as soon as it starts, with what it was given and who signed where.
class Echo final : public InvokeHandler {
 public:
  Result<StageOutcome> start(const StageContext& context, const json::object& params) const override {
    json::object data = params;
    std::string all;
    for (const auto& [stage, users] : context.signed_by)
      for (const std::string& user : users) all += stage + " " + user + ";";
    data["signed"] = all;
    return StageOutcome{.state = {}, .events = {{.name = "done", .data = std::move(data)}}, .effects = {}, .reply = {}};
  }
  Result<StageOutcome> command(const StageContext& /*context*/, const json::object& /*state*/, const StageCommand& /*command*/) const override {
    return Error{.code = "test.command"};
  }
  Result<StageOutcome> timer(const StageContext& /*context*/, const json::object& /*state*/, std::string_view /*name*/) const override {
    return Error{.code = "test.timer"};
  }
  StageOutcome cancel(const StageContext& /*context*/, const json::object& /*state*/) const override { return {}; }
};

TEST_F(ChildCharts, TellApartWhoSignedInsideAndOutside) {
  ASSERT_TRUE(world.registry.add("echo", std::make_unique<Echo>()));
  play(R"(<state id="before">)" + task("draft") + R"(<transition event="done.invoke.draft" target="s"/></state><state id="s">)" +
       invoking("sub", R"(<state id="a">)" + task("draft") + R"(<transition event="done.invoke.draft" target="b"/></state><state id="b">
           <invoke type="echo" id="echo"/><transition event="done.invoke.echo" target="end"><log expr="_event.data.signed"/></transition></state>)") +
       kDone + "</state>");
  world.sign("clerk", "task", "done");
  world.sign("lead", "task", "done");
  EXPECT_EQ(world.state(), "done");
  const std::vector<AuditRow> rows = *world.storage.queries->audit(world.session().id, 0, 9);
  const json::value record = json::parse(rows.back().record);
  EXPECT_EQ(array_or_empty(record.as_object(), "log"), json::array{"/draft clerk;draft lead;"}) << "each signature once";
  EXPECT_EQ(world.replay_problem(), "");
}

TEST_F(ChildCharts, WhatAStageSaidBeforeItsStateWasLeftIsDropped) {
  ASSERT_TRUE(world.registry.add("echo", std::make_unique<Echo>()));
  play(R"(<datamodel><data id="n" expr="0"/></datamodel><state id="s"><onentry><assign location="n" expr="n + 1"/></onentry>)" +
       invoking("sub", R"(<state id="a"><onentry><send event="again" target="#_parent"/></onentry></state>)") +
       R"(<invoke type="echo" id="echo"><param name="n" expr="n"/></invoke>
          <transition event="again" cond="n == 1" target="s"/><transition event="again"/>
          <transition event="done.invoke.echo" cond="_event.data.n == 2" target="done"/><transition event="done.invoke.echo" target="broken"/></state>)");
  EXPECT_EQ(world.state(), "done") << "the first one's answer was waiting when its state was left and entered again";
  EXPECT_EQ(world.replay_problem(), "");
}

}  // namespace
}  // namespace chuyi::test
