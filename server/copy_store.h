#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "engine/base/result.h"
#include "engine/ports/audit.h"
#include "server/storage.h"

namespace chuyi {

struct CopyReport {
  AuditHead head;               ///< of the source's audit log at the moment that was copied; the copy's ends there too
  std::size_t tables = 0;
  std::size_t rows = 0;         ///< in those tables
  std::size_t changed = 0;      ///< of them made, changed or removed this time
  std::size_t documents = 0;    ///< read back and found right
  std::size_t brought = 0;      ///< of them copied this time
  std::uint64_t bytes = 0;      ///< of the documents
};

/// What is being worked on, and how much of it is done.
using CopyStoreProgress = std::function<void(const std::string& what, std::size_t done, std::size_t all)>;

/// Copies an installation as it is at one moment, from one store into another: every table row by row in the order of its
/// key, in batches of one transaction each, and every document that a row names before that row. Nothing waits for it, and
/// the source may be used meanwhile; nobody may use the target. Then checks the count of every table, the audit chain up
/// to the source's head, and every document's digest, all read from the target.
///
/// Rows that are there already and equal stay. So the same call goes on after an interruption, and later brings a copy up
/// to date with a source that has gone on: that reads both stores as a whole and writes what differs.
///
/// Not copied: logins (people sign in again), who works on what is due, and what is of one store alone, see copy_store.cpp.
/// Errors: `rejected` "copy.target" for a target that is neither empty nor an earlier state of this source, "copy.same" for
/// the source itself, "copy.source" for a source that is an unfinished copy or has no records, "installation.locked"; `invalid`
/// "copy.schema" when the stores differ in a table, "copy.differs" when the copy is not what it should be, "audit.broken";
/// `not_found` "store.missing"; `invalid` "cli.store", "store.version"; those of the stores and of the documents.
Result<CopyReport> copy_store(const Home& from, const Home& to, const CopyStoreProgress& progress);

}  // namespace chuyi
