// Goal: a sheet is worth what its rubric says, to the last digit, and a rubric that cannot be scored is refused with
// every problem at its place. Method: tables.
#include "engine/review/rubric.h"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace chuyi::review {
namespace {

json::object object(const char* text) { return json::parse(text).get_object(); }

Rubric rubric(const char* text) {
  Result<Rubric> read = read_rubric(object(text));
  EXPECT_TRUE(read) << (read ? "" : read.error().message + " " + read.error().place);
  return read ? std::move(*read) : Rubric{};
}

std::string problems_of(const char* text) {
  const Result<Rubric> read = read_rubric(object(text));
  std::string out;
  if (!read)
    for (const Detail& each : read.error().details) {
      EXPECT_FALSE(each.message_zh.empty()) << each.message;
      out += (out.empty() ? "" : "; ") + each.code + " " + each.place;
    }
  return out;
}

struct Impossible {
  const char* name;
  const char* rubric;
  const char* problems;
};
void PrintTo(const Impossible& row, std::ostream* out) { *out << row.name; }
class ImpossibleRubric : public testing::TestWithParam<Impossible> {};

TEST_P(ImpossibleRubric, IsRefusedWithItsPlace) { EXPECT_EQ(problems_of(GetParam().rubric), GetParam().problems); }

INSTANTIATE_TEST_SUITE_P(Rubrics, ImpossibleRubric, testing::Values(
  Impossible{"Empty", R"({"criteria":[]})", "rubric.empty /criteria"},
  Impossible{"Sum", R"({"criteria":[{"id":"a","weight":"60"},{"id":"b","weight":"39.99"}]})", "rubric.weights /criteria"},
  Impossible{"SumBelow", R"({"criteria":[{"id":"a","weight":"100","criteria":[{"id":"b","weight":"30"},{"id":"c","weight":"30"}]}]})", "rubric.weights /criteria/0/criteria"},
  Impossible{"Twice", R"({"criteria":[{"id":"a","weight":"60"},{"id":"b","weight":"40","criteria":[{"id":"a","weight":"100"}]}]})", "rubric.duplicate /criteria/1/criteria/0"},
  Impossible{"Negative", R"({"criteria":[{"id":"a","weight":"-1"},{"id":"b","weight":"101"}]})", "rubric.number /criteria/0/weight; rubric.number /criteria/1/weight"},
  Impossible{"LevelAboveWeight", R"({"criteria":[{"id":"a","weight":"20","levels":[{"id":"A","points":"20.01"},{"id":"B","points":"10"}]},{"id":"b","weight":"80"}]})", "rubric.number /criteria/0/levels/0/points"},
  Impossible{"LevelsUpwards", R"({"criteria":[{"id":"a","weight":"100","levels":[{"id":"A","points":"20"},{"id":"B","points":"20"}]}]})", "rubric.levels /criteria/0/levels/1/points"},
  Impossible{"OneLevel", R"({"criteria":[{"id":"a","weight":"100","levels":[{"id":"A","points":"20"}]}]})", "rubric.levels /criteria/0/levels"},
  Impossible{"TooDeep", R"({"criteria":[{"id":"a","weight":"100","criteria":[{"id":"b","weight":"100","criteria":[{"id":"c","weight":"100","criteria":[{"id":"d","weight":"100"}]}]}]}]})", "rubric.depth /criteria/0/criteria/0/criteria/0"},
  Impossible{"Words", R"({"scale":"five","combine":"max","criteria":[{"id":"a","weight":"100"}]})", "rubric.word /scale; rubric.word /combine"},
  Impossible{"TrimOfAMean", R"({"trim":{"min":5},"criteria":[{"id":"a","weight":"100"}]})", "rubric.unused /trim"},
  Impossible{"TrimTwo", R"({"combine":"trimmed-mean","trim":{"min":2},"criteria":[{"id":"a","weight":"100"}]})", "rubric.number /trim/min"},
  Impossible{"UnitSum", R"({"scale":"hundred","criteria":[{"id":"a"},{"id":"b"}],"units":[{"id":"school","weights":{"a":"50","b":"40"}},{"id":"group","weights":{"x":"100"}}]})", "rubric.weights /units/0; rubric.units /units/1"},
  Impossible{"UnitScale", R"({"criteria":[{"id":"a","weight":"100"}],"units":[{"id":"school","weights":{"a":"100"}}]})", "rubric.units /units; rubric.units /criteria/0/weight"},
  Impossible{"VetoNothing", R"({"criteria":[{"id":"a","weight":"100"}],"veto":{}})", "rubric.veto /veto; rubric.empty /veto/items"},
  Impossible{"VetoIsCriterion", R"({"criteria":[{"id":"a","weight":"100"}],"veto":{"effect":"zero","items":[{"id":"a"}]}})", "rubric.duplicate /veto/items/0"},
  Impossible{"Divergence", R"({"criteria":[{"id":"a","weight":"100"}],"divergence":{"then":"ignore"}})", "rubric.divergence /divergence; rubric.word /divergence/then"},
  Impossible{"TieBreaker", R"({"criteria":[{"id":"a","weight":"100"}],"tie_breakers":[{"by":"criterion","criterion":"x"},{"by":"row"},{"by":"median"},{"by":"median"}]})", "rubric.tie_breaker /tie_breakers/0/criterion; rubric.word /tie_breakers/1/by; rubric.tie_breaker /tie_breakers/1/criterion; rubric.duplicate /tie_breakers/3"},
  Impossible{"Stages", R"({"criteria":[{"id":"a","weight":"100"}],"stages":[{"id":"written","weight":"50"},{"id":"written","weight":"40"}]})", "rubric.duplicate /stages/1; rubric.weights /stages"},
  Impossible{"Places", R"({"criteria":[{"id":"a","weight":"100"}],"rounding":{"mode":"down","places":9}})", "rubric.word /rounding/mode; rubric.number /rounding/places"}),
  [](const auto& row) { return std::string(row.param.name); });

std::string total(const Rubric& by, const char* sheet, const char* unit = "") {
  const Result<SheetTotal> read = total_of(by, unit, object(sheet));
  if (read) return read->total.to_string();
  std::string out = read.error().code;
  for (const Detail& each : read.error().details) out += " " + each.code + " " + each.place;
  return out;
}

TEST(Sheet, IsWorthTheSumOfItsScores) {
  const Rubric plain = rubric(R"({"criteria":[{"id":"a","weight":"60"},{"id":"b","weight":40}]})");
  EXPECT_EQ(total(plain, R"({"scores":{"a":"59.99","b":"0.01"}})"), "60");
  EXPECT_EQ(total(plain, R"({"scores":{"a":"60.01","b":"40"}})"), "form.sheet form.score /data/scores/a");
  const Rubric hundred = rubric(R"({"scale":"hundred","criteria":[{"id":"a","weight":"33.3"},{"id":"b","weight":"66.7"}]})");
  EXPECT_EQ(total(hundred, R"({"scores":{"a":"88.88","b":"91.25"}})"), "90.46079") << "29.59704 + 60.86375";
}

// Goal: trees compose as the real formulas do: school 30 % + group 70 %, and 50 + 25 + 25 for a whole school.
TEST(Sheet, WeighsByTheKindOfApplicant) {
  const Rubric tree = rubric(R"({"scale":"hundred","criteria":[
      {"id":"school","criteria":[{"id":"s1","weight":"40"},{"id":"s2","weight":"60"}]},{"id":"g1"},{"id":"g2"}],
    "units":[{"id":"group","weights":{"school":"30","g1":"70"}},{"id":"whole","weights":{"school":"50","g1":"25","g2":"25"}}]})");
  EXPECT_EQ(total(tree, R"({"scores":{"s1":"80","s2":"90","g1":"70"}})", "group"), "74.8") << "0.3 * 86 + 0.7 * 70";
  EXPECT_EQ(total(tree, R"({"scores":{"s1":"80","s2":"90","g1":"70","g2":"99"}})", "whole"), "85.25");
  EXPECT_EQ(total(tree, R"({"scores":{"s1":"80","s2":"90","g1":"70","g2":"99"}})", "group"), "form.sheet form.additional /data/scores/g2");
  EXPECT_EQ(total(tree, R"({"scores":{}})", "town"), "rubric.unit");
}

TEST(Sheet, TakesLevelsAndVetoes) {
  const Rubric by = rubric(R"({"criteria":[{"id":"a","weight":"20","levels":[{"id":"A","points":"20"},{"id":"B","points":"15.5"},{"id":"C","points":"0"}]},
    {"id":"b","weight":"80"}],"veto":{"effect":"zero","items":[{"id":"ethics"}]}})");
  EXPECT_EQ(total(by, R"({"scores":{"a":"B","b":"70"},"vetoes":{"ethics":{"veto":false}}})"), "85.5");
  EXPECT_EQ(total(by, R"({"scores":{"a":"B","b":"70"},"vetoes":{"ethics":{"veto":true,"reason":"师德失范"}}})"), "0");
  EXPECT_EQ(total(by, R"({"scores":{"a":"15.5","b":"70"},"vetoes":{"ethics":{"veto":true,"reason":" "},"x":{}}})"),
            "form.sheet form.level /data/scores/a form.veto_reason /data/vetoes/ethics/reason form.additional /data/vetoes/x");
  EXPECT_EQ(total(by, R"({"scores":{"a":"A","b":"70"}})"), "form.sheet form.veto /data/vetoes/ethics");
}

struct Aggregate {
  const char* name;
  const char* rule;  ///< members of the rubric
  std::vector<const char*> totals;
  const char* value;  ///< "none": no result
};
void PrintTo(const Aggregate& row, std::ostream* out) { *out << row.name; }
class Aggregates : public testing::TestWithParam<Aggregate> {};

TEST_P(Aggregates, AreAsDeclared) {
  const Rubric by = rubric((std::string{R"({"criteria":[{"id":"a","weight":"100"}],)"} + GetParam().rule + "}").c_str());
  std::vector<Decimal> totals;
  for (const char* each : GetParam().totals) totals.push_back(*Decimal::parse(each));
  const Combined out = combined(by, totals);
  EXPECT_EQ(out.value ? out.value->to_string(by.places) : "none", GetParam().value);
}

// An expert of five withdrew, and four sheets are left: the rule says what happens.
INSTANTIATE_TEST_SUITE_P(Rules, Aggregates, testing::Values(
  Aggregate{"Mean",            R"("combine":"mean")",                                             {"87.5", "90", "92"},             "89.83"},
  Aggregate{"HalfUp",          R"("combine":"mean")",                                             {"87.44", "87.45"},               "87.45"},
  Aggregate{"ThreePlaces",     R"("combine":"mean","rounding":{"places":3})",                     {"87.44", "87.45"},               "87.445"},
  Aggregate{"MedianOfFour",    R"("combine":"median")",                                           {"60", "87.44", "87.45", "99"},   "87.45"},
  Aggregate{"TrimmedOfFive",   R"("combine":"trimmed-mean")",                                     {"0", "80", "81", "83", "100"},   "81.33"},
  Aggregate{"FourAreAMean",    R"("combine":"trimmed-mean")",                                     {"0", "80", "81", "83"},          "61.00"},
  Aggregate{"FourAreRefused",  R"("combine":"trimmed-mean","trim":{"too_few":"refuse"})",         {"0", "80", "81", "83"},          "none"},
  Aggregate{"FourCallAnother", R"("combine":"trimmed-mean","trim":{"too_few":"add-reviewer"})",   {"0", "80", "81", "83"},          "none"},
  Aggregate{"FourAreEnough",   R"("combine":"trimmed-mean","trim":{"min":4,"too_few":"refuse"})", {"0", "80", "81", "83"},          "80.50"},
  Aggregate{"NoSheets",        R"("combine":"mean")",                                             {},                               "none"}),
  [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace chuyi::review
