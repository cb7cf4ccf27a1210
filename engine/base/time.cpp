#include "engine/base/time.h"

#include <charconv>
#include <cstdio>

namespace chuyi {
namespace {

using namespace std::chrono;

constexpr hours kShanghai{8};

/// `count` digits at `at`; moves `at` past them. -1 when there are none.
int digits(std::string_view text, std::size_t& at, std::size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const char c = text[at + i];
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  at += count;
  return value;
}

bool skip(std::string_view text, std::size_t& at, std::string_view any_of) {
  if (at >= text.size() || any_of.find(text[at]) == std::string_view::npos) return false;
  ++at;
  return true;
}

Error bad_instant(std::string_view text) {
  return Error{.kind = ErrorKind::invalid,
               .code = "time.instant",
               .message = "Expected a time like 2026-11-24T08:00:00+08:00, but found '" + std::string{text.substr(0, 40)} + "'"};
}

}  // namespace

std::string format_day(Day day) {
  const year_month_day date{day};
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return buffer;
}

std::string format_instant(Instant at) {
  const Instant local = at + kShanghai;
  const Day day = floor<days>(local);
  const hh_mm_ss time{floor<seconds>(local - day)};
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "T%02d:%02d:%02d+08:00", static_cast<int>(time.hours().count()),
                static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()));
  return format_day(day) + buffer;
}

Result<Day> parse_day(std::string_view text) {
  std::size_t at = 0;
  const int y = digits(text, at, 4);
  const bool dash1 = skip(text, at, "-");
  const int m = digits(text, at, 2);
  const bool dash2 = skip(text, at, "-");
  const int d = digits(text, at, 2);
  const year_month_day date{year{y}, month{static_cast<unsigned>(m)}, day{static_cast<unsigned>(d)}};
  if (y < 1 || m < 1 || d < 1 || !dash1 || !dash2 || at != text.size() || !date.ok())
    return Error{.kind = ErrorKind::invalid,
                 .code = "time.day",
                 .message = "Expected a date like 2026-11-24, but found '" + std::string{text.substr(0, 40)} + "'"};
  return Day{date};
}

Result<Instant> parse_instant(std::string_view text) {
  if (text.size() < 20) return bad_instant(text);
  const Result<Day> day = parse_day(text.substr(0, 10));
  if (!day) return bad_instant(text);
  std::size_t at = 10;
  if (!skip(text, at, "Tt ")) return bad_instant(text);
  const int h = digits(text, at, 2);
  if (!skip(text, at, ":")) return bad_instant(text);
  const int m = digits(text, at, 2);
  if (!skip(text, at, ":")) return bad_instant(text);
  const int s = digits(text, at, 2);
  if (h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 59) return bad_instant(text);
  int ms = 0;
  if (skip(text, at, ".")) {
    int scale = 100;
    std::size_t count = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++count, scale /= 10)
      ms += (text[at] - '0') * scale;
    if (count == 0) return bad_instant(text);
  }
  minutes offset{0};
  if (!skip(text, at, "Zz")) {
    if (at >= text.size() || (text[at] != '+' && text[at] != '-')) return bad_instant(text);
    const int sign = text[at++] == '-' ? -1 : 1;
    const int oh = digits(text, at, 2);
    if (!skip(text, at, ":")) return bad_instant(text);
    const int om = digits(text, at, 2);
    if (oh < 0 || oh > 23 || om < 0 || om > 59) return bad_instant(text);
    offset = minutes{sign * (oh * 60 + om)};
  }
  if (at != text.size()) return bad_instant(text);
  return Instant{*day} + hours{h} + minutes{m} + seconds{s} + milliseconds{ms} - offset;
}

Day day_in_shanghai(Instant at) { return floor<days>(at + kShanghai); }
Instant start_of_day(Day day) { return Instant{day} - kShanghai; }
Instant end_of_day(Day day) { return start_of_day(day + days{1}); }

Day add_years(Day day, int count) {
  year_month_day date{day};
  date += years{count};
  if (!date.ok()) date = date.year() / date.month() / last;
  return Day{date};
}

}  // namespace chuyi
