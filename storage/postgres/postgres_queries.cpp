#include "storage/postgres/postgres_queries.h"

#include <algorithm>
#include <tuple>
#include <variant>

#include "engine/base/mutant.h"
#include "engine/invoke/rows_json.h"
#include "engine/ports/cursor.h"
#include "storage/postgres/rows.h"

namespace chuyi::postgres {
namespace {

constexpr std::size_t kLimitMax = 200;

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
  const std::string& sql() const { return sql_; }
  void bind(Connection::Statement& statement) const {
    for (const auto& each : parameters_) std::visit([&](const auto& value) { statement.bind(value); }, each);
  }
  /// The rows for the parameters, then `limit`: the statement ends with "LIMIT ?".
  Connection::Rows rows(Connection::Statement statement, std::size_t limit) const {
    bind(statement);
    return statement.bind(static_cast<std::int64_t>(limit)).rows();
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

/// `text` as a LIKE pattern that finds it anywhere.
std::string contains_pattern(const std::string& text) {
  std::string out = "%";
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '\\') out += '\\';
    out += c;
  }
  return out + "%";
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

template <class T>
Result<T> PostgresQueries::read(const std::function<T(Connection&)>& read) {
  try {
    return pool_->run(read);
  } catch (const BadCursor& bad) {
    return bad.error;
  }
}

Result<std::optional<SessionRow>> PostgresQueries::session(std::string_view id) {
  return read<std::optional<SessionRow>>([&](Connection& db) {
    auto row = db.prepare(std::string{"SELECT "} + kSessionColumns + " FROM sessions s WHERE s.id = ?").bind(id).rows();
    return row.step() ? std::optional{read_session(row)} : std::nullopt;
  });
}

Result<Page<SessionRow>> PostgresQueries::sessions(const SessionFilter& filter, const PageRequest& page) {
  return read<Page<SessionRow>>([&](Connection& db) {
    Where where;
    where.equal("s.kind", filter.kind);
    where.equal("s.programme", filter.programme);
    where.equal("s.round", filter.round);
    where.equal("s.status", filter.status);
    where.equal("s.stage", filter.stage);
    if (!filter.text.empty())
      where.add("(s.title ILIKE ? OR s.org_name ILIKE ?)",
                {contains_pattern(filter.text), contains_pattern(filter.text)});
    std::string seen;
    std::vector<std::string> parameters;
    if (!filter.orgs.empty()) {
      seen = "s.id IN (SELECT session_id FROM session_orgs WHERE org IN " + placeholders(filter.orgs.size()) + ")";
      parameters = filter.orgs;
    }
    if (!filter.own.empty()) {
      seen += std::string{seen.empty() ? "" : " OR "} + "s.org IN " + placeholders(filter.own.size());
      parameters.insert(parameters.end(), filter.own.begin(), filter.own.end());
    }
    if (!filter.reviewer.empty()) {
      // To look into JSON that has a NUL anywhere is an error for PostgreSQL.
      seen += std::string{seen.empty() ? "" : " OR "} +
              "s.id IN (SELECT session_id FROM tasks WHERE \"user\" = ? AND kind = 'sheet' AND status <> 'cancelled'"
              " AND replace(body, '\\u0000', '\\ufffd')::json ->> 'outcome' <> 'recuse')";
      parameters.push_back(filter.reviewer);
    }
    if (!seen.empty()) where.add("(" + seen + ")", parameters);
    if (!page.after.empty()) where.after("(s.created, s.id) > (?, ?)", cursor_of(page));
    const std::size_t limit = bounded(page.limit);
    auto row = where.rows(db.prepare(std::string{"SELECT "} + kSessionColumns + " FROM sessions s" + where.sql() +
                          " ORDER BY s.created, s.id LIMIT ?"), limit + 1);
    std::vector<SessionRow> rows;
    while (row.step()) rows.push_back(read_session(row));
    return cut(std::move(rows), limit,
               [](const SessionRow& last) { return cursor_text(to_ms(last.created), last.id); });
  });
}

Result<std::vector<SessionRow>> PostgresQueries::applications(std::string_view round, std::string_view after, std::size_t limit) {
  return read<std::vector<SessionRow>>([&](Connection& db) {
    auto row = db.prepare(std::string{"SELECT "} + kSessionColumns + " FROM sessions s WHERE s.round = ? AND s.kind = 'application' AND s.id > ? ORDER BY s.id LIMIT ?").bind(round).bind(after).bind(static_cast<std::int64_t>(bounded(limit))).rows();
    std::vector<SessionRow> out;
    while (row.step()) out.push_back(read_session(row));
    return out;
  });
}

Result<std::optional<TaskRow>> PostgresQueries::task(std::string_view id) {
  return read<std::optional<TaskRow>>([&](Connection& db) -> std::optional<TaskRow> {
    const auto body = find_body(db, "SELECT body FROM tasks WHERE id = ?", id);
    if (!body) return std::nullopt;
    return task_from_json(*body);
  });
}

namespace {

/// The places where tasks of an inbox are, each as SQL conditions that one index answers.
std::vector<Where> places_of(const TaskFilter& filter, const PageRequest& page) {
  const bool open = !filter.statuses.empty() &&
                    std::all_of(filter.statuses.begin(), filter.statuses.end(), [](const std::string& each) { return each == "open" || each == "claimed"; });
  std::vector<Where> out;
  const auto add = [&](Where where) {
    if (!filter.statuses.empty()) where.add("status IN " + placeholders(filter.statuses.size()), filter.statuses);
    where.equal("session_id", filter.session_id);
    where.equal("kind", filter.kind);
    where.equal("programme", filter.programme);
    where.equal("round", filter.round);
    where.equal("stage", filter.stage);
    if (!filter.claimed_by.empty()) where.add("claimed_by = ? AND status = 'claimed'", {filter.claimed_by});
    if (filter.due_before) where.number("due < ?", to_ms(*filter.due_before));
    if (!filter.text.empty()) where.add("title ILIKE ?", {contains_pattern(filter.text)});
    if (!page.after.empty()) where.after("(due, id) > (?, ?)", cursor_of(page));
    out.push_back(std::move(where));
  };
  for (const Membership& held : filter.memberships) {
    Where where;
    // As the partial index has it: a plan for any values does not see it in those that are bound.
    where.add(std::string{"org = ? AND role = ? AND \"user\" = ''"} + (open ? " AND status IN ('open', 'claimed')" : ""), {held.org, held.role});
    add(std::move(where));
  }
  if (!filter.user.empty()) {
    Where where;
    where.add("\"user\" = ? AND \"user\" <> ''", {filter.user});
    add(std::move(where));
  }
  if (filter.memberships.empty() && filter.user.empty()) add({});
  return out;
}

}  // namespace

Result<Page<TaskRow>> PostgresQueries::tasks(const TaskFilter& filter, const PageRequest& page) {
  return read<Page<TaskRow>>([&](Connection& db) {
    const std::size_t limit = bounded(page.limit);
    // Each place is read in the list's order and no further than the page: what it costs does not grow with the rows behind it.
    const std::vector<Where> places = places_of(filter, page);
    std::string branches;
    for (const Where& where : places)
      branches += (branches.empty() ? "" : " UNION ") + ("(SELECT due, id FROM tasks" + where.sql() + " ORDER BY due, id LIMIT ?)");
    auto statement = db.prepare("SELECT t.body, k.due FROM (SELECT due, id FROM (" + branches + ") each ORDER BY due, id LIMIT ?) k JOIN tasks t ON t.id = k.id ORDER BY k.due, k.id");
    for (const Where& where : places) {
      where.bind(statement);
      statement.bind(static_cast<std::int64_t>(limit + 1));
    }
    auto row = statement.bind(static_cast<std::int64_t>(limit + 1)).rows();
    std::vector<std::pair<TaskRow, std::int64_t>> rows;
    while (row.step()) rows.emplace_back(task_from_json(read_json(row, 0)), row.number(1));
    Page<TaskRow> out;
    if (rows.size() > limit) {
      rows.resize(limit);
      out.next = cursor_text(rows.back().second, rows.back().first.id);
    }
    for (auto& each : rows) out.rows.push_back(std::move(each.first));
    return out;
  });
}

Result<std::vector<TaskCount>> PostgresQueries::task_counts(const TaskFilter& filter, Instant now) {
  return read<std::vector<TaskCount>>([&](Connection& db) {
    std::vector<TaskCount> out;
    for (const Where& where : places_of(filter, {})) {
      auto statement = db.prepare("SELECT programme, round, stage, kind, status, count(*), count(*) FILTER (WHERE due < ?), count(*) FILTER (WHERE claimed_by = ?) FROM tasks" +
                                  where.sql() + " GROUP BY programme, round, stage, kind, status");
      statement.bind(to_ms(now)).bind(filter.user);
      where.bind(statement);
      auto row = statement.rows();
      while (row.step())
        out.push_back({row.text(0), row.text(1), row.text(2), row.text(3), row.text(4), row.number(5), row.number(6), row.number(7)});
    }
    return out;
  });
}

Result<std::vector<DocumentRow>> PostgresQueries::documents(std::string_view session_id) {
  return read<std::vector<DocumentRow>>([&](Connection& db) {
    auto row = db.prepare("SELECT body FROM documents WHERE session_id = ? AND removed = 0 ORDER BY id").bind(session_id).rows();
    std::vector<DocumentRow> out;
    while (row.step()) out.push_back(document_from_json(read_json(row, 0)));
    return out;
  });
}

Result<std::optional<BundleRow>> PostgresQueries::latest_bundle(std::string_view session_id) {
  return read<std::optional<BundleRow>>([&](Connection& db) -> std::optional<BundleRow> {
    auto row = db.prepare("SELECT session_id, digest, size, sealed FROM bundles WHERE session_id = ? AND withdrawn = 0 ORDER BY sealed DESC, digest LIMIT 1").bind(session_id).rows();
    if (!row.step()) return std::nullopt;
    return BundleRow{.session_id = row.text(0),
                     .digest = row.text(1),
                     .size = static_cast<std::uint64_t>(row.number(2)),
                     .sealed = from_ms(row.number(3))};
  });
}

Result<std::optional<NoticeRow>> PostgresQueries::notice(std::string_view id) {
  return read<std::optional<NoticeRow>>([&](Connection& db) -> std::optional<NoticeRow> {
    const auto body = find_body(db, "SELECT body FROM notices WHERE id = ?", id);
    if (!body) return std::nullopt;
    return notice_from_json(*body);
  });
}

Result<Page<NoticeRow>> PostgresQueries::notices(const NoticeFilter& filter, const PageRequest& page) {
  return read<Page<NoticeRow>>([&](Connection& db) {
    Where where;
    where.equal("programme", filter.programme);
    where.equal("status", filter.status);
    if (!page.after.empty()) where.after("(opens, id) < (?, ?)", cursor_of(page));
    const std::size_t limit = bounded(page.limit);
    auto row = where.rows(db.prepare("SELECT body FROM notices" + where.sql() + " ORDER BY opens DESC, id DESC LIMIT ?"), limit + 1);
    std::vector<NoticeRow> rows;
    while (row.step()) rows.push_back(notice_from_json(read_json(row, 0)));
    return cut(std::move(rows), limit,
               [](const NoticeRow& last) { return cursor_text(to_ms(last.opens), last.id); });
  });
}

Result<std::vector<ObjectionRow>> PostgresQueries::objections(std::string_view session_id) {
  return read<std::vector<ObjectionRow>>([&](Connection& db) {
    auto row = db.prepare("SELECT body FROM objections WHERE session_id = ? ORDER BY id").bind(session_id).rows();
    std::vector<ObjectionRow> out;
    while (row.step()) out.push_back(objection_from_json(read_json(row, 0)));
    return out;
  });
}

Result<Page<AwardRow>> PostgresQueries::awards(const AwardFilter& filter, const PageRequest& page) {
  return read<Page<AwardRow>>([&](Connection& db) {
    Where where;
    where.equal("programme", filter.programme);
    where.equal("round", filter.round);
    where.equal("status", filter.status);
    if (!filter.text.empty()) {
      const std::string pattern = contains_pattern(filter.text);
      where.add("(number ILIKE ? OR title ILIKE ? OR org_name ILIKE ?)", {pattern, pattern, pattern});
    }
    if (!page.after.empty()) where.add("number > ?", {page.after});
    const std::size_t limit = bounded(page.limit);
    auto row = where.rows(db.prepare("SELECT body FROM awards" + where.sql() + " ORDER BY number LIMIT ?"), limit + 1);
    std::vector<AwardRow> rows;
    while (row.step()) rows.push_back(award_from_json(read_json(row, 0)));
    return cut(std::move(rows), limit, [](const AwardRow& last) { return last.number; });
  });
}

Result<std::optional<AwardRow>> PostgresQueries::award(std::string_view number) {
  return read<std::optional<AwardRow>>([&](Connection& db) -> std::optional<AwardRow> {
    const auto body = find_body(db, "SELECT body FROM awards WHERE number = ?", number);
    if (!body) return std::nullopt;
    return award_from_json(*body);
  });
}

Result<std::optional<AwardRow>> PostgresQueries::award_of(std::string_view session_id) {
  return read<std::optional<AwardRow>>([&](Connection& db) -> std::optional<AwardRow> {
    const auto body = find_body(db, "SELECT body FROM awards WHERE session_id = ?", session_id);
    if (!body) return std::nullopt;
    return award_from_json(*body);
  });
}

Result<std::optional<UserRow>> PostgresQueries::user(std::string_view id) {
  return read<std::optional<UserRow>>([&](Connection& db) { return find_user(db, id); });
}

Result<std::optional<RecordRow>> PostgresQueries::record(std::string_view kind, std::string_view id) {
  return read<std::optional<RecordRow>>([&](Connection& db) -> std::optional<RecordRow> {
    auto row = db.prepare(std::string{"SELECT "} + kRecordColumns + " FROM records WHERE kind = ? AND id = ?").bind(kind).bind(id).rows();
    return row.step() ? std::optional{read_record(row)} : std::nullopt;
  });
}

Result<Page<RecordRow>> PostgresQueries::records(const RecordFilter& filter, const PageRequest& page) {
  return read<Page<RecordRow>>([&](Connection& db) {
    const std::size_t limit = bounded(page.limit);
    auto statement = db.prepare(std::string{"SELECT "} + kRecordColumns + " FROM records WHERE kind = ?" + (filter.about.empty() ? "" : " AND about = ?") + " AND id > ? ORDER BY id LIMIT ?");
    statement.bind(filter.kind);
    if (!filter.about.empty()) statement.bind(filter.about);
    auto row = statement.bind(page.after).bind(static_cast<std::int64_t>(limit + 1)).rows();
    std::vector<RecordRow> rows;
    while (row.step()) rows.push_back(read_record(row));
    return cut(std::move(rows), limit, [](const RecordRow& last) { return last.id; });
  });
}

Result<Page<UserRow>> PostgresQueries::users(const PageRequest& page) {
  return read<Page<UserRow>>([&](Connection& db) {
    const std::size_t limit = bounded(page.limit);
    auto row = db.prepare("SELECT id, name, password, memberships, disabled FROM users WHERE id > ? ORDER BY id LIMIT ?").bind(page.after).bind(static_cast<std::int64_t>(limit + 1)).rows();
    std::vector<UserRow> rows;
    while (row.step()) rows.push_back(read_user(row));
    return cut(std::move(rows), limit, [](const UserRow& last) { return last.id; });
  });
}

Result<std::optional<LoginRow>> PostgresQueries::login(std::string_view token_digest) {
  return read<std::optional<LoginRow>>([&](Connection& db) -> std::optional<LoginRow> {
    auto row = db.prepare("SELECT token_digest, user_id, expires FROM logins WHERE token_digest = ?").bind(token_digest).rows();
    if (!row.step()) return std::nullopt;
    return LoginRow{.token_digest = row.text(0), .user_id = row.text(1), .expires = from_ms(row.number(2))};
  });
}

Result<std::optional<OrganisationRow>> PostgresQueries::organisation(std::string_view id) {
  return read<std::optional<OrganisationRow>>([&](Connection& db) { return find_organisation(db, id); });
}

Result<std::vector<OrganisationRow>> PostgresQueries::organisations() {
  return read<std::vector<OrganisationRow>>([&](Connection& db) {
    auto row = db.prepare("SELECT id, parent, level, name, name_en, data FROM organisations ORDER BY id").rows();
    std::vector<OrganisationRow> out;
    while (row.step()) out.push_back(read_organisation(row));
    return out;
  });
}

Result<std::vector<DefinitionRow>> PostgresQueries::definitions() {
  return read<std::vector<DefinitionRow>>([&](Connection& db) {
    auto row = db.prepare("SELECT digest, programme, version, files FROM definitions ORDER BY digest").rows();
    std::vector<DefinitionRow> out;
    while (row.step())
      out.push_back({.digest = row.text(0), .programme = row.text(1), .version = row.text(2), .files = read_json(row, 3)});
    return out;
  });
}

Result<std::map<std::string, std::int64_t>> PostgresQueries::running() {
  return read<std::map<std::string, std::int64_t>>([&](Connection& db) {
    auto row = db.prepare("SELECT definition, COUNT(*) FROM sessions WHERE status = 'running' AND kind <> 'session' GROUP BY definition").rows();
    std::map<std::string, std::int64_t> out;
    while (row.step()) out[row.text(0)] = row.number(1);
    return out;
  });
}

Result<std::optional<DefinitionRow>> PostgresQueries::definition(std::string_view digest) {
  return read<std::optional<DefinitionRow>>([&](Connection& db) { return find_definition(db, digest); });
}

Result<std::optional<std::string>> PostgresQueries::setting(std::string_view key) {
  return read<std::optional<std::string>>([&](Connection& db) { return find_setting(db, key); });
}

Result<std::vector<TimerRow>> PostgresQueries::due_timers(Instant now, std::size_t limit) {
  return read<std::vector<TimerRow>>([&](Connection& db) {
    auto row = db.prepare("SELECT id, session_id, due, event FROM timers WHERE due <= ? ORDER BY due, id LIMIT ?").bind(to_ms(now)).bind(static_cast<std::int64_t>(limit)).rows();
    std::vector<TimerRow> out;
    while (row.step()) out.push_back(read_timer(row));
    return out;
  });
}

Result<std::vector<TimerRow>> PostgresQueries::timers(std::string_view session_id) {
  return read<std::vector<TimerRow>>([&](Connection& db) {
    auto row = db.prepare("SELECT id, session_id, due, event FROM timers WHERE session_id = ? ORDER BY due, id").bind(session_id).rows();
    std::vector<TimerRow> out;
    while (row.step()) out.push_back(read_timer(row));
    return out;
  });
}

Result<std::optional<Instant>> PostgresQueries::next_timer() {
  return read<std::optional<Instant>>([&](Connection& db) -> std::optional<Instant> {
    auto row = db.prepare("SELECT due FROM timers ORDER BY due, id LIMIT 1").rows();
    if (!row.step()) return std::nullopt;
    return from_ms(row.number(0));
  });
}

Result<std::vector<OutboxRow>> PostgresQueries::due_outbox(Instant now, std::size_t limit) {
  return read<std::vector<OutboxRow>>([&](Connection& db) {
    auto row = db.prepare(
        "SELECT id, session_id, kind, payload, created, attempts, next_at FROM outbox WHERE next_at <= ? ORDER BY next_at, id LIMIT ?").bind(to_ms(now)).bind(static_cast<std::int64_t>(limit)).rows();
    std::vector<OutboxRow> out;
    while (row.step()) out.push_back(read_outbox(row));
    return out;
  });
}

namespace {

/// Takes the first due row of each session out of `table` that nobody else holds: one that is locked right now is
/// another's. What a dead node held is free again when its lease has passed.
std::string claim(const char* table, const char* time, const char* columns) {
  const std::string t = table;
  const std::string at = time;
  return "WITH clock AS MATERIALIZED (SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS ms),"
         " free AS MATERIALIZED (SELECT t.id FROM " + t + " t WHERE t." + at + " <= ? AND (t.owner IN ('', ?) OR t.owned_until <= (SELECT ms FROM clock)" + (CHUYI_MUTANT("claimed_twice") ? " OR true" : "") + ")"
         " AND NOT EXISTS (SELECT 1 FROM " + t + " e WHERE e.session_id = t.session_id AND (e." + at + ", e.id) < (t." + at + ", t.id))"
         " ORDER BY t." + at + ", t.id LIMIT ? FOR UPDATE OF t SKIP LOCKED)"
         " UPDATE " + t + " SET owner = ?, owned_until = (SELECT ms FROM clock) + ? FROM free WHERE " + t + ".id = free.id RETURNING " + columns;
}

}  // namespace

template <class Row>
Result<std::vector<Row>> PostgresQueries::claim_rows(const std::string& sql, Row (*read_row)(const Connection::Rows&), Instant Row::*time, Instant now, std::size_t limit,
                                                     std::chrono::milliseconds lease) {
  Result<std::vector<Row>> out = read<std::vector<Row>>([&](Connection& db) {
    auto row = db.prepare(sql).bind(to_ms(now)).bind(node_).bind(static_cast<std::int64_t>(limit)).bind(node_).bind(std::int64_t{lease.count()}).rows();
    std::vector<Row> rows;
    while (row.step()) rows.push_back(read_row(row));
    return rows;
  });
  if (out) std::sort(out->begin(), out->end(), [&](const Row& a, const Row& b) { return std::tie(a.*time, a.id) < std::tie(b.*time, b.id); });
  return out;
}

Result<std::vector<TimerRow>> PostgresQueries::claim_timers(Instant now, std::size_t limit, std::chrono::milliseconds lease) {
  static const std::string kSql = claim("timers", "due", "timers.id, session_id, due, event");
  return claim_rows(kSql, read_timer, &TimerRow::due, now, limit, lease);
}

Result<std::vector<OutboxRow>> PostgresQueries::claim_outbox(Instant now, std::size_t limit, std::chrono::milliseconds lease) {
  static const std::string kSql = claim("outbox", "next_at", "outbox.id, session_id, kind, payload, created, attempts, next_at");
  return claim_rows(kSql, read_outbox, &OutboxRow::next_at, now, limit, lease);
}

Result<std::vector<AuditRow>> PostgresQueries::audit(std::string_view session_id, std::int64_t after, std::size_t limit) {
  return read<std::vector<AuditRow>>([&](Connection& db) {
    auto statement = db.prepare(session_id.empty()
                                    ? "SELECT seq, session_id, record, hash FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"
                                    : "SELECT seq, session_id, record, hash FROM audit WHERE seq > ? AND session_id = ? ORDER BY seq LIMIT ?");
    statement.bind(after);
    if (!session_id.empty()) statement.bind(session_id);
    auto row = statement.bind(static_cast<std::int64_t>(limit)).rows();
    std::vector<AuditRow> out;
    while (row.step())
      out.push_back({.seq = row.number(0), .session_id = row.text(1), .record = row.text(2), .hash = row.text(3)});
    return out;
  });
}

}  // namespace chuyi::postgres
