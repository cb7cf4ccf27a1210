#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/ports/queries.h"
#include "engine/ports/store.h"
#include "engine/ports/tables.h"

namespace chuyi {

struct SqliteOptions {
  std::string path;         ///< of the database file; created when there is none
  const char* vfs = nullptr;  ///< SQLite VFS by name; nullptr: the default one
  std::size_t group_max = 256;  ///< commands that share one commit
  std::size_t cache_mb = 64;    ///< pages kept in memory: half by the writer, half by all readers together
  std::size_t mmap_mb = 0;      ///< of the database that is mapped; a disk that fails to read then ends the process (SIGBUS)
  /// Pages in the write-ahead log past which it is carried over into the database; at a moment when nobody waits from half
  /// of them on.
  int log_pages_max = 2'000;
  /// Called once, on the writer thread, when a write or sync failed and nothing can be acknowledged any
  /// more: after a failed fsync the kernel may have dropped the pages, so a retry would lie. The process
  /// must end and start again from what is on disk.
  std::function<void(const Error&)> on_fatal = [](const Error&) {};
  /// For the test that shows what it costs: PRAGMA synchronous=OFF.
  bool unsafe_no_sync = false;
};

struct SqliteStorage {
  std::unique_ptr<Store> store;
  std::unique_ptr<Queries> queries;
};

/// Opens the embedded store: WAL, synchronous=FULL, one connection that alone writes and checkpoints, on
/// a thread of its own with group commit; readers on connections of their own.
/// Errors: `unavailable` "store.io"; `invalid` "store.version" for a database of a newer release.
Result<SqliteStorage> open_sqlite(SqliteOptions options);

/// Readers alone, for tools beside a running server: they neither write nor checkpoint.
/// Errors: `not_found` "store.missing" when there is no database.
Result<std::unique_ptr<Queries>> open_sqlite_readers(const std::string& path);

/// The rows themselves; to read, beside a running server. Errors: `not_found` "store.missing", `invalid` "store.version".
Result<std::unique_ptr<Tables>> open_sqlite_tables(const std::string& path, TablesUse use);

}  // namespace chuyi
