#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/result.h"
#include "engine/ports/audit.h"
#include "storage/sqlite/connection.h"

namespace chuyi::sqlite {

/// Notes what every row that a command changes was before, by SQLite's preupdate hook: no writer of rows can forget it.
/// The notes of one command are one row of the table `undo`, under the number of its audit record.
///
/// Not noted: the audit log, which is cut off instead; logins, which no restore brings back.
class UndoRecorder {
 public:
  /// Hooks itself to `db`, whose schema must not change any more. Throws Failure.
  explicit UndoRecorder(Connection& db);
  ~UndoRecorder();
  UndoRecorder(const UndoRecorder&) = delete;
  UndoRecorder& operator=(const UndoRecorder&) = delete;

  /// Begins a command.
  void begin();
  /// Writes what was noted since begin(). Throws Failure.
  void write(std::int64_t seq);
  /// Notes nothing until the next begin().
  void end() { noting_ = false; }

 private:
  struct Table {
    std::vector<std::string> columns;
    std::vector<bool> in_key;
  };
  static void on_change(void* self, sqlite3* db, int operation, const char* schema, const char* table, sqlite3_int64 old_id, sqlite3_int64 new_id);
  void note(int operation, std::string_view table);

  Connection& db_;
  std::map<std::string, Table, std::less<>> tables_;
  std::string changes_;  ///< a JSON array without its end
  bool noting_ = false;
};

/// Takes back every command after audit record `seq`, the newest first, in the transaction that is open, and sets the
/// head of the audit chain to that record. Throws Failure.
/// Errors: `invalid` "restore.until" for a record that is not there, or from which the way back is not noted.
Result<> undo_to(Connection& db, std::int64_t seq);

}  // namespace chuyi::sqlite
