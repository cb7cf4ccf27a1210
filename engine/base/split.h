#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace chuyi {

/// The words between any of `separators`, none of them empty; by default XML's white space.
inline std::vector<std::string> split(std::string_view text, std::string_view separators = " \t\r\n") {
  std::vector<std::string> out;
  for (std::size_t at = 0; (at = text.find_first_not_of(separators, at)) != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(separators, at), text.size());
    out.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

}  // namespace chuyi
