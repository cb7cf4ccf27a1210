#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/check/machine.h"

namespace chuyi::check {

struct Limits {
  std::size_t nodes_max = 1'000'000;
  std::size_t edges_max = 8'000'000;
};
/// Called now and then. @param waiting  nodes that were found and not yet looked at.
using Progress = std::function<void(std::size_t nodes, std::size_t waiting)>;

using NodeId = std::uint32_t;
struct Edge {
  NodeId to;
  std::uint32_t happening;
};

/// Everything a chart can do. Nodes are numbered in the order found, breadth first: number 0 is where it begins, a
/// node's parent lies on a shortest way to it. Of a chart that runs already, number 1 is where it stands.
struct Graph {
  struct Step {
    NodeId node = 0;
    Edge edge{};
  };
  std::vector<std::string> nodes;  ///< Node::encode
  std::vector<bool> resting, ended, flooded;
  std::vector<std::uint32_t> first_edge;  ///< edges of node n: [first_edge[n], first_edge[n + 1])
  std::vector<Edge> edges;
  std::vector<Happening> happenings;
  std::vector<Step> parents;  ///< how each node was found first
  bool complete = true;       ///< false: a limit was reached; nodes past `expanded` were not looked at
  std::size_t expanded = 0;

  std::size_t size() const { return nodes.size(); }
  Node node(NodeId id) const { return Node::decode(nodes[id]); }
  /// A shortest way from the beginning.
  std::vector<Step> way_to(NodeId id) const;
};

/// @param from  where the chart stands already; nullptr: explores from the start.
Graph explore(Machine& machine, const Limits& limits, const Progress& progress, const Node* from = nullptr);

}  // namespace chuyi::check
