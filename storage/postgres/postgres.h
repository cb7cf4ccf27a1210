#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "engine/ports/documents.h"
#include "engine/ports/queries.h"
#include "engine/ports/store.h"
#include "engine/ports/tables.h"

namespace chuyi {

struct PostgresOptions {
  std::string url;            ///< of libpq: postgresql://user@host:port/database?option=…
  std::string scratch;        ///< folder of bags that are being made; made when it is not there
  std::size_t writers = 4;    ///< connections that write, each on a thread of its own; two with groups, the others with what has to wait
  std::size_t group_max = 64;  ///< commands that share one commit
  /// How long a command is tried again while others are in the way or the server is not there.
  std::chrono::milliseconds patience{5'000};
  /// How long a row that somebody else holds is waited for.
  std::chrono::milliseconds lock_wait_max{5'000};
  /// A node that stands still in the midst of a transaction for so long loses it, so that others can go on; when it
  /// wakes its commit is refused, and it decides anew on what is there by then.
  std::chrono::milliseconds pause_max{5'000};
  /// A commit of any node left a timer or an outbox entry, or may have while nobody listened. On a thread of the store: short, no waiting.
  std::function<void()> on_work = [] {};
};

struct PostgresStorage {
  std::unique_ptr<Store> store;
  std::unique_ptr<Queries> queries;
  std::unique_ptr<DocumentStore> documents;  ///< in the same database
};

/// Opens the store of an installation with any number of nodes; brings its schema up to date.
/// Errors: `unavailable` "store.io"; `invalid` "store.version" for a database of a newer release, "store.encoding"
/// for one that is not in UTF-8, "store.url".
Result<PostgresStorage> open_postgres(PostgresOptions options);

/// Readers alone, for tools beside running servers. Errors: `not_found` "store.missing" when there is no installation.
Result<std::unique_ptr<Queries>> open_postgres_readers(const std::string& url);

/// The rows themselves; to read, beside running servers.
/// Errors: `not_found` "store.missing"; `invalid` "store.version", "store.encoding", "store.url".
Result<std::unique_ptr<Tables>> open_postgres_tables(const std::string& url, TablesUse use);
/// The documents alone, in a database that was opened before.
std::unique_ptr<DocumentStore> open_postgres_documents(const std::string& url, const std::string& scratch);

}  // namespace chuyi
