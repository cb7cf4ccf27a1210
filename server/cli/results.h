#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "engine/base/result.h"

/// `chuyi results …`: rankings from their sheets, without an installation.
namespace chuyi {

/// Adds the sub-commands. @param done  takes the result of the one that ran.
void add_results_commands(CLI::App& app, bool& json_output, std::function<void(const Result<>&)> done);

}  // namespace chuyi
