// Goal: an assignment is feasible, as cheap as any, and when there is none the explanation proves it. Method: random small
// problems, every one of which is also solved by trying all assignments.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>

#include <gtest/gtest.h>

#include "engine/review/assignment_problem.h"

namespace chuyi::review {
namespace {

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}
  int pick(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

  /// Up to 4 applications and 6 experts; one or two limits, the second within the first.
  Problem problem() {
    Problem out{.applications = static_cast<std::size_t>(1 + pick(4)), .experts = static_cast<std::size_t>(1 + pick(6))};
    out.fixed.resize(out.applications);
    out.balance = pick(3);
    for (std::size_t a = 0; a < out.applications; ++a) out.need.push_back(pick(4));
    for (std::size_t e = 0; e < out.experts; ++e) {
      out.min.push_back(pick(4) == 0 ? 1 : 0);
      out.max.push_back(out.min.back() + pick(4));
      out.fixed_load.push_back(pick(2));
    }
    for (std::size_t i = 0; i < out.applications * out.experts; ++i) out.cost.push_back(pick(5) == 0 ? Problem::kForbidden : pick(8));
    GroupLimit wide{.group_of = {}, .at_most = 1 + pick(3)}, narrow{.group_of = {}, .at_most = 1 + pick(2)};
    for (std::size_t e = 0; e < out.experts; ++e) {
      const std::size_t group = static_cast<std::size_t>(pick(3));
      wide.group_of.push_back(group == 2 ? Problem::kNoGroup : group);
      narrow.group_of.push_back(pick(5) == 0 ? Problem::kNoGroup : 2 + group * 2 + static_cast<std::size_t>(pick(2)));
    }
    out.groups = 8;
    if (pick(3) != 0) out.limits.push_back(wide);
    if (pick(3) != 0) out.limits.push_back(narrow);
    // Somebody who is settled already takes of the group's room.
    if (pick(3) == 0) {
      const std::size_t a = 0, e = static_cast<std::size_t>(pick(static_cast<int>(out.experts)));
      out.fixed[a].push_back(e);
      out.cost_of(a, e) = Problem::kForbidden;
    }
    return out;
  }

 private:
  std::mt19937_64 random_;
};

bool within_limits(const Problem& p, std::size_t a, unsigned chosen) {
  for (const GroupLimit& limit : p.limits)
    for (std::size_t group = 0; group < p.groups; ++group) {
      int count = 0;
      for (std::size_t e = 0; e < p.experts; ++e) count += (chosen >> e & 1) != 0 && limit.group_of[e] == group;
      if (count > 0 && count > p.room(a, limit, group)) return false;
    }
  return true;
}

/// Calls `found` with every choice of experts for the applications `which` that keeps the upper limits.
void every(const Problem& p, const std::vector<std::size_t>& which, bool exact,
           const std::function<void(const std::vector<unsigned>&, const std::vector<int>& load)>& found) {
  std::vector<unsigned> chosen(p.applications);
  std::vector<int> load(p.experts);
  const std::function<void(std::size_t)> next = [&](std::size_t at) {
    if (at == which.size()) return found(chosen, load);
    const std::size_t a = which[at];
    for (unsigned set = 0; set < 1U << p.experts; ++set) {
      const int count = __builtin_popcount(set);
      if (exact ? count != p.need[a] : count > p.need[a]) continue;
      bool may = within_limits(p, a, set);
      for (std::size_t e = 0; e < p.experts; ++e)
        if ((set >> e & 1) != 0) may = may && p.cost_of(a, e) != Problem::kForbidden && load[e] < p.max[e];
      if (!may) continue;
      for (std::size_t e = 0; e < p.experts; ++e) load[e] += set >> e & 1;
      chosen[a] = set;
      next(at + 1);
      for (std::size_t e = 0; e < p.experts; ++e) load[e] -= set >> e & 1;
    }
  };
  next(0);
}

std::int64_t cost_of(const Problem& p, const std::vector<unsigned>& chosen, const std::vector<int>& load) {
  std::int64_t out = 0;
  for (std::size_t a = 0; a < p.applications; ++a)
    for (std::size_t e = 0; e < p.experts; ++e)
      if ((chosen[a] >> e & 1) != 0) out += p.cost_of(a, e);
  for (std::size_t e = 0; e < p.experts; ++e)
    for (int unit = 1; unit <= load[e]; ++unit) out += p.balance * (p.fixed_load[e] + unit);
  return out;
}

std::vector<std::size_t> numbers(std::size_t count) {
  std::vector<std::size_t> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = i;
  return out;
}

bool keeps_minimum(const Problem& p, const std::vector<int>& load) {
  for (std::size_t e = 0; e < p.experts; ++e)
    if (load[e] < p.min[e]) return false;
  return true;
}

void expect_proof(const Problem& p, const Shortage& shortage) {
  ASSERT_GT(shortage.need, shortage.capacity);
  const bool of_experts = shortage.kind == Shortage::Kind::expert || shortage.kind == Shortage::Kind::load;
  const bool of_applications =
      shortage.kind == Shortage::Kind::reviews || shortage.kind == Shortage::Kind::application || shortage.kind == Shortage::Kind::limits;
  std::int64_t most = 0;
  if (of_applications) {
    every(p, shortage.applications, false, [&](const auto& chosen, const auto&) {
      std::int64_t count = 0;
      for (const std::size_t a : shortage.applications) count += __builtin_popcount(chosen[a]);
      most = std::max(most, count);
    });
    std::int64_t need = 0;
    for (const std::size_t a : shortage.applications) need += p.need[a];
    EXPECT_EQ(need, shortage.need);
  } else if (of_experts) {
    // What one has beyond the minimum does not help the others.
    every(p, numbers(p.applications), false, [&](const auto&, const std::vector<int>& load) {
      std::int64_t count = 0;
      for (const std::size_t e : shortage.experts) count += std::min(load[e], p.min[e]);
      most = std::max(most, count);
    });
  }
  EXPECT_LE(most, shortage.capacity);
}

void check(const Problem& p) {
  std::optional<std::int64_t> best;
  every(p, numbers(p.applications), true, [&](const auto& chosen, const auto& load) {
    if (!keeps_minimum(p, load)) return;
    const std::int64_t cost = cost_of(p, chosen, load);
    if (!best || cost < *best) best = cost;
  });
  const Solution solution = solve(p);
  std::vector<Shortage> shortages = plain_shortages(p);
  for (Shortage& each : cuts(p, solution)) shortages.push_back(std::move(each));
  ASSERT_EQ(shortages.empty(), best.has_value());
  ASSERT_EQ(cuts(p, solution).empty(), best.has_value());
  for (const Shortage& each : shortages) expect_proof(p, each);
  if (!best) return;
  std::vector<unsigned> chosen(p.applications);
  std::vector<int> load(p.experts);
  for (std::size_t a = 0; a < p.applications; ++a) {
    for (const std::size_t e : solution.experts[a]) {
      ASSERT_EQ(chosen[a] >> e & 1, 0U);
      ASSERT_NE(p.cost_of(a, e), Problem::kForbidden);
      chosen[a] |= 1U << e;
      ++load[e];
    }
    EXPECT_EQ(__builtin_popcount(chosen[a]), p.need[a]);
    EXPECT_TRUE(within_limits(p, a, chosen[a]));
  }
  for (std::size_t e = 0; e < p.experts; ++e) EXPECT_LE(load[e], p.max[e]);
  EXPECT_TRUE(keeps_minimum(p, load));
  EXPECT_EQ(load, solution.load);
  EXPECT_EQ(cost_of(p, chosen, load), *best);
}

TEST(Assignment, IsAsGoodAsTryingAllAndExplainsWhatCannotBe) {
  int feasible = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(seed);
    const Problem p = Generator(seed).problem();
    check(p);
    feasible += cuts(p, solve(p)).empty();
    if (testing::Test::HasFailure()) return;
  }
  // Both kinds occur.
  EXPECT_GT(feasible, 500);
  EXPECT_LT(feasible, 2500);
}

// Goal: leaving pairs out of the network does not change the optimum. Method: more experts than the first network takes, their
// costs such that the cheapest are not enough; more than one network must have been needed in some of them.
TEST(Assignment, PricesTheLeftOutPairs) {
  int networks = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    Generator random(seed);
    Problem p{.applications = 3, .experts = 14};
    p.fixed.resize(p.applications);
    p.need = {1, 1, 1};
    for (std::size_t e = 0; e < p.experts; ++e) {
      p.min.push_back(0);
      p.max.push_back(e < 8 ? random.pick(2) : 1);
      p.fixed_load.push_back(0);
    }
    for (std::size_t i = 0; i < p.applications * p.experts; ++i) p.cost.push_back(i % p.experts < 8 ? random.pick(3) : 3 + random.pick(30));
    GroupLimit limit{.group_of = {}, .at_most = 1};
    for (std::size_t e = 0; e < p.experts; ++e) limit.group_of.push_back(e % 5);
    p.groups = 5;
    p.limits.push_back(limit);
    check(p);
    networks = std::max(networks, solve(p).rounds);
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(networks, 1);
}

}  // namespace
}  // namespace chuyi::review
