// Goal: rules of recommendation limits hold where a place is taken, and impossible ones are refused when they are set up.
// Method: rules as the manifest and the round give them, against a world in memory; lists and counters alone as tables.
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "engine/invoke/limits.h"
#include "engine/invoke/rows_json.h"
#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

const json::object kForms{{"nomination", json::object{}}, {"annual", json::object{}}};

struct Defect {
  const char* name;
  const char* rule;
  const char* place;  ///< empty: none
};
void PrintTo(const Defect& row, std::ostream* out) { *out << row.name; }
class Rules : public testing::TestWithParam<Defect> {};

TEST_P(Rules, AreRefusedWhenTheyCannotBeKept) {
  json::object rule = json::parse(R"({"id":"r","scope":"prefecture","max":2,"zh":"每市州不超过2个","en":"At most two"})").as_object();
  const json::value changes = json::parse(GetParam().rule);
  for (const auto& member : changes.as_object()) rule[member.key()] = member.value();
  const std::vector<Detail> found = check_limits({rule}, "/rules");
  if (std::string_view{GetParam().place}.empty()) {
    EXPECT_TRUE(found.empty()) << found.front().place << found.front().message;
  } else {
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found.front().place, std::string{"/rules/0/"} + GetParam().place);
    EXPECT_FALSE(found.front().message_zh.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Defects, Rules, testing::Values(
  Defect{"Plain",              R"({})", ""},
  Defect{"None",               R"({"max":0})", ""},
  Defect{"Ranked",             R"({"ranked":true,"programmes":["workshop"]})", ""},
  Defect{"Form",               R"({"scope":"form","field":"/enterprises/*/uscc","strength":"soft"})", ""},
  Defect{"UnknownMember",      R"({"maximum":2})", "maximum"},
  Defect{"UnknownScope",       R"({"scope":"village"})", "scope"},
  Defect{"FieldOfNoForm",      R"({"field":"/leader"})", "field"},
  Defect{"FormWithoutField",   R"({"scope":"form"})", "field"},
  Defect{"NegativeMax",        R"({"max":-1})", "max"},
  Defect{"MinOverMax",         R"({"min":3})", "min"},
  Defect{"MoreNamesThanPlaces",R"({"designated":["甲","乙","丙"]})", "designated"},
  Defect{"ExceptionUnderMin",  R"({"min":2,"except":{"430100":1}})", "except"},
  Defect{"RankedOverTwo",      R"({"ranked":true,"programmes":["workshop","studio"]})", "ranked"},
  Defect{"RankedOverAll",      R"({"ranked":true})", "ranked"},
  Defect{"RankedSelection",    R"({"ranked":true,"programmes":["workshop"],"at":"select"})", "ranked"},
  Defect{"NoText",             R"({"zh":""})", "zh"}),
  [](const auto& row) { return std::string(row.param.name); });

TEST(Values, AreFoundThroughLists) {
  const json::value form = json::parse(R"({"leader":{"name":"甲"},"firms":[{"id":"a"},{"id":"b"},{"id":"a"},{}]})");
  EXPECT_EQ(values_at(form, "/firms/*/id"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(values_at(form, "/leader/name"), std::vector<std::string>{"甲"});
  EXPECT_TRUE(values_at(form, "/nobody").empty());
}

struct Leaving {
  const char* name;
  const char* list;
  const char* who;
  const char* held;
  const char* waiting;
};
void PrintTo(const Leaving& row, std::ostream* out) { *out << row.name; }
class Rank : public testing::TestWithParam<Leaving> {};

TEST_P(Rank, TheNextMovesUp) {
  json::object list = json::parse(GetParam().list).as_object();
  (void)leave_rank(list, GetParam().who);
  EXPECT_EQ(canonical_json(list.at("held")), GetParam().held);
  EXPECT_EQ(canonical_json(list.at("waiting")), GetParam().waiting);
}

INSTANTIATE_TEST_SUITE_P(Lists, Rank, testing::Values(
  Leaving{"WhoHadAPlace",       R"({"order":["a","b","c","d"],"max":2,"held":["a","b"],"waiting":["c","d"]})", "a", R"(["b","c"])", R"(["d"])"},
  Leaving{"WhoWaited",          R"({"order":["a","b","c","d"],"max":2,"held":["a","b"],"waiting":["c","d"]})", "c", R"(["a","b"])", R"(["d"])"},
  Leaving{"WhoStoodAheadAndWasNotRecommended", R"({"order":["a","b","c"],"max":2,"held":["b"],"waiting":["c"]})", "a", R"(["b","c"])", "[]"},
  Leaving{"NobodyOvertakes",    R"({"order":["a","b","c","d"],"max":2,"held":["a"],"waiting":["d"]})", "a", "[]", R"(["d"])"},
  Leaving{"AnExceptedOne",      R"({"order":["a","b","c"],"max":1,"held":["a"],"excepted":["b"],"waiting":["c"]})", "b", R"(["a"])", R"(["c"])"}),
  [](const auto& row) { return std::string(row.param.name); });

json::object with_limits(const char* rules) {
  json::object out = plain_manifest();
  out["limits"] = json::parse(rules);
  return out;
}

Result<Reply> recommend(World& world, json::object data = {}) {
  return world.act("task.complete", "bureau", world.task().id, [&] {
    json::object all{{"outcome", "recommend"}};
    for (auto& member : data) all[member.key()] = member.value();
    return all;
  }());
}

Result<Reply> put(World& world, const std::string& who, const std::string& kind, json::object data, std::optional<std::uint64_t> revision = {}) {
  return world.execute({.kind = kind, .actor = world.actor(who), .data = std::move(data), .if_revision = revision});
}

TEST(Limits, OfAllProgrammesOfAUnitCountTogether) {
  World world;
  for (const char* programme : {"workshop", "studio"})
    world.definitions.put(programme, selection(), with_limits(R"([{"id":"total","scope":"college","programmes":["workshop","studio"],"max":2,"zh":"每校共2个","en":"Two of a college"}])"), kForms);
  for (const char* programme : {"workshop", "studio"}) {
    world.create(programme);
    world.sign("applicant", "task", "submit", json::object{});
    ASSERT_TRUE(recommend(world));
  }
  EXPECT_EQ(world.storage.queries->record("places", "places/total/2026/c1")->value().data.at("taken"), 2);
  world.create("studio");
  world.sign("applicant", "task", "submit", json::object{});
  const Error refused = recommend(world).error();
  EXPECT_EQ(refused.code, "quota.places");
  EXPECT_EQ(refused.details.at(0).place, "/limits/total");
  EXPECT_EQ(refused.details.at(0).message_zh, "每校共2个：名额2个，已用2个");
  EXPECT_EQ(refused.allowed, (std::vector<std::string>{"return", "decline"}));
}

TEST(Limits, OfAHostAskForAReasonWhereTheRuleIsSoft) {
  World world;
  world.definitions.put("workshop", selection(), with_limits(R"([{"id":"host","scope":"form","field":"/host","programmes":["workshop"],"max":1,"strength":"soft","zh":"同一单位原则上1个","en":"One of a host as a rule"}])"), kForms);
  for (int i = 0; i < 2; ++i) {
    world.create();
    world.sign("applicant", "task", "submit", {{"host", "某公司"}});
    if (i == 0) {
      ASSERT_TRUE(recommend(world));
    }
  }
  const Error refused = recommend(world).error();
  EXPECT_EQ(refused.code, "rule.reason");
  EXPECT_EQ(refused.details.at(0).place, "/reasons/host");
  ASSERT_TRUE(recommend(world, {{"reasons", json::object{{"host", "两个项目分属不同专业"}}}}));
  EXPECT_EQ(world.state(), "formal_check");
  EXPECT_EQ(string_or(object_or_empty(world.facts(), "limit_reasons"), "host"), "两个项目分属不同专业");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Limits, OfTheRoundTakeThePlaceOfThoseOfTheInstallation) {
  World world;
  world.definitions.put("workshop", selection(), with_limits(R"([{"id":"each","scope":"prefecture","max":9,"zh":"每市州9个","en":"Nine"}])"), kForms);
  const auto rules = json::parse(R"([{"id":"each","scope":"prefecture","max":0,"except":{"430100":1},"zh":"长沙1个","en":"One of Changsha"}])").as_array();
  EXPECT_EQ(put(world, "bureau", "limit.put", {{"round", "2026"}, {"rules", rules}}).error().code, "task.not_yours");
  ASSERT_TRUE(put(world, "clerk", "limit.put", {{"round", "2026"}, {"rules", rules}}));
  world.submit();
  ASSERT_TRUE(recommend(world));
  world.submit();
  EXPECT_EQ(recommend(world).error().code, "quota.places");
  EXPECT_EQ(put(world, "clerk", "limit.put", {{"round", "2026"}, {"rules", json::array{}}}).error().code, "precondition.missing");
  ASSERT_TRUE(put(world, "clerk", "limit.put", {{"round", "2026"}, {"rules", json::array{}}}, 1));
  EXPECT_TRUE(recommend(world)) << "the round has no rule of its own any more";
}

TEST(Limits, KeepPlacesForWhomTheNoticeNames) {
  World world;
  world.definitions.put("workshop", selection(), with_limits(R"([{"id":"plan","scope":"province","max":2,"designated":["c2"],"zh":"全省2个","en":"Two"}])"), kForms);
  world.put_user("other", {{"applicant", "c2"}});
  world.submit();
  ASSERT_TRUE(recommend(world));
  world.submit();
  EXPECT_EQ(recommend(world).error().code, "quota.places") << "the second place is kept";
  const Result<Reply> named = world.execute({.kind = "application.create", .actor = world.actor("other"), .data = {{"programme", "workshop"}, {"round", "2026"}, {"title", "指定"}}});
  ASSERT_TRUE(named);
  world.select(string_or(named->body.as_object(), "id"));
  world.sign("other", "task", "submit", {{"name", "湘绣"}});
  EXPECT_TRUE(recommend(world));
}

// 20 bases, two of them for the schools that the notice names: the shipped rule, with 19 others against it.
TEST(Limits, OfTheCultureBasesKeepTheTwoThatAreDesignated) {
  std::stringstream file;
  file << std::ifstream(std::string{CHUYI_SOURCE_DIR} + "/workflows/policies/limits.json").rdbuf();
  json::object manifest = plain_manifest();
  manifest["limits"] = json::parse(file.str()).at("rules");
  World world;
  world.definitions.put("culture-base", selection(), manifest, kForms);
  world.definitions.put("workshop", selection(), manifest, kForms);
  const auto apply = [&](const std::string& org) {
    const Result<Reply> made = world.execute({.kind = "application.create", .actor = world.actor("everyone"), .data = {{"programme", "culture-base"}, {"round", "2026"}, {"title", "基地"}, {"org", org}}});
    EXPECT_TRUE(made) << made.error().message;
    world.select(string_or(made->body.as_object(), "id"));
    world.sign("everyone", "task", "submit", {{"name", "基地"}});
    world.sign("bureau", "task", "recommend");
    world.sign("clerk", "task", "pass");
    world.sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r1", "r2", "r3"}}});
    for (const char* reviewer : {"r1", "r2", "r3"}) world.sign(reviewer, "sheet", "sign", World::scores());
    return world.complete("lead", world.task().id, "select");
  };
  for (const auto& [id, name] : {std::pair{"gy", "湖南工业职业技术学院"}, std::pair{"xh", "新化县楚怡工业学校"}})
    EXPECT_TRUE(world.execute({.kind = "organisation.put", .data = {{"id", id}, {"parent", "430100"}, {"level", "college"}, {"name", name}, {"kind", "college"}}}));
  world.put_user("everyone", {{"applicant", "c1"}, {"applicant", "gy"}, {"applicant", "xh"}});
  EXPECT_TRUE(apply("gy")) << "a designated one takes a place of its own";
  for (int i = 0; i < 18; ++i) ASSERT_TRUE(apply("c1")) << i;
  const Result<Reply> nineteenth = apply("c1");
  ASSERT_FALSE(nineteenth);
  EXPECT_EQ(nineteenth.error().code, "quota.places");
  EXPECT_TRUE(apply("xh")) << "the last place is theirs";
  EXPECT_FALSE(apply("xh")) << "and they have it once";
}

TEST(Exceptions, TakeTwoPeopleAndAReason) {
  World world;
  world.definitions.put("workshop", selection(), with_limits(R"([{"id":"one","scope":"prefecture","max":1,"zh":"每市州1个","en":"One"}])"), kForms);
  world.submit();
  ASSERT_TRUE(recommend(world));
  world.submit();
  const std::string id = world.session().id;
  const auto ask = [&](const char* who, const char* reason) { return put(world, who, "exception.ask", {{"application", id}, {"rules", json::array{"one"}}, {"reason", reason}}); };
  const auto decide = [&](const char* who, std::optional<std::uint64_t> revision = 1) { return put(world, who, "exception.decide", {{"application", id}, {"outcome", "grant"}, {"reason", "民族地区"}}, revision); };
  EXPECT_EQ(decide("lead").error().code, "exception.decided");
  EXPECT_EQ(ask("applicant", "特殊").error().code, "task.not_yours");
  EXPECT_EQ(ask("clerk", "").error().code, "exception.reason");
  const Result<Reply> unknown = put(world, "clerk", "exception.ask", {{"application", id}, {"rules", json::array{"one", "nonsense"}}, {"reason", "特殊"}});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code + " " + unknown.error().place, "exception.rules /rules/1");
  EXPECT_EQ(unknown.error().allowed, std::vector<std::string>{"one"});
  ASSERT_TRUE(ask("clerk", "省级重点"));
  EXPECT_EQ(recommend(world).error().code, "quota.places") << "asked is not granted";
  EXPECT_EQ(decide("clerk").error().code, "task.separation");
  EXPECT_EQ(decide("bureau").error().code, "task.not_yours");
  EXPECT_EQ(decide("lead", std::nullopt).error().code, "precondition.missing");
  ASSERT_TRUE(ask("clerk", "省级重点，另附理由")) << "asked for otherwise after the lead has read it";
  EXPECT_EQ(decide("lead").error().code, "precondition.failed");
  ASSERT_TRUE(decide("lead", 2));
  ASSERT_TRUE(recommend(world));
  EXPECT_EQ(world.state(), "formal_check");
  EXPECT_EQ(world.replay_problem(), "");
}

class Ranking : public testing::Test {
 protected:
  Ranking() {
    world.definitions.put("workshop", selection(),
                          with_limits(R"([{"id":"ranked","scope":"prefecture","programmes":["workshop"],"max":1,"ranked":true,"zh":"排序推荐1个","en":"One, ranked"}])"), kForms);
    for (std::string& id : ids) {
      world.submit();
      id = world.session().id;
    }
  }
  Result<Reply> rank(const std::vector<int>& order, std::optional<std::uint64_t> revision = {}, const char* who = "bureau") {
    json::array listed;
    for (const int each : order) listed.emplace_back(ids.at(static_cast<std::size_t>(each)));
    return put(world, who, "rank.put", {{"programme", "workshop"}, {"round", "2026"}, {"org", "430100"}, {"order", std::move(listed)}}, revision);
  }
  Result<Reply> recommend(int index) {
    world.select(ids.at(static_cast<std::size_t>(index)));
    return world.complete("bureau", world.task().id, "recommend");
  }
  std::string state(int index) {
    world.select(ids.at(static_cast<std::size_t>(index)));
    return world.state();
  }

  World world;
  std::vector<std::string> ids = std::vector<std::string>(3);
};

TEST_F(Ranking, BeyondThePlacesIsReserveAndTheNextMovesUp) {
  EXPECT_EQ(recommend(0).error().code, "rank.missing");
  ASSERT_TRUE(rank({2, 0, 1}));
  for (const int each : {1, 0, 2}) ASSERT_TRUE(recommend(each)) << each;
  EXPECT_EQ(state(2), "formal_check");
  EXPECT_EQ(state(0), "reserve");
  EXPECT_EQ(state(1), "reserve");
  world.select(ids[2]);
  ASSERT_TRUE(world.event("applicant", "applicant.ask_withdrawal"));
  ASSERT_TRUE(world.event("bureau", "recommender.grant_withdrawal"));
  world.pumps->run_due();
  EXPECT_EQ(state(0), "formal_check") << "next in rank";
  EXPECT_EQ(state(1), "reserve");
  for (const int each : {0, 1, 2}) {
    world.select(ids[static_cast<std::size_t>(each)]);
    EXPECT_EQ(world.replay_problem(), "");
  }
}

TEST_F(Ranking, WhoWaitsAndWithdrawsIsPassedOver) {
  ASSERT_TRUE(rank({0, 1, 2}));
  for (const int each : {0, 1, 2}) ASSERT_TRUE(recommend(each));
  world.select(ids[1]);
  ASSERT_TRUE(world.event("applicant", "applicant.withdraw"));
  world.select(ids[0]);
  world.sign("clerk", "task", "refuse");
  world.pumps->run_due();
  EXPECT_EQ(state(2), "formal_check");
}

// More places, whichever way they come about, are for those who wait, by rank.
TEST_F(Ranking, MorePlacesMoveTheNextUp) {
  const auto rule = [](int max, const char* except = "{}") {
    return json::object{{"scope", "prefecture"}, {"programmes", json::array{"workshop"}}, {"max", max}, {"except", json::parse(except)}, {"ranked", true}, {"zh", "排序推荐"}, {"en", "Ranked"}};
  };
  const auto set = [&](std::uint64_t revision, json::object data) { return put(world, "clerk", "limit.set", {{"round", "2026"}, {"id", "ranked"}, {"rule", std::move(data)}}, revision); };
  ASSERT_TRUE(rank({0, 1, 2}));
  ASSERT_TRUE(set(0, rule(1)));
  for (const int each : {0, 1, 2}) ASSERT_TRUE(recommend(each));
  EXPECT_EQ(put(world, "bureau", "limit.set", {{"round", "2026"}, {"id", "ranked"}, {"rule", rule(3)}}, 1).error().code, "task.not_yours");
  EXPECT_EQ(set(0, rule(2)).error().code, "precondition.failed");
  const Result<Reply> bad = set(1, rule(-1));
  ASSERT_EQ(bad.error().code, "limit.rules");
  EXPECT_EQ(bad.error().details.at(0).place, "/max");
  const Result<Reply> more = set(1, rule(1, R"({"430100":2})"));
  ASSERT_TRUE(more) << more.error().message;
  EXPECT_EQ(canonical_json(more->body.as_object().at("promoted")), canonical_json(json::array{ids[1]}));
  world.pumps->run_due();
  EXPECT_EQ(state(1), "formal_check");
  EXPECT_EQ(state(2), "reserve");
  ASSERT_TRUE(set(2, rule(1))) << "fewer places take none away";
  world.pumps->run_due();
  EXPECT_EQ(state(1), "formal_check");
  EXPECT_EQ(put(world, "clerk", "limit.remove", {{"round", "2026"}, {"id", "none"}}, 3).error().code, "limit.unknown");
  ASSERT_TRUE(put(world, "clerk", "limit.remove", {{"round", "2026"}, {"id", "ranked"}}, 3));
  world.pumps->run_due();
  EXPECT_EQ(state(2), "reserve") << "the package's own rule holds again";
  EXPECT_TRUE(put(world, "clerk", "limit.put", {{"round", "2026"}, {"rules", json::array{[&] { json::object all = rule(3); all["id"] = "ranked"; return all; }()}}}, 4));
  world.pumps->run_due();
  EXPECT_EQ(state(2), "formal_check");
  const std::vector<AuditRow> audit = *world.storage.queries->audit("", 0, 1'000);
  const std::string named = R"("promoted":)" + canonical_json(json::array{ids[1]});
  EXPECT_TRUE(std::any_of(audit.begin(), audit.end(), [&](const AuditRow& row) { return row.record.find(named) != std::string::npos; }));
}

TEST_F(Ranking, WithoutAMaximumIsLeftAloneWhenOtherRulesChange) {
  const json::object open{{"id", "ranked"}, {"scope", "prefecture"}, {"programmes", json::array{"workshop"}}, {"min", 1}, {"ranked", true}, {"zh", "排序推荐"}, {"en", "Ranked"}};
  const json::object other{{"id", "other"}, {"scope", "college"}, {"max", 9}, {"zh", "每校"}, {"en", "Each"}};
  ASSERT_TRUE(rank({0, 1, 2}));
  ASSERT_TRUE(put(world, "clerk", "limit.put", {{"round", "2026"}, {"rules", json::array{open}}}));
  ASSERT_TRUE(recommend(0));
  const auto revision = [&] { return (*world.storage.queries->record(kRankRecord, rank_id("workshop", "2026", "430100")))->revision; };
  const std::uint64_t before = revision();
  ASSERT_TRUE(put(world, "clerk", "limit.put", {{"round", "2026"}, {"rules", json::array{open, other}}}, 1));
  EXPECT_EQ(revision(), before);
}

TEST_F(Ranking, IsNotReorderedAfterTheFirstRecommendation) {
  ASSERT_TRUE(rank({0, 1}));
  EXPECT_EQ(rank({1, 0}).error().code, "precondition.failed");
  ASSERT_TRUE(rank({1, 0}, 1));
  ASSERT_TRUE(recommend(1));
  EXPECT_EQ(rank({0, 1}, 3).error().code, "rank.sealed");
  ASSERT_TRUE(rank({1, 0, 2}, 3)) << "at the end";
  const auto letter = [&](const char* who) {
    return put(world, who, "rank.letter", {{"programme", "workshop"}, {"round", "2026"}, {"org", "430100"}, {"number", "长教函〔2026〕1号"}, {"truthful", true}});
  };
  EXPECT_EQ(letter("bureau").error().code, "task.separation");
  world.put_user("head", {{"recommending-officer", "430100"}});
  const Result<Reply> issued = letter("head");
  ASSERT_TRUE(issued) << issued.error().message;
  const json::array& list = issued->body.as_object().at("letter").as_object().at("list").as_array();
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(string_or(list[0].as_object(), "application"), ids[1]);
  EXPECT_EQ(rank({1, 0}, 5).error().code, "rank.sealed");
  EXPECT_EQ(letter("head").error().code, "rank.letter");
}

TEST_F(Ranking, IsOfTheOrganisationsOwnApplications) {
  EXPECT_EQ(rank({0, 0}).error().code, "rank.order");
  EXPECT_EQ(rank({0}, {}, "applicant").error().code, "task.not_yours");
  EXPECT_EQ(put(world, "bureau", "rank.put", {{"programme", "workshop"}, {"round", "2027"}, {"org", "430100"}, {"order", json::array{ids[0]}}}).error().code, "rank.order");
}

TEST(Revisions, AndDraftsAreKept) {
  World world;
  world.create();
  const std::string task = world.task().id;
  for (int i = 1; i <= 25; ++i) ASSERT_TRUE(world.act("task.save", "applicant", task, {{"data", json::object{{"name", std::to_string(i)}}}}));
  const Page<RecordRow> drafts = *world.storage.queries->records({.kind = "draft", .about = task}, {.limit = 200});
  EXPECT_EQ(drafts.rows.size(), 20U) << "the last ones";
  world.sign("applicant", "task", "submit", {{"name", "湘绣"}});
  world.sign("bureau", "task", "return");
  world.sign("applicant", "task", "submit", {{"name", "湘绣改"}});
  const Page<RecordRow> kept = *world.storage.queries->records({.kind = "revision", .about = world.session().id}, {.limit = 200});
  ASSERT_EQ(kept.rows.size(), 2U);
  EXPECT_EQ(string_or(object_or_empty(kept.rows[1].data, "form"), "name"), "湘绣改");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Corrections, NameTheirPointsAndTheirDays) {
  World world;
  world.submit();
  world.sign("bureau", "task", "recommend");
  const Result<Reply> bare = world.complete("clerk", world.task().id, "correct");
  ASSERT_FALSE(bare);
  EXPECT_EQ(bare.error().code, "form.required");
  EXPECT_EQ(bare.error().details.at(0).place, "/data/points");
  world.sign("clerk", "task", "correct", {{"points", json::array{"补充佐证"}}, {"days", 3}});
  EXPECT_EQ(format_instant(*world.task().due), "2026-03-06T00:00:00+08:00") << "three working days from 03-02";
}

// A school below a county: its bureau passes on what the prefecture recommends, under its own rules, and is kept apart as others are.
TEST(County, ReviewsAndPassesOn) {
  World world;
  for (const auto& [id, parent, level] : {std::tuple{"430121", "430100", "county"}, std::tuple{"s1", "430121", "college"}})
    ASSERT_TRUE(world.execute({.kind = "organisation.put", .data = {{"id", id}, {"parent", parent}, {"level", level}, {"name", id}, {"kind", std::string_view{level} == "college" ? "secondary" : "education"}}}));
  world.put_user("pupil", {{"applicant", "s1"}});
  world.put_user("both", {{"recommending-officer", "430121"}, {"recommending-officer", "430100"}});
  world.definitions.put("workshop", selection(), with_limits(R"([{"id":"county","scope":"county","at":"county","max":1,"zh":"每县1个","en":"One of a county"}])"), kForms);
  const auto submit = [&] {
    const Result<Reply> made = world.execute({.kind = "application.create", .actor = world.actor("pupil"), .data = {{"programme", "workshop"}, {"round", "2026"}, {"title", "湘绣"}}});
    ASSERT_TRUE(made) << made.error().message;
    world.select(string_or(made->body.as_object(), "id"));
    world.sign("pupil", "task", "submit", {{"name", "湘绣"}});
    ASSERT_EQ(world.state(), "county_review");
  };
  submit();
  EXPECT_EQ(world.task().org, "430121");
  EXPECT_EQ(world.complete("bureau", world.task().id, "pass").error().code, "task.not_yours");
  world.sign("both", "task", "return", {{"days", 3}});
  EXPECT_EQ(world.state(), "drafting");
  world.sign("pupil", "task", "submit", {{"name", "湘绣"}});
  world.sign("both", "task", "pass");
  EXPECT_EQ(world.state(), "recommendation");
  EXPECT_EQ(world.task().org, "430100");
  EXPECT_EQ(world.complete("both", world.task().id, "recommend").error().code, "task.separation");
  world.sign("bureau", "task", "recommend");
  EXPECT_EQ(world.state(), "formal_check");
  EXPECT_EQ(world.replay_problem(), "");
  submit();
  EXPECT_EQ(world.complete("both", world.task().id, "pass").error().code, "quota.places");
  world.definitions.put("workshop", selection(), [] { json::object out = plain_manifest(); out["params"] = json::object{{"county", "no"}}; return out; }(), kForms);
  const Result<Reply> direct = world.execute({.kind = "application.create", .actor = world.actor("pupil"), .data = {{"programme", "workshop"}, {"round", "2026"}, {"title", "湘绣"}}});
  world.select(string_or(direct->body.as_object(), "id"));
  world.sign("pupil", "task", "submit", {{"name", "湘绣"}});
  EXPECT_EQ(world.state(), "recommendation") << "a programme may leave the county out";
}

TEST(College, ReviewsPublicisesAndSealsWhereTheProgrammeAsksIt) {
  World world;
  json::object manifest = plain_manifest();
  manifest["params"] = json::object{{"in_college", "yes"}};
  world.definitions.put("workshop", selection(), manifest, kForms);
  world.put_user("admin1", {{"org-admin", "c1"}, {"org-approver", "c1"}});
  world.put_user("head", {{"org-approver", "c1"}});
  world.put_user("both", {{"applicant", "c1"}, {"org-admin", "c1"}});
  world.create();
  world.sign("both", "task", "submit", {{"name", "湘绣"}});
  EXPECT_EQ(world.state(), "college_review");
  EXPECT_EQ(world.complete("both", world.task().id, "pass").error().code, "task.separation");
  world.sign("admin1", "task", "pass");
  EXPECT_EQ(world.complete("admin1", world.task().id, "publicised").error().code, "form.required");
  world.sign("admin1", "task", "publicised", {{"from", "2026-03-02"}, {"to", "2026-03-06"}, {"objections", "无"}});
  EXPECT_EQ(world.complete("admin1", world.task().id, "seal").error().code, "task.separation");
  world.sign("head", "task", "seal");
  EXPECT_EQ(world.state(), "recommendation");
  EXPECT_EQ(world.replay_problem(), "");
}

}  // namespace
}  // namespace chuyi::test
