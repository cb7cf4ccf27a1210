#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/check/check.h"
#include "engine/scxml/interpreter.h"

namespace chuyi::check {

/// Where a session stands between two macrosteps, as far as the checker looks.
struct Standing {
  const scxml::Snapshot& snapshot;
  std::vector<std::string> finished;                        ///< ids of invocations that have answered for good
  std::vector<std::pair<std::string, std::string>> timers;  ///< event and send id of each that waits
};

/// Judges what may still happen to sessions that run already. Graphs are kept: sessions that stand alike share one.
class Continuation {
 public:
  /// All outlive it.
  Continuation(const scxml::Chart& chart, const json::object& manifest, const World& world, const std::vector<Policy>& policies,
               const Limits& limits = {})
      : chart_(chart), manifest_(manifest), policies_(policies), limits_(limits), world_(world_of(world, manifest)), machine_(chart, world_, programme_of(manifest)) {}

  const Machine& machine() const { return machine_; }
  /// Policies that the session may come to break from where it stands, after `past`, each with the way there; place = id
  /// of the policy. Also "check.too_large", and "check.timer" for a timer that nothing in the chart sets.
  std::vector<Detail> judge(const Standing& standing, const std::vector<Past>& past);

 private:
  const scxml::Chart& chart_;
  const json::object& manifest_;
  const std::vector<Policy>& policies_;
  Limits limits_;
  World world_;
  Machine machine_;
  std::map<std::string, Graph> graphs_;  ///< by Node::encode
};

}  // namespace chuyi::check
