#include "bench/store/bare_sqlite.h"

#include <cstdlib>
#include <iostream>
#include <map>

#include <sqlite3.h>

namespace chuyi::bench {
namespace {

void check(int code, sqlite3* db) {
  if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
  std::cerr << "SQLite: " << (db == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(db)) << "\n";
  std::exit(1);
}

class Database {
 public:
  explicit Database(const std::string& path) { check(sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr), db_); }
  ~Database() {
    for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
    sqlite3_close(db_);
  }
  Database(const Database&) = delete;
  sqlite3* handle() { return db_; }
  void execute(const std::string& sql) { check(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr), db_); }
  sqlite3_stmt* prepare(const std::string& sql) {
    sqlite3_stmt*& out = statements_[sql];
    if (out == nullptr) check(sqlite3_prepare_v3(db_, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &out, nullptr), db_);
    return out;
  }
  void run(const Recorded::Write& write) {
    sqlite3_stmt* statement = prepare(write.sql);
    for (int i = 0; i < static_cast<int>(write.values.size()); ++i) {
      const Recorded::Value& value = write.values[static_cast<std::size_t>(i)];
      check(value.text ? sqlite3_bind_text64(statement, i + 1, value.bytes.data(), value.bytes.size(), SQLITE_STATIC, SQLITE_UTF8)
                       : sqlite3_bind_int64(statement, i + 1, value.number),
            db_);
    }
    check(sqlite3_step(statement), db_);
    sqlite3_reset(statement);
  }
  std::vector<std::string> column(const std::string& sql, int at) {
    sqlite3_stmt* statement = prepare(sql);
    std::vector<std::string> out;
    while (sqlite3_step(statement) == SQLITE_ROW) out.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(statement, at)));
    sqlite3_reset(statement);
    return out;
  }

 private:
  sqlite3* db_ = nullptr;
  std::map<std::string, sqlite3_stmt*> statements_;
};

Recorded::Value value_from(sqlite3_value* value) {
  if (sqlite3_value_type(value) == SQLITE_INTEGER) return {.text = false, .number = sqlite3_value_int64(value)};
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  return {.bytes = text == nullptr ? std::string{} : std::string(text, static_cast<std::size_t>(sqlite3_value_bytes(value)))};
}

Recorded::Write write_from(sqlite3_changeset_iter* change, const std::string& table, int operation, int count, const std::vector<std::string>& columns) {
  unsigned char* key = nullptr;
  sqlite3changeset_pk(change, &key, nullptr);
  Recorded::Write out;
  std::string list;
  std::string where;
  std::vector<Recorded::Value> keys;
  for (int i = 0; i < count; ++i) {
    const std::string& name = columns[static_cast<std::size_t>(i)];
    sqlite3_value* fresh = nullptr;
    if (operation != SQLITE_DELETE) sqlite3changeset_new(change, i, &fresh);
    if (operation == SQLITE_INSERT) {
      list += list.empty() ? "?" : ",?";
      out.values.push_back(value_from(fresh));
    } else if (key[i] != 0) {
      sqlite3_value* old = nullptr;
      sqlite3changeset_old(change, i, &old);
      where += (where.empty() ? "" : " AND ") + name + " = ?";
      keys.push_back(value_from(old));
    } else if (fresh != nullptr) {
      list += (list.empty() ? "" : ", ") + name + " = ?";
      out.values.push_back(value_from(fresh));
    }
  }
  out.values.insert(out.values.end(), keys.begin(), keys.end());
  if (operation == SQLITE_INSERT) out.sql = "INSERT INTO " + table + " VALUES (" + list + ")";
  if (operation == SQLITE_UPDATE) out.sql = "UPDATE " + table + " SET " + list + " WHERE " + where;
  if (operation == SQLITE_DELETE) out.sql = "DELETE FROM " + table + " WHERE " + where;
  return out;
}

/// The application that a row belongs to: its id is in some column ("a-bench…", "t-bench…-2").
std::string application_of(const Recorded::Write& write) {
  for (const Recorded::Value& value : write.values)
    if (const std::size_t at = value.bytes.find("bench0"); value.text && at != std::string::npos) return value.bytes.substr(at, 16);
  return {};
}

}  // namespace

Recorded Recorded::difference(const std::string& before, const std::string& after) {
  Database db(after);
  db.execute("ATTACH '" + before + "' AS old");
  sqlite3_session* session = nullptr;
  check(sqlite3session_create(db.handle(), "main", &session), db.handle());
  std::map<std::string, std::vector<std::string>> columns;
  for (const std::string& table : db.column("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", 0)) {
    columns[table] = db.column("SELECT name FROM pragma_table_info('" + table + "')", 0);
    check(sqlite3session_attach(session, table.c_str()), db.handle());
    check(sqlite3session_diff(session, "old", table.c_str(), nullptr), db.handle());
  }
  int size = 0;
  void* bytes = nullptr;
  check(sqlite3session_changeset(session, &size, &bytes), db.handle());
  sqlite3_changeset_iter* change = nullptr;
  check(sqlite3changeset_start(&change, size, bytes), nullptr);
  std::map<std::string, std::vector<Write>> found;
  while (sqlite3changeset_next(change) == SQLITE_ROW) {
    const char* table = nullptr;
    int count = 0;
    int operation = 0;
    sqlite3changeset_op(change, &table, &count, &operation, nullptr);
    Write write = write_from(change, table, operation, count, columns[table]);
    if (const std::string application = application_of(write); !application.empty()) found[application].push_back(std::move(write));
  }
  sqlite3changeset_finalize(change);
  sqlite3_free(bytes);
  sqlite3session_delete(session);
  Recorded out;
  for (auto& [application, writes] : found) out.sign_offs.push_back(std::move(writes));
  return out;
}

double Recorded::rows() const {
  std::size_t count = 0;
  for (const auto& each : sign_offs) count += each.size();
  return static_cast<double>(count) / static_cast<double>(sign_offs.size());
}

double Recorded::bytes() const {
  std::size_t count = 0;
  for (const auto& each : sign_offs)
    for (const Write& write : each)
      for (const Value& value : write.values) count += value.text ? value.bytes.size() : 8;
  return static_cast<double>(count) / static_cast<double>(sign_offs.size());
}

Figure measure_bare(const Recorded& recorded, const std::string& database, std::size_t group) {
  Database db(database);
  for (const char* setting : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON"}) db.execute(setting);
  std::vector<double> spans;
  const Stopwatch watch;
  std::size_t at = 0;
  while (at < recorded.sign_offs.size()) {
    const auto before = std::chrono::steady_clock::now();
    db.execute("BEGIN IMMEDIATE");
    for (std::size_t i = 0; i < group && at < recorded.sign_offs.size(); ++i, ++at)
      for (const Recorded::Write& write : recorded.sign_offs[at]) db.run(write);
    db.run({.sql = "UPDATE settings SET value = ? WHERE key = 'audit_count'", .values = {{.bytes = std::to_string(at)}}});
    db.run({.sql = "UPDATE settings SET value = ? WHERE key = 'audit_hash'", .values = {{.bytes = std::string(64, static_cast<char>('a' + at % 26))}}});
    db.execute("COMMIT");
    spans.push_back(Duration(std::chrono::steady_clock::now() - before).count());
  }
  const double commits = static_cast<double>(spans.size());
  Figure out = watch.stop(std::move(spans));
  out.rate *= static_cast<double>(recorded.sign_offs.size()) / commits;
  out.cpu_us *= commits / static_cast<double>(recorded.sign_offs.size());
  return out;
}

}  // namespace chuyi::bench
