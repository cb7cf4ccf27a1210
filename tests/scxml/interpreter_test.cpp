#include <gtest/gtest.h>

#include "tests/scxml/session.h"

namespace chuyi::scxml {
namespace {

std::string chart(const std::string& body, const std::string& attributes = "") {
  return "<scxml xmlns=\"http://www.w3.org/2005/07/scxml\" version=\"1.0\" datamodel=\"lua\" " + attributes + ">" + body +
         "<final id=\"pass\"/><final id=\"fail\"/></scxml>";
}

struct Case {
  const char* name;
  std::string body;
};
void PrintTo(const Case& row, std::ostream* out) { *out << row.name; }

class Behaviour : public testing::TestWithParam<Case> {};

// Goal: the rules of SCXML that approval charts rest on. Method: each chart ends in "pass" only when the
// rule holds; straight, and restored between macrosteps.
TEST_P(Behaviour, Holds) {
  EXPECT_EQ(run_chart(chart(GetParam().body)), "pass");
  EXPECT_EQ(run_chart(chart(GetParam().body), true), "pass");
}

INSTANTIATE_TEST_SUITE_P(
    Rules, Behaviour,
    testing::Values(
        Case{"InternalEventsComeBeforeExternal",
             R"x(<state id="s"><onentry><send event="ext"/><raise event="int"/></onentry>
                <transition event="int" target="t"/><transition event="ext" target="fail"/></state>
                <state id="t"><transition event="ext" target="pass"/></state>)x"},
        Case{"InnerTransitionPreemptsOuter",
             R"x(<state id="a"><onentry><raise event="e"/></onentry><transition event="e" target="fail"/>
                <state id="b"><transition event="e" target="pass"/></state></state>)x"},
        Case{"ExitIsInnermostFirstEntryOutermostFirst",
             R"x(<datamodel><data id="log" expr="''"/></datamodel>
                <state id="a"><onexit><assign location="log" expr="log .. 'A'"/></onexit>
                  <state id="b"><onexit><assign location="log" expr="log .. 'B'"/></onexit>
                    <transition target="d"/></state></state>
                <state id="c"><onentry><assign location="log" expr="log .. 'c'"/></onentry>
                  <state id="d"><onentry><assign location="log" expr="log .. 'd'"/></onentry>
                    <transition cond="log == 'BAcd'" target="pass"/><transition target="fail"/></state></state>)x"},
        Case{"ParallelIsDoneWhenAllRegionsAre",
             R"x(<parallel id="p"><state id="r1"><state id="a"><transition event="go" target="f1"/></state><final id="f1"/></state>
                <state id="r2"><onentry><send event="go"/></onentry><state id="b"><transition event="done.state.r1" target="f2"/></state>
                <final id="f2"/></state><transition event="done.state.p" target="pass"/></parallel>)x"},
        Case{"DeepHistoryRestoresTheInnerState",
             R"x(<datamodel><data id="n" expr="0"/></datamodel>
                <state id="w" initial="h0"><history id="h0" type="deep"><transition target="x"/></history>
                  <state id="x"><state id="x1"><transition target="x2"/></state>
                    <state id="x2"><onentry><assign location="n" expr="n + 1"/></onentry>
                      <transition cond="n == 1" target="out"/><transition cond="n == 2" target="pass"/></state></state></state>
                <state id="out"><transition target="h0"/></state>)x"},
        Case{"AHistoryMayDefaultToOneFurtherInside",
             R"x(<state id="w" initial="h0"><history id="h0"><transition target="h1"/></history>
                  <state id="x"><history id="h1"><transition target="y"/></history>
                    <state id="y"><transition target="pass"/></state></state></state>)x"},
        Case{"AnErrorEndsOnlyItsOwnBlock",
             R"x(<datamodel><data id="n" expr="0"/></datamodel>
                <state id="s"><onentry><assign location="n" expr="nothing.here"/><assign location="n" expr="99"/></onentry>
                  <onentry><assign location="n" expr="n + 1"/></onentry>
                  <transition event="error.execution" cond="n == 1" target="pass"/>
                  <transition event="*" target="fail"/></state>)x"},
        Case{"DelaysComeInTheOrderOfTime",
             R"x(<state id="s"><onentry><send event="late" delay="2s"/><send event="early" delay="500ms"/>
                  <send event="never" id="gone" delay="1ms"/><cancel sendid="gone"/></onentry>
                <transition event="early" target="t"/><transition event="*" target="fail"/></state>
                <state id="t"><transition event="late" target="pass"/><transition event="*" target="fail"/></state>)x"},
        Case{"DecimalsAreExact",
             R"x(<datamodel><data id="sum" expr="decimal('0.1') + decimal('0.2')"/></datamodel>
                <state id="s"><transition cond="sum == decimal('0.3') and decimal('92.345') &lt; 93 and
                  tostring(round(decimal('92.345'), 2)) == '92.35'" target="pass"/><transition target="fail"/></state>)x"},
        Case{"TablesSurviveAsTheyWere",
             R"x(<datamodel><data id="list" expr="{}"/><data id="map" expr="{b=1, a={true, 'x'}}"/></datamodel>
                <state id="s"><onentry><send event="e"/></onentry>
                  <transition event="e" cond="#list == 0 and map.a[2] == 'x' and map.b == 1" target="pass"/>
                  <transition event="e" target="fail"/></state>)x"},
        Case{"ScriptFunctionsAreThereAfterARestore",
             R"x(<script>function twice(x) return 2 * x end</script>
                <state id="s"><onentry><send event="e"/></onentry><transition event="e" cond="twice(4) == 8" target="pass"/>
                <transition event="e" target="fail"/></state>)x"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Interpreter, InvokesStartAtTheEndOfTheMacrostepOnly) {
  const Result<ChartPtr> parsed = parse_chart(
      chart(R"x(<state id="a"><invoke type="task" id="one"/><transition target="b"/></state>
               <state id="b"><invoke type="task" id="two"><param name="role" expr="'officer'"/></invoke>
                 <transition event="done.invoke.two" target="pass"/></state>)x"),
      "t");
  ASSERT_TRUE(parsed);
  const Result<Step> step = start(**parsed, {}, {.session_id = "s", .now = {}});
  ASSERT_TRUE(step);
  ASSERT_EQ(step->effects.size(), 1u);
  EXPECT_EQ(std::get<Invoke>(step->effects[0]).invoke_id, "two");
  EXPECT_EQ(std::get<Invoke>(step->effects[0]).params.at("role"), "officer");
  const Result<Step> done =
      scxml::step(**parsed, step->next, {.name = "done.invoke.two", .invokeid = "two"}, {.session_id = "s", .now = {}});
  ASSERT_TRUE(done);
  ASSERT_EQ(done->effects.size(), 2u);
  EXPECT_EQ(std::get<CancelInvoke>(done->effects[0]).invoke_id, "two");
  EXPECT_EQ(std::get<Done>(done->effects[1]).final_state, "pass");
}

// Goal: what is left is entered again (SCXML 3.11). Method: leaving "p" records the history that the transition leads to.
TEST(Interpreter, AHistoryRecordedOnTheWayIsEnteredWhole) {
  const Result<ChartPtr> parsed =
      parse_chart(chart(R"x(<parallel id="p"><state id="a"><state id="b"><transition event="go" target="h"/></state></state>
                           <history id="h" type="deep"><transition target="a"/></history></parallel>)x"),
                  "t");
  ASSERT_TRUE(parsed);
  const Result<Step> begun = start(**parsed, {}, {.session_id = "s", .now = {}});
  ASSERT_TRUE(begun);
  const Result<Step> step = scxml::step(**parsed, begun->next, {.name = "go"}, {.session_id = "s", .now = {}});
  ASSERT_TRUE(step);
  EXPECT_EQ(step->next.configuration, (std::vector<std::string>{"p", "a", "b"}));
}

// Goal: no chart that loads costs more steps than it has states. Method: 60 levels whose default entry names
// both the child and the grandchild, so that going down each way would take as long as Fibonacci's numbers say.
TEST(Interpreter, EachStateIsGoneThroughOnce) {
  std::string open;
  std::string close;
  for (int i = 0; i < 60; ++i) {
    const std::string next = "s" + std::to_string(i + 1);
    open += "<state id=\"s" + std::to_string(i) + "\" initial=\"" + next + (i < 59 ? " s" + std::to_string(i + 2) : "") + "\">";
    close += "</state>";
  }
  const Result<ChartPtr> parsed = parse_chart(chart(open + "<state id=\"s60\"/>" + close), "t");
  ASSERT_TRUE(parsed) << parsed.error().message;
  const Result<Step> step = start(**parsed, {}, {.session_id = "s", .now = {}});
  ASSERT_TRUE(step);
  EXPECT_EQ(step->next.configuration.size(), 61u);
}

// SCXML appendix D: exitInterpreter runs <onexit> before returnDoneEvent evaluates the donedata.
TEST(Interpreter, DonedataSeesWhatOnexitDid) {
  const Result<ChartPtr> parsed =
      parse_chart("<scxml xmlns=\"http://www.w3.org/2005/07/scxml\" version=\"1.0\"><datamodel><data id=\"n\" expr=\"1\"/></datamodel>"
                  "<final id=\"f\"><onexit><assign location=\"n\" expr=\"2\"/></onexit>"
                  "<donedata><param name=\"n\" expr=\"n\"/></donedata></final></scxml>",
                  "t");
  ASSERT_TRUE(parsed);
  const Result<Step> step = start(**parsed, {}, {.session_id = "s", .now = {}});
  ASSERT_TRUE(step);
  EXPECT_EQ(canonical_json(std::get<Done>(step->effects.back()).data), R"({"n":2})");
}

// Loops of executable content run outside Lua, and pay all the same.
TEST(Interpreter, NestedLoopsEndInTheInstructionLimit) {
  const Result<ChartPtr> parsed = parse_chart(
      chart(R"x(<datamodel><data id="t" expr="{}"/></datamodel><state id="a"><onentry><script>for i = 1, 2000 do t[i] = i end</script>
               <foreach array="t" item="i"><foreach array="t" item="k"><log/></foreach></foreach></onentry></state>)x"),
      "t");
  ASSERT_TRUE(parsed);
  const Result<Step> step = start(**parsed, {}, {.session_id = "s", .now = {}});
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().code, "scxml.instructions");
}

TEST(Interpreter, PeriodsAreHandedToTheHost) {
  const Result<ChartPtr> parsed =
      parse_chart(chart(R"x(<state id="a"><onentry><send event="over" delayexpr="until_date('2024-02-29', 1)"/></onentry></state>)x"), "t");
  ASSERT_TRUE(parsed);
  const Result<Step> step = start(**parsed, {}, {.session_id = "s", .now = {}});
  ASSERT_TRUE(step);
  EXPECT_EQ(canonical_json(std::get<Send>(step->effects.at(0)).delay), R"({"until":"2025-02-28"})");
}

TEST(Interpreter, AnEventlessCycleIsRefused) {
  const Result<ChartPtr> parsed =
      parse_chart(chart(R"x(<state id="a"><transition target="b"/></state><state id="b"><transition target="a"/></state>)x"), "t");
  ASSERT_TRUE(parsed);
  const Result<Step> step = start(**parsed, {}, {.session_id = "s", .now = {}});
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().code, "scxml.microsteps");
}

TEST(Interpreter, TheSameEventsGiveTheSameBytes) {
  const Result<ChartPtr> parsed = parse_chart(
      chart(R"x(<datamodel><data id="t" expr="{z=1, a=2, m={3,2,1}}"/></datamodel><state id="a">
               <transition event="e"><script>local keys = '' for k in pairs(t) do keys = keys .. k end t.keys = keys table.sort(t.m)</script></transition></state>)x"),
      "t");
  ASSERT_TRUE(parsed);
  std::string first;
  for (int i = 0; i < 20; ++i) {
    const Result<Step> begun = start(**parsed, {}, {.session_id = "s", .now = {}});
    ASSERT_TRUE(begun);
    const Result<Step> next = scxml::step(**parsed, begun->next, {.name = "e"}, {.session_id = "s", .now = {}});
    ASSERT_TRUE(next) << next.error().message;
    const std::string bytes = encode(next->next);
    if (first.empty()) first = bytes;
    EXPECT_EQ(bytes, first);
  }
  EXPECT_NE(first.find(R"("keys":"amz")"), std::string::npos) << first;
  EXPECT_NE(first.find(R"("m":[1,2,3])"), std::string::npos) << first;
}

}  // namespace
}  // namespace chuyi::scxml
