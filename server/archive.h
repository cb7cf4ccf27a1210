#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/time.h"
#include "engine/ports/documents.h"
#include "engine/ports/queries.h"
#include "engine/runtime/command.h"

namespace chuyi {

struct ArchiveRequest {
  std::string folder;              ///< where a copy of each bag goes
  std::optional<Instant> before;   ///< nothing has happened since
  std::string round;               ///< empty: any
};
struct ArchiveReport {
  std::size_t applications = 0;
  std::size_t records = 0;
  std::vector<std::string> bags;  ///< digests
};

/// Moves the audit records of ended applications into sealed bags among the documents, some hundred applications in each.
/// A bag is on the disk, copied to the folder, and the copy read back and found valid before the records leave the
/// database; ended in the midst, the same call goes on where it was, and makes the same bags.
/// @param done  called after each bag with the applications so far.
/// Errors: `invalid` "archive.copy" when a copy is not what was sealed; those of the store and of the documents.
Result<ArchiveReport> archive_records(CommandService& commands, Queries& queries, DocumentStore& documents, const ArchiveRequest& request,
                                      const std::function<void(std::size_t applications)>& done);

/// Records as they were before they were archived, from the bags among the documents. Holds a few bags at a time.
class ArchivedBags {
 public:
  explicit ArchivedBags(DocumentStore& documents) : documents_(documents) {}
  /// Whether it is the right one, only the chain says. Errors: `not_found` "archive.missing"; those of open_zip.
  Result<std::string> record(const AuditRow& row, const std::string& bag);

 private:
  using Records = std::map<std::int64_t, std::string>;
  Result<Records> read(const std::string& bag) const;
  DocumentStore& documents_;
  std::deque<std::pair<std::string, Records>> held_;  ///< the last one read is first
};

}  // namespace chuyi
