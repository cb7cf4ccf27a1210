#include "engine/ports/plugin_host.h"

namespace chuyi {

std::vector<Detail> findings_of(const json::object& answer) {
  std::vector<Detail> out;
  for (const json::value& each : array_or_empty(answer, "findings")) {
    if (!each.is_object()) continue;
    const json::object& finding = each.get_object();
    out.push_back({.place = string_or(finding, "place"),
                   .code = "plugin." + string_or(finding, "code", "refused"),
                   .message = string_or(finding, "message"),
                   .message_zh = string_or(finding, "message_zh")});
  }
  return out;
}

}  // namespace chuyi
