#include "engine/base/calendar.h"

namespace chuyi {
namespace {

using namespace std::chrono;

Error calendar_error(std::string code, const std::string& file, const std::string& pointer, std::string message) {
  return Error{.kind = ErrorKind::invalid,
               .code = std::move(code),
               .message = std::move(message),
               .place = file + (pointer.empty() ? "" : "#" + pointer)};
}

int year_of(Day day) { return static_cast<int>(year_month_day{day}.year()); }

bool is_weekend(Day day) {
  const weekday name{day};
  return name == Saturday || name == Sunday;
}

Result<std::set<Day>> read_days(const json::object& root, const char* key, int year, const std::string& file) {
  std::set<Day> out;
  const json::value* member = root.if_contains(key);
  if (member == nullptr || !member->is_array())
    return calendar_error("calendar.shape", file, std::string{"/"} + key,
                          std::string{"Expected the list '"} + key + "' of dates; [] when there are none");
  const json::array& list = member->get_array();
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string pointer = std::string{"/"} + key + "/" + std::to_string(i);
    if (!list[i].is_string())
      return calendar_error("calendar.date", file, pointer, "Expected a date like \"2026-10-01\"");
    const Result<Day> day = parse_day(list[i].get_string());
    if (!day) return calendar_error("calendar.date", file, pointer, day.error().message);
    if (year_of(*day) != year)
      return calendar_error("calendar.year", file, pointer, "Expected a date in " + std::to_string(year));
    if (!out.insert(*day).second)
      return calendar_error("calendar.duplicate", file, pointer, "Expected each date once");
  }
  return out;
}

}  // namespace

Result<> Calendar::add_year(std::string_view text, const std::string& file) {
  const Result<json::value> parsed = parse_json(text, JsonLimits{}, file);
  if (!parsed) return parsed.error();
  if (!parsed->is_object() || !parsed->get_object().contains("year"))
    return calendar_error("calendar.shape", file, "", "Expected an object with year, off and make_up");
  const json::object& root = parsed->get_object();
  const std::int64_t number = int_or(root, "year", 0);
  if (number < 1990 || number > 2200) return calendar_error("calendar.year", file, "/year", "Expected a year");
  const int year = static_cast<int>(number);
  Result<std::set<Day>> off = read_days(root, "off", year, file);
  if (!off) return off.error();
  Result<std::set<Day>> make_up = read_days(root, "make_up", year, file);
  if (!make_up) return make_up.error();
  if (off->empty()) return calendar_error("calendar.shape", file, "/off", "Expected the year's days off: no year is without");
  for (const Day day : *make_up) {
    if (!is_weekend(day))
      return calendar_error("calendar.make_up", file, "/make_up", "Expected " + format_day(day) + " to be on a weekend");
    if (off->contains(day))
      return calendar_error("calendar.conflict", file, "/make_up", "Expected " + format_day(day) + " in one list only");
  }
  if (!years_.try_emplace(year, Year{std::move(*off), std::move(*make_up)}).second)
    return calendar_error("calendar.duplicate", file, "/year", "Expected one file for " + std::to_string(year));
  return {};
}

bool Calendar::is_working_day(Day day) const {
  const auto found = years_.find(year_of(day));
  if (found != years_.end()) {
    if (found->second.make_up.contains(day)) return true;
    if (found->second.off.contains(day)) return false;
  }
  return !is_weekend(day);
}

CalendarDate Calendar::end_of(Day start, const Period& period) const {
  CalendarDate out{.day = start, .provisional = false, .skipped = {}, .make_up = {}, .years = {}};
  int left = period.days;
  for (Day day = period.include_start ? start : start + days{1}; left > 0; day += days{1}) {
    if (period.unit == DayUnit::working) {
      const int year = year_of(day);
      if (!has_year(year))
        out.provisional = true;
      else if (out.years.empty() || out.years.back() != year)
        out.years.push_back(year);
      if (!is_working_day(day)) {
        out.skipped.push_back(day);
        continue;
      }
      if (is_weekend(day)) out.make_up.push_back(day);
    }
    --left;
    out.day = day;
  }
  return out;
}

Result<Period> parse_period(const json::value& value) {
  if (!value.is_object())
    return Error{.kind = ErrorKind::invalid,
                 .code = "period.shape",
                 .message = "Expected a period like {\"days\":5,\"unit\":\"working\",\"include_start\":true}"};
  const json::object& object = value.get_object();
  const std::int64_t count = int_or(object, "days", 0);
  if (count < 1 || count > 3660)
    return Error{.kind = ErrorKind::invalid, .code = "period.days", .message = "Expected 1 to 3660 days", .place = "/days"};
  const std::string unit = string_or(object, "unit", "working");
  if (unit != "working" && unit != "natural")
    return Error{.kind = ErrorKind::invalid,
                 .code = "period.unit",
                 .message = "Expected unit 'working' or 'natural', but found '" + unit + "'",
                 .place = "/unit",
                 .message_zh = {},
                 .details = {},
                 .allowed = {"working", "natural"}};
  return Period{.days = static_cast<int>(count),
                .unit = unit == "working" ? DayUnit::working : DayUnit::natural,
                .include_start = bool_or(object, "include_start", false)};
}

}  // namespace chuyi
