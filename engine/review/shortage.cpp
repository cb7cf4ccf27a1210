#include <algorithm>
#include <numeric>
#include <optional>

#include "engine/review/assignment_problem.h"

namespace chuyi::review {
namespace {

constexpr std::size_t kStartsMax = 50;  // cuts that are looked at for the smallest one

std::int64_t sum(const std::vector<int>& numbers) { return std::accumulate(numbers.begin(), numbers.end(), std::int64_t{0}); }

/// Experts who may judge the application, and how many of them it can have under the limits.
std::pair<int, int> reach_of(const Problem& p, std::size_t a) {
  std::vector<int> used(p.groups);
  int all = 0, under_limits = 0;
  // Limits are nested, so taking whoever still fits is the most.
  for (std::size_t e = 0; e < p.experts; ++e) {
    if (p.cost_of(a, e) == Problem::kForbidden) continue;
    ++all;
    const auto each_group = [&](auto act) {
      for (const GroupLimit& limit : p.limits)
        if (const std::size_t group = limit.group_of[e]; group != Problem::kNoGroup && !act(limit, group)) return false;
      return true;
    };
    if (!each_group([&](const GroupLimit& limit, std::size_t group) { return used[group] < p.room(a, limit, group); })) continue;
    each_group([&](const GroupLimit&, std::size_t group) { return ++used[group] > 0; });
    ++under_limits;
  }
  return {all, under_limits};
}

class Cuts {
 public:
  Cuts(const Problem& problem, const Solution& solution) : p_(problem), s_(solution), holders_(problem.experts) {
    for (std::size_t a = 0; a < p_.applications; ++a)
      for (const std::size_t e : s_.experts[a]) holders_[e].push_back(a);
  }

  /// The smallest of those looked at; empty when the solution keeps all limits.
  std::vector<Shortage> smallest() {
    std::optional<Shortage> least;
    const auto keep = [&](Shortage found) {
      if (!least || found.applications.size() + found.experts.size() < least->applications.size() + least->experts.size())
        least = std::move(found);
    };
    std::size_t starts = 0;
    for (std::size_t a = 0; a < p_.applications; ++a)
      if (s_.experts[a].size() < static_cast<std::size_t>(p_.need[a]) && starts++ < kStartsMax) keep(cut_from(a));
    for (std::size_t e = 0; e < p_.experts && starts < kStartsMax; ++e)
      if (s_.load[e] < p_.min[e] && starts++ < kStartsMax && (!least || least->kind == Shortage::Kind::load)) keep(load_cut_from(e));
    if (!least) return {};
    return {std::move(*least)};
  }

 private:
  bool assigned(std::size_t a, std::size_t e) const { return std::binary_search(s_.experts[a].begin(), s_.experts[a].end(), e); }
  bool may(std::size_t a, std::size_t e) const { return p_.cost_of(a, e) != Problem::kForbidden; }

  /// What can be reached from a short application in the residual network: everybody there is full, and the reviews that
  /// these applications have from elsewhere are all they can have from there. So they cannot have more together.
  Shortage cut_from(std::size_t start) const {
    std::vector<bool> in_application(p_.applications), in_group(p_.applications * p_.groups), in_expert(p_.experts);
    std::vector<std::size_t> waiting{start};
    in_application[start] = true;
    const auto reach_expert = [&](std::size_t e) {
      if (in_expert[e]) return;
      in_expert[e] = true;
      for (const std::size_t a : holders_[e]) {  // each of them may give the expert back, within the groups around
        bool news = !in_application[a];
        in_application[a] = true;
        for (const GroupLimit& limit : p_.limits)
          if (const std::size_t group = limit.group_of[e]; group != Problem::kNoGroup && !in_group[a * p_.groups + group])
            news = in_group[a * p_.groups + group] = true;
        if (news) waiting.push_back(a);
      }
    };
    while (!waiting.empty()) {
      const std::size_t a = waiting.back();
      waiting.pop_back();
      for (std::size_t e = 0; e < p_.experts; ++e)
        if (may(a, e) && !assigned(a, e) && descends(a, e, in_group)) reach_expert(e);
    }
    Shortage out;
    for (std::size_t a = 0; a < p_.applications; ++a)
      if (in_application[a]) {
        out.applications.push_back(a);
        out.need += p_.need[a];
        out.capacity += std::count_if(s_.experts[a].begin(), s_.experts[a].end(), [&](std::size_t e) { return !in_expert[e]; });
      }
    for (std::size_t e = 0; e < p_.experts; ++e)
      if (in_expert[e]) {
        out.experts.push_back(e);
        out.capacity += p_.max[e];
      }
    return out;
  }

  /// From the application down to the expert, through groups that are reached already or have room.
  bool descends(std::size_t a, std::size_t e, std::vector<bool>& in_group) const {
    bool open = true;
    for (const GroupLimit& limit : p_.limits) {
      const std::size_t group = limit.group_of[e];
      if (group == Problem::kNoGroup) continue;
      if (in_group[a * p_.groups + group])
        open = true;
      else if (open && used(a, limit, group) < p_.room(a, limit, group))
        in_group[a * p_.groups + group] = true;
      else
        open = false;
    }
    return open;
  }

  int used(std::size_t a, const GroupLimit& limit, std::size_t group) const {
    return static_cast<int>(
        std::count_if(s_.experts[a].begin(), s_.experts[a].end(), [&](std::size_t e) { return limit.group_of[e] == group; }));
  }

  /// Could application `a` have `in` in the place of `out`?
  bool exchanges(std::size_t a, std::size_t in, std::size_t out) const {
    return std::all_of(p_.limits.begin(), p_.limits.end(), [&](const GroupLimit& limit) {
      const std::size_t group = limit.group_of[in];
      return group == Problem::kNoGroup || limit.group_of[out] == group || used(a, limit, group) < p_.room(a, limit, group);
    });
  }

  /// From an expert with too little: who has reviews that could be this one's, and so on. None of them has any to give.
  Shortage load_cut_from(std::size_t start) const {
    std::vector<bool> in_expert(p_.experts);
    std::vector<std::size_t> waiting{start};
    in_expert[start] = true;
    Shortage out{.kind = Shortage::Kind::load};
    while (!waiting.empty()) {
      const std::size_t e = waiting.back();
      waiting.pop_back();
      out.experts.push_back(e);
      out.need += p_.min[e];
      out.capacity += s_.load[e];
      for (std::size_t a = 0; a < p_.applications; ++a) {
        if (!may(a, e) || assigned(a, e)) continue;
        for (const std::size_t other : s_.experts[a])
          if (!in_expert[other] && exchanges(a, e, other)) {
            in_expert[other] = true;
            waiting.push_back(other);
          }
      }
    }
    std::sort(out.experts.begin(), out.experts.end());
    return out;
  }

  const Problem& p_;
  const Solution& s_;
  std::vector<std::vector<std::size_t>> holders_;
};

}  // namespace

std::vector<Shortage> plain_shortages(const Problem& p) {
  std::vector<Shortage> out;
  for (std::size_t a = 0; a < p.applications; ++a) {
    const auto [all, under_limits] = reach_of(p, a);
    if (all < p.need[a])
      out.push_back({Shortage::Kind::application, {a}, {}, p.need[a], all});
    else if (under_limits < p.need[a])
      out.push_back({Shortage::Kind::limits, {a}, {}, p.need[a], under_limits});
  }
  for (std::size_t e = 0; e < p.experts; ++e) {
    int all = 0;
    for (std::size_t a = 0; a < p.applications; ++a) all += p.cost_of(a, e) != Problem::kForbidden && p.need[a] > 0;
    if (all < p.min[e]) out.push_back({Shortage::Kind::expert, {}, {e}, p.min[e], all});
  }
  if (!out.empty()) return out;
  const std::int64_t need = sum(p.need), least = sum(p.min), most = sum(p.max);
  if (most < need) out.push_back({Shortage::Kind::capacity, {}, {}, need, most});
  if (least > need) out.push_back({Shortage::Kind::demand, {}, {}, least, need});
  return out;
}

std::vector<Shortage> cuts(const Problem& problem, const Solution& solution) { return Cuts(problem, solution).smallest(); }

}  // namespace chuyi::review
