#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace chuyi {

/// The names in braces of a text such as "授予{org}：", in their order. A brace stands for nothing else.
/// Errors: `invalid` "text.braces".
Result<std::vector<std::string>> placeholders_of(std::string_view text);
/// The text with `value_of` each name in its place. Of braces that placeholders_of() refuses, the rest as it stands.
std::string fill_placeholders(std::string_view text, const std::function<std::string(const std::string& name)>& value_of);

}  // namespace chuyi
