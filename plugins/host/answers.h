#pragma once

#include <string>
#include <string_view>

#include "engine/base/json.h"

namespace chuyi {

/// Why `answer` is none for the hook `asked`, of the shapes that plugins/sdk/chuyi_plugin.h gives; empty when it is one.
std::string defect_of(std::string_view asked, const json::value& answer);

}  // namespace chuyi
