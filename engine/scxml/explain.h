#pragma once

#include <string>
#include <vector>

#include "engine/scxml/chart.h"
#include "engine/scxml/phrases.h"

namespace chuyi::scxml {

/// One state in sentences.
struct ExplainedState {
  int number = 0;  ///< 1, 2, … in document order; sentences refer to it
  int depth = 0;   ///< 0: a child of <scxml>
  std::string id, title;
  std::vector<std::string> sentences;
};

/// A workflow as plain sentences that people without XML can check.
struct Explanation {
  std::string title;
  std::string start;  ///< where an application begins
  std::vector<ExplainedState> states;
  std::vector<std::string> gaps;  ///< what the chart leaves open
};

Explanation explain(const Chart& chart, const Phrases& phrases);

/// After what delay the chart sends itself this event; empty: it does not.
std::string timer_words(const Chart& chart, const std::string& event, const Phrases& phrases);
/// Numbered lines, UTF-8, ending in a line feed.
std::string to_text(const Explanation& explanation, const Phrases& phrases);

}  // namespace chuyi::scxml
