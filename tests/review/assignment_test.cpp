// Goal: what people may ask of an assignment, from JSON to JSON. Method: small rounds whose answer can be seen.
#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "engine/review/assignment.h"
#include "engine/review/sealed_export.h"
#include "tests/review/got.h"

namespace chuyi::review {
namespace {

json::object policy() {
  return {{"rules", json::array{json::object{{"rule", "own-unit"}, {"zh", "专家就职于{org}"}, {"en", "the expert works for {org}"}}}}};
}

json::object expert(const std::string& id, const std::string& field, const std::string& employer, const std::string& region = "r1") {
  return {{"id", id}, {"fields", json::array{json::value(field)}}, {"employer", employer}, {"region", region}};
}
json::object application(const std::string& id, const std::string& field, const std::string& org = "o9") {
  return {{"id", id}, {"field", field}, {"org", org}};
}

json::object round_of(json::array experts, json::array applications, int coverage) {
  return {{"year", 2026},
          {"policy", policy()},
          {"experts", std::move(experts)},
          {"applications", std::move(applications)},
          {"coverage", coverage},
          {"cost", json::object{{"mismatch", 100}}}};
}

/// Two applications of each of two fields, two experts of each.
json::object four() {
  return round_of({expert("e1", "F1", "o1"), expert("e2", "F1", "o2"), expert("e3", "F2", "o3"), expert("e4", "F2", "o4")},
                  {application("a1", "F1"), application("a2", "F1"), application("a3", "F2"), application("a4", "F2")}, 2);
}

json::object pair(const char* a, const char* e) { return {{"application", a}, {"expert", e}}; }

std::string experts_of(const json::object& result, std::string_view application) {
  std::string out;
  for (const json::value& row : result.at("assignments").as_array())
    if (row.at("application").as_string() == application)
      for (const json::value& each : row.at("experts").as_array()) out += (out.empty() ? "" : " ") + std::string{each.as_string()};
  return out;
}

std::string refusal_of(const json::object& input) {
  const Result<json::object> result = run_assignment(input);
  if (result) return "";
  std::string out = result.error().code;
  for (const Detail& each : result.error().details) {
    out += " " + each.code + "@" + each.place;
    EXPECT_FALSE(each.message_zh.empty());
  }
  return out;
}

TEST(AssignmentOfRound, FollowsFields) {
  const json::object result = got(run_assignment(four()));
  for (const char* a : {"a1", "a2"}) EXPECT_EQ(experts_of(result, a), "e1 e2");
  for (const char* a : {"a3", "a4"}) EXPECT_EQ(experts_of(result, a), "e3 e4");
  EXPECT_EQ(result.at("cost"), 0);
  EXPECT_EQ(result.at("matched"), 8);
  EXPECT_EQ(canonical_json(result.at("load").as_array()[0]), R"({"expert":"e1","load":2,"matched":2,"max":1000,"min":0})");
}

TEST(AssignmentOfRound, ConflictsForbiddenAndFixedPairs) {
  json::object of = four();
  of["applications"].as_array()[0].as_object()["org"] = "o1";  // e1 works there
  of["forbidden"] = json::array{pair("a2", "e2")};
  of["fixed"] = json::array{pair("a3", "e1")};
  const json::object result = got(run_assignment(of));
  EXPECT_EQ(experts_of(result, "a1").find("e1"), std::string::npos);
  EXPECT_EQ(experts_of(result, "a2").find("e2"), std::string::npos);
  EXPECT_EQ(experts_of(result, "a3").substr(0, 2), "e1");
  EXPECT_EQ(result.at("cost"), 300);
  EXPECT_EQ(result.at("pairs_in_conflict"), 1);
}

TEST(AssignmentOfRound, RelatedFieldsCostLessThanOthers) {
  json::object of = round_of({expert("e1", "F1", "o1"), expert("e2", "F2", "o2"), expert("e3", "F3", "o3")}, {application("a1", "F1")}, 2);
  of["cost"].as_object()["related"] = json::array{json::object{{"field", "F3"}, {"to", "F1"}, {"cost", 10}}};
  EXPECT_EQ(experts_of(got(run_assignment(of)), "a1"), "e1 e3");
  of["cost"].as_object()["mismatch"] = nullptr;
  of["coverage"] = 3;
  EXPECT_EQ(refusal_of(of), "assign.infeasible assign.application@a1");
}

TEST(AssignmentOfRound, BalancesLoads) {
  json::object of = round_of({expert("e1", "F1", "o1"), expert("e2", "F1", "o2"), expert("e3", "F1", "o3")}, {}, 1);
  for (int i = 0; i < 9; ++i) of["applications"].as_array().push_back(application("a" + std::to_string(i), "F1"));
  of["cost"].as_object()["balance"] = 1;
  const json::object result = got(run_assignment(of));
  for (const json::value& each : result.at("load").as_array()) EXPECT_EQ(each.at("load"), 3);
}

TEST(AssignmentOfRound, AtMostOneOfAnEmployerAndTwoOfARegion) {
  json::object of = round_of({expert("e1", "F1", "o1", "r1"), expert("e2", "F1", "o1", "r1"), expert("e3", "F1", "o2", "r1"),
                              expert("e4", "F1", "o3", "r1"), expert("e5", "F2", "o4", "r2")},
                             {application("a1", "F1")}, 3);
  of["limits"] = json::array{json::object{{"by", "employer"}, {"at_most", 1}}, json::object{{"by", "region"}, {"at_most", 2}}};
  const json::object result = got(run_assignment(of));
  EXPECT_NE(experts_of(result, "a1").find("e5"), std::string::npos);
  EXPECT_NE(experts_of(result, "a1").substr(0, 5), "e1 e2");
  of["coverage"] = 4;
  EXPECT_EQ(refusal_of(of), "assign.infeasible assign.limit@a1");
  // The employer has experts in two regions: not a network any more.
  of["experts"].as_array()[1].as_object()["region"] = "r2";
  EXPECT_EQ(refusal_of(of), "assign.not_nested");
  of["limits"].as_array().pop_back();
  EXPECT_EQ(refusal_of(of), "");
}

TEST(AssignmentOfRound, RecusalChangesAsLittleAsPossible) {
  std::mt19937 random(7);
  json::array experts, applications;
  for (int i = 0; i < 12; ++i)
    experts.push_back(expert("e" + std::to_string(10 + i), "F" + std::to_string(i % 3), "w" + std::to_string(i)));
  for (int i = 0; i < 30; ++i) applications.push_back(application("a" + std::to_string(10 + i), "F" + std::to_string(random() % 3)));
  json::object of = round_of(std::move(experts), std::move(applications), 3);
  of["load"] = json::object{{"min", 6}, {"max", 9}};
  of["cost"].as_object()["balance"] = 1;
  const json::object first = got(run_assignment(of));
  json::array previous;
  for (const json::value& row : first.at("assignments").as_array())
    for (const json::value& each : row.at("experts").as_array())
      previous.push_back(json::object{{"application", row.at("application")}, {"expert", each}});
  of["previous"] = previous;
  EXPECT_EQ(canonical_json(got(run_assignment(of)).at("changes")), R"({"added":0,"dropped":0})");
  // One pair falls out, and somebody with room takes the review.
  of["forbidden"] = json::array{previous[0]};
  of["load"].as_object()["max"] = 10;
  EXPECT_EQ(canonical_json(got(run_assignment(of)).at("changes")), R"({"added":1,"dropped":1})");
  // The same without weight on changes may shift more, and is never dearer.
  of["cost"].as_object()["change"] = 0;
  EXPECT_LE(got(run_assignment(of)).at("cost").as_int64(), got(run_assignment([&] {
                                                             json::object least = of;
                                                             least["cost"].as_object().erase("change");
                                                             return least;
                                                           }()))
                                                               .at("cost")
                                                               .as_int64());
}

TEST(AssignmentOfRound, DoesNotDependOnTheOrderOfTheInput) {
  std::mt19937 random(3);
  json::array experts, applications;
  for (int i = 0; i < 25; ++i)
    experts.push_back(expert("e" + std::to_string(i), "F" + std::to_string(random() % 5), "o" + std::to_string(i / 2)));
  for (int i = 0; i < 60; ++i)
    applications.push_back(application("a" + std::to_string(i), "F" + std::to_string(random() % 5), "o" + std::to_string(random() % 12)));
  json::object of = round_of(experts, applications, 4);
  of["limits"] = json::array{json::object{{"by", "employer"}, {"at_most", 1}}};
  const std::string first = canonical_json(got(run_assignment(of)));
  for (int turn = 0; turn < 5; ++turn) {
    std::shuffle(of["experts"].as_array().begin(), of["experts"].as_array().end(), random);
    std::shuffle(of["applications"].as_array().begin(), of["applications"].as_array().end(), random);
    EXPECT_EQ(canonical_json(got(run_assignment(of))), first);
  }
}

TEST(AssignmentOfRound, SaysWhichConstraintStandsInTheWay) {
  json::object capacity = four();
  capacity["load"] = json::object{{"max", 1}};
  EXPECT_EQ(refusal_of(capacity), "assign.infeasible assign.capacity@/load");

  json::object demand = four();
  demand["load"] = json::object{{"min", 3}};
  EXPECT_EQ(refusal_of(demand), "assign.infeasible assign.demand@/load");

  json::object idle = four();
  idle["load_of"] = json::array{json::object{{"expert", "e1"}, {"min", 1}}};
  idle["forbidden"] = json::array{pair("a1", "e1"), pair("a2", "e1"), pair("a3", "e1"), pair("a4", "e1")};
  EXPECT_EQ(refusal_of(idle), "assign.infeasible assign.expert@e1");

  // Fields are binding and those of F1 have room for three of four reviews; F2 has more than enough.
  json::object cut = four();
  cut["cost"].as_object()["mismatch"] = nullptr;
  cut["load_of"] = json::array{json::object{{"expert", "e1"}, {"max", 1}}};
  EXPECT_EQ(refusal_of(cut), "assign.infeasible assign.cut@a1, a2");

  json::object fixed = four();
  fixed["applications"].as_array()[0].as_object()["org"] = "o1";
  fixed["fixed"] = json::array{pair("a1", "e1")};
  EXPECT_EQ(refusal_of(fixed), "assign.fixed assign.fixed@/fixed");
  EXPECT_NE(run_assignment(fixed).error().message.find("the expert works for o1"), std::string::npos);
}

TEST(AssignmentOfRound, RefusesInputThatNobodyCanMean) {
  json::object of = four();
  of["load"] = json::object{{"min", 3}, {"max", 2}};
  of["fixed"] = json::array{pair("a1", "e7")};
  of["coverige"] = 3;
  of["experts"].as_array().push_back(expert("e1", "F1", "o1"));
  EXPECT_EQ(refusal_of(of),
            "review.input review.repeated@/experts assign.range@/load/max assign.unknown@/fixed/0/expert review.unknown@/coverige");
}

TEST(AssignmentOfRound, ExportIsComputedAgain) {
  const std::string made = got(make_export("assign", four(), run_assignment));
  EXPECT_TRUE(verify_export("assign", made, run_assignment).has_value());
  std::string changed = made;
  changed.replace(made.find("\"experts\":[\"e1\",\"e2\"]"), 21, "\"experts\":[\"e1\",\"e3\"]");
  EXPECT_EQ(verify_export("assign", changed, run_assignment).error().place, "/result/assignments/0/experts/1");
}

}  // namespace
}  // namespace chuyi::review
