#pragma once

#include <functional>
#include <string>
#include <vector>

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
  std::int64_t rank = 0;     ///< its place in the ranked list; 0: none, or not for the asker
  bool hides_tasks = false;  ///< there are more, which the asker may not hear of
  Instant now;
  std::function<std::string(const std::string& org)> org_name;
  std::function<std::string(const std::string& user)> user_name;
};

/// What the store knows of an application; the asker hears of the tasks that `may_hear` lets through.
/// @param only_task  when not empty: of this task alone.
/// Errors: those of `queries`.
Result<WhyAsked> gather_why(Queries& queries, const SessionRow& session, const Definition& definition, Instant now,
                            const std::string& only_task, const std::function<bool(const TaskRow&)>& may_hear);

/// In Chinese and English side by side: [{"code","zh","en","values","titles"? (of the event in "values")}].
json::array why_json(const WhyAsked& asked, const scxml::Phrases& zh, const scxml::Phrases& en);

/// Where it stands and since when; whom it waits for and until when; how each date came about; what happens by itself.
/// The order is the same in every language.
std::vector<Reason> why(const WhyAsked& asked, const scxml::Phrases& phrases);

/// How a date came about: the sentence to a TaskRow::period (Due::period), whose members are the values.
Reason why_date(const json::object& period, const scxml::Phrases& phrases);

/// What people call it; an id that has no words is quoted.
std::string event_title(const std::string& event, const scxml::Phrases& phrases);
std::string outcome_title(const std::string& outcome, const scxml::Phrases& phrases);
std::string role_title(const std::string& role, const scxml::Phrases& phrases);

/// For the sentences "why.refused.CODE", which stand for a refusal whose own message speaks of ids: whose task it is ("who"), and who
/// has claimed it ("holder"). They may also name the "action".
scxml::Phrases::Fields refusal_fields(const WhyAsked& asked, const TaskRow& task, const scxml::Phrases& phrases);

}  // namespace chuyi
