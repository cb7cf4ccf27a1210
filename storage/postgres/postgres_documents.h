#pragma once

#include <memory>
#include <string>

#include "engine/ports/documents.h"
#include "storage/postgres/pool.h"

namespace chuyi::postgres {

/// Documents as rows of 256 KiB below a head row, which alone makes them a document: so one is there whole or not at
/// all, and no transaction and no memory grows with its size.
///
/// **Deleting.** No node knows what another is about to refer to, so release() deletes nothing. Each finish() does a
/// piece of sweeping as large as its content instead: content that was touched an hour ago and is named by no row, and
/// uploads that nobody went on with. Content is touched whenever it is uploaded, also when it was there before, and a
/// command that took longer than that from its upload to its row is refused (Command::hold).
class PostgresDocuments final : public DocumentStore {
 public:
  PostgresDocuments(std::shared_ptr<Pool> pool, std::string scratch) : pool_(std::move(pool)), scratch_(std::move(scratch)) {}
  Result<std::unique_ptr<DocumentWriter>> create(std::uint64_t bytes_max) override;
  Result<std::unique_ptr<DocumentReader>> open(std::string_view digest) override;
  Result<StoredDocument> seal(const BagSpec& spec) override;
  void release(std::string_view, bool) override {}

 private:
  std::shared_ptr<Pool> pool_;
  std::string scratch_;
};

}  // namespace chuyi::postgres
