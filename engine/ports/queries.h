#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/ports/store.h"

namespace chuyi {

/// A page of rows; `next` continues after its last row and is empty at the end.
template <class Row>
struct Page {
  std::vector<Row> rows;
  std::string next;
};
struct PageRequest {
  std::size_t limit = 50;  ///< 1–200
  std::string after;       ///< `next` of the page before; opaque. Bad ones: `invalid` "page.cursor"
};

/// Empty fields do not filter.
struct SessionFilter {
  std::string kind = {};
  std::string programme;
  std::string round;
  std::string status;
  std::string stage;
  std::string text;                ///< part of the title or the organisation's name
  // Of these three any one that holds is enough:
  std::vector<std::string> orgs = {};  ///< any of these is in SessionRow::orgs
  std::vector<std::string> own = {};   ///< any of these is SessionRow::org itself
  std::string reviewer = {};           ///< has a sheet of this user, neither cancelled nor recused from
};
struct TaskFilter {
  std::vector<Membership> memberships;  ///< tasks for any of these …
  std::string user;                     ///< … or for this user by name; neither: everybody's
  std::vector<std::string> statuses;    ///< e.g. {"open","claimed"}
  std::string session_id;
  std::string kind;
  std::string not_kind = {};
  std::string programme = {};
  std::string round = {};
  std::string stage = {};
  std::string claimed_by = {};                 ///< claimed now
  std::string text = {};                       ///< part of the application's title or its organisation's name
  std::optional<Instant> due_before = {};
};
/// How many tasks are alike in an inbox.
struct TaskCount {
  std::string programme;
  std::string round;
  std::string stage;
  std::string kind;
  std::string status;
  std::int64_t count = 0;
  std::int64_t overdue = 0;  ///< of them, due before now
  std::int64_t mine = 0;     ///< of them, claimed by TaskFilter::user
};
struct NoticeFilter {
  std::string programme;
  std::string status;
};
struct AwardFilter {
  std::string programme;
  std::string round;
  std::string status;
  std::string text;  ///< part of number, title or organisation name
};
struct RecordFilter {
  std::string kind;  ///< always given
  std::string about;
};
struct AuditRow {
  std::int64_t seq = 0;
  std::string session_id;  ///< empty: not about one session
  std::string record;      ///< canonical JSON, holds "seq" and "session" too
  std::string hash;        ///< hex
};

/// Reads for lists and pages, outside any command: each call sees one committed state. Thread-safe.
/// Errors of every call: `unavailable` "store.io".
class Queries {
 public:
  virtual ~Queries() = default;
  virtual Result<std::optional<SessionRow>> session(std::string_view id) = 0;
  virtual Result<Page<SessionRow>> sessions(const SessionFilter& filter, const PageRequest& page) = 0;
  /// The applications of a round, whatever their status, ordered by id, after `after`, at most `limit`.
  virtual Result<std::vector<SessionRow>> applications(std::string_view round, std::string_view after, std::size_t limit) = 0;
  virtual Result<std::optional<TaskRow>> task(std::string_view id) = 0;
  /// Ordered by due date (none last), then id.
  virtual Result<Page<TaskRow>> tasks(const TaskFilter& filter, const PageRequest& page) = 0;
  /// The same tasks counted by what they are, in no order that means anything.
  virtual Result<std::vector<TaskCount>> task_counts(const TaskFilter& filter, Instant now) = 0;
  virtual Result<std::vector<DocumentRow>> documents(std::string_view session_id) = 0;
  /// Of those that are not withdrawn.
  virtual Result<std::optional<BundleRow>> latest_bundle(std::string_view session_id) = 0;
  virtual Result<std::optional<NoticeRow>> notice(std::string_view id) = 0;
  /// Newest first.
  virtual Result<Page<NoticeRow>> notices(const NoticeFilter& filter, const PageRequest& page) = 0;
  virtual Result<std::vector<ObjectionRow>> objections(std::string_view session_id) = 0;
  /// Ordered by number.
  virtual Result<Page<AwardRow>> awards(const AwardFilter& filter, const PageRequest& page) = 0;
  virtual Result<std::optional<AwardRow>> award(std::string_view number) = 0;
  virtual Result<std::optional<AwardRow>> award_of(std::string_view session_id) = 0;
  virtual Result<std::optional<UserRow>> user(std::string_view id) = 0;
  virtual Result<Page<UserRow>> users(const PageRequest& page) = 0;
  virtual Result<std::optional<LoginRow>> login(std::string_view token_digest) = 0;
  virtual Result<std::optional<OrganisationRow>> organisation(std::string_view id) = 0;
  virtual Result<std::vector<OrganisationRow>> organisations() = 0;
  virtual Result<std::vector<DefinitionRow>> definitions() = 0;
  virtual Result<std::optional<DefinitionRow>> definition(std::string_view digest) = 0;
  virtual Result<std::optional<std::string>> setting(std::string_view key) = 0;
  virtual Result<std::optional<RecordRow>> record(std::string_view kind, std::string_view id) = 0;
  /// Ordered by id.
  virtual Result<Page<RecordRow>> records(const RecordFilter& filter, const PageRequest& page) = 0;
  /// How many applications and rounds run on each definition: digest → number. Looks at every session.
  virtual Result<std::map<std::string, std::int64_t>> running() = 0;
  /// Timers due at or before `now`, earliest first, at most `limit`.
  virtual Result<std::vector<TimerRow>> due_timers(Instant now, std::size_t limit) = 0;
  /// Every timer of one session, earliest first.
  virtual Result<std::vector<TimerRow>> timers(std::string_view session_id) = 0;
  /// When the next timer is due, if there is one.
  virtual Result<std::optional<Instant>> next_timer() = 0;
  virtual Result<std::vector<OutboxRow>> due_outbox(Instant now, std::size_t limit) = 0;
  /// What is due, for the one who opened this store: until `lease` has passed no other node gets it, and once another
  /// has, View shows it as `elsewhere` here. Of one session only the first, so that nodes beside each other keep its
  /// order. A store of one node has nobody to keep out.
  virtual Result<std::vector<TimerRow>> claim_timers(Instant now, std::size_t limit, std::chrono::milliseconds /*lease*/) { return due_timers(now, limit); }
  virtual Result<std::vector<OutboxRow>> claim_outbox(Instant now, std::size_t limit, std::chrono::milliseconds /*lease*/) { return due_outbox(now, limit); }
  /// Audit rows of one session (all when empty) with seq > `after`, ascending, at most `limit`.
  virtual Result<std::vector<AuditRow>> audit(std::string_view session_id, std::int64_t after, std::size_t limit) = 0;
};

}  // namespace chuyi
