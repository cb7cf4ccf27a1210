#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "engine/base/result.h"
#include "engine/ports/audit.h"

namespace chuyi {

using CopyProgress = std::function<void(std::size_t done, std::size_t all)>;

/// What a database holds that has to be with it.
struct SqliteContents {
  AuditHead head;
  std::set<std::string> documents;  ///< digests of the documents and bags that rows name
  std::set<std::string> libraries;  ///< of native libraries, which may be among the documents or in a folder of their own
};

/// Copies a database as it was at one moment to the new file `to`, while a server writes to it: the copy is of one read
/// transaction, so writers neither wait nor make it begin anew. It never checkpoints (see SqliteQueries). The write-ahead
/// log grows meanwhile. `to` is not synced.
/// Errors: `not_found` "store.missing"; `unavailable` "store.full", "store.io".
Result<SqliteContents> copy_sqlite(const std::string& from, const std::string& to, const CopyProgress& progress = {});

/// Makes a copied database one to start from: checks it, ends all logins, and takes back every command after audit
/// record `until` when given. Leaves no write-ahead log and is not synced.
/// @param expected  the head that the copy was made with.
/// Errors: `invalid` "store.corrupt", "store.version", "restore.until"; `unavailable` "store.full", "store.io".
Result<SqliteContents> prepare_restored_sqlite(const std::string& path, const AuditHead& expected, std::optional<std::int64_t> until);

}  // namespace chuyi
