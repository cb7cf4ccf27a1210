// Goal: what a package's code says takes effect once, and what it does wrong is the workflow's to settle.
#include <gtest/gtest.h>

#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

const json::object kForms{{"nomination", json::object{}}, {"annual", json::object{}}};

json::object manifest_with_hooks(std::initializer_list<const char*> hooks) {
  json::object out = plain_manifest();
  json::array list;
  for (const char* each : hooks) list.emplace_back(each);
  for (const json::value& each : list) out["asks"].as_object()[each.as_string()] = true;
  out["hooks"] = std::move(list);
  return out;
}

Result<json::object> crash() { return Error{.kind = ErrorKind::unavailable, .code = "plugin.crashed", .message = "its process ended during the call"}; }

TEST(PluginScore, TakesThePlaceOfTheMean) {
  World world;
  world.definitions.put("workshop", selection(), manifest_with_hooks({"score"}), kForms);
  json::object asked;
  world.plugins.answer = [&](std::string_view hook, const json::object& input) -> Result<json::object> {
    if (hook != "score") return json::object{};
    asked = input;
    return json::object{{"score", "77.70"}};
  };
  world.recommend();
  world.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r1", "r2", "r3"}}});
  for (const char* who : {"r1", "r2", "r3"}) ASSERT_TRUE(world.complete(who, world.task("sheet", who).id, "sign", World::scores()));
  world.pumps->run_due();
  EXPECT_EQ(world.state(), "deliberation");
  EXPECT_EQ(string_or(world.facts(), "score"), "77.70");
  EXPECT_EQ(array_or_empty(asked, "sheets").size(), 3U);
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(PluginScore, AFailureIsAnOfficersDecision) {
  World world;
  world.definitions.put("workshop", selection(), manifest_with_hooks({"score"}), kForms);
  world.plugins.answer = [&](std::string_view hook, const json::object&) -> Result<json::object> { return hook == "score" ? crash() : json::object{}; };
  world.recommend();
  world.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r1", "r2", "r3"}}});
  for (const char* who : {"r1", "r2", "r3"}) ASSERT_TRUE(world.complete(who, world.task("sheet", who).id, "sign", World::scores()));
  world.pumps->run_due();
  ASSERT_EQ(world.state(), "combining_failed");
  world.sign("lead", "task", "use_mean");
  EXPECT_EQ(world.state(), "deliberation");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(PluginNumber, IsTheAwardsAndTheSameNumberIsKeptForAnotherTry) {
  World world;
  world.definitions.put("workshop", selection(), manifest_with_hooks({"number"}), kForms);
  bool fails = true;
  std::vector<std::int64_t> asked;
  world.plugins.answer = [&](std::string_view hook, const json::object& input) -> Result<json::object> {
    if (hook != "number") return json::object{};
    asked.push_back(int_or(input, "seq", 0));
    if (fails) return crash();
    return json::object{{"number", "X-" + std::to_string(asked.back())}};
  };
  world.review();
  ASSERT_TRUE(world.advance("2026-03-20T09:00:00+08:00"));
  ASSERT_EQ(world.state(), "granting_failed");
  fails = false;
  world.sign("lead", "task", "retry");
  world.pumps->run_due();
  ASSERT_TRUE(world.award_row());
  EXPECT_EQ(world.award_row()->number, "X-1");
  EXPECT_EQ(asked, (std::vector<std::int64_t>{1, 1}));
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(PluginNumber, OfAnotherAwardIsRefused) {
  World world;
  world.definitions.put("workshop", selection(), manifest_with_hooks({"number"}), kForms);
  world.plugins.answer = [&](std::string_view hook, const json::object&) -> Result<json::object> {
    return hook == "number" ? json::object{{"number", "always the same"}} : json::object{};
  };
  for (const char* ends : {"year_running", "granting_failed"}) {
    world.review();
    ASSERT_TRUE(world.advance(std::string{ends} == "year_running" ? "2026-03-20T09:00:00+08:00" : "2026-04-20T09:00:00+08:00"));
    EXPECT_EQ(world.state(), ends);
  }
}

// ── a type of <invoke> of the package's own ──────────────────────────────────────────────────────────

const std::string kSeal = workflow(R"(<state id="s"><invoke type="cn.example.seal" id="seal"><param name="text" expr="'印'"/></invoke>
  <transition event="seal.pressed"><send target="#_seal" event="press"/></transition>
  <transition event="done.invoke.seal" target="done"/><transition event="error.plugin" target="broken"/>
  <transition event="applicant.withdraw" target="left"/></state><state id="left"/>)");

json::object sealing() {
  json::object out = manifest_with_hooks({"handle"});
  out["invokes"] = json::parse(R"([{"type": "cn.example.seal", "answers": [{"event": "seal.pressed", "titles": {"zh": "已按", "en": "pressed"}}]}])");
  return out;
}

TEST(PluginHandle, StartsIsSignalledAndEnds) {
  World world;
  world.definitions.put("workshop", kSeal, sealing(), kForms);
  std::vector<std::string> actions;
  world.plugins.answer = [&](std::string_view, const json::object& input) -> Result<json::object> {
    actions.push_back(string_or(input, "action") + " " + canonical_json(object_or_empty(input, "state")));
    if (string_or(input, "action") == "start") return json::parse(R"({"state":{"n":1},"events":[{"name":"seal.pressed"}]})").as_object();
    return json::parse(R"({"events":[{"name":"done","data":{"sealed":true}}]})").as_object();
  };
  world.create();
  world.pumps->run_due();
  EXPECT_EQ(world.state(), "done");
  EXPECT_EQ(actions, (std::vector<std::string>{"start {}", R"(signal {"n":1})"}));
  EXPECT_EQ(world.replay_problem(), "");
  ASSERT_EQ(world.plugins.ids.size(), 2U);
  EXPECT_NE(world.plugins.ids[0], world.plugins.ids[1]);
}

TEST(PluginHandle, ASignalWaitsForTheAnswerToTheOneBefore) {
  const std::string twice = workflow(R"(<state id="s"><invoke type="cn.example.seal" id="seal"/>
    <transition event="seal.pressed"><send target="#_seal" event="a"/><send target="#_seal" event="b"/></transition>
    <transition event="done.invoke.seal" target="done"/><transition event="error.plugin" target="broken"/></state>)");
  World world;
  world.definitions.put("workshop", twice, sealing(), kForms);
  world.plugins.answer = [&](std::string_view, const json::object& input) -> Result<json::object> {
    const std::int64_t n = int_or(object_or_empty(input, "state"), "n", 0);
    const char* event = string_or(input, "action") == "start" ? "seal.pressed" : n == 2 ? "done" : "";
    json::array events;
    if (*event != 0) events.push_back(json::object{{"name", event}});
    return json::object{{"state", json::object{{"n", n + 1}}}, {"events", std::move(events)}};
  };
  world.create();
  world.pumps->run_due();
  EXPECT_EQ(world.state(), "done");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(PluginHandle, IsToldWhenItsStateIsLeft) {
  World world;
  world.definitions.put("workshop", kSeal, sealing(), kForms);
  std::vector<std::string> actions;
  world.plugins.answer = [&](std::string_view, const json::object& input) -> Result<json::object> {
    actions.push_back(string_or(input, "action"));
    return json::object{};
  };
  world.create();
  world.pumps->run_due();
  ASSERT_TRUE(world.event("applicant", "applicant.withdraw"));
  world.pumps->run_due();
  EXPECT_EQ(actions, (std::vector<std::string>{"start", "cancel"}));
  EXPECT_EQ(world.replay_problem(), "");
}

struct Wrong {
  const char* name;
  const char* answer;
};
void PrintTo(const Wrong& row, std::ostream* out) { *out << row.name; }
class WrongAnswers : public testing::TestWithParam<Wrong> {};

TEST_P(WrongAnswers, AreErrorPlugin) {
  World world;
  world.definitions.put("workshop", kSeal, sealing(), kForms);
  world.plugins.answer = [&](std::string_view, const json::object&) -> Result<json::object> { return json::parse(GetParam().answer).as_object(); };
  world.create();
  world.pumps->run_due();
  EXPECT_EQ(world.state(), "broken");
}

INSTANTIATE_TEST_SUITE_P(Kinds, WrongAnswers, testing::Values(
  Wrong{"UndeclaredEvent", R"({"events":[{"name":"seal.other"}]})"},
  Wrong{"ForgedError",     R"({"events":[{"name":"error.execution"}]})"},
  Wrong{"ForgedDone",      R"({"events":[{"name":"done.invoke.other"}]})"},
  Wrong{"NoObject",        R"({"events":[1]})"}),
  [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace chuyi::test
