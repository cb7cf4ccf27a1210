#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/base/calendar.h"
#include "engine/ports/definition.h"
#include "engine/ports/queries.h"
#include "engine/scxml/phrases.h"

/// Why an application stands where it stands: for people, in words, and with the values behind them for programs.
namespace chuyi {

struct Reason {
  std::string code;  ///< "why.waits", …; the same in every language
  std::string text;
  json::object values;
};

/// What is known. Tasks and timers are those that the asker may hear of.
struct WhyAsked {
  const SessionRow& session;
  const Definition& definition;
  std::vector<TaskRow> tasks;  ///< open or claimed
  std::vector<TimerRow> timers;
  bool hides_tasks = false;  ///< there are more, which the asker may not hear of
  const Calendar& calendar;
  Instant now;
  std::function<std::string(const std::string& org)> org_name;
};

/// What the store knows of an application; the asker hears of the tasks that `may_hear` lets through.
/// @param only_task  when not empty: of this task alone.
/// Errors: those of `queries`.
Result<WhyAsked> gather_why(Queries& queries, const SessionRow& session, const Definition& definition, const Calendar& calendar, Instant now,
                            const std::string& only_task, const std::function<bool(const TaskRow&)>& may_hear);

/// In Chinese and English side by side: [{"code","zh","en","values"}].
json::array why_json(const WhyAsked& asked, const scxml::Phrases& zh, const scxml::Phrases& en);

/// Where it stands and since when; whom it waits for and until when; how each date came about; what happens by itself.
/// The order is the same in every language.
std::vector<Reason> why(const WhyAsked& asked, const scxml::Phrases& phrases);

/// How `last` came about as the end of a period that began on `start`: how many days, of which kind, which were
/// passed over, which weekends counted, and whether a year without calendar is touched.
Reason why_date(Day start, Day last, DayUnit unit, bool include_start, const Calendar& calendar, const scxml::Phrases& phrases);

}  // namespace chuyi
