#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "server/installation.h"

namespace chuyi {

/// `chuyi conflicts|assign compute|verify` and `chuyi draw run|verify`: files in, an export on standard output; nothing of
/// an installation is read. An input without a policy gets workflows/policies/conflicts.json.
/// @param done  is given how it ended.
void add_review_commands(CLI::App& app, const SharedFiles& files, bool& json_output, std::function<void(const Result<>&)> done);

}  // namespace chuyi
