#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

struct zip;

namespace chuyi {

/// Bounds of an archive from outside.
struct ZipLimits {
  std::uint64_t bytes_max = std::uint64_t{512} * 1024 * 1024;           ///< the archive itself
  std::uint64_t entries_max = 2'000;
  std::uint64_t entry_bytes_max = std::uint64_t{256} * 1024 * 1024;     ///< one entry, unpacked
  std::uint64_t total_bytes_max = std::uint64_t{1024} * 1024 * 1024;    ///< all entries, unpacked
  std::uint64_t directory_bytes_max = std::uint64_t{8} * 1024 * 1024;   ///< the central directory
  std::uint64_t ratio_max = 200;                                        ///< unpacked to packed, of one entry above 1 MiB
};

struct ZipEntry {
  std::string name;
  bool folder = false;
  std::uint64_t size = 0;    ///< unpacked
  std::uint64_t packed = 0;
  std::uint32_t crc = 0;
  std::uint64_t index = 0;   ///< position in the central directory
  /// What says nothing about the content: made-by, times, attributes, lengths of extra field and comment.
  std::string trappings;
};

/// An archive that has passed the gate.
class ZipArchive {
 public:
  ~ZipArchive();
  const std::vector<ZipEntry>& entries() const { return entries_; }
  const ZipEntry* find(std::string_view name) const;
  /// Streams an entry's bytes to `sink`. Errors: `invalid` "zip.data" when it inflates to another size or
  /// checksum than declared; what `sink` answers.
  Result<> read(const ZipEntry& entry, const std::function<Result<>(std::string_view)>& sink) const;
  /// Errors: also `too_large` "zip.size" for an entry of more than `bytes_max`, before anything is read.
  Result<std::string> read_all(const ZipEntry& entry, std::uint64_t bytes_max) const;

 private:
  friend Result<std::unique_ptr<ZipArchive>> open_zip(const std::string& path, const ZipLimits& limits);
  ZipArchive() = default;
  std::vector<ZipEntry> entries_;
  ::zip* archive_ = nullptr;
};

/// The one gate for archives from outside, in front of libzip. Reads from the file, and holds no more of it than its
/// directory (`directory_bytes_max`). Every byte belongs to exactly one local
/// header with its data, the central directory, or the end record; names obey entry_name.h, are the same in
/// both headers and unique; only stored and deflated, unencrypted files and folders; no zip64, no links, no
/// split archives; sizes within limits.
///
/// @return Errors: `not_found` "file.missing"; `invalid` "zip.*", place = entry name; `too_large` "zip.size", "zip.entries", "zip.bomb".
Result<std::unique_ptr<ZipArchive>> open_zip(const std::string& path, const ZipLimits& limits = {});

}  // namespace chuyi
