#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/result.h"
#include "engine/check/explore.h"
#include "engine/check/policy.h"
#include "engine/check/profile.h"

namespace chuyi::check {

/// One thing that happens from outside, and where it leads: what a reader follows and an engine can replay.
struct WayStep {
  std::string event;  ///< empty: the beginning
  std::string invokeid;
  json::object data;  ///< a value of `_event.data` that makes known guards go this way
  std::vector<std::string> configuration;  ///< ids of active states afterwards, document order
  std::string zh, en;                      ///< "drafting (填报): task apply → submit ⇒ recommendation (推荐)"
};

struct Finding {
  Detail detail;             ///< code "check.*", place, message, message_zh
  std::vector<WayStep> way;  ///< a shortest sequence of events that leads there; empty: it is seen without running
  std::string policy;        ///< "check.policy": the policy's id
};

struct Report {
  std::vector<Finding> findings;
  std::vector<Detail> notes;  ///< what could not be decided without the package's manifest
  std::size_t nodes = 0;
  std::size_t transitions = 0;
  bool complete = true;
};

/// What the chart belongs to.
struct Subject {
  /// Definition::manifest; empty: not known, then what it would say is taken to be right.
  json::object manifest;
  /// Documents that the chart and those that it invokes name with src; empty: there are none.
  scxml::ReadSource sources = {};
};

/// What charts see as `programme` (engine/runtime: SessionRun), as far as the checker may rely on it.
json::object programme_of(const json::object& manifest);

/// Explores everything that the chart can do and reports what is wrong with it, in the order of the document.
/// Pure: the same arguments give the same report.
Report check(const scxml::Chart& chart, const Subject& subject, const World& world, const std::vector<Policy>& policies,
             const Limits& limits = {}, const Progress& progress = {});

/// The finding's way as numbered lines, each ending in "\n". @param language  "zh" or "en".
std::string text_of(const std::vector<WayStep>& way, std::string_view language);

/// Keeps a package out: a policy is broken, one cannot be sure that none is, or what the workflow names does not exist.
bool keeps_out(const Finding& finding);

/// The finding as one Detail: its way is part of both messages.
Detail flat(const Finding& finding);

}  // namespace chuyi::check
