#pragma once

#include <string>
#include <string_view>

#include "engine/base/json.h"
#include "engine/ports/definition.h"

namespace chuyi {

/// Why `answer` is none for the hook `asked`, of the shapes that plugins/sdk/chuyi_plugin.h gives; empty when it is one.
std::string defect_of(std::string_view asked, const json::value& answer);

/// The same for what the programme itself needs of an answer: of `render` each {field.NAME} of its certificate.
std::string lack_of(std::string_view asked, const json::object& answer, const Definition& definition);

}  // namespace chuyi
