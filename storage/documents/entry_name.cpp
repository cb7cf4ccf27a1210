#include "storage/documents/entry_name.h"

#include <algorithm>
#include <array>

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

const char* fault_of(std::string_view name) {
  if (name.empty() || name.size() > kNameMax) return "a name of 1 to 1,024 bytes";
  if (!is_utf8(name)) return "a name in UTF-8";
  if (name.front() == '/' || name.find('\\') != std::string_view::npos) return "a relative name with '/' between its parts";
  if (name.size() > 1 && name[1] == ':') return "a name without a drive letter";
  if (std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }))
    return "a name without control characters";
  while (!name.empty()) {
    const std::size_t slash = name.find('/');
    const std::string_view segment = name.substr(0, slash);
    if (segment.empty() || segment == "." || segment == "..") return "a name without empty, '.' or '..' parts";
    if (segment.size() > kSegmentMax) return "parts of at most 255 bytes";
    if (segment.back() == '.' || segment.back() == ' ') return "parts that do not end in a dot or a space";
    if (is_reserved(segment)) return "no name that Windows reserves";
    name.remove_prefix(slash == std::string_view::npos ? name.size() : slash + 1);
  }
  return nullptr;
}

}  // namespace

Result<> check_entry_name(std::string_view name, bool folder) {
  std::string_view checked = name;
  if (folder && checked.ends_with('/')) checked.remove_suffix(1);
  const char* fault = checked.ends_with('/') ? "the name of a file" : fault_of(checked);
  if (fault == nullptr) return {};
  return Error{.kind = ErrorKind::invalid,
               .code = "zip.name",
               .message = std::string{"Expected "} + fault,
               .place = std::string{name.substr(0, 200)}};
}

std::string entry_key(std::string_view name) {
  std::string out{name};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

}  // namespace chuyi
