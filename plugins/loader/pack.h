#pragma once

#include <string>

#include "engine/base/result.h"
#include "plugins/loader/signature.h"
#include "storage/documents/zip_archive.h"

namespace chuyi {

/// Bounds of a package's archive.
inline constexpr std::uint64_t kPackageBytesMax = std::uint64_t{64} * 1024 * 1024;
inline constexpr ZipLimits kPackageZip{.bytes_max = kPackageBytesMax, .entries_max = 500, .entry_bytes_max = kPackageBytesMax, .total_bytes_max = 2 * kPackageBytesMax};

/// All files of a package's folder, but hidden ones, what is in "build", and an old signature.
/// Errors: `invalid` "plugin.file" for links and the like, "zip.name", "plugin.file_size", each defect a Detail.
Result<PackageFiles> read_package_folder(const std::string& folder);

/// A zip of `files` with their signature: the same bytes on every run. Errors: those of sign_package().
Result<std::string> pack_package(PackageFiles files, const std::string& private_pem);

/// All files of an archive. Errors: those of open_zip(), places with the archive's name before them.
Result<PackageFiles> unpack_package(const std::string& path);

}  // namespace chuyi
