#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "plugins/host/plugin_client.h"
#include "plugins/loader/package_library.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

const std::string kSource = CHUYI_SOURCE_DIR;
const std::string kBinary = CHUYI_BINARY_DIR;

PackageLibraryOptions options_for(const std::string& packages) {
  return {.packages = {packages},
          .workflows = kSource + "/workflows",
          .forms = kSource + "/forms",
          .schema = kSource + "/plugins/sdk/plugin.xsd",
          .libraries = testing::TempDir() + "/libraries",
          .invoke_types = {"task", "panel", "publicity", "award", "annual-check"}};
}

std::string text_of(const std::vector<Detail>& details) {
  std::string out;
  for (const Detail& each : details) out += each.place + " " + each.code + " " + each.message + "\n";
  return out;
}

json::object uscc_org(const char* name, const char* code) { return {{"name", name}, {"uscc", code}}; }

json::object workshop_form() {
  return {{"craft", "湘绣"},
          {"craft_kind", "传统技艺"},
          {"school", uscc_org("湖南工艺美术职业学院", "12430000444877049U")},
          {"enterprises", json::array{uscc_org("湖南某湘绣有限公司", "91350100M000100Y43")}},
          {"agreement_end", "2029-12-31"},
          {"host_master", "王大师"},
          {"master_level", "非遗传承人"},
          {"members", json::array{json::object{{"name", "甲"}, {"unit", "学院"}, {"side", "学校"}},
                                  json::object{{"name", "乙"}, {"unit", "公司"}, {"side", "企业"}}}},
          {"area", "120.5"},
          {"equip", "80.00"},
          {"ent_equip", "30.00"},
          {"apprentices3", 12},
          {"exchange3", 6},
          {"patents", 2},
          {"courses", 3},
          {"target_apprentice", 30},
          {"leader", json::object{{"name", "李老师"}, {"title", "副高级"}, {"phone", "13800000000"}}},
          {"period", json::object{{"start", "2026-09"}, {"end", "2029-08"}}},
          {"budget", json::object{{"province", "20"}, {"local", "10"}, {"school", "15.5"}, {"enterprise", "30"}, {"total", "75.5"}, {"y1", "30"}, {"y2", "25.5"}, {"y3", "20"}}},
          {"targets", json::array{json::object{{"indicator", "带徒"}, {"unit", "人"}, {"baseline", 4}, {"y1", 10}, {"y2", 20}, {"y3", 30}}}},
          {"statement", "建设思路"}};
}

class Shipped : public testing::Test {
 protected:
  Shipped() : library_(options_for(kBinary + "/plugins")), problems_(library_.reload()) {}
  std::vector<Detail> findings(const char* programme, json::object form) {
    const DefinitionPtr definition = library_.current(programme);
    std::vector<Detail> out = validate_form(*definition->compiled_forms.at("nomination"), json::value(form));
    if (!out.empty()) return out;
    const Result<std::vector<Detail>> answer =
        client_.validate(*definition, {{"form", "nomination"}, {"data", form}, {"date", "2026-03-02"}, {"application", json::object{}}});
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().message);
    return answer ? *answer : std::vector<Detail>{};
  }
  PackageLibrary library_;
  std::vector<Detail> problems_;
  PluginClient client_{PluginClientOptions{.host_program = kBinary + "/bin/chuyi-plugin-host"}};
};

TEST_F(Shipped, BothProgrammesLoadWithTheirQuotas) {
  EXPECT_EQ(text_of(problems_), "");
  ASSERT_EQ(library_.current().size(), 2u);
  EXPECT_EQ(library_.current("workshop")->manifest.at("quota").at("province").as_int64(), 100);
  EXPECT_EQ(library_.current("vocational-alliance")->manifest.at("quota").at("province").as_int64(), 30);
}

TEST_F(Shipped, AStoredDefinitionIsRebuiltFromItsFiles) {
  const DefinitionPtr definition = library_.current("workshop");
  PackageLibrary empty(options_for(testing::TempDir()));
  const Result<DefinitionPtr> restored = empty.restore(definition->digest, definition->files);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ((*restored)->digest, definition->digest);
  EXPECT_EQ(canonical_json(json::value((*restored)->manifest)), canonical_json(json::value(definition->manifest)));
}

TEST_F(Shipped, AWorkshopIsRunBySchoolAndEnterprise) {
  EXPECT_EQ(text_of(findings("workshop", workshop_form())), "");
  json::object alone = workshop_form();
  alone["enterprises"] = json::array{};
  const std::vector<Detail> refused = findings("workshop", alone);
  ASSERT_EQ(refused.size(), 1u) << text_of(refused);
  EXPECT_EQ(refused[0].place, "/enterprises");
  EXPECT_EQ(refused[0].code, "plugin.joint");
  json::object expired = workshop_form();
  expired["agreement_end"] = "2028-01-01";
  EXPECT_EQ(findings("workshop", expired).at(0).code, "plugin.agreement_period");
}

json::object alliance_form() {
  json::object out = workshop_form();
  for (const char* key : {"craft", "craft_kind", "school", "enterprises", "agreement_end", "host_master", "master_level", "area", "equip", "ent_equip",
                          "apprentices3", "exchange3", "patents", "courses", "target_apprentice"})
    out.erase(key);
  json::array members;
  for (const char* kind : {"政府", "行业", "企业", "职业院校", "科研院所", "社会组织"})
    members.push_back(json::object{{"name", std::string{kind} + "单位"}, {"kind", kind}, {"joined", "2021-01-01"}, {"agreement", "2020-12-20"}});
  out["members"] = std::move(members);
  for (const auto& member : json::object{{"alliance_name", "联盟"}, {"founded", "2020-05-01"}, {"charter_date", "2020-05-01"}, {"registered", "未登记"},
                                         {"prefectures", 3}, {"leading_enterprises", 2}, {"meetings", 4}, {"order_students", 1}, {"employment", "96.5"},
                                         {"training", 9}, {"research_money", "1.5"}})
    out[member.key()] = member.value();
  out["lead"] = json::array{uscc_org("学院", "12430000444877049U")};
  out["council"] = json::array{json::object{{"name", "张"}, {"unit", "学院"}, {"post", "理事长"}}};
  return out;
}

struct Rule {
  const char* name;
  const char* programme;
  const char* pointer;  ///< where …
  json::value value;    ///< … this stands instead
  const char* code;     ///< of the one finding; empty: none
};
void PrintTo(const Rule& row, std::ostream* out) { *out << row.name; }
class ShippedRule : public Shipped, public testing::WithParamInterface<Rule> {};

TEST_P(ShippedRule, HoldsAtItsEdges) {
  json::value form = std::string{GetParam().programme} == "workshop" ? workshop_form() : alliance_form();
  const std::string pointer = GetParam().pointer;
  const std::size_t last = pointer.rfind('/');
  form.at_pointer(pointer.substr(0, last)).as_object()[pointer.substr(last + 1)] = GetParam().value;
  const std::vector<Detail> found = findings(GetParam().programme, form.as_object());
  EXPECT_EQ(found.size(), std::string{GetParam().code}.empty() ? 0U : 1U) << text_of(found);
  EXPECT_EQ(found.empty() ? "" : found[0].code, GetParam().code) << text_of(found);
}

INSTANTIATE_TEST_SUITE_P(Edges, ShippedRule, testing::Values(
  //   name                     programme              pointer                  value         code
  Rule{"AgreementToTheLastDay", "workshop",            "/agreement_end",        "2029-08-31", ""},
  Rule{"AgreementADayShort",    "workshop",            "/agreement_end",        "2029-08-30", "plugin.agreement_period"},
  Rule{"AgreementMonthStart",   "workshop",            "/agreement_end",        "2029-08-01", "plugin.agreement_period"},
  Rule{"PeriodAMonthShort",     "workshop",            "/period/end",           "2029-07",    "rule.period_years"},
  Rule{"PeriodAMonthLong",      "workshop",            "/period/end",           "2029-09",    "rule.period_years"},
  Rule{"YearsDoNotSum",         "workshop",            "/budget/y3",            "20.01",      "rule.budget_years"},
  Rule{"AwardFiveYearsOld",     "workshop",            "/awards",               json::array{json::object{{"name", "赛"}, {"level", "省级"}, {"rank", "一等奖"}, {"year", 2021}}}, ""},
  Rule{"AwardSixYearsOld",      "workshop",            "/awards",               json::array{json::object{{"name", "赛"}, {"level", "省级"}, {"rank", "一等奖"}, {"year", 2020}}}, "plugin.award_year"},
  Rule{"ProjectWithoutMoney",   "workshop",            "/tech_projects",        json::array{json::object{{"title", "攻关"}, {"partner", "公司"}}}, "form.required"},
  Rule{"Alliance",              "vocational-alliance", "/charter_date",         "2026-03-02", ""},
  Rule{"CharterTomorrow",       "vocational-alliance", "/charter_date",         "2026-03-03", "plugin.charter_date"},
  Rule{"AgreementTomorrow",     "vocational-alliance", "/members/3/agreement",  "2026-03-03", "plugin.member_agreement"},
  Rule{"MemberWithoutKind",     "vocational-alliance", "/members/5/kind",       "企业",       "plugin.kinds"},
  Rule{"AllianceTooShort",      "vocational-alliance", "/period/end",           "2028-08",    "rule.period_years"},
  Rule{"NoLeadingEnterprise",   "vocational-alliance", "/leading_enterprises",  0,            "form.minimum"}),
  [](const auto& row) { return std::string(row.param.name); });

TEST_F(Shipped, EveryFailureOfAFormIsNamed) {
  json::object form = workshop_form();
  form.erase("craft");
  form["area"] = "many";
  form["leader"].as_object()["phone"] = "123";
  form["budget"].as_object()["extra"] = 1;
  form["school"].as_object()["uscc"] = "12430000444877049A";
  std::string places;
  for (const Detail& each : findings("workshop", form)) {
    places += each.place + "=" + each.code + " ";
    EXPECT_FALSE(each.message.empty());
    EXPECT_FALSE(each.message_zh.empty());
  }
  EXPECT_NE(places.find("/craft=form.required"), std::string::npos) << places;
  EXPECT_NE(places.find("/area=form.format"), std::string::npos) << places;
  EXPECT_NE(places.find("/leader/phone=form.format"), std::string::npos) << places;
  EXPECT_NE(places.find("/budget/extra=form.additional"), std::string::npos) << places;
  EXPECT_NE(places.find("/school/uscc=form.format"), std::string::npos) << places;
  json::object wrong_sum = workshop_form();
  wrong_sum["budget"].as_object()["total"] = "75.51";
  EXPECT_EQ(findings("workshop", wrong_sum).at(0).code, "rule.budget_sum");
}

struct Hostile {
  const char* library;
  const char* code;
};
void PrintTo(const Hostile& row, std::ostream* out) { *out << row.library; }
class HostileLibrary : public testing::TestWithParam<Hostile> {};

TEST_P(HostileLibrary, IsAnErrorOfItsCallAndTheNextPackageGoesOn) {
#ifdef CHUYI_SANITIZED
  if (std::string{GetParam().library} == "allocate") GTEST_SKIP() << "the memory limit is off under sanitizers";
#endif
  PluginClient client({.host_program = kBinary + "/bin/chuyi-plugin-host", .call_max = std::chrono::milliseconds{1'500}});
  Definition definition;
  definition.programme = "hostile";
  definition.library = kBinary + "/tests/hostile/libhostile_" + GetParam().library + ".so";
  const Result<std::vector<Detail>> answer = client.validate(definition, {{"form", "x"}, {"data", json::object{}}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, GetParam().code) << answer.error().message;
  EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
  ASSERT_EQ(client.incidents().size(), 1u);
  PackageLibrary library(options_for(kBinary + "/plugins"));
  library.reload();
  EXPECT_TRUE(client.validate(*library.current("workshop"), {{"form", "nomination"}, {"data", workshop_form()}}));
}

INSTANTIATE_TEST_SUITE_P(Kinds, HostileLibrary,
                         testing::Values(Hostile{"crash", "plugin.crashed"}, Hostile{"loop", "plugin.timeout"},
                                         Hostile{"garbage", "plugin.answer"}, Hostile{"exit", "plugin.crashed"},
                                         Hostile{"allocate", "plugin.crashed"}),
                         [](const auto& row) { return std::string(row.param.library); });

/// A copy of the workshop package, data only, with one text replaced in one file.
class Broken : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path{testing::TempDir()} / "packages" / testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    fs::copy(kSource + "/plugins/workshop", folder_ / "workshop", fs::copy_options::recursive);
    replace("plugin.xml", "  <library src=\"libworkshop.so\"/>\n", "");
  }
  void replace(const std::string& file, const std::string& from, const std::string& to) {
    std::stringstream text;
    text << std::ifstream(folder_ / "workshop" / file).rdbuf();
    std::string content = text.str();
    const std::size_t at = content.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    content.replace(at, from.size(), to);
    std::ofstream(folder_ / "workshop" / file) << content;
  }
  std::vector<Detail> reload() { return library().reload(); }
  PackageLibrary& library() {
    if (!library_) library_ = std::make_unique<PackageLibrary>(options_for(folder_.string()));
    return *library_;
  }
  fs::path folder_;
  std::unique_ptr<PackageLibrary> library_;
};

TEST_F(Broken, GoodDataOnlyPackageLoads) {
  EXPECT_EQ(text_of(reload()), "");
  EXPECT_TRUE(library().current("workshop"));
}

TEST_F(Broken, ABadVersionLeavesTheFormerInPlace) {
  ASSERT_EQ(text_of(reload()), "");
  const std::string digest = library().current("workshop")->digest;
  replace("plugin.xml", "weight=\"15\"", "weight=\"16\"");
  const std::vector<Detail> problems = reload();
  ASSERT_EQ(problems.size(), 1u) << text_of(problems);
  EXPECT_EQ(problems[0].code, "plugin.rubric");
  EXPECT_EQ(library().current("workshop")->digest, digest);
}

TEST_F(Broken, SchemaDefectsNameTheirLine) {
  replace("plugin.xml", "<quota province=\"100\"/>", "<quota province=\"-3\"/>");
  const std::vector<Detail> problems = reload();
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems[0].code, "plugin.schema");
  EXPECT_EQ(problems[0].place, "workshop/plugin.xml:7:1") << problems[0].message;
}

TEST_F(Broken, MissingFormsUnknownStagesAndBadSchemasAreRefused) {
  fs::remove(folder_ / "workshop/forms/annual.json");
  EXPECT_EQ(reload().at(0).code, "plugin.file");
  fs::copy(kSource + "/plugins/workshop/forms/annual.json", folder_ / "workshop/forms/annual.json");
  replace("forms/annual.json", "\"type\": \"integer\"", "\"pattern\": \"(\"");
  EXPECT_EQ(reload().at(0).code, "form.schema");
  fs::copy(kSource + "/plugins/workshop/forms/annual.json", folder_ / "workshop/forms/annual.json", fs::copy_options::overwrite_existing);
  replace("plugin.xml", "<workflow shared=\"selection\"/>", "<workflow src=\"own.scxml\"/>");
  std::ofstream(folder_ / "workshop/own.scxml")
      << R"(<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><state id="a"><invoke type="magic" id="m"/></state></scxml>)";
  EXPECT_EQ(reload().at(0).code, "plugin.invoke_type");
}

}  // namespace
}  // namespace chuyi
