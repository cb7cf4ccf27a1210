#pragma once

#include <string>
#include <vector>

#include "engine/base/result.h"
#include "storage/documents/zip_archive.h"

namespace chuyi {

struct BagReport {
  std::string version;            ///< of BagIt, e.g. "1.0"
  std::size_t payload_files = 0;
  std::uint64_t payload_bytes = 0;
  std::vector<Detail> errors;     ///< codes "bag.*", place = path inside the bag; none: the bag is valid
  std::vector<Detail> warnings;   ///< of both only the first kBagFindingsMax, and
  std::size_t more_errors = 0;    ///< how many were found beyond them
  std::size_t more_warnings = 0;
};

inline constexpr std::size_t kBagFindingsMax = 100;

/// Checks a serialised bag: complete and valid by RFC 8493 section 3, nothing outside its one base folder,
/// every payload file in every payload manifest, every digest right. Never
/// fetches anything: what fetch.txt names must be there already. Reads from the file; holds no more of it than one
/// tag file. Bounds: bag_limits.h. Errors: those of open_zip.
Result<BagReport> validate_bag(const std::string& path);

}  // namespace chuyi
