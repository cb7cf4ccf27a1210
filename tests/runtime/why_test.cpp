// Goal: how a date came about is kept with the task and the timer when it is set, and told from there, whatever expression gave it.
// Method: made-up workflows in memory, whose periods stand in their data.
#include <algorithm>

#include <gtest/gtest.h>

#include "engine/invoke/work_items.h"
#include "engine/runtime/journal_view.h"
#include "engine/why/why.h"
#include "tests/describe/catalogue.h"
#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

std::vector<Reason> reasons(World& world, const std::string& language = "en", std::int64_t rank = 0) {
  const SessionRow session = world.session();
  const DefinitionPtr definition = world.definitions.by_digest(session.definition);
  Result<WhyAsked> asked =
      gather_why(*world.storage.queries, session, *definition, world.clock.now(), {}, [](const TaskRow&) { return true; });
  EXPECT_TRUE(asked) << asked.error().message;
  asked->rank = rank;
  return why(*asked, scxml::phrases(language));
}

Reason date_of(World& world) {
  for (Reason& each : reasons(world))
    if (each.code == "why.date") return each;
  return {};
}

/// A task whose due date is what `due` says; the data has periods that no expression's text tells apart.
std::string with_due(const std::string& due) {
  return workflow(R"(<datamodel>
      <data id="wait" expr="{days = 5, unit = 'working', include_start = false}"/>
      <data id="kinds" expr="{'working', 'natural'}"/>
    </datamodel>
    <state id="open"><invoke type="task" id="step">
      <param name="role" expr="'applicant'"/><param name="org" expr="application.org"/><param name="due" expr=")" + due + R"("/>
    </invoke><transition event="done.invoke.step" target="done"/></state>)");
}

struct Dated {
  const char* name;
  const char* due;
  const char* sentence;
};
class Dates : public testing::TestWithParam<Dated> {};

TEST_P(Dates, AreTold) {
  World world({}, "2025-09-28T09:00:00+08:00");
  world.definitions.put("workshop", with_due(GetParam().due), plain_manifest(), {});
  world.create();
  const Reason date = date_of(world);
  EXPECT_EQ(date.text, GetParam().sentence);
  EXPECT_EQ(date.values.at("task"), json::value(world.task().id));
  const json::object period = told_period(world.task());
  for (const auto& member : period) EXPECT_EQ(date.values.at(member.key()), member.value()) << member.key();
  EXPECT_EQ(world.replay_problem(), "");
}

INSTANTIATE_TEST_SUITE_P(Expressions, Dates, testing::Values(
  Dated{"Function", "working_days(5)", "2025-10-11 is 5 working days from 2025-09-28, that day not counted; skips 10-01 to 10-08; counts 10-11, make-up workdays."},
  Dated{"Data", "wait", "2025-10-11 is 5 working days from 2025-09-28, that day not counted; skips 10-01 to 10-08; counts 10-11, make-up workdays."},
  Dated{"FirstDay", "{days = 2, unit = kinds[1], include_start = true}", "2025-09-29 is 2 working days from 2025-09-28, that day counted; counts 09-28, make-up workdays."},
  Dated{"NaturalByData", "{days = 10, unit = kinds[2], include_start = false}", "2025-10-08 is 10 days from 2025-09-28, that day not counted."},
  Dated{"NamedDay", "{['until'] = '2025-12-31'}", "2025-12-31 is named as it is: no days were counted."}),
  [](const auto& row) { return std::string{row.param.name}; });

TEST(Why, KeepsWithTheTaskWhichCalendarWasUsed) {
  World world({}, "2025-09-28T09:00:00+08:00");
  world.definitions.put("workshop", with_due("wait"), plain_manifest(), {});
  world.create();
  EXPECT_EQ(canonical_json(json::value(world.task().period)),
            R"({"calendar":[2025],"days":5,"include_start":false,"last":"2025-10-11","make_up":["2025-10-11"],"provisional":false,)"
            R"("skipped":["2025-10-01","2025-10-02","2025-10-03","2025-10-04","2025-10-05","2025-10-06","2025-10-07","2025-10-08"],)"
            R"("start":"2025-09-28","unit":"working"})");
}

/// A journal that kept the day alone, from before the period was kept with the task: its replay writes no period either.
TEST(Why, KeepsNoPeriodThatTheJournalDoesNotTell) {
  const Instant now = *parse_instant("2025-09-28T09:00:00+08:00");
  const json::value period = json::parse(R"({"days":5,"unit":"working","include_start":false})");
  const json::object day_alone{{"day", "2025-10-11"}, {"provisional", false}};
  json::object told = day_alone;
  told["years"] = json::array{};
  for (const auto& [answer, empty] : {std::pair{day_alone, true}, std::pair{told, false}}) {
    JournalView view(json::object{{"end_of:2025-09-28:5:working:excluded", answer}});
    const Result<Due> due = resolve_due(view, now, period);
    ASSERT_TRUE(due);
    EXPECT_EQ(format_day(day_in_shanghai(due->at - std::chrono::seconds{1})), "2025-10-11");
    EXPECT_EQ(due->period.empty(), empty);
  }
}

TEST(Why, KeepsNoPeriodOfADateThatWasNamed) {
  World world({}, "2025-09-28T09:00:00+08:00");
  world.definitions.put("workshop", with_due("{['until'] = '2025-12-31'}"), plain_manifest(), {});
  world.create();
  EXPECT_TRUE(world.task().period.empty()) << "no journal ever had an answer about it";
  EXPECT_EQ(told_period(world.task()), (json::object{{"until", "2025-12-31"}}));
}

TEST(Why, TellsOfATimerOfTheChartToo) {
  World world({}, "2025-09-28T09:00:00+08:00");
  world.definitions.put("workshop", workflow(R"(<datamodel><data id="wait" expr="{days = 5, unit = 'working', include_start = false}"/></datamodel>
    <state id="open"><onentry><send event="year.over" delayexpr="wait"/></onentry><transition event="year.over" target="done"/></state>)"),
                        plain_manifest(), {});
  world.create();
  EXPECT_EQ(date_of(world).values.at("last"), json::value("2025-10-11"));
  const std::vector<Reason> told = reasons(world);
  const auto names_it = [](const Reason& each) { return each.code.starts_with("why.timer") && each.text.find("a year is over") != std::string::npos; };
  EXPECT_EQ(std::count_if(told.begin(), told.end(), names_it), 1);
}

TEST(Why, SaysWhatIsWaitedForWhenNobodyHasATask) {
  const auto last = [](const char* event, const char* language, std::int64_t rank) {
    World world;
    world.definitions.put("workshop", workflow(std::string{R"(<state id="open"><transition event=")"} + event + R"(" target="done"/></state>)"), plain_manifest(), {});
    world.create();
    return reasons(world, language, rank).back();
  };
  EXPECT_EQ(last("place.free", "en", 0).text, "It waits for a place to become free, in the order of the ranked list; until then nobody has to act.");
  EXPECT_EQ(last("place.free", "en", 3).values.at("rank"), json::value("3"));
  EXPECT_EQ(last("round.selected", "zh", 0).text, "等待所在批次作出决定。");
  EXPECT_EQ(last("round.selected", "en", 3).code, "why.event.round.selected");
  EXPECT_EQ(last("something.else", "en", 0).code, "why.system");
}

}  // namespace
}  // namespace chuyi::test
