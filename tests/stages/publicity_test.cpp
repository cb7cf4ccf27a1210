// Goal: a notice ends on the right day and not before its objections are settled, however many there are.
// Method: one row for each way of counting, over the Spring Festival of 2026; then whole applications.
#include <gtest/gtest.h>

#include "engine/invoke/work_items.h"
#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

std::string notice_flow(const std::string& params = {}) {
  return workflow(R"(<state id="open"><invoke type="publicity" id="notice"><param name="org" expr="'430000'"/>)" + params +
                  R"(</invoke><transition event="done.invoke.notice" cond="_event.data.upheld == 0" target="done"/>
  <transition event="done.invoke.notice" target="broken"/></state>)");
}

struct Days {
  const char* name;
  const char* start;
  int days;
  const char* unit;
  bool include_start;
  const char* last_day;
};
void PrintTo(const Days& row, std::ostream* out) { *out << row.name; }
class PublicityDays : public testing::TestWithParam<Days> {};

TEST_P(PublicityDays, EndWithTheLastOne) {
  World world({}, std::string{GetParam().start} + "T10:00:00+08:00");
  json::object manifest = plain_manifest();
  manifest["publicity"] = json::object{
      {"days", GetParam().days}, {"unit", GetParam().unit}, {"include_start", GetParam().include_start}, {"fields", json::array{"title"}}};
  world.definitions.put("n", notice_flow(), manifest, {});
  world.create("n");
  EXPECT_EQ(format_day(world.notice().last_day), GetParam().last_day);
  EXPECT_FALSE(world.notice().provisional);
  ASSERT_TRUE(world.advance(std::string{GetParam().last_day} + "T23:59:59+08:00"));
  EXPECT_EQ(world.state(), "open");
  ASSERT_TRUE(world.advance(format_instant(end_of_day(world.notice().last_day))));
  EXPECT_EQ(world.state(), "done");
  EXPECT_EQ(world.notice().status, "closed");
  EXPECT_EQ(world.replay_problem(), "");
}

// 2026-02-14 and 02-28 are Saturdays that work; 02-15 to 02-23 are off.
INSTANTIATE_TEST_SUITE_P(SpringFestival, PublicityDays, testing::Values(
  //   name                    start         n  unit       first  last day
  Days{"FiveFirstCounted",     "2026-02-13", 5, "working", true,  "2026-02-26"},
  Days{"FiveFromNextDay",      "2026-02-13", 5, "working", false, "2026-02-27"},
  Days{"SevenFirstCounted",    "2026-02-13", 7, "working", true,  "2026-02-28"},
  Days{"SevenFromNextDay",     "2026-02-13", 7, "working", false, "2026-03-02"},
  Days{"NaturalFirstCounted",  "2026-02-13", 7, "natural", true,  "2026-02-19"},
  Days{"NaturalFromNextDay",   "2026-02-13", 7, "natural", false, "2026-02-20"},
  Days{"StartsOnADayOff",      "2026-02-16", 5, "working", true,  "2026-02-28"},
  Days{"OneDayFirstCounted",   "2026-02-13", 1, "working", true,  "2026-02-13"},
  Days{"OfTheProvinceIn2022",  "2022-07-06", 5, "working", true,  "2022-07-12"},
  Days{"SevenDaysIn2022",      "2022-07-06", 7, "natural", true,  "2022-07-12"},
  // Sunday 2025-09-28 works, 10-01 to 10-08 are off; 2022-12-31 to 2023-01-02 are off.
  Days{"OverASundayThatWorks", "2025-09-26", 5, "working", true,  "2025-10-09"},
  Days{"FromASundayThatWorks", "2025-09-28", 5, "working", true,  "2025-10-10"},
  Days{"OverTheEndOfAYear",    "2022-12-28", 5, "working", true,  "2023-01-04"}),
  [](const auto& row) { return std::string(row.param.name); });

TEST(Publicity, AProvisionalLastDayMovesWhenTheYearBecomesKnown) {
  World world({}, "2026-12-30T10:00:00+08:00");
  world.definitions.put("n", notice_flow(), plain_manifest(), {});
  world.create("n");
  EXPECT_EQ(format_day(world.notice().last_day), "2027-01-05");
  EXPECT_TRUE(world.notice().provisional);
  ASSERT_TRUE(world.calendar.add_year(R"({"year":2027,"source":"t","off":["2027-01-01","2027-01-02","2027-01-03","2027-01-04"],"make_up":[]})", "2027"));
  ASSERT_TRUE(world.advance("2027-01-06T00:00:00+08:00"));
  EXPECT_EQ(world.state(), "open");
  EXPECT_EQ(format_day(world.notice().last_day), "2027-01-07");
  EXPECT_FALSE(world.notice().provisional);
  EXPECT_TRUE(world.object(world.notice().id)) << "the added day is one for objections too";
  world.sign("clerk", "objection", "dismiss");
  ASSERT_TRUE(world.advance("2027-01-08T00:00:00+08:00"));
  EXPECT_EQ(world.state(), "done");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Publicity, AnUpheldObjectionLeadsToReExamination) {
  for (const char* decision : {"keep", "decline"}) {
    World world;
    world.review();
    ASSERT_TRUE(world.object(world.notice().id));
    world.sign("clerk", "objection", "uphold", {{"opinion", "属实"}});
    EXPECT_EQ(world.state(), "notice_open") << "until the period is over";
    ASSERT_TRUE(world.advance("2026-03-10T09:00:00+08:00"));
    EXPECT_EQ(world.state(), "re_examination");
    world.sign("lead", "task", decision);
    EXPECT_EQ(world.state(), std::string{decision} == "keep" ? "notice_open" : "declined");
    EXPECT_EQ(world.replay_problem(), "");
    if (std::string{decision} == "decline") continue;
    ASSERT_TRUE(world.advance("2026-03-20T09:00:00+08:00"));
    EXPECT_EQ(world.award_row()->status, "in-force") << "the second notice met no objection";
  }
}

TEST(Publicity, AnObjectionOpenAtTheEndHoldsOnlyTheAward) {
  World world;
  world.review();
  ASSERT_TRUE(world.object(world.notice().id));
  ASSERT_TRUE(world.advance("2026-04-10T09:00:00+08:00"));
  EXPECT_EQ(world.state(), "notice_open");
  EXPECT_EQ(world.object(world.notice().id).error().code, "objection.late");
  world.sign("clerk", "objection", "dismiss", {{"opinion", "查无实据"}});
  EXPECT_EQ(world.award_row()->status, "in-force");
  const std::vector<ObjectionRow> kept = *world.storage.queries->objections(world.session().id);
  EXPECT_EQ(kept.at(0).status, "dismissed");
  EXPECT_EQ(kept.at(0).opinion, "查无实据");
  EXPECT_EQ(kept.at(0).reason, "事实与依据");
  EXPECT_EQ(kept.at(0).objector, "赵某");
  EXPECT_TRUE(kept.at(0).settled);
}

TEST(Publicity, WhatHasNoNameIsAClueAndHoldsNothingUp) {
  World world;
  world.review();
  const std::string notice = world.notice().id;
  const auto file = [&](json::object data) {
    data["notice"] = notice;
    return world.execute({.kind = "objection.file", .actor = {.user_id = "public", .name = "public", .memberships = {}}, .data = std::move(data)});
  };
  EXPECT_FALSE(file({{"anonymous", true}, {"reason", " "}}));
  const Result<Reply> kept = file({{"anonymous", true}, {"reason", "材料不实"}});
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(string_or(kept->body.as_object(), "status"), "clue");
  EXPECT_TRUE(world.storage.queries->objections(world.session().id)->empty());
  EXPECT_EQ(world.task("objection").id, "") << "nobody has to decide on it";
  const Page<RecordRow> clues = *world.storage.queries->records({.kind = kClue, .about = world.session().id}, {.limit = 10});
  ASSERT_EQ(clues.rows.size(), 1U);
  EXPECT_EQ(string_or(clues.rows[0].data, "reason"), "材料不实");
  ASSERT_TRUE(world.advance("2026-03-10T09:00:00+08:00"));
  EXPECT_EQ(world.award_row()->status, "in-force");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Publicity, WithdrawingCancelsTheNoticeAndItsObjections) {
  World world;
  world.review();
  ASSERT_TRUE(world.object(world.notice().id));
  const std::string task = world.task("objection").id;
  ASSERT_TRUE(world.event("applicant", "applicant.ask_withdrawal"));
  ASSERT_TRUE(world.event("bureau", "recommender.grant_withdrawal"));
  EXPECT_EQ(world.notice().status, "cancelled");
  EXPECT_EQ(world.row(task).status, "cancelled");
  EXPECT_EQ(string_or(world.row(task).data, "reason"), "事实与依据");
  EXPECT_EQ(world.object(world.notice().id).error().code, "objection.late");
}

TEST(Publicity, AnObjectionIsNotDismissedWithoutAnOpinion) {
  World world;
  world.review();
  ASSERT_TRUE(world.object(world.notice().id));
  const std::string task = world.task("objection").id;
  for (const char* opinion : {"", " "}) {
    const Result<Reply> refused = world.complete("clerk", task, "dismiss", {{"opinion", opinion}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code + " " + refused.error().place, "form.required /data/opinion");
  }
  ASSERT_TRUE(world.complete("clerk", task, "dismiss", {{"opinion", "查无实据"}}));
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Publicity, WhatWasObjectedIsNotOverwritten) {
  World world;
  world.review();
  ASSERT_TRUE(world.object(world.notice().id, "原文"));
  const std::string task = world.task("objection").id;
  ASSERT_TRUE(world.act("task.save", "clerk", task, {{"data", json::object{{"reason", "改写"}, {"opinion", "初步核查"}}}}));
  EXPECT_EQ(string_or(world.row(task).data, "reason"), "原文");
  EXPECT_EQ(string_or(world.row(task).data, "opinion"), "初步核查");
  ASSERT_TRUE(world.act("task.claim", "clerk", task));
  EXPECT_EQ(string_or(world.row(task).data, "reason"), "原文");
  ASSERT_TRUE(world.act("task.complete", "clerk", task, {{"outcome", "dismiss"}}));
  EXPECT_EQ(world.storage.queries->objections(world.session().id)->at(0).opinion, "初步核查") << "the saved draft is what is signed";
  EXPECT_EQ(world.storage.queries->objections(world.session().id)->at(0).reason, "原文");
}

TEST(Publicity, TextsStayOutOfTheSessionAndOpenObjectionsAreBounded) {
  World world;
  json::object manifest = plain_manifest();
  manifest["publicity"].as_object()["objections_max"] = 20;
  world.definitions.put("n", notice_flow(), manifest, {});
  world.create("n");
  const std::string notice = world.notice().id;
  const std::size_t before = world.session().document.size();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(world.object(notice, std::string(5'000, 'x')));
  EXPECT_LT(world.session().document.size(), before + 20 * 800U);
  const Result<Reply> refused = world.object(notice);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "objection.limit");
  EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
  EXPECT_NE(refused.error().message_zh.find("书面"), std::string::npos) << "says what to do instead";
  const TaskRow first = world.task("objection");
  EXPECT_EQ(string_or(first.data, "reason").size(), 5'000U);
  ASSERT_TRUE(world.complete("clerk", first.id, "dismiss"));
  EXPECT_TRUE(world.object(notice)) << "a settled one makes room";
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Publicity, AnObjectionGoesToItsOwnNotice) {
  World world;
  world.definitions.put("two", workflow(R"(<parallel id="both">
      <state id="a"><invoke type="publicity" id="first"><param name="org" expr="'430000'"/><param name="fields" expr="{'title'}"/></invoke></state>
      <state id="b"><invoke type="publicity" id="second"><param name="org" expr="'430000'"/><param name="fields" expr="{'org_name'}"/></invoke></state>
    </parallel>)"), plain_manifest(), {});
  world.create("two");
  const Page<NoticeRow> notices = *world.storage.queries->notices({}, {.limit = 10, .after = {}});
  ASSERT_EQ(notices.rows.size(), 2U);
  for (const NoticeRow& notice : notices.rows) {
    ASSERT_TRUE(world.object(notice.id));
    const std::string invoke = notice.fields.contains("title") ? "first" : "second";
    std::size_t found = 0;
    for (const TaskRow& task : world.tasks()) found += task.invoke_id == invoke ? 1U : 0U;
    EXPECT_EQ(found, 1U) << invoke;
  }
  for (const ObjectionRow& row : *world.storage.queries->objections(world.session().id)) EXPECT_FALSE(row.notice_id.empty());
}

struct Blank {
  const char* name;
  json::object data;
  const char* place;
};
void PrintTo(const Blank& row, std::ostream* out) { *out << row.name; }
class ObjectionForm : public testing::TestWithParam<Blank> {};
TEST_P(ObjectionForm, NamesWhatIsMissing) {
  World world;
  world.review();
  json::object data = GetParam().data;
  data["notice"] = world.notice().id;
  const Result<Reply> refused = world.execute({.kind = "objection.file", .actor = {.user_id = "public"}, .data = data});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "form.objection");
  EXPECT_EQ(refused.error().place, GetParam().place);
}
INSTANTIATE_TEST_SUITE_P(Blanks, ObjectionForm, testing::Values(
  Blank{"Anonymous", {{"objector", " "}, {"contact", "1"}, {"reason", "r"}},                        "/objector"},
  Blank{"NoContact", {{"objector", "赵某"}, {"reason", "r"}},                                       "/contact"},
  Blank{"NoReason",  {{"objector", "赵某"}, {"contact", "1"}, {"reason", "\n\t "}},                 "/reason"},
  Blank{"TooLong",   {{"objector", "赵某"}, {"contact", "1"}, {"reason", std::string(6'001, 'x')}}, "/reason"}),
  [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace chuyi::test
