#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "engine/check/policy.h"
#include "engine/ports/queries.h"
#include "engine/runtime/command.h"
#include "server/installation.h"

namespace chuyi {

struct InstallOptions {
  bool upgrade = false;       ///< only a programme that is there
  bool unsigned_too = false;  ///< a package that nobody signed is taken
};

/// The packages of an installation as administrators handle them, while it is served or not. Each change is an audited
/// command; what fails changes nothing. Thread-safe; every call blocks.
class PluginAdmin {
 public:
  struct Parts {
    const SharedFiles& files;
    std::string data;  ///< the installation's folder
    CommandService& commands;
    Queries& queries;
    Definitions& definitions;  ///< what applications start on: `library`, or what nodes share
    PackageLibrary& library;
    const std::vector<check::Policy>& policies;
  };
  explicit PluginAdmin(Parts parts) : parts_(std::move(parts)) {}

  /// Every current package: {"id","titles","version","digest","quota","enabled","installed","signed_by","signer","applications":[{"version","digest","running"}]}.
  Result<json::array> list() const;
  /// Verifies, loads, checks and tests the archive, then keeps it and lets new applications start on it.
  /// @param name  of the file, for places in problems.
  /// @return      {"id","version","digest","signed_by","changed"}. Errors: `invalid` with every problem of the package;
  ///              `rejected` "plugin.downgrade", "plugin.version" (another content of the current version),
  ///              "plugin.shadowed" (a folder of --plugins has the programme), "plugin.not_there" (nothing to upgrade).
  Result<json::object> install(const std::string& name, const std::string& archive, const InstallOptions& options, const Actor& actor);
  /// Whether new applications may start. Errors: `not_found` "programme.unknown".
  Result<> enable(const std::string& programme, bool enabled, const Actor& actor);
  /// Errors: `not_found` "programme.unknown"; `rejected` "plugin.in_use", "plugin.shipped".
  Result<> remove(const std::string& programme, const Actor& actor);

  /// {"id","name","key"} of each key that may sign packages.
  Result<json::array> trusted() const;
  /// @return its id. Errors: `invalid` "trust.key", "trust.name".
  Result<std::string> trust(const std::string& name, const std::string& public_pem, const Actor& actor);
  /// What it signed stays. Errors: `not_found` "trust.unknown".
  Result<> distrust(const std::string& id, const Actor& actor);

 private:
  struct Examined;
  Result<Examined> examine(const std::string& name, const std::string& archive, bool unsigned_too) const;
  Result<> run(std::string kind, json::object data, const Actor& actor);
  Result<bool> is_in_use(const std::string& programme) const;

  Parts parts_;
  std::mutex changing_;
};

/// What PluginAdmin::list() says.
Result<json::array> list_plugins(Queries& queries, const Definitions& definitions);
/// The packages that come with the program, without an installation: as list().
json::array shipped_plugins(const SharedFiles& files);

}  // namespace chuyi
