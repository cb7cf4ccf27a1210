#pragma once

#include <vector>

#include "engine/check/machine.h"
#include "engine/check/policy.h"

namespace chuyi {

/// An <invoke> of one version.
struct VersionedElement {
  const check::Element& element;
  const std::string& stage;
  const json::object& manifest;
};

/// Why what runs as `before` must not be taken for `now`: it keeps its former parameters, so
/// - "migrate.running_parameter": a policy asks about one and would judge the new one otherwise;
/// - "migrate.running_outcomes": it may give an answer that it no longer has in the new version.
std::vector<Detail> running_obstacles(const VersionedElement& before, const VersionedElement& now, const std::vector<check::Policy>& policies);

}  // namespace chuyi
