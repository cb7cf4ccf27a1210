#include "engine/why/why.h"

#include <algorithm>

#include "engine/scxml/describe.h"
#include "engine/scxml/explain.h"

namespace chuyi {
namespace {

using scxml::Phrases;
using std::chrono::days;

Reason reason(const Phrases& phrases, const std::string& code, const Phrases::Fields& fields) {
  Reason out{.code = "why." + code, .text = scxml::capitalised(phrases.say("why." + code, fields)), .values = {}};
  for (const auto& [name, value] : fields) out.values[name] = value;
  return out;
}

/// "10-01 – 10-08, 10-11": runs of days, the year only where it is not that of `start`.
std::string runs_of(const std::vector<Day>& all, Day start, const Phrases& phrases) {
  const auto shown = [&](Day day) {
    std::string text = format_day(day);
    return text.substr(0, 5) == format_day(start).substr(0, 5) ? text.substr(5) : text;
  };
  std::vector<std::string> out;
  for (std::size_t first = 0; first < all.size();) {
    std::size_t last = first;
    while (last + 1 < all.size() && all[last + 1] == all[last] + days{1}) ++last;
    out.push_back(first == last ? shown(all[first]) : phrases.say("why.range", {{"from", shown(all[first])}, {"to", shown(all[last])}}));
    first = last + 1;
  }
  return phrases.joined(out, "join.list");
}

std::string title_of(const scxml::Chart& chart, const std::string& state, const Phrases& phrases) {
  for (const scxml::StateInfo& info : scxml::states_of(chart))
    if (info.id == state) return phrases.zh() ? info.title_zh : info.title_en;
  return state;
}

std::string who_of(const WhyAsked& asked, const TaskRow& task, const Phrases& phrases) {
  if (!task.user.empty()) return phrases.say("why.person", {{"user", task.user}});
  const std::string role = phrases.say("role." + task.role);
  return phrases.say("why.office", {{"org", asked.org_name(task.org)}, {"role", role.empty() ? phrases.quoted(task.role) : role}});
}

void explain_task(const WhyAsked& asked, const TaskRow& task, const Phrases& phrases, std::vector<Reason>& out) {
  const scxml::Chart& chart = *asked.definition.chart;
  const std::string who = who_of(asked, task, phrases);
  const std::string title = title_of(chart, task.state, phrases);
  Reason waits = task.due ? reason(phrases, *task.due < asked.now ? "overdue" : "waits_until", {{"who", who}, {"step", title}, {"due", format_instant(*task.due - std::chrono::seconds{1})}})
                          : reason(phrases, "waits", {{"who", who}, {"step", title}});
  waits.values["task"] = task.id;
  out.push_back(std::move(waits));
  if (!task.claimed_by.empty()) out.push_back(reason(phrases, "claimed", {{"user", task.claimed_by}, {"step", title}}));
  if (!task.due) return;
  const scxml::StepWords step = scxml::step_words(chart, task.invoke_id, phrases);
  // "until_date(…)" names the day itself: nothing was counted.
  if (step.period.find("until") != std::string::npos) return;
  const bool natural = step.period.find("natural_days") != std::string::npos || step.period.find("'natural'") != std::string::npos;
  Reason date = why_date(day_in_shanghai(task.created), day_in_shanghai(*task.due - std::chrono::milliseconds{1}), natural ? DayUnit::natural : DayUnit::working, false, asked.calendar, phrases);
  date.values["task"] = task.id;
  out.push_back(std::move(date));
}

/// Timers that the chart set for itself; a step's deadline is told with the step.
void explain_timers(const WhyAsked& asked, const Phrases& phrases, std::vector<Reason>& out) {
  for (const TimerRow& timer : asked.timers) {
    const std::string event = string_or(timer.event, "name", string_or(timer.event, "event"));
    if (const std::size_t stage = timer.id.find("/stage/"); stage != std::string::npos) {
      const std::string invoke = timer.id.substr(stage + 7, timer.id.rfind('/') - stage - 7);
      const auto of_invoke = [&](const TaskRow& task) { return task.invoke_id == invoke; };
      const std::string title = title_of(*asked.definition.chart, scxml::state_of_invoke(*asked.definition.chart, invoke), phrases);
      if (!asked.hides_tasks && std::none_of(asked.tasks.begin(), asked.tasks.end(), of_invoke)) out.push_back(reason(phrases, "period", {{"step", title}, {"at", format_instant(timer.due - std::chrono::seconds{1})}}));
      continue;
    }
    const std::string delay = scxml::timer_words(*asked.definition.chart, event, phrases);
    out.push_back(reason(phrases, delay.empty() ? "timer_plain" : "timer", {{"at", format_instant(timer.due)}, {"delay", delay}, {"event", event}}));
  }
}

}  // namespace

Reason why_date(Day start, Day last, DayUnit unit, bool include_start, const Calendar& calendar, const Phrases& phrases) {
  int count = 0;
  bool provisional = false;
  std::vector<Day> skipped;
  std::vector<Day> make_up;
  for (Day day = include_start ? start : start + days{1}; day <= last; day += days{1}) {
    if (unit == DayUnit::natural) {
      ++count;
      continue;
    }
    provisional = provisional || !calendar.has_year(static_cast<int>(std::chrono::year_month_day{day}.year()));
    if (!calendar.is_working_day(day)) {
      skipped.push_back(day);
      continue;
    }
    ++count;
    const std::chrono::weekday name{day};
    if (name == std::chrono::Saturday || name == std::chrono::Sunday) make_up.push_back(day);
  }
  const Phrases::Fields fields{{"days", std::to_string(count)}, {"start", format_day(start)}, {"last", format_day(last)}};
  Reason out = reason(phrases, std::string{"date."} + (unit == DayUnit::working ? "working" : "natural") + (include_start ? "_first" : ""), fields);
  if (!skipped.empty()) out.text += phrases.say("why.date.skips", {{"days", runs_of(skipped, start, phrases)}});
  if (!make_up.empty()) out.text += phrases.say("why.date.make_up", {{"days", runs_of(make_up, start, phrases)}});
  if (provisional) out.text += phrases.say("why.date.provisional");
  out.text += phrases.say("why.date.end");
  const auto list = [](const std::vector<Day>& all) {
    json::array texts;
    for (const Day day : all) texts.emplace_back(format_day(day));
    return texts;
  };
  out.code = "why.date";
  out.values["days"] = count;
  out.values["unit"] = unit == DayUnit::working ? "working" : "natural";
  out.values["include_start"] = include_start;
  out.values["skipped"] = list(skipped);
  out.values["make_up"] = list(make_up);
  out.values["provisional"] = provisional;
  return out;
}

Result<WhyAsked> gather_why(Queries& queries, const SessionRow& session, const Definition& definition, const Calendar& calendar, Instant now,
                            const std::string& only_task, const std::function<bool(const TaskRow&)>& may_hear) {
  const Result<Page<TaskRow>> open = queries.tasks({.memberships = {}, .user = {}, .statuses = {"open", "claimed"}, .session_id = session.id, .kind = {}}, {.limit = 200, .after = {}});
  if (!open) return open.error();
  Result<std::vector<TimerRow>> timers = queries.timers(session.id);
  if (!timers) return timers.error();
  WhyAsked out{.session = session, .definition = definition, .tasks = {}, .timers = {}, .hides_tasks = false, .calendar = calendar, .now = now, .org_name = {}};
  out.org_name = [&queries](const std::string& id) {
    const Result<std::optional<OrganisationRow>> org = queries.organisation(id);
    return org && *org ? (*org)->name : id;
  };
  if (only_task.empty()) out.timers = std::move(*timers);
  for (const TaskRow& task : open->rows) {
    if (!only_task.empty() && task.id != only_task) continue;
    if (may_hear(task))
      out.tasks.push_back(task);
    else
      out.hides_tasks = true;
  }
  return out;
}

json::array why_json(const WhyAsked& asked, const Phrases& zh, const Phrases& en) {
  const std::vector<Reason> chinese = why(asked, zh);
  const std::vector<Reason> english = why(asked, en);
  json::array out;
  for (std::size_t i = 0; i < chinese.size(); ++i)
    out.push_back(json::object{{"code", chinese[i].code}, {"zh", chinese[i].text}, {"en", english[i].text}, {"values", chinese[i].values}});
  return out;
}

std::vector<Reason> why(const WhyAsked& asked, const Phrases& phrases) {
  std::vector<Reason> out;
  const bool ended = asked.session.status != "running";
  Reason stands = reason(phrases, ended ? "ended" : "stands", {{"state", title_of(*asked.definition.chart, asked.session.state, phrases)}, {"since", format_instant(asked.session.updated)}});
  stands.values["id"] = asked.session.state;
  out.push_back(std::move(stands));
  if (ended) return out;
  for (const TaskRow& task : asked.tasks) explain_task(asked, task, phrases, out);
  if (asked.hides_tasks) out.push_back(reason(phrases, "others", {}));
  explain_timers(asked, phrases, out);
  if (asked.tasks.empty() && !asked.hides_tasks && out.size() == 1) out.push_back(reason(phrases, "system", {}));
  return out;
}

}  // namespace chuyi
