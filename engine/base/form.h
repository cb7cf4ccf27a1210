#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/json.h"

namespace chuyi {

/// Everything but RFC 3986's unreserved characters as %XX.
std::string percent_encode(std::string_view text);
/// Decodes percent escapes strictly; `plus` turns "+" into a space. False for a bad escape or a NUL.
bool percent_decode(std::string_view text, bool plus, std::string& out);

/// Names and values of application/x-www-form-urlencoded, in order; names may repeat.
using FormPairs = std::vector<std::pair<std::string, std::string>>;
/// Canonical JSON as others read it: an exact number, {"$decimal":"12.5"} here, is the numeral 12.5.
std::string plain_json(const json::value& value);
/// Appends "name=value"; text stands as it is, null as nothing, everything else as plain_json().
void add_form_pair(std::string& form, std::string_view name, const json::value& value);
/// none: malformed, not UTF-8, or more than 64 pairs.
std::optional<FormPairs> parse_form(std::string_view form);

}  // namespace chuyi
