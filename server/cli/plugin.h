#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "server/installation.h"
#include "server/storage.h"

/// `chuyi plugin …`: packages as their authors make them and administrators handle them.
namespace chuyi {

/// Adds the sub-commands. @param home  the installation that the options name, once they are read.
/// @param done  takes the result of the one that ran.
void add_plugin_commands(CLI::App& app, const SharedFiles& files, std::function<Home()> home, bool& json_output, std::function<void(const Result<>&)> done);

/// Writes a package that passes its own tests into a new folder of its name. Errors: `invalid` "cli.name";
/// `rejected` "file.exists"; `unavailable` "file.write".
Result<> write_new_plugin(const SharedFiles& files, const std::string& name, bool native);

}  // namespace chuyi
