#include "server/simulate/call.h"

#include "engine/invoke/rows_json.h"
#include "server/installation.h"

namespace chuyi::simulate {
namespace {

constexpr auto kMorning = std::chrono::hours{9};
constexpr int kDaysMax = 366;  ///< that a call stays open

Error bad_call(const std::string& file, const std::string& pointer, const std::string& expected, const std::string& zh) {
  return Error{.kind = ErrorKind::invalid, .code = "simulate.call", .message = "Expected " + expected, .place = file + "#" + pointer, .message_zh = zh};
}

}  // namespace

Instant Call::start() const { return start_of_day(opens - std::chrono::days{1}) + kMorning; }

Result<Call> read_call(const std::string& path, const Calendar& calendar) {
  constexpr std::size_t kDay = 10;  // "2026-03-03"
  const Result<std::string> text = read_file(path);
  if (!text) return text.error();
  const Result<json::value> parsed = parse_json(*text, JsonLimits{}, path);
  if (!parsed) return parsed.error();
  if (!parsed->is_object()) return bad_call(path, "", "a call as POST /rounds takes it, an object", "应为批次的定义（对象）");
  const json::object& object = parsed->get_object();
  Call out{.id = string_or(object, "id"),
           .title = string_or(object, "title"),
           .programmes = strings_from_json(array_or_empty(object, "programmes")),
           .parameters = object_or_empty(object, "parameters"),
           .opens = {},
           .last = {}};
  if (out.id.empty() || out.title.empty()) return bad_call(path, "/id", "an id and a title", "应有批次编号和名称");
  const Result<Day> opens = parse_day(string_or(out.parameters, "opens").substr(0, kDay));
  if (!opens) return bad_call(path, "/parameters/opens", "the day on which the call opens, as 2026-03-03", "应为开放日期，如2026-03-03");
  const json::object& length = object_or_empty(out.parameters, "deadline");
  const Result<Period> period = length.empty() ? Result<Period>{Period{}} : parse_period(length);
  if (!period) return period.error();
  const Result<Day> last = length.empty() ? parse_day(string_or(out.parameters, "deadline").substr(0, kDay)) : Result<Day>{calendar.end_of(*opens, *period).day};
  if (!last || *last < *opens || *last - *opens > std::chrono::days{kDaysMax})
    return bad_call(path, "/parameters/deadline", "a day from the opening on, within a year, as 2026-04-10T17:30", "应为开放之日起一年内的截止时间，如2026-04-10T17:30");
  out.opens = *opens;
  out.last = *last;
  out.year = std::stoi(format_day(*opens).substr(0, 4));
  for (Day day = out.opens; day <= out.last; day += std::chrono::days{1}) out.days += calendar.is_working_day(day) ? 1 : 0;
  if (out.days < 3) return bad_call(path, "/parameters/deadline", "at least three working days in which to apply", "申报期至少应有3个工作日");
  return out;
}

}  // namespace chuyi::simulate
