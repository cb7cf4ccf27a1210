#pragma once

#include <functional>
#include <map>
#include <string>

#include "engine/base/calendar.h"
#include "engine/invoke/handler.h"
#include "engine/ports/store.h"

namespace chuyi {

/// What stages read beyond the session, journalled: the first answer to each question is kept in
/// `reads`, and a replay answers from it.
class JournalView final : public StageView {
 public:
  /// A live command: answers come from the store and the calendar.
  JournalView(View& view, const Calendar& calendar) : view_(&view), calendar_(&calendar) {}
  /// A replay: answers come from the journal. A question that was not asked then gets the empty answer.
  explicit JournalView(json::object reads, std::string http_secret = {}) : reads_(std::move(reads)), http_secret_(std::move(http_secret)) {}

  std::vector<Membership> memberships(std::string_view user_id) override;
  std::int64_t series(std::string_view name) override;
  std::optional<RecordRow> record(std::string_view kind, std::string_view id) override;
  std::vector<RecordRow> records(std::string_view kind, std::string_view about) override;
  void share_series(std::string_view name) override;
  json::object task_data(std::string_view task_id) override;
  std::string person(std::string_view identity) override;
  CalendarDate end_of(Day start, const Period& period) override;

  /// What the keys of http_key() are made of. Not journalled: it stays in the store's settings.
  const std::string& http_secret();
  /// Does a session of this id run?
  bool is_running(const std::string& session_id);

  /// Later reads of this command see the value; it is not journalled again.
  void set_series(const std::string& name, std::int64_t value) { changed_series_[name] = value; }
  const std::map<std::string, std::int64_t>& changed_series() const { return changed_series_; }
  /// As set_series().
  void set_record(const RecordRow& row) { changed_records_.insert_or_assign({row.kind, row.id}, row); }
  const json::object& reads() const { return reads_; }

 private:
  const json::value& answer(const std::string& question, const std::function<json::value()>& ask);

  View* view_ = nullptr;
  const Calendar* calendar_ = nullptr;
  json::object reads_;
  std::string http_secret_;
  std::map<std::string, std::int64_t> changed_series_;
  std::map<std::pair<std::string, std::string>, RecordRow> changed_records_;
};

/// A person as the rules of conflict compare persons: a digest of an identity number (or what else a form has of a person that is the
/// same everywhere), keyed with a secret of this installation, so that numbers cannot be tried. Empty for an empty text.
std::string person_digest(std::string_view secret, std::string_view identity);

/// Whoever sends a message to the session has to know it (`?key=` of its location).
std::string http_key(const std::string& secret, const std::string& session_id);
inline constexpr const char* kHttpSecretSetting = "http_secret";
/// Where the manual clock stands, in milliseconds.
inline constexpr const char* kManualClockSetting = "manual_clock";

}  // namespace chuyi
