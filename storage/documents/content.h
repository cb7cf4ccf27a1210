#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/digest.h"
#include "engine/ports/documents.h"

namespace chuyi {

/// What all document stores have in common: what a digest is, how bytes are counted and checked, how a bag is made.

/// Content that no row named for so long may be deleted. A command takes much less from its content to its row:
/// see Command::hold().
inline constexpr std::int64_t kUnreferencedMsMax = 3'600'000;

bool is_digest(std::string_view text);
/// `not_found` "document.unknown".
Error unknown_document(std::string_view digest);

/// Counts and hashes what is written.
class ContentSum {
 public:
  explicit ContentSum(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}
  /// Errors: `too_large` "document.size".
  Result<> add(std::string_view bytes);
  StoredDocument finish() { return {.digest = hash_.finish_hex(), .size = size_}; }

 private:
  std::uint64_t bytes_max_;
  std::uint64_t size_ = 0;
  Sha256 hash_;
};

/// Gives what next() brings, and holds the last part back until the whole is known to be right.
class CheckedReader : public DocumentReader {
 public:
  CheckedReader(std::string digest, std::uint64_t size) : digest_(std::move(digest)), size_(size) {}
  std::uint64_t size() const final { return size_; }
  Result<std::string> read(std::size_t bytes_max) final;

 protected:
  const std::string& digest() const { return digest_; }

 private:
  /// The next `bytes` bytes, or fewer where the content ends too early.
  virtual Result<std::string> next(std::size_t bytes) = 0;
  Error corrupt() const;

  std::string digest_;
  std::uint64_t size_;
  std::uint64_t given_ = 0;
  Sha256 hash_;
  bool checked_ = false;
};

/// DocumentStore::seal for stores that are no folder: makes the bag as a file below `scratch`, which is made when it
/// is not there, and puts that into `store`. Errors: as DocumentStore::seal.
Result<StoredDocument> seal_by_copy(DocumentStore& store, const BagSpec& spec, const std::string& scratch);

}  // namespace chuyi
