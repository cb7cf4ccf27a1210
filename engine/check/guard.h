#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/scxml/partial.h"

namespace chuyi::check {

/// The and/or/not of a Lua condition, down to comparisons and what else it is made of, so that `n < 3` and
/// `n >= 3` are known to be each other's opposite while `n` is not known.
struct Guard {
  enum class Kind : std::uint8_t { both, either, negation, leaf };
  Kind kind = Kind::leaf;
  std::vector<Guard> parts;
  scxml::Script script;      ///< leaf: the chunk that evaluates it
  std::string left, right;   ///< leaf: a comparison of these texts
  std::string relation;      ///< "<", "<=", ">", ">=", "==", "~="; empty: no comparison
};

/// @param leaves  numbers leaves from here on, as Script::id.
Guard read_guard(const scxml::Script& condition, scxml::Index& leaves);

/// What was assumed about unknown comparisons while nothing changed.
class Assumptions {
 public:
  /// Decides an unknown leaf; `choose` is asked only when nothing assumed so far decides it.
  bool decide(const Guard& leaf, const std::function<bool()>& choose);

 private:
  enum Order { less, equal, greater };
  struct Pair {
    std::optional<bool> known[3];
  };
  static bool ask(Pair& pair, Order order, const std::function<bool()>& choose);
  std::map<std::pair<std::string_view, std::string_view>, Pair> pairs_;
  std::map<std::string_view, bool> others_;
};

}  // namespace chuyi::check
