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
  std::vector<Detail> warnings;
};

/// Checks a serialised bag: complete and valid by RFC 8493 section 3, nothing outside its one base folder
/// (or a bag without one), every payload file in every payload manifest, every digest right. Never
/// fetches anything: what fetch.txt names must be there already.
/// Errors: those of open_zip.
Result<BagReport> validate_bag(std::string zip_bytes, const ZipLimits& limits = {});

}  // namespace chuyi
