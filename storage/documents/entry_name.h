#pragma once

#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace chuyi {

/// The one rule for names inside archives, for writing and reading: relative, "/" between segments, UTF-8,
/// no "." or "..", no backslash, drive letter, control character, trailing dot or space, reserved Windows
/// name; at most 255 bytes a segment and 1,024 in all. A trailing "/" (a folder) is allowed when `folder`.
/// Errors: `invalid` "zip.name", place = the name.
Result<> check_entry_name(std::string_view name, bool folder = false);

/// Names that one file system would take for the same share this key: case folded for ASCII.
std::string entry_key(std::string_view name);

}  // namespace chuyi
