#pragma once

#include <string>
#include <vector>

#include "engine/check/check.h"

namespace chuyi::check {

/// Ways through the graph as people read them.
class Story {
 public:
  Story(const Machine& machine, const Graph& graph) : machine_(machine), graph_(graph) {}

  std::vector<WayStep> of(const std::vector<Graph::Step>& way) const;
  /// "task apply → submit".
  std::string event_text(int event, bool zh) const;
  /// The innermost active states, "drafting (填报)".
  std::string place_text(const Node& node, bool zh) const;
  std::string state_text(Index state, bool zh) const;

 private:
  const Machine& machine_;
  const Graph& graph_;
};

}  // namespace chuyi::check
