#pragma once

#include <string_view>

#include "engine/base/json.h"
#include "engine/base/result.h"
#include "engine/ports/definition.h"

namespace chuyi {

/// Calls native code of packages, each in a process of its own. Thread-safe; blocks the caller only, within the
/// limits of its turn and of the call. What one call does wrong is no other call's error.
class PluginHost {
 public:
  virtual ~PluginHost() = default;
  /// Runs hook "validate" on {"form":id,"data":{…},"date":"YYYY-MM-DD","application":{…}}.
  ///
  /// @return  the findings of the package (place = JSON pointer; empty: valid).
  ///          Errors: `unavailable` "plugin.crashed", "plugin.timeout", "plugin.answer", "plugin.load",
  ///          with the package's id in the message. No such hook: no findings.
  virtual Result<std::vector<Detail>> validate(const Definition& definition, const json::object& input) = 0;
};

}  // namespace chuyi
