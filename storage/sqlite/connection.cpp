#include "storage/sqlite/connection.h"

namespace chuyi::sqlite {

Connection::Connection(const std::string& path, int flags, const char* vfs) {
  const int code = sqlite3_open_v2(path.c_str(), &db_, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs);
  if (code != SQLITE_OK) {
    Failure failure{code, db_ == nullptr ? "out of memory" : sqlite3_errmsg(db_)};
    sqlite3_close(db_);
    throw failure;
  }
  sqlite3_busy_timeout(db_, 5'000);
}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

void Connection::fail(const char* what) {
  throw Failure{sqlite3_extended_errcode(db_), std::string{what} + ": " + sqlite3_errmsg(db_)};
}

void Connection::execute(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
}

void Connection::use_memory(std::size_t cache_kib, std::size_t mmap_mb) {
  execute(("PRAGMA cache_size=-" + std::to_string(cache_kib)).c_str());
  execute(("PRAGMA mmap_size=" + std::to_string(mmap_mb * 1024 * 1024)).c_str());
}

Connection::Row Connection::prepare(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) return {*this, found->second, true};
  sqlite3_stmt* statement = nullptr;
  const bool keep = statements_.size() < kStatementsMax;
  if (sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), keep ? SQLITE_PREPARE_PERSISTENT : 0, &statement, nullptr) != SQLITE_OK)
    fail(std::string{sql}.c_str());
  if (keep) statements_.emplace(sql, statement);
  return {*this, statement, keep};
}

Connection::Row& Connection::Row::bind(std::string_view text) {
  // Bound texts outlive the step: every caller binds from rows that it holds.
  if (sqlite3_bind_text64(statement_, next_++, text.data() == nullptr ? "" : text.data(), text.size(), SQLITE_STATIC,
                          SQLITE_UTF8) != SQLITE_OK)
    connection_.fail("bind");
  return *this;
}

Connection::Row& Connection::Row::bind(std::int64_t number) {
  if (sqlite3_bind_int64(statement_, next_++, number) != SQLITE_OK) connection_.fail("bind");
  return *this;
}

Connection::Row& Connection::Row::bind_null() {
  if (sqlite3_bind_null(statement_, next_++) != SQLITE_OK) connection_.fail("bind");
  return *this;
}

bool Connection::Row::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  connection_.fail(sqlite3_sql(statement_));
}

std::string Connection::Row::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return bytes == nullptr ? std::string{} : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

std::unique_ptr<Connection> open_beside(const std::string& path) {
  auto out = std::make_unique<Connection>(path, SQLITE_OPEN_READWRITE, nullptr);
  out->execute("PRAGMA wal_autocheckpoint=0");
  out->execute("PRAGMA query_only=ON");
  sqlite3_db_config(out->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return out;
}

Error error_of(const Failure& failure) {
  if ((failure.code & 0xFF) == SQLITE_BUSY)
    return Error{.kind = ErrorKind::unavailable,
                 .code = "store.busy",
                 .message = "Expected to be the only program that writes to the database; end the other one and try again",
                 .message_zh = "数据库正被其他程序占用，操作未保存，请稍后重试"};
  if ((failure.code & 0xFF) == SQLITE_FULL)
    return Error{.kind = ErrorKind::unavailable,
                 .code = "store.full",
                 .message = "Expected space on the disk of the database; free some and try again",
                 .message_zh = "存储空间不足，操作未保存，请稍后重试"};
  if ((failure.code & 0xFF) == SQLITE_CONSTRAINT)
    return Error{.kind = ErrorKind::unavailable,
                 .code = "store.constraint",
                 .message = "Expected rows that fit together, but found: " + failure.message,
                 .message_zh = "数据不一致，操作未保存"};
  return Error{.kind = ErrorKind::unavailable,
               .code = "store.io",
               .message = "Expected the database to answer, but found: " + failure.message,
               .message_zh = "数据存储暂时不可用，操作未保存"};
}

}  // namespace chuyi::sqlite
