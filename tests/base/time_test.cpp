#include "engine/base/time.h"

#include <gtest/gtest.h>

namespace chuyi {
namespace {

TEST(Time, DaysAreDecidedInShanghai) {
  const Instant late = *parse_instant("2026-11-24T23:59:59+08:00");
  EXPECT_EQ(format_day(day_in_shanghai(late)), "2026-11-24");
  EXPECT_EQ(format_day(day_in_shanghai(*parse_instant("2026-11-24T16:00:00Z"))), "2026-11-25");
  EXPECT_EQ(format_instant(end_of_day(*parse_day("2026-11-24"))), "2026-11-25T00:00:00+08:00");
  EXPECT_EQ(format_instant(*parse_instant("2026-11-24T00:00:00.250Z")), "2026-11-24T08:00:00+08:00");
}

TEST(Time, RefusesWhatIsNoDate) {
  for (const char* text : {"2026-02-30", "2026-2-3", "2026-11-24x", "", "0000-00-00", "2026/11/24"})
    EXPECT_FALSE(parse_day(text)) << text;
  for (const char* text : {"2026-11-24", "2026-11-24T25:00:00Z", "2026-11-24T08:00:00", "2026-11-24T08:00:00+0800"})
    EXPECT_FALSE(parse_instant(text)) << text;
}

TEST(Time, LeapDayHasAnAnniversary) {
  EXPECT_EQ(format_day(add_years(*parse_day("2024-02-29"), 1)), "2025-02-28");
  EXPECT_EQ(format_day(add_years(*parse_day("2024-02-29"), 4)), "2028-02-29");
}

}  // namespace
}  // namespace chuyi
