#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/base/calendar.h"
#include "engine/invoke/handler.h"
#include "engine/ports/queries.h"
#include "engine/runtime/organisations.h"
#include "plugins/loader/package_library.h"

namespace chuyi {

/// Where the program's own files are: workflows, forms, packages, templates.
struct SharedFiles {
  std::string root;                    ///< holds workflows/, forms/, plugins/sdk/, server/
  std::vector<std::string> packages;   ///< folders of shipped packages
  std::string plugin_host;             ///< the host program

  /// CHUYI_SHARE when it is set; else beside the program (../share/chuyi), else the source tree it was built from.
  static SharedFiles find(const std::string& program);
};

/// Reads workflows/calendars/*.json. Errors: those of Calendar::add_year.
Result<Calendar> load_calendar(const SharedFiles& files);
/// Every *.json of server/texts. Errors: `invalid` "texts.*".
Result<std::string> read_file(const std::string& path);
InvokeRegistry make_registry();
/// Reads workflows/policies/*.xml. Errors: those of check::parse_policies; `not_found` "file.missing".
Result<std::vector<check::Policy>> load_policies(const SharedFiles& files);
/// Reads workflows/data/hunan/recommenders.json. Errors: those of parse_recommenders.
Result<std::vector<RecommenderRule>> load_recommenders(const SharedFiles& files);
/// Reads workflows/policies/review.json and conflicts.json: how the review of a round is set up where its officer says nothing else.
Result<json::object> load_review_defaults(const SharedFiles& files);
/// Packages of the installation: shipped ones, then `data`/plugins (made when it is not there), then `more`; later
/// folders win. A package whose workflow breaks one of `policies` is refused. Without `data` packages can be
/// checked, but their libraries are not kept.
std::unique_ptr<PackageLibrary> make_library(const SharedFiles& files, const InvokeRegistry& registry, const std::string& data,
                                             const std::vector<std::string>& more, std::vector<check::Policy> policies = {});
/// One that only loads packages by their path, and keeps their libraries in `libraries`.
std::unique_ptr<PackageLibrary> make_examiner(const SharedFiles& files, const InvokeRegistry& registry, const std::string& libraries);
/// Takes in every definition that applications in the store run on. @return problems.
std::vector<Detail> restore_definitions(Queries& queries, Definitions& definitions);

}  // namespace chuyi
