#pragma once

#include <string>

#include "server/installation.h"

namespace chuyi {

struct ScxmlTestOptions {
  std::string folder;
  bool restore = false;  ///< every macrostep is a command of its own: saved, dropped from memory and restored in between
  bool json = false;
};

/// Runs every chart of a folder as a session of its own through the durable runtime: a database on disk, the
/// dispatcher, the pumps, and a clock that jumps from timer to timer. A chart passes when its session ends in the final
/// state `pass`. Documents that another one names (`src`) are no tests. Expressions that do not compile fail when
/// they are evaluated, which SCXML 5.9 lets a processor choose. Messages over HTTP go to the sessions themselves only.
///
/// Prints a line for each, or with `json` a list of {"id","result","configuration"}, and "error" where there is one.
/// Errors: `not_found` "file.missing"; `invalid` "scxml_test.failed" when one has not passed.
Result<> run_scxml_test(const ScxmlTestOptions& options);

}  // namespace chuyi
