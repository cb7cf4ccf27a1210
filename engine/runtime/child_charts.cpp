#include "engine/runtime/child_charts.h"

#include <map>
#include <mutex>

#include "engine/base/digest.h"

namespace chuyi {
namespace {

constexpr std::size_t kKeptMax = 256;

}  // namespace

Result<scxml::ChartPtr> child_chart(const Definition& definition, const std::string& text) {
  static std::mutex mutex;
  static std::map<std::string, scxml::ChartPtr> kept;
  const std::string key = definition.digest + " " + sha256_hex(text);
  {
    const std::lock_guard lock(mutex);
    if (const auto found = kept.find(key); found != kept.end()) return found->second;
  }
  const auto read = [&](const std::string& src) { return read_source(definition.files, src); };
  Result<scxml::ChartPtr> chart = scxml::parse_chart(text, "invoke", {}, read);
  if (!chart) return chart;
  const std::lock_guard lock(mutex);
  if (kept.size() >= kKeptMax) kept.clear();
  return kept.emplace(key, *chart).first->second;
}

}  // namespace chuyi
