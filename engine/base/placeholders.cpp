#include "engine/base/placeholders.h"

namespace chuyi {

Result<std::vector<std::string>> placeholders_of(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; (at = text.find_first_of("{}", at)) != std::string_view::npos;) {
    const std::size_t end = text.find_first_of("{}", at + 1);
    if (text[at] == '}' || end == std::string_view::npos || text[end] == '{' || end == at + 1)
      return Error{.kind = ErrorKind::invalid,
                   .code = "text.braces",
                   .message = "Expected names in braces, such as {title}, and no other braces",
                   .message_zh = "花括号须成对出现，其中写占位符名称，如{title}"};
    out.emplace_back(text.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return out;
}

std::string fill_placeholders(std::string_view text, const std::function<std::string(const std::string& name)>& value_of) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t open = text.find('{', at);
    const std::size_t close = open == std::string_view::npos ? open : text.find('}', open);
    if (close == std::string_view::npos) return out.append(text.substr(at));
    out.append(text.substr(at, open - at)).append(value_of(std::string{text.substr(open + 1, close - open - 1)}));
    at = close + 1;
  }
  return out;
}

}  // namespace chuyi
