#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/result.h"

namespace chuyi {

struct StoredDocument {
  std::string digest;  ///< SHA-256, hex
  std::uint64_t size = 0;
};

/// Receives a document's bytes. Destroyed without `finish`: nothing stays.
class DocumentWriter {
 public:
  virtual ~DocumentWriter() = default;
  /// Errors: `too_large` "document.size"; `unavailable` "document.io", "document.full".
  virtual Result<> write(std::string_view bytes) = 0;
  /// The bytes and their name are on disk (fsync of file and folder) when this returns.
  virtual Result<StoredDocument> finish() = 0;
};

/// Reads a stored document and checks its digest on the way.
class DocumentReader {
 public:
  virtual ~DocumentReader() = default;
  virtual std::uint64_t size() const = 0;
  /// Up to `bytes_max` more bytes; empty at the end. Errors: `unavailable` "document.io",
  /// "document.corrupt" when the bytes are not those of the digest (known at the end).
  virtual Result<std::string> read(std::size_t bytes_max) = 0;
};

struct BagEntry {
  std::string path;    ///< below data/, e.g. "documents/agreement/协议.pdf"
  std::string digest;  ///< of a stored document; or empty, and
  std::string bytes;   ///< the content itself
};

/// What a bag holds. Equal specs give equal zip bytes.
struct BagSpec {
  std::vector<BagEntry> payload;                              ///< any order; paths unique
  std::vector<std::pair<std::string, std::string>> info;      ///< bag-info.txt, in order
};

/// Content-addressed documents, and sealed bags among them. Thread-safe.
class DocumentStore {
 public:
  virtual ~DocumentStore() = default;
  virtual Result<std::unique_ptr<DocumentWriter>> create(std::uint64_t bytes_max) = 0;
  /// Errors: `not_found` "document.unknown".
  virtual Result<std::unique_ptr<DocumentReader>> open(std::string_view digest) = 0;
  /// Writes a BagIt 1.0 bag (RFC 8493) as a deterministic zip and keeps it like a document.
  /// Errors: `invalid` "bag.path", "bag.duplicate"; those of open() and create().
  virtual Result<StoredDocument> seal(const BagSpec& spec) = 0;
};

}  // namespace chuyi
