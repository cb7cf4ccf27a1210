#include "server/http/message.h"

#include <optional>

namespace chuyi {

const std::string& Request::header(std::string_view name) const {
  static const std::string kNone;
  const auto found = headers.find(name);
  return found == headers.end() ? kNone : found->second;
}

std::string Request::query_or(const std::string& name, std::string_view fallback) const {
  const auto found = query.find(name);
  return found == query.end() ? std::string{fallback} : found->second;
}

bool parse_query(std::string_view text, std::map<std::string, std::string>& out) {
  std::optional<FormPairs> pairs = parse_form(text);
  if (!pairs) return false;
  for (auto& [name, value] : *pairs)
    if (!out.emplace(std::move(name), std::move(value)).second) return false;
  return true;
}

}  // namespace chuyi
