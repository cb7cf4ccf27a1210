// Goal: the register keeps every award under a number of its own. Method: two programmes and two years on one scheme.
#include <gtest/gtest.h>

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

TEST(Award, TheProvinceMayRevokeIt) {
  World world;
  world.award();
  EXPECT_EQ(world.award_row()->status, "in-force");
  EXPECT_EQ(world.event("applicant", "province.revoke").error().code, "event.unknown");
  ASSERT_TRUE(world.event("clerk", "province.revoke"));
  EXPECT_EQ(world.state(), "revoked");
  EXPECT_EQ(world.award_row()->status, "revoked");
  EXPECT_EQ(world.award_row()->number, "工坊〔2026〕001号");
  EXPECT_FALSE(world.storage.queries->next_timer()->has_value());
  EXPECT_EQ(world.replay_problem(), "");
}

}  // namespace
}  // namespace chuyi::test
