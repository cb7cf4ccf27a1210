// Every package's own examples: tests/*.json beside its forms, {"form","data","expect":{"findings":[{"place","code"}]}}.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "engine/scxml/evaluate.h"
#include "plugins/loader/package_library.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

const std::string kSource = CHUYI_SOURCE_DIR;
const std::string kBinary = CHUYI_BINARY_DIR;

std::vector<fs::path> packages() {
  std::vector<fs::path> out;
  for (const fs::directory_entry& entry : fs::directory_iterator(kBinary + "/plugins"))
    if (fs::exists(entry.path() / "forms")) out.push_back(entry.path());  // rounds have none
  std::sort(out.begin(), out.end());
  return out;
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

using Findings = std::set<std::pair<std::string, std::string>>;

Findings expected(const json::object& example) {
  Findings out;
  for (const json::value& each : array_or_empty(object_or_empty(example, "expect"), "findings"))
    out.emplace(string_or(each.as_object(), "place"), string_or(each.as_object(), "code"));
  return out;
}

Findings found(const Form& form, const json::value& data) {
  Findings out;
  for (const Detail& each : validate_form(form, data, {{"deadline", "2026-05-31"}})) out.emplace(each.place, each.code);
  return out;
}

class ShippedExamples : public testing::TestWithParam<fs::path> {
 protected:
  ShippedExamples()
      : library_({.packages = {},
                  .workflows = kSource + "/workflows",
                  .forms = kSource + "/forms",
                  .schema = kSource + "/plugins/sdk/plugin.xsd",
                  .libraries = {},
                  .invoke_types = {"task", "countersign", "panel", "publicity", "award", "annual-check", "plugin"}}) {}
  PackageLibrary library_;
};

TEST_P(ShippedExamples, AreJudgedAsTheySay) {
  const Result<DefinitionPtr> definition = library_.load(GetParam().string());
  ASSERT_TRUE(definition) << definition.error().place << " " << definition.error().message;
  std::set<std::string> valid;
  std::size_t refused = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(GetParam() / "tests")) {
    if (!entry.is_regular_file()) continue;  // ways of whole applications
    const Result<json::value> parsed = parse_json(read(entry.path()), JsonLimits{}, entry.path().string());
    ASSERT_TRUE(parsed) << parsed.error().message;
    for (const json::value& each : parsed->is_array() ? parsed->get_array() : json::array{*parsed}) {
      const json::object& example = each.as_object();
      const std::string form = string_or(example, "form");
      if (form.empty()) continue;  // an example of another hook, or a step of an application's way
      ASSERT_TRUE((*definition)->compiled_forms.contains(form)) << entry.path();
      const Findings wanted = expected(example);
      EXPECT_EQ(found(*(*definition)->compiled_forms.at(form), example.at("data")), wanted) << entry.path();
      if (wanted.empty()) valid.insert(form);
      refused += wanted.empty() ? 0 : 1;
    }
  }
  for (const char* form : {"nomination", "annual"})
    EXPECT_EQ(valid.contains(form), (*definition)->compiled_forms.contains(form)) << "one that is valid: " << form;
  EXPECT_GE(refused, 1U) << "a form that is refused";
}

/// Nobody is refused for a soft rule or a preference, so that one which cannot be evaluated would never be noticed.
TEST_P(ShippedExamples, SoftRulesHoldForTheValidNomination) {
  const Result<DefinitionPtr> definition = library_.load(GetParam().string());
  ASSERT_TRUE(definition) << definition.error().message;
  const Result<json::value> example = parse_json(read(GetParam() / "tests/nomination.json"), JsonLimits{}, "nomination.json");
  ASSERT_TRUE(example) << example.error().message;
  for (const json::value& each : array_or_empty((*definition)->forms.at("nomination").as_object(), "x-rules")) {
    const json::object& rule = each.as_object();
    const Result<bool> kept = scxml::holds(string_or(rule, "rule"), {{"form", example->at("data")}, {"deadline", "2026-05-31"}}, string_or(rule, "id"));
    ASSERT_TRUE(kept) << string_or(rule, "id") << ": " << kept.error().message;
    EXPECT_TRUE(*kept) << string_or(rule, "id");
  }
}

/// What is published never holds a number that identifies or reaches a person.
TEST_P(ShippedExamples, PublishNothingSecret) {
  const Result<DefinitionPtr> definition = library_.load(GetParam().string());
  ASSERT_TRUE(definition) << definition.error().message;
  for (const json::value& field : array_or_empty(object_or_empty((*definition)->manifest, "publicity"), "fields"))
    for (const char* secret : {"phone", "id_number", "uscc"})
      EXPECT_EQ(std::string{field.as_string()}.find(secret), std::string::npos) << field;
}

INSTANTIATE_TEST_SUITE_P(Packages, ShippedExamples, testing::ValuesIn(packages()), [](const auto& package) {
  std::string name = package.param.filename().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace chuyi
