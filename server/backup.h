#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "engine/base/result.h"
#include "engine/ports/audit.h"
#include "server/storage.h"

namespace chuyi {

struct BackupReport {
  AuditHead head;  ///< of the audit log in the backup, or in what was restored
  std::size_t files = 0;
  std::uint64_t bytes = 0;
};

using BackupProgress = std::function<void(std::size_t done, std::size_t all)>;

/// Backs an installation up into the new folder `to`, while a server uses it: the database as it is at one moment, every
/// document that it names, the packages and their libraries, as a BagIt bag. Documents are linked where `to` is on their
/// file system, else copied; each is read and its digest checked.
/// Errors: `rejected` "folder.taken", "folder.busy"; `invalid` "backup.store" for an installation with a database of its
/// own; `unavailable` "document.corrupt", "document.full", "document.io"; those of copy_sqlite.
Result<BackupReport> back_up(const Home& home, const std::string& to, const BackupProgress& progress);

/// Makes an installation of a backup in the new or empty folder `to`, as it was after audit record `until` when given:
/// whole and checked (the bag, the database, the audit chain, that every document is there), or not at all. Nobody is
/// signed in there.
/// Errors: `rejected` "folder.taken", "folder.busy"; `invalid` "bag.damaged", "backup.unknown" for another kind of bag,
/// "audit.broken", "restore.document"; those of prepare_restored_sqlite.
Result<BackupReport> restore_backup(const std::string& from, const std::string& to, std::optional<std::int64_t> until, const BackupProgress& progress);

}  // namespace chuyi
