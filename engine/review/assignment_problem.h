#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

/// The assignment in numbers, between assignment_json.cpp (which knows people), assignment.cpp (which solves) and
/// shortage.cpp (which explains).
namespace chuyi::review {

/// At most so many reviews of one application come from one group.
struct GroupLimit {
  std::vector<std::size_t> group_of;  ///< for each expert; groups are numbered over all limits together
  int at_most = 0;
};

struct Problem {
  static constexpr std::int64_t kForbidden = -1;
  static constexpr std::size_t kNoGroup = SIZE_MAX;

  std::size_t applications = 0, experts = 0, groups = 0;
  std::vector<int> need;                        ///< reviews of each application, beside the fixed ones
  std::vector<int> min, max;                    ///< load of each expert, beside the fixed ones
  std::vector<int> fixed_load;                  ///< of each expert: from fixed pairs
  std::vector<std::vector<std::size_t>> fixed;  ///< experts of each application that are settled
  std::vector<std::int64_t> cost;               ///< of each pair, by application, then expert; kForbidden
  std::vector<GroupLimit> limits;               ///< the widest first; each group of a later one lies within one of the earlier
  std::int64_t balance = 0;                     ///< an expert's n-th application costs n times this

  std::int64_t cost_of(std::size_t application, std::size_t expert) const { return cost[application * experts + expert]; }
  std::int64_t& cost_of(std::size_t application, std::size_t expert) { return cost[application * experts + expert]; }
  /// Reviews that a group may still give to an application beside the fixed ones.
  int room(std::size_t application, const GroupLimit& limit, std::size_t group) const {
    int out = limit.at_most;
    for (const std::size_t expert : fixed[application]) out -= limit.group_of[expert] == group;
    return out;
  }
};

struct Solution {
  std::vector<std::vector<std::size_t>> experts;  ///< of each application, ascending, without the fixed ones
  std::vector<int> load;                          ///< of each expert, without the fixed ones
  int rounds = 0;                                 ///< networks solved
  std::size_t columns = 0;                        ///< pairs in the last of them
};

/// The cheapest assignment; where there is none that keeps all limits, one that leaves the fewest reviews unassigned and
/// minimum loads unmet together. The same problem gives the same solution.
Solution solve(const Problem& problem);

/// Why a solution is short, as sets that prove it: `applications` need `need` reviews and can be given at most `capacity`,
/// or `experts` must take `need` and can be given at most `capacity`.
struct Shortage {
  enum class Kind { application, limits, expert, capacity, demand, reviews, load };
  Kind kind = Kind::reviews;
  std::vector<std::size_t> applications, experts;
  std::int64_t need = 0, capacity = 0;
};

/// What shows without solving: applications that too few may judge, or too few under the limits; experts who may judge too
/// little; else totals that do not meet.
std::vector<Shortage> plain_shortages(const Problem& problem);

/// Where nothing of that shows but the solution is short: a small cut of the network, after Hall. Empty when it is not short.
std::vector<Shortage> cuts(const Problem& problem, const Solution& solution);

}  // namespace chuyi::review
