#pragma once

#include <string>

#include "engine/base/result.h"

namespace chuyi {

/// The failure of a system call, by its errno: `unavailable` "document.full" or "document.io".
Error io_error(const std::string& what, int code);

}  // namespace chuyi
