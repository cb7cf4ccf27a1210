#include "engine/ports/definition.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace chuyi {

bool is_newer_version(std::string_view a, std::string_view b) {
  const auto numbers = [](std::string_view version) {
    std::array<int, 3> out{};
    for (int& each : out) {
      const char* end = std::from_chars(version.data(), version.data() + version.size(), each).ptr;
      version.remove_prefix(std::min(version.size(), static_cast<std::size_t>(end - version.data()) + 1));
    }
    return out;
  };
  return numbers(a) > numbers(b);
}

std::string source_name(const std::string& src) {
  const std::string name = src.starts_with("file:") ? src.substr(5) : src;
  return name.empty() || name.front() == '.' || name.find_first_of("/\\:") != std::string::npos ? std::string{} : name;
}

Result<std::string> read_source(const json::object& files, const std::string& src) {
  const std::string name = source_name(src);
  if (const json::value* found = files.if_contains(source_key(name)); !name.empty() && found != nullptr && found->is_string())
    return std::string{found->get_string()};
  return Error{.kind = ErrorKind::not_found,
               .code = "scxml.src",
               .message = "Expected the name of a document beside the workflow, but found '" + src + "'",
               .message_zh = "未找到流程引用的文件"};
}

}  // namespace chuyi
