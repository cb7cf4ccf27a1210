#pragma once

#include "server/cli/commands.h"

namespace chuyi {

/// Compares the numbers of a notice's text with the quotas of the packages that come with the program, section by section, and
/// changes nothing: where the notice says otherwise it is a conflict, for people to settle in the package.
/// Errors: `invalid` "notice.conflict" for one that no package knows as another reading; those of reading the file.
Result<> run_notice(const SharedFiles& files, const std::string& file, bool json_output);

}  // namespace chuyi
