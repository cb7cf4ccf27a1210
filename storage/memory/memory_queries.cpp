#include <algorithm>
#include <limits>

#include "engine/ports/cursor.h"
#include "storage/memory/disk.h"

namespace chuyi {
namespace {

constexpr std::size_t kLimitMax = 200;

bool fits(const std::string& wanted, const std::string& value) { return wanted.empty() || wanted == value; }

/// As SQL's LIKE: ASCII letters in either case.
bool contains(const std::string& text, const std::string& part) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), [&](char a, char b) { return lower(a) == lower(b); }) != text.end();
}

bool has(const std::vector<std::string>& all, const std::string& one) { return std::find(all.begin(), all.end(), one) != all.end(); }

using Key = std::pair<std::int64_t, std::string>;

/// One page of `rows` by `key`, ascending, or descending when `newest_first`. Only the page's own rows are copied.
template <class Row, class KeyOf>
Result<Page<Row>> page_by(const std::vector<const Row*>& rows, const PageRequest& request, KeyOf key, bool newest_first = false) {
  using Entry = std::pair<Key, const Row*>;
  const auto before = [&](const Key& a, const Key& b) { return newest_first ? b < a : a < b; };
  std::optional<Key> after;
  if (!request.after.empty()) {
    const Result<Cursor> cursor = parse_cursor(request.after);
    if (!cursor) return cursor.error();
    after.emplace(cursor->number, cursor->id);
  }
  std::vector<Entry> left;
  for (const Row* row : rows)
    if (Key own = key(*row); !after || before(*after, own)) left.emplace_back(std::move(own), row);
  const std::size_t limit = std::min(std::clamp<std::size_t>(request.limit, 1, kLimitMax), left.size());
  std::partial_sort(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(limit), left.end(), [&](const Entry& a, const Entry& b) { return before(a.first, b.first); });
  Page<Row> out;
  for (std::size_t i = 0; i < limit; ++i) out.rows.push_back(*left[i].second);
  if (limit < left.size()) out.next = cursor_text(left[limit - 1].first.first, left[limit - 1].first.second);
  return out;
}

/// The rows that `wanted` keeps, in the order of their keys.
template <class Row, class Wanted>
std::vector<const Row*> pointers_where(const Table<Row>& table, Wanted wanted) {
  std::vector<const Row*> out;
  for (const auto& [key, row] : table)
    if (wanted(row)) out.push_back(&row);
  return out;
}

/// Earliest first, at most `limit`.
template <class Row, class When>
std::vector<Row> due_rows(std::vector<Row> rows, When when, std::size_t limit) {
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) { return when(a) < when(b); });
  if (rows.size() > limit) rows.resize(limit);
  return rows;
}

class MemoryQueries final : public Queries {
 public:
  explicit MemoryQueries(std::shared_ptr<MemoryDisk> disk) : disk_(std::move(disk)) {}

  Result<std::optional<SessionRow>> session(std::string_view id) override { return one(disk_->sessions, id); }

  Result<Page<SessionRow>> sessions(const SessionFilter& filter, const PageRequest& page) override {
    const std::lock_guard lock(disk_->mutex);
    const auto seen = [&](const SessionRow& row) {
      if (filter.orgs.empty() && filter.own.empty() && filter.reviewer.empty()) return true;
      if (has(filter.own, row.org)) return true;
      if (std::any_of(row.orgs.begin(), row.orgs.end(), [&](const std::string& org) { return has(filter.orgs, org); })) return true;
      return !filter.reviewer.empty() && std::any_of(disk_->tasks.begin(), disk_->tasks.end(), [&](const auto& task) {
        return task.second.session_id == row.id && task.second.kind == "sheet" && task.second.user == filter.reviewer &&
               task.second.status != "cancelled" && task.second.outcome != "recuse";
      });
    };
    const auto rows = pointers_where(disk_->sessions, [&](const SessionRow& row) {
      return fits(filter.kind, row.kind) && fits(filter.programme, row.programme) && fits(filter.round, row.round) && fits(filter.status, row.status) &&
             fits(filter.stage, row.stage) && (contains(row.title, filter.text) || contains(row.org_name, filter.text)) && seen(row);
    });
    return page_by(rows, page, [](const SessionRow& row) { return Key{to_ms(row.created), row.id}; });
  }

  Result<std::vector<SessionRow>> applications(std::string_view round, std::string_view after, std::size_t limit) override {
    const std::lock_guard lock(disk_->mutex);
    return applications_of(*disk_, round, after, limit);
  }

  Result<std::optional<TaskRow>> task(std::string_view id) override { return one(disk_->tasks, id); }

  Result<Page<TaskRow>> tasks(const TaskFilter& filter, const PageRequest& page) override {
    const std::lock_guard lock(disk_->mutex);
    return page_by(tasks_where(filter), page, [](const TaskRow& row) { return Key{due_of(row), row.id}; });
  }

  Result<std::vector<TaskCount>> task_counts(const TaskFilter& filter, Instant now) override {
    const std::lock_guard lock(disk_->mutex);
    std::map<std::vector<std::string>, TaskCount> out;
    for (const TaskRow* each : tasks_where(filter)) {
      const TaskRow& row = *each;
      TaskCount& count = out[{row.programme, row.round, row.stage, row.kind, row.status}];
      count = {row.programme, row.round, row.stage, row.kind, row.status, count.count + 1, count.overdue + (due_of(row) < to_ms(now) ? 1 : 0),
               count.mine + (row.claimed_by == filter.user ? 1 : 0)};
    }
    std::vector<TaskCount> counts;
    for (auto& [key, count] : out) counts.push_back(std::move(count));
    return counts;
  }

  Result<std::vector<DocumentRow>> documents(std::string_view session_id) override {
    const std::lock_guard lock(disk_->mutex);
    const auto ids = disk_->documents_of.find(session_id);
    if (ids == disk_->documents_of.end()) return std::vector<DocumentRow>{};
    return rows_among(disk_->documents, ids->second, [](const DocumentRow& row) { return !row.removed; });
  }

  Result<std::optional<BundleRow>> latest_bundle(std::string_view session_id) override {
    const std::lock_guard lock(disk_->mutex);
    std::optional<BundleRow> out;
    for (const auto& [key, row] : disk_->bundles)
      if (row.session_id == session_id && !row.withdrawn && (!out || row.sealed > out->sealed)) out = row;
    return out;
  }

  Result<std::optional<NoticeRow>> notice(std::string_view id) override { return one(disk_->notices, id); }

  Result<Page<NoticeRow>> notices(const NoticeFilter& filter, const PageRequest& page) override {
    const std::lock_guard lock(disk_->mutex);
    const auto rows = pointers_where(disk_->notices, [&](const NoticeRow& row) { return fits(filter.programme, row.programme) && fits(filter.status, row.status); });
    return page_by(rows, page, [](const NoticeRow& row) { return Key{to_ms(row.opens), row.id}; }, true);
  }

  Result<std::vector<ObjectionRow>> objections(std::string_view session_id) override {
    const std::lock_guard lock(disk_->mutex);
    return rows_where(disk_->objections, [&](const ObjectionRow& row) { return row.session_id == session_id; });
  }

  Result<Page<AwardRow>> awards(const AwardFilter& filter, const PageRequest& page) override {
    const std::lock_guard lock(disk_->mutex);
    auto rows = rows_where(disk_->awards, [&](const AwardRow& row) {
      return fits(filter.programme, row.programme) && fits(filter.round, row.round) && fits(filter.status, row.status) &&
             (contains(row.number, filter.text) || contains(row.title, filter.text) || contains(row.org_name, filter.text));
    });
    return by_name(std::move(rows), page, [](const AwardRow& row) { return row.number; });
  }

  Result<std::optional<AwardRow>> award(std::string_view number) override { return one(disk_->awards, number); }

  Result<std::optional<AwardRow>> award_of(std::string_view session_id) override {
    const std::lock_guard lock(disk_->mutex);
    const auto rows = rows_where(disk_->awards, [&](const AwardRow& row) { return row.session_id == session_id; });
    return rows.empty() ? std::nullopt : std::optional{rows.front()};
  }

  Result<std::optional<UserRow>> user(std::string_view id) override { return one(disk_->users, id); }

  Result<std::optional<RecordRow>> record(std::string_view kind, std::string_view id) override {
    const std::lock_guard lock(disk_->mutex);
    return find_record(*disk_, kind, id);
  }

  Result<Page<RecordRow>> records(const RecordFilter& filter, const PageRequest& page) override {
    const std::lock_guard lock(disk_->mutex);
    const std::size_t limit = std::clamp<std::size_t>(page.limit, 1, kLimitMax);
    return by_name(records_where(*disk_, filter, page.after, limit + 1), page, [](const RecordRow& row) { return row.id; });
  }

  Result<Page<UserRow>> users(const PageRequest& page) override {
    const std::lock_guard lock(disk_->mutex);
    return by_name(rows_where(disk_->users, [](const UserRow&) { return true; }), page, [](const UserRow& row) { return row.id; });
  }

  Result<std::optional<LoginRow>> login(std::string_view token_digest) override { return one(disk_->logins, token_digest); }
  Result<std::optional<OrganisationRow>> organisation(std::string_view id) override { return one(disk_->organisations, id); }

  Result<std::vector<OrganisationRow>> organisations() override {
    const std::lock_guard lock(disk_->mutex);
    return rows_where(disk_->organisations, [](const OrganisationRow&) { return true; });
  }

  Result<std::vector<DefinitionRow>> definitions() override {
    const std::lock_guard lock(disk_->mutex);
    return rows_where(disk_->definitions, [](const DefinitionRow&) { return true; });
  }

  Result<std::optional<DefinitionRow>> definition(std::string_view digest) override { return one(disk_->definitions, digest); }
  Result<std::optional<std::string>> setting(std::string_view key) override { return one(disk_->settings, key); }
  Result<std::map<std::string, std::int64_t>> running() override {
    const std::lock_guard lock(disk_->mutex);
    std::map<std::string, std::int64_t> out;
    for (const SessionRow& each : rows_where(disk_->sessions, [](const SessionRow& row) { return row.status == "running" && row.kind != "session"; }))
      ++out[each.definition];
    return out;
  }

  Result<std::vector<TimerRow>> due_timers(Instant now, std::size_t limit) override {
    const std::lock_guard lock(disk_->mutex);
    auto rows = rows_where(disk_->timers, [&](const TimerRow& row) { return row.due <= now; });
    return due_rows(std::move(rows), [](const TimerRow& row) { return row.due; }, limit);
  }

  Result<std::vector<TimerRow>> timers(std::string_view session_id) override {
    const std::lock_guard lock(disk_->mutex);
    auto rows = rows_where(disk_->timers, [&](const TimerRow& row) { return row.session_id == session_id; });
    const std::size_t all = rows.size();
    return due_rows(std::move(rows), [](const TimerRow& row) { return row.due; }, all);
  }

  Result<std::optional<Instant>> next_timer() override {
    const std::lock_guard lock(disk_->mutex);
    std::optional<Instant> out;
    for (const auto& [id, row] : disk_->timers) out = out ? std::min(*out, row.due) : row.due;
    return out;
  }

  Result<std::vector<OutboxRow>> due_outbox(Instant now, std::size_t limit) override {
    const std::lock_guard lock(disk_->mutex);
    auto rows = rows_where(disk_->outbox, [&](const OutboxRow& row) { return row.next_at <= now; });
    return due_rows(std::move(rows), [](const OutboxRow& row) { return row.next_at; }, limit);
  }

  Result<std::vector<AuditRow>> audit(std::string_view session_id, std::int64_t after, std::size_t limit) override {
    const std::lock_guard lock(disk_->mutex);
    std::vector<AuditRow> out;
    for (const AuditRow& row : disk_->audit)
      if (row.seq > after && (session_id.empty() || row.session_id == session_id) && out.size() < limit) out.push_back(row);
    return out;
  }

 private:
  static std::int64_t due_of(const TaskRow& row) { return row.due ? to_ms(*row.due) : std::numeric_limits<std::int64_t>::max(); }

  std::vector<const TaskRow*> tasks_where(const TaskFilter& filter) const {
    const auto mine = [&](const TaskRow& row) {
      if (filter.memberships.empty() && filter.user.empty()) return true;
      if (!filter.user.empty() && row.user == filter.user) return true;
      return row.user.empty() && std::any_of(filter.memberships.begin(), filter.memberships.end(), [&](const Membership& held) {
        return held.org == row.org && held.role == row.role;
      });
    };
    const auto titled = [&](const TaskRow& row) {
      const auto session = disk_->sessions.find(row.session_id);
      return filter.text.empty() ||
             (session != disk_->sessions.end() && (contains(session->second.title, filter.text) || contains(session->second.org_name, filter.text)));
    };
    const auto wanted = [&](const TaskRow& row) {
      return mine(row) && (filter.statuses.empty() || has(filter.statuses, row.status)) && fits(filter.session_id, row.session_id) &&
             fits(filter.kind, row.kind) && (filter.not_kind.empty() || row.kind != filter.not_kind) && fits(filter.programme, row.programme) &&
             fits(filter.round, row.round) && fits(filter.stage, row.stage) && (filter.claimed_by.empty() || (row.claimed_by == filter.claimed_by && row.status == "claimed")) && (!filter.due_before || due_of(row) < to_ms(*filter.due_before)) && titled(row);
    };
    return tasks_among(filter, wanted);
  }

  /// Looks at the session's tasks only, or at open ones in the inboxes asked for only, where that is all that can be wanted.
  template <class Wanted>
  std::vector<const TaskRow*> tasks_among(const TaskFilter& filter, Wanted wanted) const {
    std::set<const TaskRow*> seen;
    std::vector<const TaskRow*> out;
    const auto add = [&](const MemoryDisk::Ids& index, const std::string& key) {
      const auto found = index.find(key);
      if (found == index.end()) return;
      for (const std::string& id : found->second)
        if (const auto row = disk_->tasks.find(id); row != disk_->tasks.end() && wanted(row->second) && seen.insert(&row->second).second) out.push_back(&row->second);
    };
    const bool open_only = !filter.statuses.empty() && std::all_of(filter.statuses.begin(), filter.statuses.end(), [](const std::string& status) { return status == "open" || status == "claimed"; });
    if (!filter.session_id.empty()) {
      add(disk_->tasks_of, filter.session_id);
    } else if (open_only && !(filter.memberships.empty() && filter.user.empty())) {
      if (!filter.user.empty()) add(disk_->open_tasks_for, filter.user);
      for (const Membership& each : filter.memberships) add(disk_->open_tasks_for, holder_of(each));
    } else {
      return pointers_where(disk_->tasks, wanted);
    }
    return out;
  }

  template <class Row>
  Result<std::optional<Row>> one(const Table<Row>& table, std::string_view key) {
    const std::lock_guard lock(disk_->mutex);
    return find_row(table, key);
  }

  /// One page of rows that are in the order of `name` already.
  template <class Row, class Name>
  static Page<Row> by_name(std::vector<Row> rows, const PageRequest& request, Name name) {
    std::erase_if(rows, [&](const Row& row) { return name(row) <= request.after; });
    Page<Row> out;
    const std::size_t limit = std::clamp<std::size_t>(request.limit, 1, kLimitMax);
    if (rows.size() > limit) {
      rows.resize(limit);
      out.next = name(rows.back());
    }
    out.rows = std::move(rows);
    return out;
  }

  std::shared_ptr<MemoryDisk> disk_;
};

}  // namespace

std::vector<SessionRow> applications_of(const MemoryDisk& disk, std::string_view round, std::string_view after, std::size_t limit) {
  std::vector<SessionRow> out;
  for (auto each = disk.sessions.upper_bound(after); each != disk.sessions.end() && out.size() < limit; ++each)
    if (each->second.kind == "application" && each->second.round == round) out.push_back(each->second);
  return out;
}

std::optional<RecordRow> find_record(const MemoryDisk& disk, std::string_view kind, std::string_view id) {
  const auto found = disk.records.find({std::string{kind}, std::string{id}});
  return found == disk.records.end() ? std::nullopt : std::optional{found->second};
}

std::vector<RecordRow> records_where(const MemoryDisk& disk, const RecordFilter& filter, const std::string& after, std::size_t limit) {
  std::vector<RecordRow> out;
  if (!filter.about.empty()) {
    const auto ids = disk.records_about.find({filter.kind, filter.about});
    if (ids == disk.records_about.end()) return out;
    for (auto id = ids->second.upper_bound(after); id != ids->second.end() && out.size() < limit; ++id) out.push_back(disk.records.at({filter.kind, *id}));
    return out;
  }
  for (auto each = disk.records.upper_bound({filter.kind, after}); each != disk.records.end() && each->first.first == filter.kind && out.size() < limit; ++each)
    out.push_back(each->second);
  return out;
}

std::unique_ptr<Queries> make_memory_queries(std::shared_ptr<MemoryDisk> disk) { return std::make_unique<MemoryQueries>(std::move(disk)); }

}  // namespace chuyi
