#pragma once

#include "storage/documents/zip_archive.h"

namespace chuyi {

/// What a bag may hold. The writer keeps within these bounds and the validator reads with the same ones: every bag
/// that can be sealed can be validated.
inline constexpr std::uint64_t kBagPayloadBytesMax = std::uint64_t{2} * 1024 * 1024 * 1024;
inline constexpr std::uint64_t kBagTagBytesMax = std::uint64_t{4} * 1024 * 1024;  ///< one tag file: it is held in memory
inline constexpr std::uint64_t kBagEntriesMax = 2'000;
inline constexpr std::uint64_t kBagDirectoryBytesMax = std::uint64_t{8} * 1024 * 1024;
inline constexpr ZipLimits kBagLimits{
    .bytes_max = kBagPayloadBytesMax + 4 * kBagTagBytesMax + 2 * kBagDirectoryBytesMax,
    .entries_max = kBagEntriesMax,
    .entry_bytes_max = kBagPayloadBytesMax,
    .total_bytes_max = kBagPayloadBytesMax + 4 * kBagTagBytesMax,
    .directory_bytes_max = kBagDirectoryBytesMax,
};

}  // namespace chuyi
