#pragma once

#include <cstddef>
#include <set>
#include <span>
#include <string>

#include "engine/scxml/chart.h"
#include "engine/scxml/phrases.h"

namespace chuyi::scxml {

/// How far a session has gone, to be drawn into the picture of its chart.
struct Progress {
  std::set<std::string, std::less<>> configuration;  ///< states that are active
  std::set<std::string, std::less<>> visited;        ///< states that were ever active
  std::set<std::size_t> taken;                       ///< transitions taken, counted in document order from 0
};

/// Adds one step of the journal, in its order: the events it handled, the states it left and those it entered.
void follow(const Chart& chart, Progress& progress, std::span<const std::string> events, std::span<const std::string> exited,
            std::span<const std::string> entered);

/// Graphviz source: nested states as clusters in the colour of their stage, who acts and until when in each node,
/// outcomes on the edges, timers as dashed edges with a clock. Active states have the class "current", visited ones
/// "visited"; so have transitions taken.
std::string to_dot(const Chart& chart, const Phrases& phrases, const Progress& progress = {});

/// The same as a Mermaid state diagram (stateDiagram-v2), for documents.
std::string to_mermaid(const Chart& chart, const Phrases& phrases, const Progress& progress = {});

}  // namespace chuyi::scxml
