#pragma once

#include <string>
#include <vector>

#include "engine/scxml/chart.h"
#include "engine/scxml/phrases.h"

namespace chuyi::scxml {

/// One difference between two versions of a workflow, as the people it concerns would put it.
struct ChartChange {
  /// Stable: "title", "start", "data.added|removed|changed", "state.added|removed|renamed|retitled|restaged|moved|moved_out|kind",
  /// "step.added|removed|type|role|deadline|changed", "answer.added|removed|changed", "event.added|removed|changed|retimed",
  /// "entry.changed", "exit.changed", "initial.changed".
  std::string kind;
  std::string state;             ///< id in the new version (of the old one when it was removed); empty: the whole workflow
  std::vector<std::string> who;  ///< roles concerned, in words; empty: everybody
  std::string text;
};

/// What changes from `before` to `after`, in document order. A state that only has another id is renamed, not replaced.
/// The phrases of the two sides carry their programmes' numbers, so that a changed number is found too.
std::vector<ChartChange> diff(const Chart& before, const Phrases& before_phrases, const Chart& after, const Phrases& after_phrases);

/// One numbered sentence for each change, UTF-8, ending in a line feed; a single sentence when there is none.
std::string to_text(const std::vector<ChartChange>& changes, const Phrases& phrases);

}  // namespace chuyi::scxml
