#include "storage/sqlite/sqlite_queries.h"

#include <algorithm>
#include <variant>

#include "engine/invoke/rows_json.h"
#include "engine/ports/cursor.h"
#include "storage/sqlite/rows.h"

namespace chuyi::sqlite {
namespace {

constexpr std::size_t kIdleMax = 8;
constexpr std::size_t kLimitMax = 200;
/// Kinds of tasks that an inbox is counted by.
constexpr std::size_t kGroupsMax = 10'000;

/// `text` as a LIKE pattern that finds it anywhere.
std::string contains_pattern(const std::string& text) {
  std::string out = "%";
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '\\') out += '\\';
    out += c;
  }
  return out + "%";
}

/// A WHERE clause put together from parts, each with its parameters. Values are bound, never part of the text.
class Where {
 public:
  void add(const std::string& condition, std::vector<std::string> parameters = {}) {
    sql_ += (sql_.empty() ? " WHERE " : " AND ") + condition;
    for (std::string& each : parameters) parameters_.emplace_back(std::move(each));
  }
  /// `condition` compares a number and an id with "(?, ?)".
  void after(const std::string& condition, const Cursor& cursor) {
    add(condition);
    parameters_.emplace_back(cursor.number);
    parameters_.emplace_back(cursor.id);
  }
  void number(const std::string& condition, std::int64_t value) {
    add(condition);
    parameters_.emplace_back(value);
  }
  void equal(const char* column, const std::string& value) {
    if (!value.empty()) add(std::string{column} + " = ?", {value});
  }
  /// LIKE takes letters in either case; where there are none, the same is found in half the time.
  void contains(const std::string& column, const std::string& text) {
    if (std::any_of(text.begin(), text.end(), [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }))
      add(column + " LIKE ? ESCAPE '\\'", {contains_pattern(text)});
    else if (!text.empty())
      add("instr(" + column + ", ?) > 0", {text});
  }
  const std::string& sql() const { return sql_; }
  /// Binds the parameters, then `limit`: the statement ends with "LIMIT ?".
  void bind(Connection::Row& row, std::size_t limit) const {
    for (const auto& each : parameters_) std::visit([&](const auto& value) { row.bind(value); }, each);
    row.bind(static_cast<std::int64_t>(limit));
  }

 private:
  std::string sql_;
  std::vector<std::variant<std::string, std::int64_t>> parameters_;
};

std::string placeholders(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += i == 0 ? "?" : ",?";
  return "(" + out + ")";
}

std::size_t bounded(std::size_t limit) { return std::clamp<std::size_t>(limit, 1, kLimitMax); }

struct BadCursor {
  Error error;
};
Cursor cursor_of(const PageRequest& page) {
  Result<Cursor> out = parse_cursor(page.after);
  if (!out) throw BadCursor{out.error()};
  return *std::move(out);
}

/// Keeps `limit` of limit + 1 rows and says where the next page starts.
template <class Row, class Key>
Page<Row> cut(std::vector<Row> rows, std::size_t limit, Key key) {
  Page<Row> out;
  if (rows.size() > limit) {
    rows.resize(limit);
    out.next = key(rows.back());
  }
  out.rows = std::move(rows);
  return out;
}

}  // namespace

std::unique_ptr<Connection> SqliteQueries::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Connection> out = std::move(idle_.back());
      idle_.pop_back();
      return out;
    }
  }
  auto out = std::make_unique<Connection>(path_, SQLITE_OPEN_READWRITE, vfs_);
  out->execute("PRAGMA wal_autocheckpoint=0");
  out->execute("PRAGMA query_only=ON");
  out->use_memory(cache_mb_ * 1024 / 2 / kIdleMax, mmap_mb_);
  // The last connection to close would checkpoint and delete the log: that is the writer's to do.
  sqlite3_db_config(out->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return out;
}

void SqliteQueries::give(std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleMax) idle_.push_back(std::move(connection));
}

template <class T>
Result<T> SqliteQueries::read(const std::function<T(Connection&)>& read) {
  try {
    std::unique_ptr<Connection> connection = take();
    connection->repeat("BEGIN");
    T out = read(*connection);
    connection->repeat("COMMIT");
    give(std::move(connection));
    return out;
  } catch (const Failure& failure) {
    return error_of(failure);
  } catch (const BadCursor& bad) {
    return bad.error;
  }
}

Result<std::optional<SessionRow>> SqliteQueries::session(std::string_view id) {
  return read<std::optional<SessionRow>>([&](Connection& db) { return find_session(db, id); });
}

namespace {

/// A list that comes from several places, each read in the list's order and no further than its page: what a page costs
/// does not grow with the rows behind it.
class Branches {
 public:
  /// @param from   "SELECT … FROM …"
  /// @param order  "a, b": what the list is ordered by
  void add(const std::string& from, const Where& where, const std::string& order) {
    sql_ += (sql_.empty() ? "" : " UNION ") + ("SELECT * FROM (" + from + where.sql() + " ORDER BY " + order + " LIMIT ?)");
    wheres_.push_back(where);
  }
  bool empty() const { return wheres_.empty(); }
  /// @param order  that of the whole list.
  std::string sql(const std::string& order) const { return sql_ + " ORDER BY " + order + " LIMIT ?"; }
  void bind(Connection::Row& row, std::size_t limit) const {
    for (const Where& each : wheres_) each.bind(row, limit);
    row.bind(static_cast<std::int64_t>(limit));
  }

 private:
  std::string sql_;
  std::vector<Where> wheres_;
};

}  // namespace

Result<Page<SessionRow>> SqliteQueries::sessions(const SessionFilter& filter, const PageRequest& page) {
  return read<Page<SessionRow>>([&](Connection& db) {
    Branches branches;
    /// `title` holds the organisation's name too.
    const auto add = [&](const char* id, const std::string& from, Where where, const char* title, const char* order = "created, ") {
      where.equal("kind", filter.kind);
      where.equal("programme", filter.programme);
      where.equal("round", filter.round);
      where.equal("status", filter.status);
      where.equal("stage", filter.stage);
      where.contains(title, filter.text);
      if (!page.after.empty()) where.after(std::string{"(created, "} + id + ") > (?, ?)", cursor_of(page));
      branches.add(std::string{"SELECT created, "} + id + " AS id FROM " + from, where, order + std::string{id});
    };
    const auto of_org = [&](const std::string& org, const char* level) {
      Where where;
      where.add(std::string{"org = ?"} + level, {org});
      add("session_id", "session_orgs", std::move(where), "title");
    };
    for (const std::string& org : filter.orgs) of_org(org, "");
    for (const std::string& org : filter.own) of_org(org, " AND level = 0");
    if (!filter.reviewer.empty()) {
      Where where;
      where.add("level = 0 AND session_id IN (SELECT session_id FROM tasks WHERE user = ? AND user <> '' AND kind = 'sheet' AND status <> 'cancelled' AND body ->> '$.outcome' <> 'recuse')",
                {filter.reviewer});
      add("session_id", "session_orgs", std::move(where), "title", "+created, ");  // their own few, not every one in its order
    }
    if (branches.empty()) add("id", "sessions", {}, "(title || char(10) || org_name)");
    const std::size_t limit = bounded(page.limit);
    auto row = db.prepare(std::string{"SELECT "} + kSessionColumns + " FROM (" + branches.sql("created, id") + ") k JOIN sessions s ON s.id = k.id ORDER BY k.created, k.id");
    branches.bind(row, limit + 1);
    std::vector<SessionRow> rows;
    while (row.step()) rows.push_back(read_session(db, row));
    return cut(std::move(rows), limit,
               [](const SessionRow& last) { return cursor_text(to_ms(last.created), last.id); });
  });
}

Result<std::vector<SessionRow>> SqliteQueries::applications(std::string_view round, std::string_view after, std::size_t limit) {
  return read<std::vector<SessionRow>>([&](Connection& db) {
    auto row = db.prepare(std::string{"SELECT "} + kSessionColumns + " FROM sessions s WHERE s.round = ? AND s.kind = 'application' AND s.id > ? ORDER BY s.id LIMIT ?");
    row.bind(round).bind(after).bind(static_cast<std::int64_t>(bounded(limit)));
    std::vector<SessionRow> out;
    while (row.step()) out.push_back(read_session(db, row));
    return out;
  });
}

Result<std::optional<TaskRow>> SqliteQueries::task(std::string_view id) {
  return read<std::optional<TaskRow>>([&](Connection& db) -> std::optional<TaskRow> {
    const auto body = find_body(db, "SELECT body FROM tasks WHERE id = ?", id);
    if (!body) return std::nullopt;
    return task_from_json(*body);
  });
}

namespace {

/// What tasks and their totals are filtered by, beside whose they are.
void narrow(Where& where, const TaskFilter& filter) {
  where.equal("kind", filter.kind);
  if (!filter.not_kind.empty()) where.add("kind <> ?", {filter.not_kind});
  where.equal("programme", filter.programme);
  where.equal("round", filter.round);
  where.equal("stage", filter.stage);
  if (!filter.claimed_by.empty()) where.add("claimed_by = ? AND status = 'claimed'", {filter.claimed_by});
  if (filter.due_before) where.number("due < ?", to_ms(*filter.due_before));
}

/// What tasks alone are filtered by.
void narrow_more(Where& where, const TaskFilter& filter) {
  where.equal("session_id", filter.session_id);
  where.contains("title", filter.text);
}

/// The places where tasks of an inbox are: those of one status, for an office or for a user, lie in one index in the order of
/// a list. A task is in one place alone.
std::vector<Where> places_of(const TaskFilter& filter) {
  // One application's tasks are few: with "+" no index of an inbox is taken for them.
  const std::string plus = filter.session_id.empty() ? "" : "+";
  std::vector<Where> holders;
  for (auto held = filter.memberships.begin(); held != filter.memberships.end(); ++held) {
    if (std::find(filter.memberships.begin(), held, *held) != held) continue;
    holders.emplace_back().add(plus + "org = ? AND role = ? AND user = ''", {held->org, held->role});
  }
  if (!filter.user.empty()) holders.emplace_back().add(plus + "user = ? AND user <> ''", {filter.user});
  const bool at_once = holders.empty() || !filter.session_id.empty();
  if (holders.empty()) holders.emplace_back();
  std::vector<Where> out;
  for (Where& holder : holders) {
    if (at_once) {
      if (!filter.statuses.empty()) holder.add("status IN " + placeholders(filter.statuses.size()), filter.statuses);
      out.push_back(std::move(holder));
      continue;
    }
    for (const std::string& status : filter.statuses.empty() ? std::vector<std::string>{"open", "claimed", "done", "cancelled"} : filter.statuses)
      out.emplace_back(holder).add("status = ?", {status});
  }
  return out;
}

/// Bounds the due dates of `place` to those that the filter leaves, so that a page of few among many is found without
/// reading the many. @return false: it leaves none.
bool bound_dues(Connection& db, Where& place, const TaskFilter& filter) {
  const bool narrowed = !(filter.kind + filter.not_kind + filter.programme + filter.round + filter.stage + filter.claimed_by).empty();
  const bool anybodys = filter.memberships.empty() && filter.user.empty();
  if (!narrowed || anybodys || !filter.session_id.empty()) return true;
  Where totals = place;
  narrow(totals, filter);
  auto row = db.prepare("SELECT min(due), max(due) FROM task_totals" + totals.sql() + " LIMIT ?");
  totals.bind(row, 1);
  if (!row.step() || row.is_null(0)) return false;
  place.number("due >= ?", row.number(0));
  place.number("due <= ?", row.number(1));
  return true;
}

}  // namespace

Result<Page<TaskRow>> SqliteQueries::tasks(const TaskFilter& filter, const PageRequest& page) {
  return read<Page<TaskRow>>([&](Connection& db) {
    Branches branches;
    for (Where& place : places_of(filter)) {
      if (!bound_dues(db, place, filter)) continue;
      narrow(place, filter);
      narrow_more(place, filter);
      if (!page.after.empty()) place.after("(due, id) > (?, ?)", cursor_of(page));
      branches.add("SELECT due, id FROM tasks", place, "due, id");
    }
    Page<TaskRow> out;
    if (branches.empty()) return out;
    const std::size_t limit = bounded(page.limit);
    auto row = db.prepare("SELECT t.body, k.due FROM (" + branches.sql("due, id") + ") k JOIN tasks t ON t.id = k.id ORDER BY k.due, k.id");
    branches.bind(row, limit + 1);
    std::vector<std::pair<TaskRow, std::int64_t>> rows;
    while (row.step()) rows.emplace_back(task_from_json(read_json(row, 0)), row.number(1));
    if (rows.size() > limit) {
      rows.resize(limit);
      out.next = cursor_text(rows.back().second, rows.back().first.id);
    }
    for (auto& each : rows) out.rows.push_back(std::move(each.first));
    return out;
  });
}

Result<std::vector<TaskCount>> SqliteQueries::task_counts(const TaskFilter& filter, Instant now) {
  return read<std::vector<TaskCount>>([&](Connection& db) {
    // Totals do not know which application a task is of.
    const bool by_task = !filter.session_id.empty() || !filter.text.empty();
    const std::string from = by_task ? "count(*), sum(due < ?), sum(claimed_by = ?) FROM tasks" : "sum(number), sum(number * (due < ?)), sum(number * (claimed_by = ?)) FROM task_totals";
    std::vector<TaskCount> out;
    for (Where& place : places_of(filter)) {
      narrow(place, filter);
      if (by_task) narrow_more(place, filter);
      auto row = db.prepare("SELECT programme, round, stage, kind, status, " + from + place.sql() + " GROUP BY programme, round, stage, kind, status LIMIT ?");
      row.bind(to_ms(now));
      row.bind(filter.user);
      place.bind(row, kGroupsMax);
      while (row.step())
        out.push_back({row.text(0), row.text(1), row.text(2), row.text(3), row.text(4), row.number(5), row.number(6), row.number(7)});
    }
    return out;
  });
}

Result<std::vector<DocumentRow>> SqliteQueries::documents(std::string_view session_id) {
  return read<std::vector<DocumentRow>>([&](Connection& db) {
    auto row = db.prepare("SELECT body FROM documents WHERE session_id = ? AND removed = 0 ORDER BY id");
    row.bind(session_id);
    std::vector<DocumentRow> out;
    while (row.step()) out.push_back(document_from_json(read_json(row, 0)));
    return out;
  });
}

Result<std::optional<BundleRow>> SqliteQueries::latest_bundle(std::string_view session_id) {
  return read<std::optional<BundleRow>>([&](Connection& db) -> std::optional<BundleRow> {
    auto row = db.prepare("SELECT session_id, digest, size, sealed FROM bundles WHERE session_id = ? AND withdrawn = 0 ORDER BY sealed DESC, digest LIMIT 1");
    row.bind(session_id);
    if (!row.step()) return std::nullopt;
    return BundleRow{.session_id = row.text(0),
                     .digest = row.text(1),
                     .size = static_cast<std::uint64_t>(row.number(2)),
                     .sealed = from_ms(row.number(3))};
  });
}

Result<std::optional<NoticeRow>> SqliteQueries::notice(std::string_view id) {
  return read<std::optional<NoticeRow>>([&](Connection& db) -> std::optional<NoticeRow> {
    const auto body = find_body(db, "SELECT body FROM notices WHERE id = ?", id);
    if (!body) return std::nullopt;
    return notice_from_json(*body);
  });
}

Result<Page<NoticeRow>> SqliteQueries::notices(const NoticeFilter& filter, const PageRequest& page) {
  return read<Page<NoticeRow>>([&](Connection& db) {
    Where where;
    where.equal("programme", filter.programme);
    where.equal("status", filter.status);
    if (!page.after.empty()) where.after("(opens, id) < (?, ?)", cursor_of(page));
    const std::size_t limit = bounded(page.limit);
    auto row = db.prepare("SELECT body FROM notices" + where.sql() + " ORDER BY opens DESC, id DESC LIMIT ?");
    where.bind(row, limit + 1);
    std::vector<NoticeRow> rows;
    while (row.step()) rows.push_back(notice_from_json(read_json(row, 0)));
    return cut(std::move(rows), limit,
               [](const NoticeRow& last) { return cursor_text(to_ms(last.opens), last.id); });
  });
}

Result<std::vector<ObjectionRow>> SqliteQueries::objections(std::string_view session_id) {
  return read<std::vector<ObjectionRow>>([&](Connection& db) {
    auto row = db.prepare("SELECT body FROM objections WHERE session_id = ? ORDER BY id");
    row.bind(session_id);
    std::vector<ObjectionRow> out;
    while (row.step()) out.push_back(objection_from_json(read_json(row, 0)));
    return out;
  });
}

Result<Page<AwardRow>> SqliteQueries::awards(const AwardFilter& filter, const PageRequest& page) {
  return read<Page<AwardRow>>([&](Connection& db) {
    Where where;
    where.equal("programme", filter.programme);
    where.equal("round", filter.round);
    where.equal("status", filter.status);
    if (!filter.text.empty()) {
      const std::string pattern = contains_pattern(filter.text);
      where.add("(number LIKE ? ESCAPE '\\' OR title LIKE ? ESCAPE '\\' OR org_name LIKE ? ESCAPE '\\')", {pattern, pattern, pattern});
    }
    if (!page.after.empty()) where.add("number > ?", {page.after});
    const std::size_t limit = bounded(page.limit);
    auto row = db.prepare("SELECT body FROM awards" + where.sql() + " ORDER BY number LIMIT ?");
    where.bind(row, limit + 1);
    std::vector<AwardRow> rows;
    while (row.step()) rows.push_back(award_from_json(read_json(row, 0)));
    return cut(std::move(rows), limit, [](const AwardRow& last) { return last.number; });
  });
}

Result<std::optional<AwardRow>> SqliteQueries::award(std::string_view number) {
  return read<std::optional<AwardRow>>([&](Connection& db) -> std::optional<AwardRow> {
    const auto body = find_body(db, "SELECT body FROM awards WHERE number = ?", number);
    if (!body) return std::nullopt;
    return award_from_json(*body);
  });
}

Result<std::optional<AwardRow>> SqliteQueries::award_of(std::string_view session_id) {
  return read<std::optional<AwardRow>>([&](Connection& db) -> std::optional<AwardRow> {
    const auto body = find_body(db, "SELECT body FROM awards WHERE session_id = ?", session_id);
    if (!body) return std::nullopt;
    return award_from_json(*body);
  });
}

Result<std::optional<UserRow>> SqliteQueries::user(std::string_view id) {
  return read<std::optional<UserRow>>([&](Connection& db) { return find_user(db, id); });
}

Result<std::optional<RecordRow>> SqliteQueries::record(std::string_view kind, std::string_view id) {
  return read<std::optional<RecordRow>>([&](Connection& db) -> std::optional<RecordRow> {
    auto row = db.prepare(std::string{"SELECT "} + kRecordColumns + " FROM records WHERE kind = ? AND id = ?");
    row.bind(kind).bind(id);
    return row.step() ? std::optional{read_record(row)} : std::nullopt;
  });
}

Result<Page<RecordRow>> SqliteQueries::records(const RecordFilter& filter, const PageRequest& page) {
  return read<Page<RecordRow>>([&](Connection& db) {
    const std::size_t limit = bounded(page.limit);
    auto row = db.prepare(std::string{"SELECT "} + kRecordColumns + " FROM records WHERE kind = ?" + (filter.about.empty() ? "" : " AND about = ?") + " AND id > ? ORDER BY id LIMIT ?");
    row.bind(filter.kind);
    if (!filter.about.empty()) row.bind(filter.about);
    row.bind(page.after).bind(static_cast<std::int64_t>(limit + 1));
    std::vector<RecordRow> rows;
    while (row.step()) rows.push_back(read_record(row));
    return cut(std::move(rows), limit, [](const RecordRow& last) { return last.id; });
  });
}

Result<Page<UserRow>> SqliteQueries::users(const PageRequest& page) {
  return read<Page<UserRow>>([&](Connection& db) {
    const std::size_t limit = bounded(page.limit);
    auto row = db.prepare("SELECT id, name, password, memberships, disabled FROM users WHERE id > ? ORDER BY id LIMIT ?");
    row.bind(page.after).bind(static_cast<std::int64_t>(limit + 1));
    std::vector<UserRow> rows;
    while (row.step()) rows.push_back(read_user(row));
    return cut(std::move(rows), limit, [](const UserRow& last) { return last.id; });
  });
}

Result<std::optional<LoginRow>> SqliteQueries::login(std::string_view token_digest) {
  return read<std::optional<LoginRow>>([&](Connection& db) -> std::optional<LoginRow> {
    auto row = db.prepare("SELECT token_digest, user_id, expires FROM logins WHERE token_digest = ?");
    row.bind(token_digest);
    if (!row.step()) return std::nullopt;
    return LoginRow{.token_digest = row.text(0), .user_id = row.text(1), .expires = from_ms(row.number(2))};
  });
}

Result<std::optional<OrganisationRow>> SqliteQueries::organisation(std::string_view id) {
  return read<std::optional<OrganisationRow>>([&](Connection& db) { return find_organisation(db, id); });
}

Result<std::vector<OrganisationRow>> SqliteQueries::organisations() {
  return read<std::vector<OrganisationRow>>([&](Connection& db) {
    auto row = db.prepare("SELECT id, parent, level, name, name_en, data FROM organisations ORDER BY id");
    std::vector<OrganisationRow> out;
    while (row.step()) out.push_back(read_organisation(row));
    return out;
  });
}

Result<std::vector<DefinitionRow>> SqliteQueries::definitions() {
  return read<std::vector<DefinitionRow>>([&](Connection& db) {
    auto row = db.prepare("SELECT digest, programme, version, files FROM definitions ORDER BY digest");
    std::vector<DefinitionRow> out;
    while (row.step())
      out.push_back({.digest = row.text(0), .programme = row.text(1), .version = row.text(2), .files = read_json(row, 3)});
    return out;
  });
}

Result<std::map<std::string, std::int64_t>> SqliteQueries::running() {
  return read<std::map<std::string, std::int64_t>>([&](Connection& db) {
    auto row = db.prepare("SELECT definition, COUNT(*) FROM sessions WHERE status = 'running' AND kind <> 'session' GROUP BY definition");
    std::map<std::string, std::int64_t> out;
    while (row.step()) out[row.text(0)] = row.number(1);
    return out;
  });
}

Result<std::optional<DefinitionRow>> SqliteQueries::definition(std::string_view digest) {
  return read<std::optional<DefinitionRow>>([&](Connection& db) { return find_definition(db, digest); });
}

Result<std::optional<std::string>> SqliteQueries::setting(std::string_view key) {
  return read<std::optional<std::string>>([&](Connection& db) { return find_setting(db, key); });
}

Result<std::vector<TimerRow>> SqliteQueries::due_timers(Instant now, std::size_t limit) {
  return read<std::vector<TimerRow>>([&](Connection& db) {
    auto row = db.prepare("SELECT id, session_id, due, event FROM timers WHERE due <= ? ORDER BY due, id LIMIT ?");
    row.bind(to_ms(now)).bind(static_cast<std::int64_t>(limit));
    std::vector<TimerRow> out;
    while (row.step()) out.push_back(read_timer(row));
    return out;
  });
}

Result<std::vector<TimerRow>> SqliteQueries::timers(std::string_view session_id) {
  return read<std::vector<TimerRow>>([&](Connection& db) {
    auto row = db.prepare("SELECT id, session_id, due, event FROM timers WHERE session_id = ? ORDER BY due, id");
    row.bind(session_id);
    std::vector<TimerRow> out;
    while (row.step()) out.push_back(read_timer(row));
    return out;
  });
}

Result<std::optional<Instant>> SqliteQueries::next_timer() {
  return read<std::optional<Instant>>([&](Connection& db) -> std::optional<Instant> {
    auto row = db.prepare("SELECT due FROM timers ORDER BY due, id LIMIT 1");
    if (!row.step()) return std::nullopt;
    return from_ms(row.number(0));
  });
}

Result<std::vector<OutboxRow>> SqliteQueries::due_outbox(Instant now, std::size_t limit) {
  return read<std::vector<OutboxRow>>([&](Connection& db) {
    auto row = db.prepare(
        "SELECT id, session_id, kind, payload, created, attempts, next_at FROM outbox WHERE next_at <= ? ORDER BY next_at, id LIMIT ?");
    row.bind(to_ms(now)).bind(static_cast<std::int64_t>(limit));
    std::vector<OutboxRow> out;
    while (row.step()) out.push_back(read_outbox(row));
    return out;
  });
}

Result<std::vector<AuditRow>> SqliteQueries::audit(std::string_view session_id, std::int64_t after, std::size_t limit) {
  return read<std::vector<AuditRow>>([&](Connection& db) {
    auto row = db.prepare(session_id.empty()
                              ? "SELECT seq, session_id, record, hash FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"
                              : "SELECT seq, session_id, record, hash FROM audit WHERE seq > ? AND session_id = ? ORDER BY seq LIMIT ?");
    row.bind(after);
    if (!session_id.empty()) row.bind(session_id);
    row.bind(static_cast<std::int64_t>(limit));
    std::vector<AuditRow> out;
    while (row.step())
      out.push_back({.seq = row.number(0), .session_id = row.text(1), .record = row.text(2), .hash = row.text(3)});
    return out;
  });
}

}  // namespace chuyi::sqlite
