#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/time.h"

namespace chuyi {

/// A date that was computed, and how it came about.
struct CalendarDate {
  Day day;
  bool provisional = false;      ///< touches a year without calendar data: may still change
  std::vector<Day> skipped;      ///< days passed over as days off, in order
  std::vector<Day> make_up;      ///< weekend days that counted because they are make-up workdays
  std::vector<int> years;        ///< whose calendar was used, in order; none: days were counted as they come
  bool explained = true;         ///< false: read from a journal that kept the day alone
};

enum class DayUnit : std::uint8_t { working, natural };

/// A length of time as programmes state it: 5 working days, the first day counted or not.
struct Period {
  int days = 0;                   ///< ≥ 1
  DayUnit unit = DayUnit::working;
  bool include_start = false;     ///< the start day counts as day one (when it is a working day)
};

/// The State Council's days off and make-up workdays, by year. Immutable once built.
class Calendar {
 public:
  /// Adds the year of one data file: {"year":2026,"source":…,"off":["2026-01-01",…],"make_up":[…]}.
  /// `file` names it in errors. Errors: `invalid` "calendar.*" with place = file and JSON pointer.
  Result<> add_year(std::string_view text, const std::string& file);

  bool has_year(int year) const { return years_.contains(year); }
  /// A weekday that is no day off, or a make-up workday. Weekday rule alone in a year without data.
  bool is_working_day(Day day) const;
  /// The last day of `period` when it begins on `start`: for instance
  /// (2025-09-26 + 5 working days, start counted → 2025-10-09).
  CalendarDate end_of(Day start, const Period& period) const;

 private:
  struct Year {
    std::set<Day> off;
    std::set<Day> make_up;
  };
  std::map<int, Year> years_;
};

/// {"days":5,"unit":"working"|"natural","include_start":true}. Errors: `invalid` "period.*".
Result<Period> parse_period(const json::value& value);

}  // namespace chuyi
