#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "engine/check/check.h"
#include "engine/ports/definition.h"

namespace chuyi {

struct PackageLibraryOptions {
  std::vector<std::string> packages;  ///< folders whose sub-folders (and *.zip) are packages; later folders win
  std::string workflows;              ///< shared workflows, NAME.scxml
  std::string forms;                  ///< holds common/NAME.json
  std::string schema;                 ///< plugin.xsd
  std::string installed = {};  ///< the one of them that install() writes to; empty: none
  std::string libraries;  ///< where native libraries are kept and run from, SHA256.so; empty: packages are only checked
  std::set<std::string> invoke_types;  ///< of the registry: a workflow may use no other
  check::World world;                  ///< what the checker knows of those types
  std::vector<check::Policy> policies;  ///< what every workflow must keep before it is taken in
};

/// Task types read from packages. See engine/ports/definition.h for the calls, plugins/sdk/plugin.xsd for the format.
/// Within a folder the newest version of a programme counts; a later folder's counts before an earlier one's.
///
/// A native library is part of a definition's identity: it is copied to a file named by its SHA-256, so that
/// applications go on with the code they started with when a package is replaced, moved or removed.
class PackageLibrary final : public Definitions {
 public:
  explicit PackageLibrary(PackageLibraryOptions options) : options_(std::move(options)) {}
  std::vector<DefinitionPtr> current() const override;
  DefinitionPtr current(std::string_view programme) const override;
  DefinitionPtr by_digest(std::string_view digest) const override;
  Result<DefinitionPtr> restore(std::string_view digest, const json::object& files) override;
  std::vector<Detail> reload() override;

  /// Where restore() finds a library that is not kept here; to be said before anything is restored. `fetch` answers the
  /// bytes of the digest.
  void fetch_libraries(std::function<Result<std::string>(const std::string& digest)> fetch) { fetch_library_ = std::move(fetch); }

  /// Keeps the archive of a package as PROGRAMME-VERSION.zip, durably, instead of its other versions there, for the next
  /// reload(). `commit` is called when nothing but a rename is left to do. Errors: its; `unavailable` "plugin.kept".
  Result<> install(const std::string& programme, const std::string& version, std::string_view archive, const std::function<Result<>()>& commit);
  /// Removes what install() kept of the programme, which is then unknown until a reload() finds it elsewhere. What runs on it
  /// goes on. Errors: `unavailable` "plugin.kept".
  Result<> uninstall(std::string_view programme);
  /// Which of the folders have the programme, as of the last reload(): indexes into `packages`.
  std::set<std::size_t> folders_of(std::string_view programme) const;
  const PackageLibraryOptions& options() const { return options_; }

  /// Reads and checks one package folder or archive without taking it in.
  Result<DefinitionPtr> load(const std::string& path) const;

 private:
  PackageLibraryOptions options_;
  std::function<Result<std::string>(const std::string& digest)> fetch_library_;
  std::mutex reloading_;  ///< taken before the other: of two reloads the later reads last
  std::map<std::string, DefinitionPtr> last_good_;  ///< by path; guarded by reloading_
  mutable std::mutex mutex_;
  std::map<std::string, DefinitionPtr, std::less<>> current_;
  std::map<std::string, std::set<std::size_t>, std::less<>> folders_;
  std::map<std::string, DefinitionPtr, std::less<>> by_digest_;
};

}  // namespace chuyi
