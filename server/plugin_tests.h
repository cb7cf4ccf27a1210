#pragma once

#include <vector>

#include "engine/check/policy.h"
#include "engine/ports/plugin_host.h"
#include "plugins/loader/signature.h"
#include "server/installation.h"

namespace chuyi {

/// A folder that is gone with the object.
class TemporaryFolder {
 public:
  /// A new one inside `parent`, which is made where it is not there. Errors: `unavailable` "file.write".
  static Result<std::unique_ptr<TemporaryFolder>> make(const std::string& parent);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// What `chuyi check` finds in a package's workflow, so far as one waits for it.
std::vector<Detail> check_package(const Definition& definition, const std::vector<check::Policy>& policies);

struct TestRun {
  std::size_t cases = 0;
  std::vector<Detail> failures;  ///< "plugin.test" with what differed, "plugin.test_file" for a case that is none; place = file
};
/// Runs the examples tests/*.json of a package (but tests/way*.json, which a server plays), each a case or a list of them:
/// {"form":ID,"data":{…},"date"?,"application"?,"expect":{"findings":[{"place","code"}]}}: schema, rules, and where these find
///   nothing the package's code; the findings equal as a set of place and code;
/// {"hook":NAME,"input":{…},"expect":{…}}: the answer equal.
TestRun run_package_tests(const Definition& definition, const PackageFiles& files, PluginHost& plugins);

}  // namespace chuyi
