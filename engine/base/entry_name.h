#pragma once

#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace chuyi {

/// The one rule for names inside archives, for uploading, writing and reading: relative, "/" between segments, UTF-8,
/// no "." or "..", no backslash, drive letter, control character, trailing dot or space, reserved Windows
/// name; at most 255 bytes a segment and 1,024 in all. A trailing "/" (a folder) is allowed when `folder`.
/// Errors: `invalid` "zip.name", place = the name, with a message in both languages.
Result<> check_entry_name(std::string_view name, bool folder = false);

/// Names that one file system would take for the same share this key: NFC of the case-folded name (Unicode), ASCII
/// case folded where it is not UTF-8.
std::string entry_key(std::string_view name);

}  // namespace chuyi
