#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace chuyi {

/// A point in time, UTC, milliseconds. Stored and journalled as integer ms since 1970.
using Instant = std::chrono::sys_time<std::chrono::milliseconds>;
/// A calendar day in Asia/Shanghai, where every date of this system is decided.
using Day = std::chrono::sys_days;

inline std::int64_t to_ms(Instant at) { return at.time_since_epoch().count(); }
inline Instant from_ms(std::int64_t ms) { return Instant{std::chrono::milliseconds{ms}}; }

/// RFC 3339 with the +08:00 of Asia/Shanghai, seconds: "2026-11-24T08:00:00+08:00".
std::string format_instant(Instant at);
/// RFC 3339 with any offset or Z. Errors: `invalid` "time.instant".
Result<Instant> parse_instant(std::string_view text);

/// The day of `at` in Asia/Shanghai (UTC+8, no daylight saving since 1991).
Day day_in_shanghai(Instant at);
/// The first instant of `day` in Asia/Shanghai.
Instant start_of_day(Day day);
/// The first instant after `day` in Asia/Shanghai: a deadline "until DAY, inclusive" ends just before it.
Instant end_of_day(Day day);
/// "2026-11-24".
std::string format_day(Day day);
/// Errors: `invalid` "time.day" unless YYYY-MM-DD and a real date.
Result<Day> parse_day(std::string_view text);
/// The same day `years` later; 29 February becomes 28 February where there is none.
Day add_years(Day day, int years);

}  // namespace chuyi
