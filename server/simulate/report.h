#pragma once

#include "server/simulate/season.h"

namespace chuyi::simulate {

/// What was looked at after the season.
struct Aftermath {
  std::map<std::string, std::pair<std::string, std::string>> titles;  ///< of states: zh, en
  std::size_t replayed = 0;
  std::vector<std::string> replay_problems;
  std::string audit_problem;
};

/// Replays a sample of the applications, and checks the audit log.
Result<Aftermath> look_back(const Season& season, Queries& queries, const Definitions& definitions, const InvokeRegistry& registry);

/// The whole result, free of wall-clock times: the same season gives the same bytes.
json::object report_of(const Season& season, const Cast& cast, const Options& options, const Call& call, const Aftermath& aftermath);

/// For people. @param language  zh or en.
std::string text_of(const json::object& report, const std::string& language);

/// Whether every check of a report holds.
bool holds(const json::object& report);

}  // namespace chuyi::simulate
