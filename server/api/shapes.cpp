#include "server/api/shapes.h"

#include <optional>
#include <vector>

#include "engine/base/placeholders.h"
#include "engine/invoke/rows_json.h"
#include "engine/invoke/work_items.h"
#include "engine/runtime/access.h"
#include "engine/scxml/describe.h"

namespace chuyi {
namespace {

json::value instant_text(const std::optional<Instant>& at) { return at ? json::value(format_instant(*at)) : json::value(); }

json::object pick(const json::object& from, std::initializer_list<const char*> keys) {
  json::object out;
  for (const char* key : keys)
    if (const json::value* found = from.if_contains(key)) out[key] = *found;
  return out;
}

std::string stage_of(const Definition* definition, const std::string& state) {
  if (definition != nullptr)
    for (scxml::StateInfo& info : scxml::states_of(*definition->chart))
      if (info.id == state) return std::move(info.stage);
  return "review";  // unknown: the stage that shows least
}

/// Where the task belongs in this version: a migration may have renamed the state that it was opened in.
std::string state_of(const Definition& definition, const TaskRow& task) {
  const std::string& now = scxml::state_of_invoke(*definition.chart, task.invoke_id);
  return now.empty() ? task.state : now;
}

/// A digit of a text, of either width, or the X at the end of an identity number.
struct Digit {
  std::size_t at = 0, bytes = 0;
  char value = 0;
  bool apart = false;  ///< something stands between it and the one before
};

std::optional<Digit> digit_at(const std::string& text, std::size_t at) {
  const char c = text[at];
  if (c >= '0' && c <= '9') return Digit{at, 1, c};
  // U+FF10 to U+FF19
  if (text.compare(at, 2, "\xEF\xBC") == 0 && at + 2 < text.size() && static_cast<unsigned char>(text[at + 2]) >= 0x90 &&
      static_cast<unsigned char>(text[at + 2]) <= 0x99)
    return Digit{at, 3, static_cast<char>('0' + static_cast<unsigned char>(text[at + 2]) - 0x90)};
  return std::nullopt;
}

std::optional<Digit> last_letter_at(const std::string& text, std::size_t at) {
  for (const std::string_view each : {"X", "x", "\uFF38", "\uFF58"})
    if (text.compare(at, each.size(), each) == 0) return Digit{at, each.size(), 'X'};
  return std::nullopt;
}

/// Bytes of what people write between the groups of a number; 0: no such thing.
std::size_t separators_at(const std::string& text, std::size_t at) {
  constexpr int kMost = 3;
  std::size_t end = at;
  for (int taken = 0; taken < kMost; ++taken) {
    std::size_t bytes = 0;
    for (const std::string_view each : {" ", "-", "\t", "\u00A0", "\u3000", ".", "_", "\u00B7", "\u200B", "\u200C", "\u200D", "\uFEFF", "\u2013", "\u2014", "\uFF0D"})
      if (text.compare(end, each.size(), each) == 0) bytes = each.size();
    if (bytes == 0) break;
    end += bytes;
  }
  return end - at;
}

/// The digits from `at` on, with a few separators between two. `joined`: there are none.
std::vector<Digit> digits_from(const std::string& text, std::size_t at, bool& joined) {
  constexpr std::size_t kBeforeLetter = 17;
  std::vector<Digit> out;
  joined = true;
  while (at < text.size()) {
    std::optional<Digit> next = digit_at(text, at);
    const std::size_t gap = next || out.empty() ? 0 : separators_at(text, at);
    if (gap > 0 && at + gap < text.size() && (next = digit_at(text, at + gap))) {
      joined = false;
      next->apart = true;
    }
    if (!next && out.size() >= kBeforeLetter) next = last_letter_at(text, at);
    if (!next) break;
    out.push_back(*next);
    if (next->value == 'X') break;
    at = next->at + next->bytes;
  }
  return out;
}

/// Where a mobile number begins when the digits begin with one: 11 digits together, or 3, 4 and 4, with or without 86.
std::optional<std::size_t> mobile_in(const std::vector<Digit>& digits) {
  constexpr std::size_t kMobile = 11, kSecond = 3, kThird = 7;
  const std::size_t from = digits.size() >= kMobile + 2 && digits[0].value == '8' && digits[1].value == '6' ? 2 : 0;
  const std::size_t end = from + kMobile;
  if (digits.size() < end || digits[from].value != '1' || (digits.size() > end && !digits[end].apart)) return std::nullopt;
  bool joined = true;
  for (std::size_t i = 1; i < end; ++i) {
    if (!digits[i].apart || i == from) continue;
    if (i != from + kSecond && i != from + kThird) return std::nullopt;
    joined = false;
  }
  if (!joined && digits[from + 1].value < '3') return std::nullopt;
  return from;
}

/// 18 characters from the `from`-th on are an identity number: place, birth date, order, check (GB 11643).
bool is_identity(const std::vector<Digit>& digits, std::size_t from) {
  if (from + 18 > digits.size()) return false;
  const auto number = [&](std::size_t at, std::size_t count) {
    int out = 0;
    for (std::size_t i = 0; i < count; ++i) out = out * 10 + (digits[from + at + i].value - '0');
    return out;
  };
  const int year = number(6, 4), month = number(10, 2), day = number(12, 2);
  return digits[from].value >= '1' && digits[from].value <= '8' && year >= 1900 && year < 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

}  // namespace

std::string mask_personal(const std::string& text) {
  constexpr std::size_t kIdentity = 18, kMobile = 11, kIdentityShown = 4, kHiddenFrom = 3, kHiddenTo = 7;
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (!digit_at(text, at)) {
      out += text[at++];
      continue;
    }
    bool joined = true;
    const std::vector<Digit> digits = digits_from(text, at, joined);
    const std::size_t end = digits.back().at + digits.back().bytes;
    std::size_t from = 0;
    while (from + kIdentity <= digits.size() && !is_identity(digits, from)) ++from;
    if (digits.size() == kIdentity && joined) from = 0;  // also one that nobody can have
    if (from + kIdentity <= digits.size()) {
      out += mask_personal(text.substr(at, digits[from].at - at));
      for (std::size_t i = from; i < from + kIdentityShown; ++i) out += digits[i].value;
      out += "**************";
      at = digits[from + kIdentity - 1].at + digits[from + kIdentity - 1].bytes;
    } else if (const std::optional<std::size_t> mobile = mobile_in(digits)) {
      out += text.substr(at, digits[*mobile].at - at);
      for (std::size_t i = 0; i < kMobile; ++i) out += i >= kHiddenFrom && i < kHiddenTo ? '*' : digits[*mobile + i].value;
      at = digits[*mobile + kMobile - 1].at + digits[*mobile + kMobile - 1].bytes;
    } else if (joined) {
      out += text.substr(at, end - at);
      at = end;
    } else {  // groups that are no identity number together
      const std::size_t group = digits[0].at + digits[0].bytes;
      std::size_t last = group;
      for (std::size_t i = 1; i < digits.size() && digits[i].at == last; ++i) last += digits[i].bytes;
      out += mask_personal(text.substr(at, last - at));
      at = last;
    }
  }
  return out;
}

NoticeRow published(NoticeRow row) {
  for (auto& field : row.fields)
    if (field.value().is_string()) field.value() = mask_personal(std::string{field.value().get_string()});
  return row;
}

AwardRow published(AwardRow row) {
  row.title = mask_personal(row.title);
  row.org_name = mask_personal(row.org_name);
  return row;
}

json::object state_titles(const Definition* definition, const std::string& state) {
  if (definition != nullptr)
    for (const scxml::StateInfo& info : scxml::states_of(*definition->chart))
      if (info.id == state) return {{"zh", info.title_zh}, {"en", info.title_en}};
  return {{"zh", state}, {"en", state}};
}

json::object programme_json(const Definition& definition, const json::object& plugins) {
  json::object out{{"id", definition.programme}, {"version", definition.version}, {"digest", definition.digest}};
  out["enabled"] = !bool_or(object_or_empty(plugins, definition.programme), "disabled", false);
  for (auto& member : pick(definition.manifest, {"titles", "aliases", "description", "quota", "term_years", "rounds", "documents", "documents_max",
                                                 "rubric", "publicity", "panel", "annual_check", "numbering"}))
    out[member.key()] = member.value();
  json::array forms;
  for (const auto& [id, form] : definition.compiled_forms) forms.emplace_back(id);
  out["forms"] = std::move(forms);
  return out;
}

json::object application_json(const SessionRow& session, const Definition* definition) {
  return {{"id", session.id},
          {"programme", session.programme},
          {"round", session.round},
          {"title", session.title},
          {"org", session.org},
          {"org_name", session.org_name},
          {"status", session.status},
          {"stage", session.stage},
          {"state", session.state},
          {"state_titles", state_titles(definition, session.state)},
          {"created", format_instant(session.created)},
          {"updated", format_instant(session.updated)},
          {"revision", static_cast<std::int64_t>(session.revision)}};
}

json::object task_json(const TaskRow& task, const SessionRow* session, const Definition* definition) {
  json::object out{{"id", task.id},
                   {"kind", task.kind},
                   {"state", task.state},
                   {"role", task.role},
                   {"org", task.org},
                   {"user", task.user},
                   {"status", task.status},
                   {"claimed_by", task.claimed_by},
                   {"done_by", task.done_by},
                   {"done_for", task.done_for},
                   {"return_to", to_json(task.return_to)},
                   {"form", task.form},
                   {"outcomes", to_json(task.outcomes)},
                   {"outcome", task.outcome},
                   {"due", instant_text(task.due)},
                   {"due_provisional", task.due_provisional},
                   {"period", told_period(task)},
                   {"created", format_instant(task.created)},
                   {"done", instant_text(task.done)},
                   {"data", task.data},
                   {"revision", static_cast<std::int64_t>(task.revision)}};
  out["application"] = session == nullptr ? json::object{{"id", task.session_id}}
                                          : json::object{{"id", session->id},
                                                         {"title", session->title},
                                                         {"org_name", session->org_name},
                                                         {"programme", session->programme},
                                                         {"round", session->round}};
  if (definition != nullptr) out["titles"] = state_titles(definition, state_of(*definition, task));
  return out;
}

json::object replied_task(const Reply& reply, const SessionRow& session, const Definition* definition) {
  return task_json(task_from_json(object_or_empty(reply.body.as_object(), "task")), &session, definition);
}

json::object document_json(const DocumentRow& row) {
  return {{"id", row.id},
          {"kind", row.kind},
          {"name", row.name},
          {"media_type", row.media_type},
          {"digest", row.digest},
          {"size", static_cast<std::int64_t>(row.size)},
          {"added", format_instant(row.added)},
          {"added_by", row.added_by}};
}

int remaining_days(const NoticeRow& row, const Calendar& calendar, Instant now) {
  if (row.status != "open") return 0;
  const bool working = row.rule.find("\"working\"") != std::string::npos;
  int out = 0;
  for (Day day = day_in_shanghai(now); day <= row.last_day; day += std::chrono::days{1})
    out += !working || calendar.is_working_day(day) ? 1 : 0;
  return out;
}

/// What the package says above its notices, {"zh","en"}; empty texts where it says nothing.
json::object lead_of(const NoticeRow& row, const Definition* definition) {
  json::object out{{"zh", ""}, {"en", ""}};
  if (definition == nullptr) return out;
  const json::object& own = object_or_empty(object_or_empty(definition->manifest, "texts"), "notice.lead");
  for (const char* language : {"zh", "en"})
    out[language] = fill_placeholders(string_or(own, language), [&](const std::string& name) {
      return name == "programme" ? string_or(object_or_empty(definition->manifest, "titles"), language)
             : name == "round"   ? row.round
             : name == "opens"   ? format_day(day_in_shanghai(row.opens))
                                 : format_day(row.last_day);
    });
  return out;
}

json::object notice_json(const NoticeRow& row, const Definition* definition, const Calendar& calendar, Instant now) {
  const Result<json::value> parsed = parse_json(row.rule, kStoredJson, "rule");
  const json::object rule = parsed && parsed->is_object() ? parsed->get_object() : json::object{};
  const std::string days = std::to_string(int_or(rule, "days", 0));
  const bool working = string_or(rule, "unit") == "working";
  const bool first = bool_or(rule, "include_start", false);
  const json::object& publicity = definition == nullptr ? rule : object_or_empty(definition->manifest, "publicity");
  return {{"id", row.id},
          {"programme", row.programme},
          {"round", row.round},
          {"fields", published(row).fields},
          {"labels", object_or_empty(publicity, "labels")},
          {"lead", lead_of(row, definition)},
          {"opens", format_instant(row.opens)},
          {"last_day", format_day(row.last_day)},
          {"provisional", row.provisional},
          {"rule", json::object{{"zh", "公示" + days + (working ? "个工作日" : "个自然日") +
                                           (first ? "，含首日" : "，自次日起算")},
                                {"en", days + (working ? " working days, " : " natural days, ") +
                                           (first ? "the first day counted" : "counted from the next day")}}},
          {"status", row.status},
          {"remaining_days", remaining_days(row, calendar, now)}};
}

json::object award_json(const AwardRow& stored) {
  const AwardRow row = published(stored);
  return {{"number", row.number},   {"programme", row.programme}, {"round", row.round},
          {"title", row.title},     {"org", row.org},             {"org_name", row.org_name},
          {"granted", format_day(row.granted)}, {"term_years", row.term_years}, {"ends", format_day(row.ends)},
          {"status", row.status},   {"checks", row.checks}};
}

json::object user_json(const UserRow& row) {
  return {{"id", row.id}, {"name", row.name}, {"memberships", to_json(row.memberships)}, {"disabled", row.disabled}};
}

json::object audit_record(const AuditRow& row) {
  const Result<json::value> parsed = parse_json(row.record, kStoredJson, "record");
  return parsed && parsed->is_object() ? parsed->get_object() : json::object{};
}

json::object archived_json(const AuditRow& row, const std::string& bag, const Texts& texts) {
  return {{"seq", row.seq},
          {"kind", "archived"},
          {"archive", bag},
          {"summary", json::object{{"zh", texts.get("history.archived", "zh")},
                                   {"en", texts.get("history.archived", "en")}}}};
}

std::string signed_task(const json::object& record) {
  return string_or(record, "kind") == "task.complete" || string_or(record, "kind") == "task.return"
             ? string_or(record, "task")
             : std::string{};
}

json::object history_json(const AuditRow& row, const json::object& record, const TaskRow* task,
                          const Actor& viewer, const SessionRow& session, bool panel_open,
                          const Definition* definition, const Texts& texts) {
  const std::string kind = string_or(record, "kind");
  const std::string task_kind = string_or(record, "task_kind");
  const json::object& data = object_or_empty(record, "data");
  const json::object& actor = object_or_empty(record, "actor");
  const bool named = may_see_actor(viewer, session, task_kind) || string_or(actor, "id") == "system";
  std::string code = "history." + kind;
  if (!task_kind.empty() && kind == "task.complete") code += "." + task_kind;
  json::array entered;
  for (const json::value& state : array_or_empty(record, "entered"))
    entered.push_back(json::object{{"state", state}, {"titles", state_titles(definition, std::string{state.as_string()})}});
  json::object out{{"seq", row.seq},
                   {"at", format_instant(from_ms(int_or(record, "at", 0)))},
                   {"kind", kind},
                   {"task_kind", task_kind},
                   {"stage", string_or(record, "stage")},
                   {"state", string_or(record, "state")},
                   {"entered", std::move(entered)},
                   {"exited", array_or_empty(record, "exited")},
                   {"errors", array_or_empty(record, "errors")},
                   {"outcome", string_or(data, "outcome")},
                   {"summary", json::object{{"zh", texts.get(code, "zh")}, {"en", texts.get(code, "en")}}}};
  if (task != nullptr &&
      may_see_opinion(
          viewer, session, task->kind,
          stage_of(definition, definition == nullptr ? task->state : state_of(*definition, *task))))
    if (std::string opinion = string_or(task->data, "opinion"); !opinion.empty()) out["opinion"] = std::move(opinion);
  if (task != nullptr && task->kind == "task" && named)
    if (const json::object& leader = object_or_empty(task->data, "leader"); leader.contains("from") && leader.contains("to")) out["leader"] = leader;
  if (may_see_audit_hash(viewer, session, panel_open)) out["hash"] = row.hash;
  if (named) out["actor"] = json::object{{"id", string_or(actor, "id")}, {"name", string_or(actor, "name")}};
  if (const std::string principal = string_or(data, "on_behalf_of"); named && !principal.empty())
    out["on_behalf_of"] = json::object{{"id", principal}, {"name", string_or(data, "on_behalf_of_name", principal)}};
  if (const std::string batch = string_or(data, "batch"); named && !batch.empty()) out["batch"] = batch;
  return out;
}

}  // namespace chuyi
