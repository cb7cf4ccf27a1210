#pragma once

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
  std::vector<std::string> packages;  ///< folders whose sub-folders (and *.zip) are packages; later ones win
  std::string workflows;              ///< shared workflows, NAME.scxml
  std::string forms;                  ///< holds common/NAME.json
  std::string schema;                 ///< plugin.xsd
  std::string libraries;              ///< where libraries of zip packages are unpacked
  std::set<std::string> invoke_types;  ///< of the registry: a workflow may use no other
  check::World world;                  ///< what the checker knows of those types
  std::vector<check::Policy> policies;  ///< what every workflow must keep before it is taken in
};

/// What a package's files say, before anything is built from them.
struct PackageSource {
  std::string name;      ///< names the package in errors: its folder or archive
  json::object files;    ///< path → text: plugin.xml, the workflow, forms with common parts inlined
  std::string library;   ///< absolute path; empty when there is none
};

/// Task types read from packages. See engine/ports/definition.h for the calls, docs/plugins.md for the format.
class PackageLibrary final : public Definitions {
 public:
  explicit PackageLibrary(PackageLibraryOptions options) : options_(std::move(options)) {}
  std::vector<DefinitionPtr> current() const override;
  DefinitionPtr current(std::string_view programme) const override;
  DefinitionPtr by_digest(std::string_view digest) const override;
  Result<DefinitionPtr> restore(std::string_view digest, const json::object& files) override;
  std::vector<Detail> reload() override;

  /// Reads and checks one package folder or archive without taking it in.
  Result<DefinitionPtr> load(const std::string& path) const;

 private:
  Result<PackageSource> read_folder(const std::string& path) const;
  Result<PackageSource> read_archive(const std::string& path) const;

  PackageLibraryOptions options_;
  mutable std::mutex mutex_;
  std::map<std::string, DefinitionPtr, std::less<>> current_;
  std::map<std::string, DefinitionPtr, std::less<>> by_digest_;
};

}  // namespace chuyi
