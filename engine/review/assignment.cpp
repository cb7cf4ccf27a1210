#include <algorithm>

#include <lemon/network_simplex.h>
#include <lemon/smart_graph.h>

#include "engine/review/assignment_problem.h"

namespace chuyi::review {
namespace {

using Graph = lemon::SmartDigraph;
using Simplex = lemon::NetworkSimplex<Graph, int, std::int64_t>;

/// A minimum-cost flow: application → (widest group → … → narrowest group →) expert → sink. Units out of an expert are
/// parallel arcs, each dearer than the one before; the first `min` of them pay back more than anything costs. An arc from
/// each application to the sink takes what cannot be assigned, at more than anything costs: so the network has a solution
/// always, and one without such units is an assignment.
///
/// The network holds a few pairs (columns) of each application at first. The potentials of its solution price all others:
/// a pair that is not in it and has a negative reduced cost is added, and the network solved again. When there is none
/// left, the potentials prove the solution optimal among all pairs. A group has a node of its own for an application
/// only where more of its experts are in the network than it may give: where it has none its limit cannot bind, and its
/// price is that of the node around it.
class Columns {
 public:
  explicit Columns(const Problem& problem)
      : problem_(problem),
        columns_(problem.applications),
        present_(problem.cost.size()),
        groups_(problem.applications),
        node_of_group_(problem.groups, lemon::INVALID) {
    const std::int64_t dearest = problem.cost.empty() ? 0 : *std::max_element(problem.cost.begin(), problem.cost.end());
    const std::int64_t most = problem.max.empty() ? 0 : *std::max_element(problem.max.begin(), problem.max.end());
    const std::int64_t settled = problem.fixed_load.empty() ? 0 : *std::max_element(problem.fixed_load.begin(), problem.fixed_load.end());
    // An alternating path meets each expert once.
    penalty_ = (dearest + problem.balance * (most + settled) + 1) * static_cast<std::int64_t>(2 * problem.experts + 4);
    for (std::size_t a = 0; a < problem.applications; ++a) begin(a);
  }

  Solution solve() {
    Solution out;
    for (bool better = true; better;) {
      build();
      Simplex simplex(graph_);
      prepare(simplex);
      simplex.run();
      ++out.rounds;
      better = price(simplex);
      if (!better) read(simplex, out);
    }
    return out;
  }

 private:
  static constexpr std::size_t kAddedMax = 16;  // columns of one application in one round

  struct PairArc {
    std::size_t application, expert;
    Graph::Arc arc;
  };
  struct GroupNode {
    std::size_t group;
    int room;
    Graph::Node node;
    Graph::Arc into;
  };
  struct UnitArc {
    std::size_t expert;
    int unit;  ///< from 1
    Graph::Arc arc;
  };

  void add(std::size_t a, std::size_t e) {
    columns_[a].push_back(e);
    present_[a * problem_.experts + e] = true;
  }

  /// The cheapest experts, among equal ones others for each application; and some at any cost, so that the first network has
  /// room for all, and its potentials tell what that is worth.
  void begin(std::size_t a) {
    const std::size_t count = problem_.experts, start = a * 7919 % std::max<std::size_t>(count, 1);
    std::vector<std::pair<std::int64_t, std::size_t>> best;
    for (std::size_t e = 0; e < count; ++e)
      if (problem_.cost_of(a, e) != Problem::kForbidden) best.push_back({problem_.cost_of(a, e), (e + start) % count});
    const std::size_t need = static_cast<std::size_t>(problem_.need[a]), wanted = std::min(best.size(), 2 * need + 4);
    std::partial_sort(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(wanted), best.end());
    for (std::size_t i = 0; i < wanted; ++i) add(a, (best[i].second + count - start) % count);
    const std::size_t rest = best.size() - wanted, more = std::min(rest, 2 * need + 2);
    for (std::size_t i = 0; i < more; ++i) add(a, (best[wanted + (i * rest / more + a) % rest].second + count - start) % count);
  }

  void build() {
    graph_.clear();
    pairs_.clear();
    units_.clear();
    applications_.clear();
    unassigned_.clear();
    experts_.clear();
    sink_ = graph_.addNode();
    for (std::size_t e = 0; e < problem_.experts; ++e) {
      experts_.push_back(graph_.addNode());
      for (int unit = 1; unit <= problem_.max[e]; ++unit) units_.push_back({e, unit, graph_.addArc(experts_[e], sink_)});
    }
    for (std::size_t a = 0; a < problem_.applications; ++a) {
      applications_.push_back(graph_.addNode());
      unassigned_.push_back(graph_.addArc(applications_[a], sink_));
      build_groups(a);
      for (const std::size_t e : columns_[a]) pairs_.push_back({a, e, graph_.addArc(around(a, e, problem_.limits.size()), experts_[e])});
      leave_groups(a);
    }
  }

  /// A node for each group that could give more than it may, the widest first.
  void build_groups(std::size_t a) {
    groups_[a].clear();
    for (std::size_t level = 0; level < problem_.limits.size(); ++level) {
      const GroupLimit& limit = problem_.limits[level];
      std::vector<std::pair<std::size_t, std::size_t>> members;  // group, one of its experts
      for (const std::size_t e : columns_[a])
        if (limit.group_of[e] != Problem::kNoGroup) members.push_back({limit.group_of[e], e});
      std::sort(members.begin(), members.end());
      for (std::size_t from = 0, to = 0; from < members.size(); from = to) {
        const auto [group, expert] = members[from];
        while (to < members.size() && members[to].first == group) ++to;
        const int room = problem_.room(a, limit, group);
        if (to - from <= static_cast<std::size_t>(std::max(room, 0))) continue;
        const Graph::Node outer = around(a, expert, level), node = graph_.addNode();
        groups_[a].push_back({group, std::max(room, 0), node, graph_.addArc(outer, node)});
        node_of_group_[group] = node;
      }
    }
  }

  void leave_groups(std::size_t a) {
    for (const GroupNode& each : groups_[a]) node_of_group_[each.group] = lemon::INVALID;
  }

  /// The narrowest node around an expert for an application, among the limits before `level`.
  Graph::Node around(std::size_t a, std::size_t e, std::size_t level) const {
    while (level-- > 0)
      if (const std::size_t group = problem_.limits[level].group_of[e];
          group != Problem::kNoGroup && node_of_group_[group] != lemon::INVALID)
        return node_of_group_[group];
    return applications_[a];
  }

  void prepare(Simplex& simplex) const {
    Graph::NodeMap<int> supply(graph_, 0);
    Graph::ArcMap<int> upper(graph_, 1);
    Graph::ArcMap<std::int64_t> cost(graph_, 0);
    int sum = 0;
    for (std::size_t a = 0; a < problem_.applications; ++a) {
      supply[applications_[a]] = problem_.need[a];
      sum += problem_.need[a];
      upper[unassigned_[a]] = problem_.need[a];
      cost[unassigned_[a]] = penalty_;
      for (const GroupNode& each : groups_[a]) upper[each.into] = each.room;
    }
    supply[sink_] = -sum;
    for (const UnitArc& each : units_)
      cost[each.arc] =
          problem_.balance * (problem_.fixed_load[each.expert] + each.unit) - (each.unit <= problem_.min[each.expert] ? penalty_ : 0);
    for (const PairArc& each : pairs_) cost[each.arc] = problem_.cost_of(each.application, each.expert);
    simplex.supplyMap(supply).upperMap(upper).costMap(cost);
  }

  /// Adds the pairs with the most negative reduced costs. @return whether there were any.
  bool price(const Simplex& simplex) {
    bool any = false;
    std::vector<std::pair<std::int64_t, std::size_t>> cheaper;
    std::vector<std::int64_t> worth;
    for (const Graph::Node node : experts_) worth.push_back(simplex.potential(node));
    for (std::size_t a = 0; a < problem_.applications; ++a) {
      for (const GroupNode& each : groups_[a]) node_of_group_[each.group] = each.node;
      const std::int64_t own = simplex.potential(applications_[a]);
      cheaper.clear();
      for (std::size_t e = 0; e < problem_.experts; ++e) {
        const std::int64_t cost = problem_.cost_of(a, e);
        if (cost == Problem::kForbidden || present_[a * problem_.experts + e]) continue;
        const std::int64_t start = groups_[a].empty() ? own : simplex.potential(around(a, e, problem_.limits.size()));
        if (const std::int64_t reduced = cost + start - worth[e]; reduced < 0) cheaper.push_back({reduced, e});
      }
      leave_groups(a);
      const std::size_t count = std::min(cheaper.size(), kAddedMax);
      std::partial_sort(cheaper.begin(), cheaper.begin() + static_cast<std::ptrdiff_t>(count), cheaper.end());
      for (std::size_t i = 0; i < count; ++i) add(a, cheaper[i].second);
      any = any || count > 0;
    }
    return any;
  }

  void read(const Simplex& simplex, Solution& out) const {
    out.experts.resize(problem_.applications);
    out.load.resize(problem_.experts);
    out.columns = pairs_.size();
    for (const PairArc& each : pairs_)
      if (simplex.flow(each.arc) != 0) {
        out.experts[each.application].push_back(each.expert);
        ++out.load[each.expert];
      }
    for (std::vector<std::size_t>& each : out.experts) std::sort(each.begin(), each.end());
  }

  const Problem& problem_;
  std::vector<std::vector<std::size_t>> columns_;
  std::vector<bool> present_;  ///< by pair: is a column
  std::int64_t penalty_ = 0;   ///< more than any alternating path costs
  Graph graph_;
  Graph::Node sink_;
  std::vector<Graph::Node> experts_, applications_;
  std::vector<Graph::Arc> unassigned_;
  std::vector<std::vector<GroupNode>> groups_;  ///< of each application
  std::vector<Graph::Node> node_of_group_;      ///< of the application in hand; INVALID: none
  std::vector<PairArc> pairs_;
  std::vector<UnitArc> units_;
};

}  // namespace

Solution solve(const Problem& problem) { return Columns(problem).solve(); }

}  // namespace chuyi::review
