// Goal: each rule of DOMAIN.md 2.5 keeps the pairs apart that it names, and no other. Method: one row per rule, the pair
// that meets it and the nearest one that does not; and the indexed answer against comparing every pair.
#include <algorithm>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <tuple>

#include <gtest/gtest.h>

#include "engine/review/conflicts.h"
#include "tests/review/got.h"

namespace chuyi::review {
namespace {

ConflictPolicy shipped() {
  std::ifstream file(CHUYI_SOURCE_DIR "/workflows/policies/conflicts.json");
  std::stringstream text;
  text << file.rdbuf();
  const Result<json::value> parsed = parse_json(text.str(), JsonLimits{}, "policy");
  return got(conflict_policy_from_json(got(parsed).as_object(), 2026));
}

Candidate application() {
  return {.id = "a1",
          .programme = "base",
          .title = "T",
          .org = "college-1",
          .org_chain = {"county-1", "city-1"},
          .competent_department = "dept-1",
          .leader = "p1",
          .members = {"p2", "p3"},
          .handlers = {"u9"},
          .partners = {"91430000X"},
          .field = "F1",
          .region = "4301",
          .relations = {{"p77", "adviser-student"}}};
}

Expert expert() { return {.id = "e1", .person = "x1", .employer = "elsewhere", .kind = "college"}; }

std::vector<std::string> rules_of(const Expert& e, std::vector<Candidate> round = {application()}) {
  const ConflictPolicy policy = shipped();
  const Conflicts conflicts(policy, round);
  std::set<std::string> out;
  for (const Conflict& each : conflicts.of(e, round.front())) {
    out.insert(policy.rules[each.rule].rule);
    for (const char* language : {"zh", "en"}) EXPECT_EQ(conflicts.reason(each, language).find('{'), std::string::npos);
  }
  return {out.begin(), out.end()};
}

using Rules = std::vector<std::string>;

TEST(Conflicts, NothingInCommonIsNone) {
  EXPECT_EQ(rules_of(expert()), Rules{});
  // What nobody knows is not the same as what nobody knows.
  EXPECT_EQ(rules_of({.id = "e"}, {{.id = "a"}}), Rules{});
}

struct Case {
  const char* name;
  const char* rule;
  void (*meets)(Expert&);
  void (*nearly)(Expert&);
};

class EachRule : public testing::TestWithParam<Case> {};

TEST_P(EachRule, MeetsAndNearly) {
  Expert meets = expert(), nearly = expert();
  GetParam().meets(meets);
  GetParam().nearly(nearly);
  EXPECT_EQ(rules_of(meets), Rules{GetParam().rule});
  EXPECT_EQ(rules_of(nearly), Rules{});
}

INSTANTIATE_TEST_SUITE_P(
    Rules, EachRule,
    testing::Values(Case{"OwnUnit", "own-unit", [](Expert& e) { e.employer = "college-1"; }, [](Expert& e) { e.employer = "county-1"; }},
                    Case{"Handled", "own-application", [](Expert& e) { e.id = "u9"; }, [](Expert& e) { e.id = "u8"; }},
                    Case{"Partner", "partner-enterprise", [](Expert& e) { e.enterprises = {"91430000X"}; },
                         [](Expert& e) { e.enterprises = {"91430000Y"}; }},
                    Case{"EmployedByPartner", "partner-enterprise", [](Expert& e) { e.employer = "91430000X"; },
                         [](Expert& e) { e.employer = ""; }},
                    Case{"ThreeYearsInclusive", "co-project",
                         [](Expert& e) {
                           e.co_projects = {{"p2", "P", 2023}};
                         },
                         [](Expert& e) {
                           e.co_projects = {{"p2", "P", 2022}};
                         }},
                    Case{"CollegeJudgeById", "college-judge",
                         [](Expert& e) {
                           e.judged = {{"a1", "", ""}};
                         },
                         [](Expert& e) {
                           e.judged = {{"a2", "", ""}};
                         }},
                    Case{"CollegeJudgeByTitle", "college-judge",
                         [](Expert& e) {
                           e.judged = {{"", "T", "college-1"}};
                         },
                         [](Expert& e) {
                           e.judged = {{"", "T", "college-2"}};
                         }},
                    Case{"CompetentDepartment", "competent-department", [](Expert& e) { e.employer = "dept-1"; },
                         [](Expert& e) { e.employer = "dept-2"; }},
                    Case{"Relative", "relation",
                         [](Expert& e) {
                           e.relations = {{"p3", "near-relative"}};
                         },
                         [](Expert& e) {
                           e.relations = {{"p3", "acquaintance"}};
                         }},
                    Case{"AdviserSaysTheApplicant", "relation", [](Expert& e) { e.person = "p77"; }, [](Expert& e) { e.person = "p78"; }},
                    Case{"DeclaredApplication", "self-declared",
                         [](Expert& e) {
                           e.declared = {{"a1", "", "r"}};
                         },
                         [](Expert& e) {
                           e.declared = {{"a2", "", "r"}};
                         }},
                    Case{"DeclaredUnit", "self-declared",
                         [](Expert& e) {
                           e.declared = {{"", "college-1", "r"}};
                         },
                         [](Expert& e) {
                           e.declared = {{"", "college-2", "r"}};
                         }}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Conflicts, LeaderAndMemberAreThePersonAndAnEntrant) {
  Expert e = expert();
  for (const char* person : {"p1", "p2"}) {
    e.person = person;
    EXPECT_EQ(rules_of(e), (Rules{"entrant", "same-person"}));
  }
}

TEST(Conflicts, EntrantJudgesNoOtherApplicationOfTheProgramme) {
  Candidate other{.id = "a2", .programme = "base", .org = "college-2", .leader = "x1"};
  EXPECT_EQ(rules_of(expert(), {application(), other}), Rules{"entrant"});
  other.programme = "team";
  EXPECT_EQ(rules_of(expert(), {application(), other}), Rules{});
}

TEST(Conflicts, ScopeAndLevelsAreData) {
  ConflictPolicy policy;
  policy.year = 2026;
  policy.rules = {{.rule = "own-unit", .levels = 1}, {.rule = "entrant", .round = true}};
  const std::vector<Candidate> round{application(), {.id = "a2", .programme = "team", .leader = "x1"}};
  Expert e = expert();
  e.employer = "county-1";
  EXPECT_EQ(Conflicts(policy, round).of(e, round[0]).size(), 2U);
  e.employer = "city-1";
  EXPECT_EQ(Conflicts(policy, round).of(e, round[0]).size(), 1U);
}

TEST(Conflicts, TellsWhy) {
  const ConflictPolicy policy = shipped();
  const std::vector<Candidate> round{application()};
  const Conflicts conflicts(policy, round);
  Expert e = expert();
  e.co_projects = {{"p1", "双师基地", 2025}};
  const std::vector<Conflict> found = conflicts.of(e);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(
      canonical_json(conflicts.to_json(found[0], e, round[0])),
      R"({"application":"a1","en":"the expert and an applicant worked together on '双师基地' in 2025, within three years","evidence":{"person":"p1","project":"双师基地","year":"2025"},"expert":"e1","rule":"co-project","zh":"专家三年内与申报人合作项目“双师基地”（2025年）"})");
}

TEST(Conflicts, NameAndUnitAreShownAndDecideNothing) {
  const ConflictPolicy policy = shipped();
  Candidate a = application();
  a.named = {{.name = "王 明", .unit = "某公司"}, {.name = "李强", .unit = "某公司", .identified = true}};
  const std::vector<Candidate> round{a};
  const Conflicts conflicts(policy, round);
  Expert e = expert();
  e.employer_names = {"某　公司", "旧名公司"};
  const auto possible = [&](const char* name, const char* person) {
    e.name = name;
    e.person = person;
    EXPECT_EQ(rules_of(e, round), Rules{}) << "nobody is kept away by a name";
    EXPECT_EQ(conflicts.possible(e).size(), conflicts.possible(e, a).size());
    return conflicts.possible(e).size();
  };
  EXPECT_EQ(possible("王明", "x1"), 1U) << "the form has no number of him";
  EXPECT_EQ(possible("王明", ""), 1U);
  EXPECT_EQ(possible("李强", ""), 1U) << "the pool has no number of him";
  EXPECT_EQ(possible("李强", "x1"), 0U) << "two numbers were compared";
  EXPECT_EQ(possible("王民", ""), 0U);
  e.employer_names = {"另一公司"};
  EXPECT_EQ(possible("王明", ""), 0U) << "a name alone is nothing";
  e.employer_names.clear();
  EXPECT_EQ(possible("王明", ""), 0U);
  const json::object input{{"year", 2026},
                           {"policy", json::object{{"rules", json::array{json::object{{"rule", "same-name"}, {"confirm", false}, {"zh", "{name}"}, {"en", "{unit}"}}}}}},
                           {"experts", json::array{json::object{{"id", "e1"}, {"name", "王明"}, {"employer_names", json::array{"某公司"}}}}},
                           {"applications", json::array{to_json(a)}}};
  const json::object found = got(run_conflicts(input));
  EXPECT_EQ(canonical_json(found), R"({"conflicts":[],"pairs":0,"possible":[{"application":"a1","en":"某公司",)"
                                   R"("evidence":{"name":"王明","unit":"某公司"},"expert":"e1","rule":"same-name","zh":"王明"}]})");
}

TEST(Conflicts, RefusesAPolicyThatNobodyCanMean) {
  const auto codes_of = [](const char* text) {
    const Result<json::value> parsed = parse_json(text, JsonLimits{}, "policy");
    const Result<ConflictPolicy> read = conflict_policy_from_json(got(parsed).as_object(), 2026);
    std::string out;
    if (!read)
      for (const Detail& each : details_of(read.error())) out += each.code + "@" + each.place + " ";
    return out;
  };
  EXPECT_EQ(codes_of(R"({"rules": [{"rule": "own-units", "zh": "z", "en": "e"}]})"), "review.choice@/rules/0/rule ");
  EXPECT_EQ(codes_of(R"({"rules": [{"rule": "own-unit", "zh": "z"}]})"), "review.missing@/rules/0/en ");
  EXPECT_EQ(codes_of(R"({"rules": [{"rule": "entrant", "zh": "z", "en": "e"}, {"rule": "entrant", "zh": "z", "en": "e", "year": 1}]})"),
            "review.repeated@/rules/1/rule review.unknown@/rules/1/year ");
  EXPECT_EQ(codes_of(R"({"rules": [{"rule": "entrant", "on": false, "zh": "z", "en": "e"}]})"), "");
}

TEST(Conflicts, JsonOfPeopleReadsBack) {
  Expert e = expert();
  e.fields = {"F1"};
  e.co_projects = {{"p1", "P", 2025}};
  e.relations = {{"p3", "near-relative"}};
  e.judged = {{"a1", "", ""}};
  e.declared = {{"", "college-1", "r"}};
  e.employer_names = {"某公司"};
  EXPECT_EQ(to_json(got(expert_from_json(to_json(e)))), to_json(e));
  Candidate a = application();
  a.named = {{.name = "王明", .unit = "某公司", .identified = true}};
  EXPECT_EQ(to_json(got(candidate_from_json(to_json(a)))), to_json(a));
}

using Found = std::set<std::tuple<std::size_t, std::size_t, std::string>>;

bool has(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

/// The rules once more, in the plainest way.
std::set<std::string> compared(const Expert& e, const Candidate& a, const std::vector<Candidate>& round) {
  std::set<std::string> out;
  const auto takes_part = [](const std::string& person, const Candidate& in) { return person == in.leader || has(in.members, person); };
  if (e.employer == a.org) out.insert("own-unit");
  if (e.employer == a.competent_department) out.insert("competent-department");
  if (has(a.handlers, e.id)) out.insert("own-application");
  if (takes_part(e.person, a)) out.insert("same-person");
  if (has(a.partners, e.employer)) out.insert("partner-enterprise");
  for (const std::string& each : e.enterprises)
    if (has(a.partners, each)) out.insert("partner-enterprise");
  for (const CoProject& each : e.co_projects)
    if (each.year >= 2023 && takes_part(each.person, a)) out.insert("co-project");
  for (const Judged& each : e.judged)
    if (each.application == a.id || (each.title == a.title && each.org == a.org)) out.insert("college-judge");
  for (const Relation& each : e.relations)
    if (each.kind != "acquaintance" && takes_part(each.person, a)) out.insert("relation");
  for (const Relation& each : a.relations)
    if (each.kind != "acquaintance" && each.person == e.person) out.insert("relation");
  for (const Declaration& each : e.declared)
    if (each.application == a.id || each.org == a.org) out.insert("self-declared");
  for (const Candidate& each : round)
    if (each.programme == a.programme && takes_part(e.person, each)) out.insert("entrant");
  return out;
}

TEST(Conflicts, AllAndOneEqualComparingEveryPair) {
  const ConflictPolicy policy = shipped();
  for (unsigned seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    const auto word = [&](const char* prefix, unsigned n) { return prefix + std::to_string(random() % n); };
    const auto kind = [&] { return std::string{std::array{"near-relative", "adviser-student", "acquaintance"}[random() % 3]}; };
    std::vector<Candidate> round;
    for (unsigned i = 0; i < 30; ++i)
      round.push_back({.id = "a" + std::to_string(i),
                       .programme = word("g", 6),
                       .title = word("t", 9),
                       .org = word("o", 20),
                       .competent_department = word("o", 20),
                       .leader = word("p", 90),
                       .members = {word("p", 90), word("p", 90)},
                       .handlers = {word("e", 40)},
                       .partners = {word("o", 40)},
                       .relations = {{word("p", 90), kind()}}});
    std::vector<Expert> experts;
    for (unsigned i = 0; i < 20; ++i)
      experts.push_back({.id = "e" + std::to_string(i),
                         .person = word("p", 200),
                         .employer = word("o", 40),
                         .enterprises = {word("o", 60)},
                         .co_projects = {{word("p", 90), "P", static_cast<int>(2020 + random() % 7)}},
                         .relations = {{word("p", 90), kind()}},
                         .judged = {{word("a", 60), "", ""}, {"", word("t", 9), word("o", 20)}},
                         .declared = {{word("a", 60), "", ""}, {"", word("o", 40), ""}}});
    Found indexed, one, plain;
    const Conflicts conflicts(policy, round);
    for (const Conflict& each : conflicts.all(experts)) indexed.insert({each.expert, each.candidate, policy.rules[each.rule].rule});
    for (std::size_t e = 0; e < experts.size(); ++e)
      for (std::size_t a = 0; a < round.size(); ++a) {
        for (const Conflict& each : conflicts.of(experts[e], round[a])) one.insert({e, a, policy.rules[each.rule].rule});
        for (const std::string& rule : compared(experts[e], round[a], round)) plain.insert({e, a, rule});
      }
    EXPECT_EQ(indexed, plain) << seed;
    EXPECT_EQ(one, plain) << seed;
    EXPECT_FALSE(plain.empty());
  }
}

}  // namespace
}  // namespace chuyi::review
