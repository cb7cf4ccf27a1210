// Goal: the register keeps every award under a number of its own. Method: two programmes and two years on one scheme.
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "engine/forms/forms.h"

#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

const std::string kGrant = workflow(R"(<state id="s"><invoke type="award" id="grant"/>
  <transition event="done.invoke.grant" target="kept"/><transition event="error.communication" target="broken"/></state><state id="kept"/>)");

json::object manifest_with(const char* scheme, int quota = 100) {
  json::object out = plain_manifest();
  out["numbering"] = json::object{{"scheme", scheme}};
  out["quota"] = json::object{{"province", quota}};
  return out;
}

struct Numbers {
  const char* name;
  const char* scheme;
  const char* other_scheme;
  std::vector<std::string> expected;  ///< a, b, a a year later, b a year later
};
void PrintTo(const Numbers& row, std::ostream* out) { *out << row.name; }
class AwardNumbers : public testing::TestWithParam<Numbers> {};

TEST_P(AwardNumbers, AreUniqueAcrossProgrammesAndYears) {
  World world;
  world.definitions.put("a", kGrant, manifest_with(GetParam().scheme), {});
  world.definitions.put("b", kGrant, manifest_with(GetParam().other_scheme), {});
  std::vector<std::string> numbers;
  for (const char* programme : {"a", "b"}) {
    world.create(programme);
    numbers.push_back(world.award_row().value_or(AwardRow{.number = "none"}).number);
  }
  ASSERT_TRUE(world.advance("2027-03-02T09:00:00+08:00"));
  for (const char* programme : {"a", "b"}) {
    world.create(programme);
    numbers.push_back(world.award_row().value_or(AwardRow{.number = "none"}).number);
  }
  EXPECT_EQ(numbers, GetParam().expected);
  EXPECT_EQ(world.storage.queries->awards({}, {})->rows.size(), 4U);
}

INSTANTIATE_TEST_SUITE_P(Schemes, AwardNumbers, testing::Values(
  Numbers{"OneSchemeWithYear",    "N〔{year}〕{seq:03}", "N〔{year}〕{seq:03}", {"N〔2026〕001", "N〔2026〕002", "N〔2027〕001", "N〔2027〕002"}},
  Numbers{"OneSchemeWithoutYear", "N-{seq}",             "N-{seq}",             {"N-1", "N-2", "N-3", "N-4"}},
  Numbers{"WidthsThatMeetAt1000", "N-{seq:03}",          "N-{seq}",             {"N-001", "N-2", "N-003", "N-4"}},
  Numbers{"TwoSchemes",           "A{year}-{seq}",       "B{year}-{seq}",       {"A2026-1", "B2026-1", "A2027-1", "B2027-1"}}),
  [](const auto& row) { return std::string(row.param.name); });

TEST(Award, AUsedUpQuotaHoldsTheAwardUp) {
  World world;
  world.definitions.put("workshop", selection(), manifest_with("N{seq}", 1), {{"nomination", json::object{}}, {"annual", json::object{}}});
  world.award();
  EXPECT_EQ(world.state(), "year_running");
  ASSERT_TRUE(world.award_row());
  const std::string first = world.session().id;
  world.review();
  ASSERT_TRUE(world.advance("2026-03-20T09:00:00+08:00"));
  EXPECT_EQ(world.state(), "granting_failed");
  EXPECT_FALSE(world.award_row());
  world.sign("clerk", "task", "retry");
  EXPECT_EQ(world.state(), "granting_failed") << "still none left";
  world.sign("clerk", "task", "decline");
  EXPECT_EQ(world.state(), "declined");
  EXPECT_EQ(world.replay_problem(), "");
  world.select(first);
  EXPECT_EQ(world.award_row()->status, "in-force");
}

TEST(Award, ABadSchemeGrantsNothing) {
  for (const char* scheme : {"", "N", "N{seq", "N{seq:3}", "N{month}{seq}"}) {
    World world;
    world.definitions.put("a", kGrant, manifest_with(scheme), {});
    world.create("a");
    EXPECT_EQ(world.state(), "broken") << scheme;
    EXPECT_FALSE(world.award_row()) << scheme;
  }
}

// 名师大师工作室 is called 名师（名匠）工作室 two calls later: what was begun and awarded under the old name stays as it was.
TEST(Award, ARenamedProgrammeKeepsItsHistory) {
  const json::object forms{{"nomination", json::object{}}, {"annual", json::object{}}};
  const auto named = [](const char* name) {
    json::object out = manifest_with("工作室〔{year}〕{seq:03}号");
    out["titles"] = json::object{{"zh", name}, {"en", name}};
    return out;
  };
  World world;
  world.definitions.add("workshop", "1.0.0", selection(), named("名师大师工作室"), forms);
  world.definitions.put("workshop", selection(), named("名师大师工作室"), forms);
  world.award();
  const std::string old = world.session().id;
  world.definitions.put("workshop", selection(), named("名师（名匠）工作室"), forms);
  world.review();
  ASSERT_TRUE(world.advance("2026-03-20T09:00:00+08:00"));
  EXPECT_EQ(world.award_row()->number, "工作室〔2026〕002号") << "one series";
  const auto title = [&] { return string_or(object_or_empty(world.definitions.by_digest(world.session().definition)->manifest, "titles"), "zh"); };
  EXPECT_EQ(title(), "名师（名匠）工作室");
  world.select(old);
  EXPECT_EQ(title(), "名师大师工作室");
  ASSERT_TRUE(world.advance("2027-03-10T09:00:00+08:00"));
  world.sign("applicant", "annual-report", "report", {{"name", "年报"}});
  world.sign("clerk", "annual-verdict", "qualified");
  EXPECT_EQ(world.award_row()->checks.size(), 1U) << "and is checked every year";
  EXPECT_EQ(world.replay_problem(), "");
  EXPECT_EQ(world.storage.queries->awards({.programme = "workshop", .round = {}, .status = {}, .text = {}}, {})->rows.size(), 2U) << "both in one register";
}

// 国家级推选 takes teams that the province has certified, and none still under construction.
TEST(Award, OnlyACertifiedTeamIsNominatedForTheNationalLevel) {
  const auto text_of = [](const std::string& path) {
    std::stringstream out;
    out << std::ifstream(std::string{CHUYI_SOURCE_DIR} + path).rdbuf();
    return out.str();
  };
  const Result<json::value> form = inline_common(json::parse(text_of("/plugins/national-team-nomination/forms/nomination.json")), "nomination.json",
                                                 [&](const std::string& path) -> Result<std::string> { return text_of("/forms/" + path); });
  ASSERT_TRUE(form);
  World world;
  const json::object forms{{"nomination", json::object{}}, {"annual", json::object{}}};
  for (const char* programme : {"innovation-team", "workshop"}) world.definitions.put(programme, selection(), manifest_with(programme == std::string{"workshop"} ? "工坊〔{year}〕{seq:03}号" : "团队〔{year}〕{seq:03}号"), forms);
  world.definitions.put("national", workflow(R"(<state id="listing"><invoke type="task" id="list"><param name="role" expr="'applicant'"/><param name="org" expr="'c1'"/>
    <param name="form" expr="'nomination'"/></invoke><transition event="done.invoke.list" target="done"/></state>)"), plain_manifest(), {{"nomination", *form}});
  const auto nominate = [&](const char* number) {
    world.create("national");
    const json::object team{{"rank", 1}, {"award_number", number}, {"team", "智能制造教学创新团队"}, {"college", "某学院"}, {"field", "装备制造"}, {"leader", "王教授"}};
    const Result<Reply> reply = world.complete("applicant", world.task().id, "done",
                                               {{"call", "第四批"}, {"places", 1}, {"teams", json::array{team}}, {"list_text", "1. 团队"}, {"truth", true}, {"statement", "择优推荐"},
                                                {"contact", json::object{{"name", "陈"}, {"title", "正高级"}, {"phone", "13800000001"}}}});
    return reply ? std::string{} : reply.error().details.at(0).code + reply.error().details.at(0).place;
  };
  const auto grant = [&](const char* programme, const char* until) {
    world.create(programme);
    world.sign("applicant", "task", "submit", {{"name", "团队"}});
    world.sign("bureau", "task", "recommend");
    world.sign("clerk", "task", "pass");
    world.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r1", "r2", "r3"}}});
    for (const char* reviewer : {"r1", "r2", "r3"}) world.sign(reviewer, "sheet", "sign", World::scores());
    world.sign("lead", "task", "select");
    EXPECT_TRUE(world.advance(until));
    return world.session().id;
  };
  const std::string team = grant("innovation-team", "2026-03-10T09:00:00+08:00");
  EXPECT_EQ(nominate("团队〔2026〕001号"), "rule.certified/teams") << "it is under construction";
  EXPECT_EQ(nominate("团队〔2026〕009号"), "rule.certified/teams") << "nobody has it";
  for (const char* year : {"2027", "2028", "2029"}) {
    world.select(team);
    ASSERT_TRUE(world.advance(std::string{year} + "-03-10T09:00:00+08:00"));
    world.sign("applicant", "annual-report", "report", {{"name", "年报"}});
    world.sign("clerk", "annual-verdict", "qualified");
  }
  ASSERT_EQ(world.award_row()->status, "completed");
  EXPECT_EQ(nominate("团队〔2026〕001号"), "");
}

TEST(Award, TheProvinceMayRevokeIt) {
  World world;
  world.award();
  EXPECT_EQ(world.award_row()->status, "in-force");
  EXPECT_EQ(world.event("applicant", "province.revoke").error().code, "event.unknown");
  ASSERT_TRUE(world.event("clerk", "province.revoke"));
  EXPECT_EQ(world.state(), "plaque_return");
  EXPECT_EQ(world.award_row()->status, "revoked");
  EXPECT_EQ(world.award_row()->number, "工坊〔2026〕001号");
  EXPECT_EQ(world.replay_problem(), "");
}

}  // namespace
}  // namespace chuyi::test
