#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/scxml/interpreter.h"

namespace chuyi::scxml {

/// Former state id → state id of the new chart, for what was renamed or put together. All else keeps its id.
using StateMap = std::map<std::string, std::string, std::less<>>;

/// Where a session stands once it has another chart.
struct Moved {
  Snapshot next;                  ///< to be used when there is no obstacle
  std::vector<Detail> obstacles;  ///< place = former state, or "invoke ID", "data ID"; "migrate.unmapped": a mapping helps
  std::vector<Detail> warnings;   ///< what changes for those who are at work
};

/// Puts a session between two macrosteps onto another chart. States, histories, running invokes and data keep their
/// place by id or by `map`; nothing is entered or left, so no executable content runs and no invoke starts or ends. Data
/// that only the new chart declares gets its initial value, as at a start.
///
/// The result is a legal configuration of the new chart (SCXML 3.11) in which every <invoke> of an active state stands as
/// before; whatever hinders that is an obstacle. Pure: the same arguments give the same result.
///
/// @param finished  ids of invocations that have ended: they need no counterpart.
Moved migrate(const Chart& from, const Chart& to, const StateMap& map, Snapshot snapshot, const std::vector<std::string>& finished,
           const Env& env, const StepLimits& limits = {});

/// Whether some transition waits for this event.
bool hears(const Chart& chart, std::string_view event);

}  // namespace chuyi::scxml
