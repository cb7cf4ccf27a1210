#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/decimal.h"

namespace chuyi::review {

/// What is ranked by: the value, then each tie-breaker; higher comes first.
using Key = std::vector<Decimal>;

/// Where an application stands to the line of a list.
enum class Side : std::uint8_t {
  listed,   ///< the list has no places
  in,
  tied,     ///< one of a tie of which the places hold a part only
  out,
  unranked  ///< has no value
};

struct Ranked {
  std::size_t application = 0;
  std::int64_t rank = 1;  ///< equal keys have equal ranks: 1, 2, 2, 4
  std::int64_t tied = 1;  ///< applications with this key, this one included
  Side side = Side::listed;
  bool decided = false;  ///< the tie was broken by a decision
};

/// Ranks `entries` by their keys. In a tie they stand by application, which means nothing.
struct Entry {
  std::size_t application = 0;
  const Key* key = nullptr;
};
std::vector<Ranked> ranked(std::vector<Entry> entries);

/// Sets the sides: in while a whole tie fits into `places`.
void draw_line(std::vector<Ranked>& list, std::int64_t places);

}  // namespace chuyi::review
