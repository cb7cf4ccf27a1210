#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "engine/base/result.h"
#include "server/installation.h"

namespace chuyi {

/// `chuyi simulate`. `done` gets the outcome; "simulate.checks" when the rehearsal ran and a check of it does not hold.
void add_simulate_command(CLI::App& app, const SharedFiles& files, bool& json_output, std::function<void(const Result<>&)> done);

}  // namespace chuyi
