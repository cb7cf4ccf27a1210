#include "engine/base/calendar.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace chuyi {
namespace {

Calendar shipped_calendar() {
  Calendar calendar;
  for (int year = 2022; year <= 2026; ++year) {
    const std::string file = std::string{CHUYI_SOURCE_DIR} + "/workflows/calendars/" + std::to_string(year) + ".json";
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    const Result<> added = calendar.add_year(text.str(), file);
    EXPECT_TRUE(added) << (added ? "" : added.error().message);
  }
  return calendar;
}

struct Case {
  const char* name;
  const char* start;
  int days;
  DayUnit unit;
  bool include_start;
  const char* end;
};
void PrintTo(const Case& row, std::ostream* out) { *out << row.name; }

class CalendarEnd : public testing::TestWithParam<Case> {};

// Goal: the last day of a period over real holidays. Method: real notices and hand-counted vectors.
TEST_P(CalendarEnd, IsTheDayTheNoticeNames) {
  const Case& row = GetParam();
  const Calendar calendar = shipped_calendar();
  const CalendarDate end = calendar.end_of(*parse_day(row.start), Period{row.days, row.unit, row.include_start});
  EXPECT_EQ(format_day(end.day), row.end);
  EXPECT_FALSE(end.provisional);
}

constexpr DayUnit kWork = DayUnit::working;
constexpr DayUnit kNatural = DayUnit::natural;
INSTANTIATE_TEST_SUITE_P(
    RealDates, CalendarEnd,
    testing::Values(Case{"Hunan2022", "2022-07-06", 5, kWork, true, "2022-07-12"},
                    Case{"Hunan2022Exclusive", "2022-07-06", 5, kWork, false, "2022-07-13"},
                    Case{"Hunan2022Seven", "2022-07-06", 7, kWork, true, "2022-07-14"},
                    Case{"Hunan2022SevenExclusive", "2022-07-06", 7, kWork, false, "2022-07-15"},
                    Case{"Hunan2022Natural", "2022-07-06", 7, kNatural, true, "2022-07-12"},
                    Case{"NationalDay2025", "2025-09-26", 5, kWork, true, "2025-10-09"},
                    Case{"NationalDay2025Exclusive", "2025-09-26", 5, kWork, false, "2025-10-10"},
                    Case{"NationalDay2025Seven", "2025-09-26", 7, kWork, true, "2025-10-11"},
                    Case{"NationalDay2025SevenExclusive", "2025-09-26", 7, kWork, false, "2025-10-13"},
                    Case{"NationalDay2025Natural", "2025-09-26", 7, kNatural, true, "2025-10-02"},
                    Case{"Spring2026", "2026-02-13", 5, kWork, true, "2026-02-26"},
                    Case{"Spring2026Exclusive", "2026-02-13", 5, kWork, false, "2026-02-27"},
                    Case{"Spring2026Seven", "2026-02-13", 7, kWork, true, "2026-02-28"},
                    Case{"Spring2026SevenExclusive", "2026-02-13", 7, kWork, false, "2026-03-02"},
                    Case{"FromTheSundayThatWorks", "2025-09-28", 5, kWork, true, "2025-10-10"},
                    Case{"YearEnd", "2022-12-28", 5, kWork, true, "2023-01-04"},  // 12-31 to 01-02 are off
                    Case{"YearEndNatural", "2022-12-28", 7, kNatural, true, "2023-01-03"},
                    Case{"PlainWeek", "2026-11-23", 5, kWork, true, "2026-11-27"},
                    Case{"PlainWeekNatural", "2026-11-23", 7, kNatural, true, "2026-11-29"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Calendar, YearWithoutDataIsProvisional) {
  const Calendar calendar = shipped_calendar();
  const CalendarDate end = calendar.end_of(*parse_day("2026-12-30"), Period{5, kWork, true});
  EXPECT_TRUE(end.provisional);
  EXPECT_FALSE(calendar.end_of(*parse_day("2026-12-28"), Period{4, kWork, true}).provisional);
}

TEST(Calendar, SaysWhatItSkippedAndWhatItCounted) {
  const CalendarDate end = shipped_calendar().end_of(*parse_day("2025-09-28"), Period{5, kWork, true});
  ASSERT_EQ(end.make_up.size(), 1u);
  EXPECT_EQ(format_day(end.make_up.front()), "2025-09-28");
  EXPECT_EQ(end.skipped.size(), 8u);  // 1 to 8 October
}

TEST(Calendar, HasTheOfficialNumberOfWorkingDays) {
  const Calendar calendar = shipped_calendar();
  const std::pair<int, int> expected[] = {{2022, 249}, {2023, 249}, {2024, 251}, {2025, 248}, {2026, 248}};
  for (const auto& [year, count] : expected) {
    int days = 0;
    for (Day day = *parse_day(std::to_string(year) + "-01-01"); day <= *parse_day(std::to_string(year) + "-12-31");
         day += std::chrono::days{1})
      days += calendar.is_working_day(day) ? 1 : 0;
    EXPECT_EQ(days, count) << year;
  }
}

TEST(Calendar, RefusesWrongDataNamingThePlace) {
  Calendar calendar;
  const Result<> added = calendar.add_year(R"({"year":2026,"off":["2026-01-01","2025-01-02"],"make_up":[]})", "x.json");
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().place, "x.json#/off/1");
  EXPECT_EQ(added.error().code, "calendar.year");
}

// A year whose days off are not there would count as complete, and be guessed by weekdays.
TEST(Calendar, RefusesAYearWithoutItsLists) {
  const std::pair<const char*, const char*> rows[] = {{R"({"year":2026})", "x.json#/off"},
                                                      {R"({"year":2026,"off":["2026-01-01"]})", "x.json#/make_up"},
                                                      {R"({"year":2026,"make_up":[]})", "x.json#/off"},
                                                      {R"({"year":2026,"off":[],"make_up":[]})", "x.json#/off"},
                                                      {R"({"year":2026,"off":"none","make_up":[]})", "x.json#/off"}};
  for (const auto& [text, place] : rows) {
    Calendar calendar;
    const Result<> added = calendar.add_year(text, "x.json");
    ASSERT_FALSE(added) << text;
    EXPECT_EQ(added.error().code, "calendar.shape");
    EXPECT_EQ(added.error().place, place) << text;
    EXPECT_FALSE(calendar.has_year(2026));
  }
}

}  // namespace
}  // namespace chuyi
