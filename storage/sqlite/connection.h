#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sqlite3.h>

#include "engine/base/result.h"

namespace chuyi::sqlite {

/// A failed call of SQLite, inside this adapter only.
struct Failure {
  int code;  ///< extended result code
  std::string message;
};

/// Filters make many statements, none of which grows the memory of a long-lived connection.
inline constexpr std::size_t kStatementsMax = 200;

/// One connection with its prepared statements. Not thread-safe. Throws Failure.
class Connection {
 public:
  /// @param vfs  nullptr: the default one.
  Connection(const std::string& path, int flags, const char* vfs);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void execute(const char* sql);
  /// The same for one statement that comes again and again: it is prepared once.
  void repeat(std::string_view sql) { prepare(sql).run(); }

  /// A prepared statement in use; reset when it goes out of scope.
  class Row {
   public:
    Row(Connection& connection, sqlite3_stmt* statement, bool kept) : connection_(connection), statement_(statement), kept_(kept) {}
    ~Row() {
      if (!kept_) {
        sqlite3_finalize(statement_);
        return;
      }
      sqlite3_reset(statement_);
      sqlite3_clear_bindings(statement_);
    }
    Row(const Row&) = delete;
    Row& operator=(const Row&) = delete;
    Row& bind(std::string_view text);
    Row& bind(std::int64_t number);
    Row& bind_null();
    /// True when there is a row.
    bool step();
    void run() { step(); }
    std::string text(int column) const;
    bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
    std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }

   private:
    Connection& connection_;
    sqlite3_stmt* statement_;
    bool kept_;
    int next_ = 1;
  };

  /// The statement for `sql`, prepared once for each connection; past kStatementsMax different ones each time anew.
  Row prepare(std::string_view sql);
  /// Sizes of the page cache and of the mapped part of the database.
  void use_memory(std::size_t cache_kib, std::size_t mmap_mb);
  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
  sqlite3* handle() { return db_; }

 private:
  [[noreturn]] void fail(const char* what);
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  sqlite3* db_ = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*, Hash, std::equal_to<>> statements_;
};

/// A connection beside a server's: it reads only and must not checkpoint, not even when it is the last to close.
std::unique_ptr<Connection> open_beside(const std::string& path);

/// "store.full", "store.busy", "store.constraint" or "store.io", all `unavailable`.
Error error_of(const Failure& failure);

}  // namespace chuyi::sqlite
