// Goal: a session that moves to another chart stands legally there, loses nothing, or says why it cannot.
// Method: one pair of small charts for each rule; the session is started and stepped by the engine itself.
#include <gtest/gtest.h>

#include "engine/scxml/migrate.h"

namespace chuyi::scxml {
namespace {

const Env kEnv{.session_id = "s", .now = from_ms(1'000)};

ChartPtr chart(const std::string& body, const std::string& attributes = {}) {
  const Result<ChartPtr> out =
      parse_chart("<scxml xmlns=\"http://www.w3.org/2005/07/scxml\" version=\"1.0\" datamodel=\"lua\" " + attributes + ">" + body + "</scxml>", "c.scxml");
  EXPECT_TRUE(out) << out.error().message << " " << out.error().place;
  return out ? *out : nullptr;
}

Snapshot started(const Chart& of, const std::vector<std::string>& events = {}) {
  Result<Step> at = start(of, {}, kEnv);
  for (const std::string& name : events) at = step(of, std::move(at->next), {.name = name}, kEnv);
  return at->next;
}

std::string task(const std::string& id, const std::string& parameters = {}) { return "<invoke type=\"task\" id=\"" + id + "\">" + parameters + "</invoke>"; }

struct Case {
  const char* name;
  std::string from;
  std::string to;
  StateMap map;
  std::vector<std::string> events;
  std::string configuration;  ///< joined; empty: it does not move
  std::string obstacle;       ///< code and place of the first
};
class Moves : public testing::TestWithParam<Case> {};

TEST_P(Moves, AsExpected) {
  const Case& each = GetParam();
  const ChartPtr from = chart(each.from);
  const ChartPtr to = chart(each.to);
  const Moved moved = migrate(*from, *to, each.map, started(*from, each.events), {}, kEnv);
  std::string text;
  for (const Detail& one : moved.obstacles) {
    EXPECT_FALSE(one.message.empty() || one.message_zh.empty()) << one.code;
    if (text.empty()) text = one.code + " " + one.place;
  }
  EXPECT_EQ(text, each.obstacle);
  if (!text.empty()) return;
  std::string configuration;
  for (const std::string& id : moved.next.configuration) configuration += (configuration.empty() ? "" : " ") + id;
  EXPECT_EQ(configuration, each.configuration);
  EXPECT_TRUE(decode(*to, encode(moved.next))) << "a snapshot of the new chart";
}

const std::string kA = "<state id=\"a\">" + task("t") + "</state>";
const std::string kParallel = "<parallel id=\"p\"><state id=\"x\"/><state id=\"y\"/></parallel>";
const std::string kHistory =
    "<state id=\"out\"><transition event=\"in\" target=\"h\"/></state>"
    "<state id=\"w\"><transition event=\"out\" target=\"out\"/><history id=\"h\"><transition target=\"one\"/></history>"
    "<state id=\"one\"><transition event=\"go\" target=\"two\"/></state><state id=\"two\"/></state>";

INSTANTIATE_TEST_SUITE_P(
    Charts, Moves,
    testing::Values(
        Case{"Same", kA, kA + "<state id=\"more\"/>", {}, {}, "a", ""},
        Case{"Renamed", kA, "<state id=\"b\">" + task("t") + "</state>", {{"a", "b"}}, {}, "b", ""},
        Case{"Removed", kA, "<state id=\"b\">" + task("t") + "</state>", {}, {}, "", "migrate.unmapped a"},
        Case{"NewWrapper", kA, "<state id=\"w\">" + kA + "</state>", {}, {}, "w a", ""},
        Case{"WrapperGone", "<state id=\"w\">" + kA + "</state>", kA, {}, {}, "", "migrate.unmapped w"},
        Case{"WrapperMapped", "<state id=\"w\">" + kA + "</state>", kA, {{"w", "a"}}, {}, "a", ""},
        Case{"WrongParent", "<state id=\"w\">" + kA + "</state>", "<state id=\"w\"><state id=\"z\"/></state>" + kA, {}, {}, "", "migrate.place scxml"},
        Case{"LeafBecomesCompound", "<state id=\"a\"/>", "<state id=\"a\"><state id=\"z\"/></state>", {}, {}, "", "migrate.no_child a"},
        Case{"Regions", kParallel, "<parallel id=\"p\"><state id=\"x\"/><state id=\"z\"/></parallel>", {{"y", "z"}}, {}, "p x z", ""},
        Case{"RegionMissing", kParallel, "<parallel id=\"p\"><state id=\"x\"/><state id=\"y\"/><state id=\"z\"/></parallel>", {}, {}, "", "migrate.region p"},
        Case{"IntoFinal", "<state id=\"a\"/>", "<state id=\"b\"/><final id=\"z\"/>", {{"a", "z"}}, {}, "", "migrate.final a"},
        Case{"IntoHistory", "<state id=\"a\"/>", "<state id=\"b\"><history id=\"h\"><transition target=\"c\"/></history><state id=\"c\"/></state>", {{"a", "h"}}, {}, "", "migrate.kind a"},
        Case{"InvokeGone", kA, "<state id=\"a\"/>", {}, {}, "", "migrate.invoke_missing invoke t"},
        Case{"InvokeOfAnotherType", kA, "<state id=\"a\"><invoke type=\"panel\" id=\"t\"/></state>", {}, {}, "", "migrate.invoke_type invoke t"},
        Case{"InvokeAdded", kA, "<state id=\"a\">" + task("t") + task("u") + "</state>", {}, {}, "", "migrate.invoke_new invoke u"},
        Case{"InvokeAroundIt", kA, "<state id=\"w\">" + task("u") + kA + "</state>", {}, {}, "", "migrate.invoke_new invoke u"},
        Case{"InvokesWithoutIds", "<state id=\"a\"><invoke type=\"task\"/><invoke type=\"task\"/></state>",
             "<state id=\"a\"><invoke type=\"panel\" id=\"q\"/><invoke type=\"task\"/><invoke type=\"task\"/></state>", {}, {}, "", "migrate.invoke_new invoke q"},
        Case{"Restless", "<state id=\"a\"/>", "<state id=\"a\"><transition target=\"b\"/></state><state id=\"b\"/>", {}, {}, "", "migrate.restless a"},
        Case{"RestlessAround", "<state id=\"a\"/>", "<state id=\"w\"><transition cond=\"In('a')\" target=\"b\"/><state id=\"a\"/></state><state id=\"b\"/>", {}, {}, "",
             "migrate.restless w"},
        Case{"AtRest", "<state id=\"a\"/>", "<state id=\"a\"><transition cond=\"n &gt; 1\" target=\"b\"/></state><state id=\"b\"/>", {}, {}, "a", ""},
        Case{"RestlessByNewData", "<state id=\"a\"/>",
             "<datamodel><data id=\"n\" expr=\"2\"/></datamodel><state id=\"a\"><transition cond=\"n &gt; 1\" target=\"b\"/></state><state id=\"b\"/>", {}, {}, "",
             "migrate.restless a"},
        Case{"TooLarge", "<state id=\"a\"/>",
             "<datamodel><data id=\"n\" expr=\"string.rep('x', 200000)\"/><data id=\"m\" expr=\"{n, n, n, n, n, n}\"/></datamodel><state id=\"a\"/>", {}, {}, "", "migrate.size data"},
        Case{"NumberedState", "<state><transition event=\"x\"/></state>", "<state><transition event=\"x\"/></state>", {}, {}, "", "migrate.unmapped _s1"},
        Case{"HistoryRenamed", kHistory,
             "<state id=\"out\"><transition event=\"in\" target=\"k\"/></state><state id=\"w\"><history id=\"k\"><transition target=\"one\"/></history><state "
             "id=\"one\"/><state id=\"deux\"/></state>",
             {{"two", "deux"}, {"h", "k"}}, {"in", "go", "out"}, "out", ""},
        Case{"HistoryOfARemovedState", kHistory,
             "<state id=\"out\"/><state id=\"w\"><history id=\"h\"><transition target=\"one\"/></history><state id=\"one\"/></state>", {}, {"in", "go", "out"}, "",
             "migrate.unmapped two"},
        Case{"HistoryElsewhere", kHistory,
             "<state id=\"out\"/><state id=\"w\"><history id=\"h\"><transition target=\"one\"/></history><state id=\"one\"/></state><state id=\"two\"/>", {},
             {"in", "go", "out"}, "", "migrate.history h"},
        Case{"BadInitialValue", "<state id=\"a\"/>", "<datamodel><data id=\"n\" expr=\"nothing.at.all\"/></datamodel><state id=\"a\"/>", {}, {}, "", "migrate.data data n"}),
    [](const auto& row) { return row.param.name; });

TEST(Move, GoesOnWhereTheHistoryWas) {
  const ChartPtr from = chart(kHistory);
  const ChartPtr to = chart(
      "<state id=\"out\"><transition event=\"in\" target=\"k\"/></state><state id=\"w\"><history id=\"k\"><transition target=\"one\"/></history><state "
      "id=\"one\"/><state id=\"deux\"/></state>");
  Moved moved = migrate(*from, *to, {{"two", "deux"}, {"h", "k"}}, started(*from, {"in", "go", "out"}), {}, kEnv);
  ASSERT_TRUE(moved.obstacles.empty());
  const Result<Step> back = step(*to, std::move(moved.next), {.name = "in"}, kEnv);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->next.configuration, (std::vector<std::string>{"w", "deux"}));
}

TEST(Move, KeepsDataAndGivesNewDataItsInitialValue) {
  const ChartPtr from = chart("<datamodel><data id=\"n\" expr=\"1\"/><data id=\"empty\"/></datamodel><state id=\"a\"><onentry><assign location=\"n\" expr=\"n + 6\"/></onentry></state>");
  const ChartPtr to = chart(
      "<datamodel><data id=\"n\" expr=\"100\"/><data id=\"empty\" expr=\"5\"/><data id=\"m\" expr=\"n * 2\"/><data id=\"list\">{1,2}</data></datamodel>"
      "<state id=\"a\"><onentry><assign location=\"n\" expr=\"0\"/></onentry></state>");
  const Moved moved = migrate(*from, *to, {}, started(*from), {}, kEnv);
  ASSERT_TRUE(moved.obstacles.empty()) << moved.obstacles.front().message;
  EXPECT_EQ(canonical_json(moved.next.datamodel), R"({"list":[1,2],"m":14,"n":7})") << "no onentry again; what was nil stays so";
}

TEST(Move, LateDataIsInitialisedWhereItsStateIsActive) {
  const ChartPtr from = chart("<state id=\"a\"/><state id=\"b\"/>", "binding=\"late\"");
  const ChartPtr to = chart("<state id=\"a\"><datamodel><data id=\"x\" expr=\"1\"/></datamodel></state><state id=\"b\"><datamodel><data id=\"y\" expr=\"2\"/></datamodel></state>",
                            "binding=\"late\"");
  const Moved moved = migrate(*from, *to, {}, started(*from), {}, kEnv);
  ASSERT_TRUE(moved.obstacles.empty());
  EXPECT_EQ(canonical_json(moved.next.datamodel), R"({"x":1})");
  EXPECT_EQ(moved.next.initialised, std::vector<std::string>{"a"});
}

TEST(Move, TellsWhatChangesForARunningInvoke) {
  const ChartPtr from = chart("<state id=\"a\">" + task("t", "<param name=\"role\" expr=\"'r'\"/><param name=\"form\" expr=\"'f'\"/>") + "</state>");
  const ChartPtr to = chart("<state id=\"a\">" + task("t", "<param name=\"role\" expr=\"'s'\"/><param name=\"form\" expr=\"'f'\"/>") + "</state>");
  const Moved moved = migrate(*from, *to, {}, started(*from), {}, kEnv);
  ASSERT_EQ(moved.warnings.size(), 1U);
  EXPECT_EQ(moved.warnings[0].place, "invoke t");
  EXPECT_NE(moved.warnings[0].message.find("'role'"), std::string::npos);
  EXPECT_EQ(moved.next.invocations.at(0).invoke_id, "t");
}

TEST(Move, AnInvokeThatHasEndedNeedsNoCounterpart) {
  const ChartPtr from = chart(kA);
  const ChartPtr to = chart("<state id=\"a\"/>");
  const Moved moved = migrate(*from, *to, {}, started(*from), {"t"}, kEnv);
  EXPECT_TRUE(moved.obstacles.empty());
  EXPECT_TRUE(moved.next.invocations.empty());
}

}  // namespace
}  // namespace chuyi::scxml
