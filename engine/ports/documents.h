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

/// Receives a document's bytes. Destroyed without `finish`: there is no document, and what it took is freed within an hour.
class DocumentWriter {
 public:
  virtual ~DocumentWriter() = default;
  /// Errors: `too_large` "document.size"; `unavailable` "document.io", "document.full".
  virtual Result<> write(std::string_view bytes) = 0;
  /// The bytes and their name outlast a loss of power when this returns, and are held: see release().
  virtual Result<StoredDocument> finish() = 0;
};

/// Reads a stored document and checks its digest on the way: the last part is given only when all of it is right.
class DocumentReader {
 public:
  virtual ~DocumentReader() = default;
  virtual std::uint64_t size() const = 0;
  /// Up to `bytes_max` more bytes; empty at the end. Errors: `unavailable` "document.io",
  /// "document.corrupt" when the bytes are not those of the digest.
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
  /// Writes a BagIt 1.0 bag (RFC 8493) as a deterministic zip and keeps and holds it like a document.
  /// Errors: `invalid` "bag.path", "bag.duplicate", "bag.info"; `too_large` "bag.size", "bag.entries"; `unavailable`
  /// "bag.zip", "document.corrupt"; those of open() and create().
  virtual Result<StoredDocument> seal(const BagSpec& spec) = 0;
  /// Ends one holding of what finish() or seal() gave. `referenced`: a row names it now, or may. Content that was new
  /// and that none of its holders saw referenced is deleted: with the last of them, or where several nodes may hold it,
  /// some time after nobody has brought it and no row has named it for an hour.
  virtual void release(std::string_view digest, bool referenced) = 0;
};

}  // namespace chuyi
