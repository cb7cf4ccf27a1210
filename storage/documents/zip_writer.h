#pragma once

#include <map>
#include <string>

#include "engine/base/result.h"

namespace chuyi {

/// A zip archive of `files` (path → bytes), in the order of their paths, stored and of one date: equal files give equal
/// bytes. Errors: `unavailable` "zip.write".
Result<std::string> make_zip(const std::map<std::string, std::string>& files);

}  // namespace chuyi
