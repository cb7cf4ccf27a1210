#include "engine/why/why.h"

#include <algorithm>

#include "engine/invoke/work_items.h"
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

/// "长沙市教育局的推荐部门经办人", or the person by name.
std::string who_of(const WhyAsked& asked, const TaskRow& task, const Phrases& phrases) {
  if (!task.user.empty()) return phrases.say("why.person", {{"user", asked.user_name(task.user)}});
  return phrases.say("why.office", {{"org", asked.org_name(task.org)}, {"role", role_title(task.role, phrases)}});
}

void explain_task(const WhyAsked& asked, const TaskRow& task, const Phrases& phrases, std::vector<Reason>& out) {
  const std::string who = who_of(asked, task, phrases);
  const std::string title = title_of(*asked.definition.chart, task.state, phrases);
  Phrases::Fields fields{{"who", who}, {"step", title}};
  if (task.due) fields["due"] = format_instant(*task.due - std::chrono::seconds{1});
  Reason waits = reason(phrases, !task.due ? "waits" : *task.due < asked.now ? "overdue" : "waits_until", fields);
  waits.values["task"] = task.id;
  out.push_back(std::move(waits));
  if (!task.claimed_by.empty()) {
    const std::string name = asked.user_name(task.claimed_by);
    Reason claimed = reason(phrases, "claimed", {{"user", name}, {"step", title}});
    claimed.values["user"] = task.claimed_by;
    claimed.values["name"] = name;
    out.push_back(std::move(claimed));
  }
  if (!task.due) return;
  Reason date = why_date(told_period(task), phrases);
  date.values["task"] = task.id;
  out.push_back(std::move(date));
}

/// Timers that the chart set for itself; a step's deadline is told with the step.
void explain_timers(const WhyAsked& asked, const Phrases& phrases, std::vector<Reason>& out) {
  const scxml::Chart& chart = *asked.definition.chart;
  for (const TimerRow& timer : asked.timers) {
    const std::string event = string_or(timer.event, "name", string_or(timer.event, "event"));
    if (const std::size_t stage = timer.id.find("/stage/"); stage != std::string::npos) {
      const std::string invoke = timer.id.substr(stage + 7, timer.id.rfind('/') - stage - 7);
      const auto of_invoke = [&](const TaskRow& task) { return task.invoke_id == invoke; };
      if (asked.hides_tasks || std::any_of(asked.tasks.begin(), asked.tasks.end(), of_invoke)) continue;
      const std::string title = title_of(chart, scxml::state_of_invoke(chart, invoke), phrases);
      out.push_back(reason(phrases, "period", {{"step", title}, {"at", format_instant(timer.due - std::chrono::seconds{1})}}));
    } else {
      const std::string delay = scxml::timer_words(chart, event, phrases);
      const Phrases::Fields fields{{"at", format_instant(timer.due)}, {"delay", delay}, {"title", event_title(event, phrases)}};
      out.push_back(reason(phrases, delay.empty() ? "timer_plain" : "timer", fields));
      out.back().values["event"] = event;
    }
    if (const json::object& period = object_or_empty(timer.event, "period"); period.contains("days"))
      out.push_back(why_date(period, phrases));
  }
}

/// Nobody has a task: what the state waits to hear, where there are words for it ("why.event.EVENT"); else the system is at work.
Reason explain_waiting(const WhyAsked& asked, const Phrases& phrases) {
  for (const std::string& event : scxml::events_of(*asked.definition.chart, std::vector<std::string>{asked.session.state})) {
    const std::string code = "event." + event;
    if (phrases.say("why." + code).empty()) continue;
    const Phrases::Fields rank{{"rank", std::to_string(asked.rank)}};
    const bool ranked = asked.rank > 0 && !phrases.say("why." + code + ".ranked", rank).empty();
    return ranked ? reason(phrases, code + ".ranked", rank) : reason(phrases, code, {});
  }
  return reason(phrases, "system", {});
}

std::vector<Day> days_of(const json::object& period, const char* key) {
  std::vector<Day> out;
  for (const json::value& each : array_or_empty(period, key))
    if (const Result<Day> day =
            parse_day(each.is_string() ? std::string_view{each.get_string()} : std::string_view{});
        day)
      out.push_back(*day);
  return out;
}

/// The words of a family for one id; the id in quotes where there are none.
std::string title_in(const char* family, const std::string& id, const Phrases& phrases) {
  const std::string title = phrases.say(family + id);
  return title.empty() ? phrases.quoted(id) : title;
}

}  // namespace

std::string event_title(const std::string& event, const Phrases& phrases) { return title_in("short.", event, phrases); }
std::string outcome_title(const std::string& outcome, const Phrases& phrases) { return title_in("outcome.", outcome, phrases); }
std::string role_title(const std::string& role, const Phrases& phrases) { return title_in("role.", role, phrases); }

Phrases::Fields refusal_fields(const WhyAsked& asked, const TaskRow& task, const Phrases& phrases) {
  Phrases::Fields out{{"who", who_of(asked, task, phrases)}};
  if (!task.claimed_by.empty()) out["holder"] = asked.user_name(task.claimed_by);
  return out;
}

Reason why_date(const json::object& period, const Phrases& phrases) {
  Reason out{.code = "why.date", .text = {}, .values = period};
  if (const std::string until = string_or(period, "until"); !until.empty()) {
    out.text = scxml::capitalised(phrases.say("why.date.until", {{"last", until}}));
    return out;
  }
  const std::string unit = string_or(period, "unit");
  const Result<Day> start = parse_day(string_or(period, "start"));
  const Phrases::Fields fields{
      {"days", std::to_string(int_or(period, "days", 0))}, {"start", string_or(period, "start")}, {"last", string_or(period, "last")}};
  out.text = reason(phrases, "date." + unit + (bool_or(period, "include_start", false) ? "_first" : ""), fields).text;
  for (const char* key : {"skipped", "make_up"})
    if (const std::vector<Day> days = days_of(period, key); start && !days.empty())
      out.text += phrases.say(std::string{"why.date."} + (key[0] == 's' ? "skips" : "make_up"), {{"days", runs_of(days, *start, phrases)}});
  if (bool_or(period, "provisional", false)) out.text += phrases.say("why.date.provisional");
  out.text += phrases.say("why.date.end");
  return out;
}

Result<WhyAsked> gather_why(Queries& queries, const SessionRow& session, const Definition& definition, Instant now,
                            const std::string& only_task, const std::function<bool(const TaskRow&)>& may_hear) {
  const Result<Page<TaskRow>> open = queries.tasks(
      {.memberships = {}, .user = {}, .statuses = {"open", "claimed"}, .session_id = session.id, .kind = {}},
      {.limit = 200, .after = {}});
  if (!open) return open.error();
  Result<std::vector<TimerRow>> timers = queries.timers(session.id);
  if (!timers) return timers.error();
  WhyAsked out{.session = session,
               .definition = definition,
               .tasks = {},
               .timers = {},
               .rank = 0,
               .hides_tasks = false,
               .now = now,
               .org_name = {},
               .user_name = {}};
  out.org_name = [&queries](const std::string& id) {
    const Result<std::optional<OrganisationRow>> org = queries.organisation(id);
    return org && *org ? (*org)->name : id;
  };
  out.user_name = [&queries](const std::string& id) {
    const Result<std::optional<UserRow>> user = queries.user(id);
    return user && *user && !(*user)->name.empty() ? (*user)->name : id;
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
  for (std::size_t i = 0; i < chinese.size(); ++i) {
    json::object each{{"code", chinese[i].code}, {"zh", chinese[i].text}, {"en", english[i].text}, {"values", chinese[i].values}};
    if (const std::string event = string_or(chinese[i].values, "event"); !event.empty())
      each["titles"] = json::object{{"zh", event_title(event, zh)}, {"en", event_title(event, en)}};
    out.push_back(std::move(each));
  }
  return out;
}

std::vector<Reason> why(const WhyAsked& asked, const Phrases& phrases) {
  std::vector<Reason> out;
  const bool ended = asked.session.status != "running";
  Reason stands = reason(phrases, ended ? "ended" : "stands",
                         {{"state", title_of(*asked.definition.chart, asked.session.state, phrases)},
                          {"since", format_instant(asked.session.updated)}});
  stands.values["id"] = asked.session.state;
  out.push_back(std::move(stands));
  if (ended) return out;
  for (const TaskRow& task : asked.tasks) explain_task(asked, task, phrases, out);
  if (asked.hides_tasks) out.push_back(reason(phrases, "others", {}));
  explain_timers(asked, phrases, out);
  if (asked.tasks.empty() && !asked.hides_tasks && out.size() == 1) out.push_back(explain_waiting(asked, phrases));
  return out;
}

}  // namespace chuyi
