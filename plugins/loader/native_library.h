#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace chuyi {

/// Whether `bytes` are a shared library for this machine that exports chuyi_plugin, as far as its ELF tables say, without
/// loading it. Problems: "plugin.architecture" (no ELF, another class, byte order, machine or kind),
/// "plugin.entry" (no such symbol). @param place  of the manifest's <library>.
std::vector<Detail> check_native_library(std::string_view bytes, const std::string& place);

}  // namespace chuyi
