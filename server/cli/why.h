#pragma once

#include "server/cli/commands.h"

namespace chuyi {

struct WhyOptions {
  std::string id;      ///< of an application or a task
  std::string server;  ///< ADDRESS:PORT of a running one; empty: the installation itself, which tells all but what `user` may do
  std::string user;
  bool password_stdin = false;
  bool json = false;
  std::string language = "zh";
};

/// Why an application or a task stands where it stands. Errors: `not_found` "why.unknown"; those of the server.
Result<> run_why(const SharedFiles& files, const Home& home, const WhyOptions& options);

}  // namespace chuyi
