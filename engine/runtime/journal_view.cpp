#include "engine/runtime/journal_view.h"

#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"

namespace chuyi {

const json::value& JournalView::answer(const std::string& question, const std::function<json::value()>& ask) {
  const auto found = reads_.find(question);
  if (found != reads_.end()) return found->value();
  return reads_.emplace(question, view_ == nullptr ? json::value() : ask()).first->value();
}

std::vector<Membership> JournalView::memberships(std::string_view user_id) {
  const json::value& read = answer("memberships:" + std::string{user_id}, [&]() -> json::value {
    const std::optional<UserRow> user = view_->user(user_id);
    if (!user || user->disabled) return json::array{};
    return to_json(user->memberships);
  });
  return read.is_array() ? memberships_from_json(read.get_array()) : std::vector<Membership>{};
}

std::int64_t JournalView::series(std::string_view name) {
  const auto changed = changed_series_.find(std::string{name});
  if (changed != changed_series_.end()) return changed->second;
  const json::value& read = answer("series:" + std::string{name}, [&]() -> json::value { return view_->series(name); });
  return read.is_int64() ? read.get_int64() : 0;
}

std::optional<RecordRow> JournalView::record(std::string_view kind, std::string_view id) {
  const auto changed = changed_records_.find({std::string{kind}, std::string{id}});
  if (changed != changed_records_.end()) return changed->second;
  const json::value& read = answer("record:" + std::string{kind} + "/" + std::string{id}, [&]() -> json::value {
    const std::optional<RecordRow> row = view_->record(kind, id);
    return row ? json::value(to_json(*row)) : json::value();
  });
  return read.is_object() ? std::optional{record_from_json(read.get_object())} : std::nullopt;
}

std::vector<RecordRow> JournalView::records(std::string_view kind, std::string_view about) {
  const json::value& read = answer("records:" + std::string{kind} + "/" + std::string{about}, [&]() -> json::value {
    json::array rows;
    for (const RecordRow& row : view_->records(kind, about)) rows.push_back(to_json(row));
    return rows;
  });
  std::map<std::string, RecordRow> rows;
  if (read.is_array())
    for (const json::value& each : read.get_array()) {
      RecordRow row = record_from_json(each.get_object());
      rows.insert_or_assign(row.id, std::move(row));
    }
  for (const auto& [key, row] : changed_records_)
    if (row.kind == kind) row.about == about ? void(rows.insert_or_assign(row.id, row)) : void(rows.erase(row.id));
  std::vector<RecordRow> out;
  for (auto& [id, row] : rows) out.push_back(std::move(row));
  return out;
}

void JournalView::share_series(std::string_view name) {
  if (view_ != nullptr && !changed_series_.contains(std::string{name})) view_->share_series(name);
}

json::object JournalView::task_data(std::string_view task_id) {
  if (view_ == nullptr) return {};
  std::optional<TaskRow> task = view_->task(task_id);
  return task ? std::move(task->data) : json::object{};
}

const std::string& JournalView::http_secret() {
  if (http_secret_.empty() && view_ != nullptr) http_secret_ = view_->setting(kHttpSecretSetting).value_or(std::string{});
  return http_secret_;
}

std::string person_digest(std::string_view secret, std::string_view identity) {
  if (identity.empty()) return {};
  return sha256_hex(std::string{secret} + "\nperson\n" + std::string{identity});
}

std::string JournalView::person(std::string_view identity) { return person_digest(http_secret(), identity); }

std::string http_key(const std::string& secret, const std::string& session_id) { return sha256_hex(secret + "/" + session_id).substr(0, 40); }

bool JournalView::is_running(const std::string& session_id) {
  const json::value& read = answer("running:" + session_id, [&]() -> json::value {
    const std::optional<SessionRow> session = view_->shared_session(session_id);
    return session && session->status == "running";
  });
  return read.is_bool() && read.get_bool();
}

namespace {

json::array days_json(const std::vector<Day>& days) {
  json::array out;
  for (const Day day : days) out.emplace_back(format_day(day));
  return out;
}

std::vector<Day> days_of(const json::object& read, const char* key) {
  std::vector<Day> out;
  for (const json::value& each : array_or_empty(read, key))
    if (const Result<Day> day = parse_day(each.is_string() ? std::string_view{each.get_string()} : std::string_view{}); day) out.push_back(*day);
  return out;
}

}  // namespace

CalendarDate JournalView::end_of(Day start, const Period& period) {
  const std::string question = "end_of:" + format_day(start) + ":" + std::to_string(period.days) +
                               (period.unit == DayUnit::working ? ":working" : ":natural") +
                               (period.include_start ? ":included" : ":excluded");
  const json::value& read = answer(question, [&]() -> json::value {
    const CalendarDate end = calendar_->end_of(start, period);
    return json::object{{"day", format_day(end.day)},
                        {"provisional", end.provisional},
                        {"skipped", days_json(end.skipped)},
                        {"make_up", days_json(end.make_up)},
                        {"years", json::array(end.years.begin(), end.years.end())}};
  });
  CalendarDate out{.day = start};
  if (!read.is_object()) return out;
  const json::object& found = read.get_object();
  if (const Result<Day> day = parse_day(string_or(found, "day")); day) out.day = *day;
  out.provisional = bool_or(found, "provisional", false);
  out.skipped = days_of(found, "skipped");
  out.make_up = days_of(found, "make_up");
  out.explained = found.contains("years");
  for (const json::value& year : array_or_empty(found, "years"))
    if (year.is_int64()) out.years.push_back(static_cast<int>(year.get_int64()));
  return out;
}

}  // namespace chuyi
