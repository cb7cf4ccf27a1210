#pragma once

#include <string>

#include "engine/base/json.h"
#include "engine/base/result.h"

namespace chuyi::scxml {

/// Evaluates one Lua expression in the sandbox of the data model, with `globals` and nothing else: the rules
/// of forms. nil and false are false.
/// Errors: `invalid` "lua.execution" for what does not compile, fails, or passes a limit; place = `place`.
Result<bool> holds(const std::string& expression, const json::object& globals, const std::string& place);

}  // namespace chuyi::scxml
