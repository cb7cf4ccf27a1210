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
  explicit JournalView(json::object reads) : reads_(std::move(reads)) {}

  std::vector<Membership> memberships(std::string_view user_id) override;
  std::int64_t series(std::string_view name) override;
  json::object task_data(std::string_view task_id) override;
  CalendarDate end_of(Day start, const Period& period) override;

  /// Does a session of this id run?
  bool is_running(const std::string& session_id);

  /// Later reads of this command see the value; it is not journalled again.
  void set_series(const std::string& name, std::int64_t value) { changed_series_[name] = value; }
  const std::map<std::string, std::int64_t>& changed_series() const { return changed_series_; }
  const json::object& reads() const { return reads_; }

 private:
  const json::value& answer(const std::string& question, const std::function<json::value()>& ask);

  View* view_ = nullptr;
  const Calendar* calendar_ = nullptr;
  json::object reads_;
  std::map<std::string, std::int64_t> changed_series_;
};

}  // namespace chuyi
