#include "engine/stages/award/award.h"

#include "engine/invoke/rows_json.h"
#include "engine/invoke/standing.h"

namespace chuyi {
namespace {

struct Number {
  std::string prefix, suffix;  ///< year filled in
  std::size_t width = 0;       ///< of the sequence number, padded with zeros

  /// Programmes that share a scheme share its series; a scheme without a year counts on from year to year.
  std::string series() const { return "award-number/" + prefix + "{seq}" + suffix; }
  std::string text(std::int64_t seq) const {
    std::string digits = std::to_string(seq);
    if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
    return prefix + digits + suffix;
  }
};

/// Reads "湘楚怡工坊〔{year}〕{seq:03}号".
Result<Number> number_of(const std::string& scheme, int year) {
  Number out;
  std::string* part = &out.prefix;
  std::size_t at = 0;
  bool counted = false;
  while (at < scheme.size()) {
    const std::size_t open = scheme.find('{', at);
    *part += scheme.substr(at, open - at);
    if (open == std::string::npos) break;
    const std::size_t close = scheme.find('}', open);
    const std::string field = close == std::string::npos ? "" : scheme.substr(open + 1, close - open - 1);
    if (field == "year") {
      *part += std::to_string(year);
    } else if (!counted && (field == "seq" || (field.size() == 6 && field.starts_with("seq:0") && field[5] >= '1' && field[5] <= '9'))) {
      out.width = field == "seq" ? 0 : static_cast<std::size_t>(field[5] - '0');
      part = &out.suffix;
      counted = true;
    } else {
      return Error{.kind = ErrorKind::invalid,
                   .code = "award.scheme",
                   .message = "Expected {year}, and {seq} or {seq:03} once, in the numbering scheme, but found '{" + field + "}'"};
    }
    at = close + 1;
  }
  if (!counted)
    return Error{.kind = ErrorKind::invalid, .code = "award.scheme", .message = "Expected {seq} in the numbering scheme"};
  return out;
}

StageOutcome done(AwardRow award) {
  StageOutcome out;
  out.state = {{"number", award.number}};
  out.events.push_back({.name = "done",
                        .data = json::object{{"number", award.number},
                                             {"award_date", format_day(award.granted)},
                                             {"ends", format_day(award.ends)},
                                             {"status", award.status}}});
  out.effects.emplace_back(SetFact{.key = "award", .value = to_json(award)});
  out.effects.emplace_back(SetFact{.key = "award_date", .value = json::value(format_day(award.granted))});
  out.effects.emplace_back(std::move(award));
  return out;
}

struct Taken {
  int year = 0;
  std::int64_t seq = 0;
  std::string number;
};

/// Takes the next number of the programme's series.
Result<Taken> take_number(const StageContext& context, std::vector<StageEffect>& effects) {
  Taken out{.year = static_cast<int>(std::chrono::year_month_day{day_in_shanghai(context.now)}.year()), .number = {}};
  const Result<Number> number = number_of(string_or(object_or_empty(context.programme, "numbering"), "scheme"), out.year);
  if (!number) return number.error();
  out.seq = context.view.series(number->series()) + 1;
  out.number = number->text(out.seq);
  effects.emplace_back(SetSeries{.name = number->series(), .value = out.seq});
  return out;
}

/// Takes the next number of the series for this application, once: what comes of it the package may say, and try again.
Result<StageOutcome> reserve(const StageContext& context) {
  json::object reserved = object_or_empty(context.application, "reserved");
  StageOutcome out;
  if (reserved.empty()) {
    const Result<Taken> taken = take_number(context, out.effects);
    if (!taken) return taken.error();
    reserved = {{"year", taken->year}, {"seq", taken->seq}, {"number", taken->number}};
    out.effects.emplace_back(SetFact{.key = "reserved", .value = reserved});
  }
  out.events.push_back({.name = "done", .data = std::move(reserved)});
  return out;
}

/// The number of a grant: as the package says it, of what was reserved, or the next one.
/// Errors: `rejected` "award.number" for one that is no number or another award's.
Result<std::string> choose_number(const StageContext& context, const json::object& params, std::vector<StageEffect>& effects) {
  constexpr std::size_t kNumberMax = 120;
  const json::object& reserved = object_or_empty(context.application, "reserved");
  std::string number = string_or(params, "number", string_or(reserved, "number"));
  if (number.empty()) {
    const Result<Taken> taken = take_number(context, effects);
    if (!taken) return taken.error();
    number = taken->number;
  }
  const std::string given = "award-given/" + number;
  if (number.size() > kNumberMax || context.view.series(given) > 0)
    return Error{.kind = ErrorKind::rejected,
                 .code = "award.number",
                 .message = "Expected a number of at most " + std::to_string(kNumberMax) + " bytes that no other award has, but found '" + number + "'",
                 .message_zh = "认定编号“" + number + "”过长或已被使用"};
  effects.emplace_back(SetSeries{.name = given, .value = 1});
  return number;
}

Result<StageOutcome> grant(const StageContext& context, const json::object& params) {
  const std::string programme = string_or(context.application, "programme");
  const std::string round = string_or(context.application, "round");
  const std::string quota_series = "awards/" + programme + "/" + round;
  const std::int64_t used = context.view.series(quota_series);
  // A round may plan fewer than the notice's target, and with a reason more.
  const std::int64_t quota = int_or(context.application, "planned", int_or(object_or_empty(context.programme, "quota"), "province", 0));
  if (quota > 0 && used >= quota)
    return Error{.kind = ErrorKind::rejected,
                 .code = "award.quota",
                 .message = "Expected fewer than " + std::to_string(quota) + " awards of '" + programme + "' in round " + round,
                 .message_zh = "本批次认定名额" + std::to_string(quota) + "个已用完"};
  const Day today = day_in_shanghai(context.now);
  std::vector<StageEffect> numbered;
  const Result<std::string> number = choose_number(context, params, numbered);
  if (!number) return number.error();
  const int term = static_cast<int>(int_or(context.programme, "term_years", 3));
  StageOutcome out = done(AwardRow{.number = *number,
                                   .session_id = context.session_id,
                                   .programme = programme,
                                   .round = round,
                                   .title = string_or(context.application, "title"),
                                   .org = string_or(context.application, "org"),
                                   .org_name = string_or(context.application, "org_name"),
                                   .granted = today,
                                   .term_years = term,
                                   .ends = add_years(today, term),
                                   .status = "in-force"});
  out.effects.emplace_back(SetSeries{.name = quota_series, .value = used + 1});
  out.effects.insert(out.effects.end(), numbered.begin(), numbered.end());
  return out;
}

}  // namespace

Result<StageOutcome> AwardStage::start(const StageContext& context, const json::object& params) const {
  const std::string action = string_or(params, "action", "grant");
  if (action == "grant") return grant(context, params);
  if (action == "reserve") return reserve(context);
  if (action != "revoke" && action != "complete")
    return Error{.kind = ErrorKind::invalid,
                 .code = "award.action",
                 .message = "Expected action reserve, grant, revoke or complete, but found '" + action + "'",
                 .allowed = {"reserve", "grant", "revoke", "complete"}};
  const json::object& granted = object_or_empty(context.application, "award");
  if (granted.empty())
    return Error{.kind = ErrorKind::rejected,
                 .code = "award.none",
                 .message = "Expected an award to " + action + ", but none was granted"};
  AwardRow award = award_from_json(granted);
  award.status = action == "revoke" ? "revoked" : "completed";
  const std::string number = award.number;
  StageOutcome out = done(std::move(award));
  if (action == "revoke") keep_ban(context, number, out.effects);
  return out;
}

Result<StageOutcome> AwardStage::command(const StageContext& context, const json::object& /*state*/,
                                         const StageCommand& command) const {
  return Error{.kind = ErrorKind::rejected,
               .code = "stage.command",
               .message = "Expected no command for invoke '" + context.invoke_id + "', but found '" + command.name + "'"};
}

Result<StageOutcome> AwardStage::timer(const StageContext& /*context*/, const json::object& state,
                                       std::string_view /*name*/) const {
  StageOutcome out;
  out.state = state;
  return out;
}

StageOutcome AwardStage::cancel(const StageContext& /*context*/, const json::object& state) const {
  StageOutcome out;
  out.state = state;
  return out;
}

}  // namespace chuyi
