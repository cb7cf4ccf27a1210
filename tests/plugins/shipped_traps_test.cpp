// Goal: the shipped programmes keep the domain's edges: half and forty per cent, the birthday on the deadline, sums of a budget,
// places of money, pages, names by which a programme was known. Method: a package's valid nomination with one thing changed.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "plugins/loader/package_library.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

const std::string kSource = CHUYI_SOURCE_DIR;
const std::string kPackages = std::string{CHUYI_BINARY_DIR} + "/plugins/";
const json::object kKnown{{"deadline", "2026-05-31"}};

std::string read(const fs::path& path) {
  std::stringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

class ShippedTraps : public testing::Test {
 protected:
  ShippedTraps()
      : library_({.packages = {},
                  .workflows = kSource + "/workflows",
                  .forms = kSource + "/forms",
                  .schema = kSource + "/plugins/sdk/plugin.xsd",
                  .libraries = {},
                  .invoke_types = {"task", "countersign", "panel", "panel-reopening", "publicity", "award", "annual-check", "plugin"}}) {}
  void load(const std::string& programme) {
    const Result<DefinitionPtr> loaded = library_.load(kPackages + programme);
    ASSERT_TRUE(loaded) << loaded.error().place << " " << loaded.error().message;
    definition_ = *loaded;
    const Result<json::value> example = parse_json(read(kPackages + programme + "/tests/nomination.json"), JsonLimits{}, programme);
    ASSERT_TRUE(example);
    form_ = example->at("data").as_object();
  }
  /// Codes of what is refused, each once.
  std::set<std::string> refused() const {
    std::set<std::string> out;
    for (const Detail& each : validate_form(*definition_->compiled_forms.at("nomination"), json::value(form_), kKnown)) out.insert(each.code);
    return out;
  }
  /// Soft rules that want a reason.
  std::set<std::string> unusual() const {
    std::set<std::string> out;
    for (const WeighedRule& each : weigh_form(*definition_->compiled_forms.at("nomination"), json::value(form_), kKnown).broken) out.insert(each.id);
    return out;
  }
  PackageLibrary library_;
  DefinitionPtr definition_;
  json::object form_;
};
using Codes = std::set<std::string>;

/// A team of `size`, of which `dual` are dual-qualified and `senior` of senior rank, with all five kinds of teachers.
json::array team(const json::array& from, std::size_t size, std::size_t dual, std::size_t senior) {
  static constexpr const char* kRoles[] = {"公共课", "专业基础课", "专业核心课", "实习指导", "企业兼职"};
  json::array out;
  for (std::size_t i = 0; i < size; ++i) {
    json::object member = from[i % from.size()].as_object();
    if (i > 0) member["name"] = "成员" + std::to_string(i);  // the first is the leader
    member["role"] = kRoles[i % 5];
    member["dual"] = i < dual;
    member["title"] = i < senior ? "副高级" : "中级";
    out.push_back(std::move(member));
  }
  return out;
}

// “超过一半” does not include the half; “40%以上” includes the forty per cent (民法典 art. 1259).
TEST_F(ShippedTraps, HalfIsNotMoreThanHalfAndFortyPerCentIsEnough) {
  load("innovation-team");
  const json::array core = form_.at("core").as_array();
  struct { std::size_t size, dual, senior; Codes refused; } rows[] = {{16, 8, 8, {"rule.dual_ratio"}}, {16, 9, 8, {}}, {15, 8, 6, {}}, {15, 8, 5, {"rule.senior_ratio"}},
                                                                      {20, 11, 8, {}}, {20, 10, 8, {"rule.dual_ratio"}}};
  for (const auto& row : rows) {
    form_["core"] = team(core, row.size, row.dual, row.senior);
    EXPECT_EQ(refused(), row.refused) << row.size << " " << row.dual << " " << row.senior;
  }
}

// “不超过55周岁” on the day of the deadline, 2026-05-31: whoever turns 56 that day does, whoever turns 55 does not.
TEST_F(ShippedTraps, AgesAreThoseOfTheDeadline) {
  const std::pair<const char*, const char*> rows[] = {{"innovation-team", "leader_birth"}, {"master-studio", "host_birth"}, {"teaching-master", "birth"}};
  for (const auto& [programme, field] : rows) {
    load(programme);
    for (const auto& [birth, usual] : {std::pair{"1971-05", true}, std::pair{"1970-06", true}, std::pair{"1970-05", false}}) {
      form_[field] = birth;
      EXPECT_EQ(unusual().empty(), usual) << programme << " " << birth;
      EXPECT_EQ(refused(), Codes{}) << "原则上: a reason, and no refusal";
    }
  }
}

TEST_F(ShippedTraps, SumsBySourceAndByYearAreTheTotal) {
  std::size_t with_budget = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(kPackages)) {
    if (!fs::exists(entry.path() / "tests/nomination.json")) continue;
    load(entry.path().filename().string());
    if (!form_.contains("budget") || !form_.at("budget").is_object() || !form_.at("budget").as_object().contains("y1")) continue;
    ++with_budget;
    const json::object budget = form_.at("budget").as_object();
    const auto with = [&](const char* field, const char* value) {
      json::object changed = budget;
      changed[field] = value;
      form_["budget"] = std::move(changed);
      return refused();
    };
    EXPECT_EQ(with("y1", "0.01"), Codes{"rule.budget_years"}) << definition_->programme;
    EXPECT_EQ(with("school", "0.01"), Codes{"rule.budget_sum"}) << definition_->programme;
    const Codes both = with("total", "0.01");
    EXPECT_TRUE(both.contains("rule.budget_sum") && both.contains("rule.budget_years")) << definition_->programme;
  }
  EXPECT_GE(with_budget, 15U);
}

// Sums that binary floats get wrong: 0.1 + 0.2 is 0.3, and a cent more is a cent more.
TEST_F(ShippedTraps, MoneyHasTwoPlacesAndNoBinaryFloats) {
  load("workshop");
  const auto budget = [&](const char* school, const char* total, const char* y1) {
    form_["budget"] = json::object{{"province", "0.1"}, {"local", "0"}, {"school", school}, {"enterprise", "0"}, {"total", total}, {"y1", y1}, {"y2", "0"}, {"y3", "0.20"}};
    return refused();
  };
  EXPECT_EQ(budget("0.2", "0.3", "0.10"), Codes{});
  EXPECT_EQ(budget("0.2", "0.31", "0.11"), Codes{"rule.budget_sum"});
  EXPECT_EQ(budget("0.205", "0.305", "0.105"), Codes{"form.format"}) << "three places";
  EXPECT_EQ(budget("1e-1", "0.2", "0"), Codes{"form.format"});
  for (const fs::directory_entry& entry : fs::directory_iterator(kPackages)) {
    if (!fs::exists(entry.path() / "plugin.xml") || !fs::exists(entry.path() / "forms")) continue;
    const Result<DefinitionPtr> loaded = library_.load(entry.path().string());
    ASSERT_TRUE(loaded) << loaded.error().message;
    for (const auto& form : (*loaded)->forms) {
      const std::string text = json::serialize(form.value());
      const std::string unit = R"("x-unit":"万元")";
      for (std::size_t at = text.find(unit); at != std::string::npos; at = text.find(unit, at + 1)) {
        const std::size_t open = text.rfind('{', at), close = text.find('}', at);
        const std::string field = text.substr(open, close - open);
        EXPECT_NE(field.find(R"("type":"string")"), std::string::npos) << (*loaded)->programme << " " << field;
        EXPECT_NE(field.find(R"("x-places":2)"), std::string::npos) << (*loaded)->programme << " " << field;
      }
    }
  }
}

TEST_F(ShippedTraps, EvidenceHasAtMostAHundredPages) {
  std::size_t limited = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(kPackages)) {
    if (!fs::exists(entry.path() / "forms")) continue;
    const Result<DefinitionPtr> loaded = library_.load(entry.path().string());
    ASSERT_TRUE(loaded) << loaded.error().message;
    if (string_or((*loaded)->manifest, "shared_workflow") != "selection") continue;
    for (const json::value& each : array_or_empty((*loaded)->manifest, "documents"))
      if (string_or(each.get_object(), "kind") == "evidence") {
        EXPECT_EQ(int_or(each.get_object(), "pages_max", 0), 100) << (*loaded)->programme;
        ++limited;
      }
  }
  EXPECT_GE(limited, 16U);
}

// 名师大师 became 名师（大师）, then 名师（名匠）: one programme under the names of three calls.
TEST_F(ShippedTraps, ARenamedProgrammeIsOne) {
  load("master-studio");
  std::set<std::pair<std::string, std::string>> names;
  for (const json::value& each : array_or_empty(definition_->manifest, "aliases")) names.emplace(string_or(each.get_object(), "zh"), string_or(each.get_object(), "since"));
  EXPECT_TRUE(names.contains({"“楚怡”名师（大师）工作室", "2022"}));
  EXPECT_TRUE(names.contains({"“楚怡”名师（名匠）工作室", "2024"}));
}

// A place of the 20 is kept for each of the two schools that the notice names.
TEST_F(ShippedTraps, TwoOfTheTwentyBasesAreDesignated) {
  load("culture-base");
  const json::array& rules = array_or_empty(definition_->manifest, "limits");
  ASSERT_EQ(rules.size(), 1U);
  EXPECT_EQ(int_or(rules[0].as_object(), "max", 0), int_or(object_or_empty(definition_->manifest, "quota"), "province", -1));
  EXPECT_EQ(json::serialize(rules[0].at("designated")), R"(["湖南工业职业技术学院","新化县楚怡工业学校"])");
}

}  // namespace
}  // namespace chuyi
