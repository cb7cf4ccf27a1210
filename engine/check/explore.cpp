#include "engine/check/explore.h"

#include <algorithm>
#include <map>
#include <unordered_set>

namespace chuyi::check {
namespace {

constexpr std::size_t kProgressEvery = 8192;

class Explorer {
 public:
  Explorer(Machine& machine, const Limits& limits, const Progress& progress)
      : machine_(machine), limits_(limits), progress_(progress) {}

  Graph run(const Node* from) {
    // The beginning is a node of its own: nothing is active there.
    find(Node{}, {});
    if (from == nullptr)
      take(0, machine_.begin());
    else
      take(0, {.successors = {{.happening = {}, .next = *from}}});
    for (NodeId id = 1; id < graph_.nodes.size(); ++id) {
      if (progress_ && id % kProgressEvery == 0) progress_(graph_.nodes.size(), graph_.nodes.size() - id);
      if (graph_.edges.size() >= limits_.edges_max || graph_.nodes.size() > limits_.nodes_max) {
        graph_.complete = false;
        break;
      }
      if (graph_.flooded[id])
        take(id, {});
      else
        take(id, machine_.expand(graph_.node(id)));
    }
    graph_.expanded = graph_.first_edge.size();
    graph_.first_edge.resize(graph_.nodes.size() + 1, static_cast<std::uint32_t>(graph_.edges.size()));
    if (progress_) progress_(graph_.nodes.size(), graph_.nodes.size() - graph_.expanded);
    return std::move(graph_);
  }

 private:
  NodeId find(const Node& node, const Graph::Step& from) {
    const auto id = static_cast<NodeId>(graph_.nodes.size());
    graph_.nodes.push_back(node.encode());
    const auto [place, added] = ids_.insert(id);
    if (!added) {
      graph_.nodes.pop_back();
      return *place;
    }
    graph_.parents.push_back(from);
    graph_.parents.back().edge.to = id;
    graph_.resting.push_back(false);
    graph_.ended.push_back(node.ended);
    graph_.flooded.push_back(node.flooded());
    return id;
  }

  void take(NodeId id, const Expansion& expansion) {
    graph_.first_edge.push_back(static_cast<std::uint32_t>(graph_.edges.size()));
    graph_.resting[id] = expansion.resting;
    graph_.complete = graph_.complete && !expansion.cut;
    for (const Successor& each : expansion.successors) {
      const auto happening = happening_of(each.happening);
      const NodeId to = find(each.next, {.node = id, .edge = {.to = 0, .happening = happening}});
      graph_.edges.push_back({to, happening});
    }
  }

  std::uint32_t happening_of(const Happening& happening) {
    const auto [place, added] = happening_ids_.try_emplace(happening, static_cast<std::uint32_t>(graph_.happenings.size()));
    if (added) graph_.happenings.push_back(happening);
    return place->second;
  }

  Machine& machine_;
  const Limits& limits_;
  const Progress& progress_;
  Graph graph_;
  struct Hash {
    const std::vector<std::string>& nodes;
    std::size_t operator()(NodeId id) const { return std::hash<std::string>{}(nodes[id]); }
  };
  struct Equal {
    const std::vector<std::string>& nodes;
    bool operator()(NodeId a, NodeId b) const { return nodes[a] == nodes[b]; }
  };
  /// Each node's bytes are kept once: the set knows them by their number.
  std::unordered_set<NodeId, Hash, Equal> ids_{1024, Hash{graph_.nodes}, Equal{graph_.nodes}};
  std::map<Happening, std::uint32_t> happening_ids_;
};

}  // namespace

std::vector<Graph::Step> Graph::way_to(NodeId id) const {
  std::vector<Step> out;
  for (; id != 0; id = parents[id].node) out.push_back(parents[id]);
  std::reverse(out.begin(), out.end());
  return out;
}

Graph explore(Machine& machine, const Limits& limits, const Progress& progress, const Node* from) {
  return Explorer(machine, limits, progress).run(from);
}

}  // namespace chuyi::check
