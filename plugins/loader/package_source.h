#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "plugins/loader/manifest.h"
#include "plugins/loader/pack.h"
#include "plugins/loader/package_library.h"

namespace chuyi {

inline constexpr std::uintmax_t kTextMax = 2U * 1024 * 1024;
inline constexpr std::uintmax_t kLibraryMax = kPackageBytesMax;
/// The names of what is collected, in PackageSource::files.
inline constexpr const char* kWorkflowFile = "workflow.scxml";
inline constexpr const char* kCertificateFile = "certificate.xml";
inline constexpr const char* kLimitsFile = "limits.json";
inline constexpr const char* kLibraryDigest = "library.sha256";
inline constexpr const char* kConflictsFile = "conflicts.json";

/// What a package's files say, before anything is built from them.
struct PackageSource {
  std::string name;     ///< names the package in errors: its folder or archive
  Manifest manifest;
  json::object files;   ///< path → text: plugin.xml, the workflow, forms with common parts inlined, the library's digest
  std::string library;  ///< its bytes
};

/// Collects the files that the manifest names, common parts of forms inlined, from a folder or a zip archive.
/// Errors: `invalid` with every problem of the package as a detail: "plugin.*", "json.*", "form.*", "zip.*".
Result<PackageSource> read_package(const std::string& path, const PackageLibraryOptions& options);

/// Where the workflow and the certificate come from, for errors.
std::string workflow_file(const PackageSource& source);
std::string certificate_file(const PackageSource& source);

Error package_error(std::string code, std::string message, std::string place);
/// Errors: `invalid` "plugin.file" (not there, a link), "plugin.file_size".
Result<std::string> read_text(const std::filesystem::path& path, std::uintmax_t bytes_max);

}  // namespace chuyi
