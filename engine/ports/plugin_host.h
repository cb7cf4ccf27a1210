#pragma once

#include <string_view>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/result.h"
#include "engine/ports/definition.h"

namespace chuyi {

/// What a package's code may be asked. Each takes and gives JSON objects; plugins/sdk/chuyi_plugin.h says which.
namespace hook {
inline constexpr std::string_view kValidate = "validate";
inline constexpr std::string_view kEligible = "eligible";
inline constexpr std::string_view kScore = "score";
inline constexpr std::string_view kNumber = "number";
inline constexpr std::string_view kCheckIndicators = "check_indicators";
inline constexpr std::string_view kRender = "render";
inline constexpr std::string_view kHandle = "handle";
inline constexpr std::string_view kMigrate = "migrate";
inline constexpr std::string_view kAll[] = {kValidate, kEligible, kScore, kNumber, kCheckIndicators, kRender, kHandle, kMigrate};
}  // namespace hook

/// Calls native code of packages, each in a process of its own. Thread-safe; blocks the caller only, within the
/// limits of its turn and of the call. What one call does wrong is no other call's error.
class PluginHost {
 public:
  virtual ~PluginHost() = default;
  /// Runs `hook` of the definition's library on `input`.
  ///
  /// @param id  names the call: the same on every repeat of it, so that a repeat after a crash can be told; the library
  ///            sees it as "call". Empty: it is never repeated.
  /// @return    the answer, of the shape that the SDK gives for the hook. No library, or no such hook: an empty object.
  ///            Errors: `unavailable` "plugin.crashed", "plugin.timeout", "plugin.answer", "plugin.load", "plugin.input", each an
  ///            incident; "plugin.restarting" (it failed again and again, and was not asked). The message names package and hook.
  virtual Result<json::object> call(const Definition& definition, std::string_view hook, std::string_view id, const json::object& input) = 0;
};

/// The "findings" of an answer of `validate` or `eligible` (place = JSON pointer, code with "plugin." before it).
std::vector<Detail> findings_of(const json::object& answer);

}  // namespace chuyi
