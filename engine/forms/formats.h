#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/base/json.h"

namespace chuyi {

/// Whether a format's name is known.
bool is_known_format(std::string_view format);
/// Whether `text` is of the format; `schema` holds its parameters (decimal: "x-min", "x-max").
bool has_format(std::string_view format, const std::string& text, const json::object& schema);
/// What a person is told to enter: {zh, en}.
std::pair<std::string, std::string> format_hint(std::string_view format, const json::object& schema);

}  // namespace chuyi
