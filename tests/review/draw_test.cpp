// Goal: a draw follows its published specification, keeps its strata, and says what is lacking. Method: known answers,
// properties over many seeds, and one row per refusal. tests/e2e/test_review.py has the specification once more, in Python.
#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "engine/base/digest.h"
#include "engine/review/draw.h"
#include "engine/review/sealed_export.h"
#include "tests/review/got.h"

namespace chuyi::review {
namespace {

json::object policy() { return {{"rules", json::array{json::object{{"rule", "own-unit"}, {"zh", "本单位"}, {"en", "own unit"}}}}}; }

/// 12 experts: e00… of which every third is from an enterprise, every fourth from elsewhere.
json::object input(std::string_view seed_word = "s") {
  json::array experts;
  for (int i = 0; i < 12; ++i)
    experts.push_back(json::object{{"id", std::string(i < 10 ? "e0" : "e") + std::to_string(i)},
                                   {"employer", "org" + std::to_string(i)},
                                   {"kind", i % 3 == 0 ? "enterprise" : "college"},
                                   {"out_of_province", i % 4 == 0},
                                   {"nominated_year", 2026}});
  const std::string seed = sha256_hex(seed_word);
  return {{"year", 2026},
          {"policy", policy()},
          {"experts", std::move(experts)},
          {"applications", json::array{}},
          {"context", "round 1, panel 1"},
          {"seed", seed},
          {"commitment", commitment_of(seed, "round 1, panel 1")},
          {"seats", 5},
          {"spares", 2},
          {"strata",
           json::array{
               json::object{{"name", "enterprise"},
                            {"where", json::object{{"kind", json::array{"enterprise"}}}},
                            {"at_least", "1/3"},
                            {"spares_at_least", 1}},
               json::object{{"name", "elsewhere"}, {"where", json::object{{"out_of_province", true}}}, {"at_least", 2}, {"at_most", 2}}}}};
}

std::string codes_of(const json::object& of) {
  const Result<json::object> result = run_draw(of);
  if (result) return "";
  std::string out = result.error().code;
  for (const Detail& each : result.error().details) out += " " + each.code + "@" + each.place;
  return out;
}

TEST(Draw, KeepsStrataForEverySeed) {
  std::map<std::string, int> drawn;
  for (int seed = 0; seed < 300; ++seed) {
    const json::object result = got(run_draw(input(std::to_string(seed))));
    int enterprise = 0, elsewhere = 0, spare_enterprise = 0;
    for (const json::value& each : result.at("panel").as_array()) {
      const std::string id{each.as_string()};
      const int number = std::stoi(id.substr(1));
      enterprise += number % 3 == 0;
      elsewhere += number % 4 == 0;
      ++drawn[id];
    }
    for (const json::value& each : result.at("spares").as_array())
      spare_enterprise += std::stoi(std::string{each.as_string()}.substr(1)) % 3 == 0;
    EXPECT_EQ(result.at("panel").as_array().size(), 5U);
    EXPECT_GE(enterprise, 2);
    EXPECT_EQ(elsewhere, 2);
    EXPECT_GE(spare_enterprise, 1);
  }
  // Nobody is always in and nobody never.
  EXPECT_EQ(drawn.size(), 12U);
  for (const auto& [id, times] : drawn) EXPECT_LT(times, 300) << id;
}

TEST(Draw, DoesNotDependOnTheOrderOfTheInput) {
  json::object turned = input();
  std::reverse(turned["experts"].as_array().begin(), turned["experts"].as_array().end());
  EXPECT_EQ(got(run_draw(turned)), got(run_draw(input())));
}

TEST(Draw, WithoutStrataThePanelIsTheFrontOfTheOrder) {
  json::object plain = input();
  plain.erase("strata");
  const json::object result = got(run_draw(plain));
  const json::array &order = result.at("order").as_array(), &panel = result.at("panel").as_array();
  EXPECT_TRUE(std::equal(panel.begin(), panel.end(), order.begin()));
  EXPECT_EQ(result.at("spares").as_array()[0], order[5]);
}

TEST(Draw, LeavesOutConflictsAndTheNotNominated) {
  json::object of = input();
  of["applications"] = json::array{json::object{{"id", "a1"}, {"org", "org1"}}, json::object{{"id", "a2"}, {"org", "org2"}},
                                   json::object{{"id", "a3"}, {"org", "org2"}}};
  of["nominated_since"] = 2026;
  of["conflicts_max"] = 1;
  of["experts"].as_array()[4].as_object()["nominated_year"] = 2025;
  const json::object result = got(run_draw(of));
  EXPECT_EQ(canonical_json(json::value(result.at("excluded"))),
            R"([{"applications":2,"expert":"e02","reason":"own-unit"},{"applications":0,"expert":"e04","reason":"not-nominated"}])");
  EXPECT_EQ(result.at("order").as_array().size(), 10U);
}

TEST(Draw, SparesStepInSoThatStrataStillHold) {
  int stepped_in = 0;
  for (int seed = 0; seed < 50; ++seed) {
    json::object of = input(std::to_string(seed));
    const json::object before = got(run_draw(of));
    EXPECT_EQ(before.at("seated"), before.at("panel"));
    of["absent"] = json::array{before.at("panel").as_array()[0]};
    const Result<json::object> after = run_draw(of);
    if (!after) {
      EXPECT_EQ(after.error().code, "draw.infeasible");
      continue;
    }
    ++stepped_in;
    EXPECT_EQ(after->at("panel"), before.at("panel"));
    int enterprise = 0, elsewhere = 0;
    for (const json::value& each : after->at("seated").as_array()) {
      EXPECT_NE(each, before.at("panel").as_array()[0]);
      const int number = std::stoi(std::string{each.as_string()}.substr(1));
      enterprise += number % 3 == 0;
      elsewhere += number % 4 == 0;
    }
    EXPECT_EQ(after->at("seated").as_array().size(), 5U);
    EXPECT_GE(enterprise, 2);
    EXPECT_EQ(elsewhere, 2);
  }
  EXPECT_GT(stepped_in, 20);
}

TEST(Draw, RefusesAnotherSeedThanCommittedTo) {
  json::object of = input();
  of["seed"] = sha256_hex("another");
  EXPECT_EQ(codes_of(of), "draw.commitment");
  of["seed"] = "short";
  EXPECT_EQ(codes_of(of), "review.input draw.hex@/seed");
}

TEST(Draw, SaysWhatIsLacking) {
  json::object few = input();
  few["seats"] = 13;
  few.erase("strata");
  EXPECT_EQ(codes_of(few), "draw.infeasible draw.pool@/seats");

  json::object one = input();
  one["strata"].as_array()[0].as_object()["at_least"] = 5;
  EXPECT_EQ(codes_of(one), "draw.infeasible draw.stratum@/strata/0");

  // One of the four is kept for the spares.
  one["strata"].as_array()[0].as_object()["at_least"] = 4;
  EXPECT_EQ(codes_of(one), "draw.infeasible draw.stratum@/strata/0");

  // 3 from elsewhere, and 4 from enterprises of whom one is from elsewhere: five seats cannot hold both.
  json::object both = input();
  both["strata"].as_array()[0].as_object().erase("spares_at_least");
  both["strata"].as_array()[0].as_object()["at_least"] = 4;
  both["strata"].as_array()[1].as_object()["at_least"] = 3;
  both["strata"].as_array()[1].as_object()["at_most"] = 5;
  EXPECT_EQ(codes_of(both), "draw.infeasible draw.stratum@/strata/0 draw.stratum@/strata/1");
}

TEST(Draw, RefusesStrataThatNobodyCanMean) {
  json::object of = input();
  of["strata"].as_array()[0].as_object()["at_least"] = "4/3";
  of["strata"].as_array()[1].as_object()["at_most"] = 1;
  of["strata"].as_array()[1].as_object()["at_lest"] = 1;
  EXPECT_EQ(codes_of(of), "review.input draw.share@/strata/0/at_least draw.bounds@/strata/1/at_most review.unknown@/strata/1/at_lest");
}

TEST(Draw, TooManyCombinationsAreRefused) {
  json::object of = input();
  of["seats"] = 99;
  json::array strata;
  for (int i = 0; i < 8; ++i) strata.push_back(json::object{{"name", "s" + std::to_string(i)}, {"at_least", 50}});
  of["strata"] = std::move(strata);
  EXPECT_EQ(codes_of(of), "draw.size");
}

TEST(Export, FindsEveryChangedByte) {
  const std::string made = got(make_export("draw", input(), run_draw));
  EXPECT_EQ(got(verify_export("draw", made, run_draw)), sha256_hex(made));
  EXPECT_EQ(verify_export("assignment", made, run_draw).error().code, "review.kind");
  for (std::size_t at = 0; at < made.size(); ++at) {
    std::string changed = made;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(verify_export("draw", changed, run_draw).has_value()) << at;
  }
  const std::size_t result = made.find("\"panel\":[\"") + 10;
  std::string changed = made;
  changed.replace(result, 3, "e99");
  EXPECT_EQ(verify_export("draw", changed, run_draw).error().place, "/result/panel/0");
  EXPECT_EQ(verify_export("draw", made + "\n", run_draw).error().code, "review.differs");
}

}  // namespace
}  // namespace chuyi::review
