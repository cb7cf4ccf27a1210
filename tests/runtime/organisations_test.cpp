#include "engine/runtime/organisations.h"

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <gmock/gmock.h>

#include "engine/base/json.h"
#include "engine/runtime/imports.h"

namespace chuyi {
namespace {

const std::string kData = std::string{CHUYI_SOURCE_DIR} + "/workflows/data/hunan/";

std::string read(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return std::move(out).str();
}

/// The shipped tree, put in as an installation puts it in, and organisations of a test beside it.
class Hunan : public testing::Test {
 protected:
  Hunan() {
    const Result<json::value> list = parse_json(read(kData + "organisations.json"), {}, "organisations.json");
    for (const json::value& each : list->as_array()) put(each.as_object());
    rules_ = *parse_recommenders(read(kData + "recommenders.json"), "recommenders.json");
  }
  void put(const json::object& given) {
    const Result<OrganisationRow> row = organisation_of(given, find_(string_or(given, "id")), find_, Instant{});
    ASSERT_TRUE(row) << row.error().message << " " << canonical_json(given);
    rows_[row->id] = *row;
  }
  std::vector<OrganisationRow> all() const {
    std::vector<OrganisationRow> out;
    for (const auto& [id, row] : rows_) out.push_back(row);
    return out;
  }
  Recommendation recommend(const std::string& org, const std::string& level = "prefecture") const { return recommendation_of(chain_of(find_, org), level, rules_, find_); }

  std::map<std::string, OrganisationRow, std::less<>> rows_;
  FindOrganisation find_ = [this](std::string_view id) -> std::optional<OrganisationRow> {
    const auto found = rows_.find(id);
    return found == rows_.end() ? std::nullopt : std::optional{found->second};
  };
  std::vector<RecommenderRule> rules_;
};

// Goal: the province is whole. Method: the shipped rows are counted by what they are.
TEST_F(Hunan, HasFourteenPrefecturesAndTheirCounties) {
  std::map<std::string, int> counties, kinds;
  int functional = 0;
  for (const auto& [id, row] : rows_) {
    ++kinds[row.level + "/" + string_or(row.data, "kind")];
    if (bool_or(row.data, "functional", false)) ++functional;
    else if (row.level == "county") ++counties[row.parent];
    if (row.level == "county") {
      EXPECT_EQ(row.parent, id.substr(0, 4) + "00");
    }
  }
  EXPECT_EQ(kinds["prefecture/education"], 14);
  EXPECT_EQ(kinds["prefecture/human-resources"], 14);
  EXPECT_EQ(functional, 12);
  EXPECT_EQ(counties, (std::map<std::string, int>{{"430100", 9}, {"430200", 9}, {"430300", 5}, {"430400", 12}, {"430500", 12}, {"430600", 9}, {"430700", 9}, {"430800", 4},
                                                  {"430900", 6}, {"431000", 11}, {"431100", 11}, {"431200", 12}, {"431300", 5}, {"433100", 8}}));
  for (const char* department : {"dept-jyt", "dept-fgw", "dept-czt", "dept-rst", "dept-zjt"}) EXPECT_EQ(string_or(rows_.at(department).data, "kind"), "department");
}

TEST_F(Hunan, KnowsCountiesByTheirCodesAndNamesOfBefore) {
  for (const auto& [before, now] : std::map<std::string, std::string>{{"430122", "430112"}, {"430124", "430182"}, {"430221", "430212"}, {"430521", "430582"}, {"431121", "431181"}})
    EXPECT_EQ(resolve_organisation(all(), before), now);
  EXPECT_EQ(resolve_organisation(all(), "株洲县教育局"), "430212");
  EXPECT_EQ(resolve_organisation(all(), "渌口区教育局"), "430212");
  EXPECT_EQ(resolve_organisation(all(), "433100"), "433100");
  EXPECT_FALSE(resolve_organisation(all(), "431400"));
  EXPECT_FALSE(resolve_organisation(all(), ""));
}

TEST_F(Hunan, ANameOfTwoIsNobodys) {
  for (const char* id : {"a", "b"}) put({{"id", id}, {"parent", "430100"}, {"level", "college"}, {"name", "同名学校"}});
  EXPECT_FALSE(resolve_organisation(all(), "同名学校"));
  EXPECT_EQ(resolve_organisation(all(), "a"), "a");
}

struct Case {
  const char* name;
  json::object org;
  const char* level;
  std::vector<std::string> offices;
  const char* rule;
};
class Chain : public Hunan, public testing::WithParamInterface<Case> {};

// Goal: each kind of applicant goes to its own office. Method: one organisation of each kind under the shipped tree.
TEST_P(Chain, GoesTo) {
  json::object given = GetParam().org;
  given["id"] = "x";
  given["level"] = "college";
  given["name"] = "学校";
  put(given);
  const Recommendation found = recommend("x", GetParam().level);
  EXPECT_EQ(found.offices, GetParam().offices);
  EXPECT_EQ(found.rule, GetParam().rule);
}
INSTANTIATE_TEST_SUITE_P(Hunan, Chain, testing::Values(
  Case{"SecondaryOfACounty", {{"parent", "431322"}, {"kind", "secondary"}}, "prefecture", {"431322", "431300"}, "territory"},
  Case{"OnlyToTheCounty", {{"parent", "431322"}, {"kind", "secondary"}}, "county", {"431322"}, "territory"},
  Case{"SecondaryOfAFunctionalDistrict", {{"parent", "430671"}, {"kind", "secondary"}}, "prefecture", {"430671", "430600"}, "territory"},
  Case{"CollegeOfAPrefecture", {{"parent", "430700"}, {"kind", "college"}}, "prefecture", {"430700"}, "territory"},
  Case{"CollegeDirectly", {{"parent", "430700"}, {"kind", "college"}}, "none", {}, ""},
  Case{"CollegeOfTheProvince", {{"parent", "430000"}, {"kind", "college"}}, "prefecture", {"430000"}, "territory"},
  Case{"CollegeOfADepartment", {{"parent", "430100"}, {"kind", "college"}, {"competent", "dept-jtt"}}, "prefecture", {"dept-jtt"}, "competent-department"},
  Case{"CollegeOfADepartmentDirectly", {{"parent", "430100"}, {"kind", "college"}, {"competent", "dept-jtt"}}, "none", {}, ""},
  Case{"CompetentBureauIsNoDepartment", {{"parent", "430100"}, {"kind", "college"}, {"competent", "430100"}}, "prefecture", {"430100"}, "territory"},
  Case{"TechnicianSchool", {{"parent", "430400"}, {"kind", "technician"}}, "prefecture", {"430400-rsj"}, "technician"},
  Case{"TechnicianSchoolOfACounty", {{"parent", "430481"}, {"kind", "technician"}}, "prefecture", {"430400-rsj"}, "technician"},
  Case{"TechnicianSchoolOfADepartment", {{"parent", "430400"}, {"kind", "technician"}, {"competent", "dept-rst"}}, "prefecture", {"dept-rst"}, "competent-department"},
  Case{"NoKind", {{"parent", "430400"}}, "prefecture", {"430400"}, "territory"}),
  [](const auto& row) { return std::string(row.param.name); });

TEST_F(Hunan, ARenamedOneKeepsWhatItWasCalled) {
  put({{"id", "x"}, {"parent", "430100"}, {"level", "college"}, {"name", "旧学院"}, {"code", "100"}});
  put({{"id", "x"}, {"parent", "430100"}, {"level", "college"}, {"name", "新学院"}, {"code", "200"}});
  put({{"id", "x"}, {"parent", "430100"}, {"level", "college"}, {"name", "新学院"}, {"code", "200"}});
  EXPECT_EQ(canonical_json(rows_.at("x").data.at("former")), R"([{"code":"100","name":"旧学院","until":"1970-01-01"}])");
  EXPECT_EQ(resolve_organisation(all(), "旧学院"), "x");
  EXPECT_EQ(resolve_organisation(all(), "100"), "x");
}

TEST_F(Hunan, ParentsAreAboveTheirChildren) {
  put({{"id", "x"}, {"parent", "430100"}, {"level", "college"}, {"name", "学院"}});
  for (const char* parent : {"x", "430102x", ""}) {
    const Result<OrganisationRow> row = organisation_of({{"id", "430102"}, {"parent", parent}, {"level", "county"}, {"name", "区"}}, {}, find_, Instant{});
    ASSERT_FALSE(row) << parent;
    EXPECT_EQ(row.error().code, "organisation.parent");
  }
}

TEST(Recommenders, EveryRuleIsChecked) {
  for (const char* rule : {R"({"to":"territory","zh":"一","en":"a"})", R"({"id":"a","to":"moon","zh":"一","en":"a"})", R"({"id":"a","to":"office","zh":"一","en":"a"})",
                           R"({"id":"a","to":"territory","office":"o","zh":"一","en":"a"})", R"({"id":"a","to":"territory","kinds":["school"],"zh":"一","en":"a"})", "7"}) {
    const Result<std::vector<RecommenderRule>> read = parse_recommenders(R"({"rules":[)" + std::string{rule} + "]}", "r.json");
    ASSERT_FALSE(read) << rule;
    EXPECT_EQ(read.error().code, "recommenders.rule");
    EXPECT_EQ(read.error().place, "r.json: rule 1");
  }
}

class Plan : public Hunan {
 protected:
  ImportPlan plan(const char* kind, json::array rows, json::object more = {}) {
    more["kind"] = kind;
    more["rows"] = std::move(rows);
    return plan_import(more, {.organisation = find_, .user = [&](std::string_view id) { return users_.contains(id) ? std::optional{users_.find(id)->second} : std::nullopt; }, .expert = [&](std::string_view id) { return experts_.contains(id) ? std::optional{experts_.find(id)->second} : std::nullopt; }}, Instant{});
  }
  std::map<std::string, UserRow, std::less<>> users_;
  std::map<std::string, RecordRow, std::less<>> experts_;
};

// Goal: a sheet may name a parent further down, and the store gets it first.
TEST_F(Plan, ParentsComeBeforeTheirChildren) {
  const ImportPlan found = plan("organisations", {json::object{{"id", "school"}, {"name", "学校"}, {"level", "college"}, {"parent", "district"}},
                                                  json::object{{"id", "district"}, {"name", "新区"}, {"level", "county"}, {"parent", "430100"}}});
  ASSERT_TRUE(found.problems.empty());
  ASSERT_EQ(found.organisations.size(), 2U);
  EXPECT_EQ(found.organisations[0].id, "district");
}

TEST_F(Plan, TellsEveryProblemOfEveryRow) {
  const ImportPlan found = plan("organisations", {json::object{{"id", "a b"}, {"name", ""}, {"level", "college"}, {"parent", "430100"}, {"kind", "school"}},
                                                  json::object{{"id", "c"}, {"name", "丙"}, {"level", "college"}, {"parent", "nowhere"}}, json::object{{"id", "c"}, {"name", "丙"}, {"level", "college"}, {"parent", "430100"}}});
  std::vector<std::string> places;
  for (const Detail& each : found.problems) places.push_back(each.place + " " + each.code);
  EXPECT_THAT(places, testing::ElementsAre("/0/id organisation.id", "/0/name organisation.name", "/0/kind organisation.kind", "/1/parent organisation.parent", "/2/id import.duplicate"));
}

// Goal: the same sheet twice writes once; what a sheet has no column for stays.
TEST_F(Plan, KeepsWhatIsNotNamed) {
  put({{"id", "x"}, {"parent", "430100"}, {"level", "college"}, {"name", "学院"}, {"kind", "college"}, {"code", "100"}});
  const json::object row{{"id", "x"}, {"name", "学院"}, {"level", "college"}, {"parent", "430100"}};
  EXPECT_TRUE(plan("organisations", {row}).organisations.empty());
  json::object cleared = row;
  cleared["kind"] = "";
  const ImportPlan found = plan("organisations", {cleared});
  ASSERT_EQ(found.organisations.size(), 1U);
  EXPECT_EQ(canonical_json(found.changes[0].at("fields")), R"({"kind":{"from":"college","to":null}})");
  EXPECT_EQ(string_or(found.organisations[0].data, "code"), "100");
}

TEST_F(Plan, NewUsersWaitForTheirCode) {
  const json::array rows{json::object{{"id", "u"}, {"name", "阿卜杜拉·买买提"}, {"memberships", json::array{json::object{{"role", "reviewer"}, {"org", "430000"}}}}}};
  const std::string pending = pending_password("digest", from_ms(1000));
  ImportPlan found = plan("users", rows, {{"password_hash", json::object{{"u", pending}}}});
  ASSERT_EQ(found.users.size(), 1U);
  EXPECT_EQ(found.users[0].password, pending);
  EXPECT_TRUE(takes_code(pending, "digest", from_ms(999)));
  EXPECT_FALSE(takes_code(pending, "digest", from_ms(1000)));
  EXPECT_FALSE(takes_code(pending, "other", from_ms(999)));
  EXPECT_FALSE(takes_code("$argon2id$digest", "digest", from_ms(999)));
  users_["u"] = found.users[0];
  EXPECT_TRUE(plan("users", rows).users.empty());
  EXPECT_EQ(plan("users", rows, {{"renew", true}, {"password_hash", json::object{{"u", "code:new:5"}}}}).users.at(0).password, "code:new:5");
  users_["u"].password = "$argon2id$kept";
  EXPECT_TRUE(plan("users", rows, {{"renew", true}, {"password_hash", json::object{{"u", "code:new:5"}}}}).users.empty());
}

TEST_F(Plan, ExpertsKeepWhatSheetsDoNotHold) {
  experts_["e"] = RecordRow{.kind = kExpert, .id = "e", .about = kExpertPool, .data = {{"id", "e"}, {"name", "李"}, {"person", "digest"}}, .updated = {}, .revision = 3};
  const ImportPlan found = plan("experts", {json::object{{"id", "e"}, {"name", "李"}, {"fields", json::array{"4603"}}, {"employer", "430100"}, {"nominated_year", 2026}}});
  ASSERT_TRUE(found.problems.empty());
  ASSERT_EQ(found.experts.size(), 1U);
  EXPECT_EQ(found.experts[0].revision, 4U);
  EXPECT_EQ(canonical_json(found.experts[0].data),
            R"({"employer":"430100","employer_names":["长沙市教育局"],"fields":["4603"],"id":"e","name":"李","nominated_year":2026,"person":"digest"})");
  EXPECT_EQ(plan("experts", {json::object{{"id", "f"}, {"name", "王"}, {"region", "长沙"}, {"employer", "nowhere"}}}).problems.size(), 2U);
}

}  // namespace
}  // namespace chuyi
