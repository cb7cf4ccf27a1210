#include "engine/review/ranking.h"

#include <algorithm>

namespace chuyi::review {

std::vector<Ranked> ranked(std::vector<Entry> entries) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return *a.key != *b.key ? *a.key > *b.key : a.application < b.application; });
  std::vector<Ranked> out;
  out.reserve(entries.size());
  for (std::size_t first = 0, last = 0; first < entries.size(); first = last) {
    while (last < entries.size() && *entries[last].key == *entries[first].key) ++last;
    for (std::size_t i = first; i < last; ++i)
      out.push_back({.application = entries[i].application, .rank = static_cast<std::int64_t>(first) + 1, .tied = static_cast<std::int64_t>(last - first)});
  }
  return out;
}

void draw_line(std::vector<Ranked>& list, std::int64_t places) {
  for (Ranked& each : list) {
    const std::int64_t last = each.rank + each.tied - 1;
    each.side = last <= places ? Side::in : each.rank > places ? Side::out : Side::tied;
  }
}

}  // namespace chuyi::review
