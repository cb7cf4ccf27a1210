#include "engine/base/entry_name.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include <utf8proc.h>

#include "engine/base/json.h"

namespace chuyi {
namespace {

constexpr std::size_t kSegmentMax = 255;
constexpr std::size_t kNameMax = 1024;

bool is_reserved(std::string_view segment) {
  static constexpr std::array<std::string_view, 6> kDevices = {"con", "prn", "aux", "nul", "com", "lpt"};
  const std::string stem = entry_key(segment.substr(0, segment.find('.')));
  return std::any_of(kDevices.begin(), kDevices.end(), [&](std::string_view device) {
    if (!stem.starts_with(device)) return false;
    const bool numbered = device == "com" || device == "lpt";
    return numbered ? stem.size() == 4 && stem[3] >= '1' && stem[3] <= '9' : stem.size() == 3;
  });
}

struct Fault {
  const char* en = nullptr;  ///< what was expected; nullptr: nothing is wrong
  const char* zh = nullptr;
};

Fault fault_of(std::string_view name) {
  if (name.empty() || name.size() > kNameMax) return {"a name of 1 to 1,024 bytes", "文件名长度应为1至1024字节"};
  if (!is_utf8(name)) return {"a name in UTF-8", "文件名应为UTF-8编码"};
  if (name.front() == '/' || name.find('\\') != std::string_view::npos)
    return {"a relative name with '/' between its parts", "文件名不得以“/”开头，也不得含有“\\”"};
  if (name.size() > 1 && name[1] == ':') return {"a name without a drive letter", "文件名不得含有盘符"};
  if (std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }))
    return {"a name without control characters", "文件名不得含有控制字符"};
  while (!name.empty()) {
    const std::size_t slash = name.find('/');
    const std::string_view segment = name.substr(0, slash);
    if (segment.empty() || segment == "." || segment == "..")
      return {"a name without empty, '.' or '..' parts", "文件名不得为空，也不得为“.”或“..”"};
    if (segment.size() > kSegmentMax) return {"parts of at most 255 bytes", "文件名不得超过255字节"};
    if (segment.back() == '.' || segment.back() == ' ')
      return {"parts that do not end in a dot or a space", "文件名不得以“.”或空格结尾"};
    if (is_reserved(segment)) return {"no name that Windows reserves", "文件名不得为Windows保留名称（如aux、con）"};
    name.remove_prefix(slash == std::string_view::npos ? name.size() : slash + 1);
  }
  return {};
}

}  // namespace

Result<> check_entry_name(std::string_view name, bool folder) {
  std::string_view checked = name;
  if (folder && checked.ends_with('/')) checked.remove_suffix(1);
  const Fault fault = checked.ends_with('/') ? Fault{"the name of a file", "应为文件名"} : fault_of(checked);
  if (fault.en == nullptr) return {};
  return Error{.kind = ErrorKind::invalid,
               .code = "zip.name",
               .message = std::string{"Expected "} + fault.en,
               .place = std::string{name.substr(0, 200)},
               .message_zh = fault.zh};
}

std::string entry_key(std::string_view name) {
  utf8proc_uint8_t* folded = nullptr;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(name.data()),
                                             static_cast<utf8proc_ssize_t>(name.size()), &folded, options);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(folded, &std::free);
  if (size >= 0) return {reinterpret_cast<const char*>(folded), static_cast<std::size_t>(size)};
  std::string out{name};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

}  // namespace chuyi
