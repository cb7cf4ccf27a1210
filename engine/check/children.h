#pragma once

#include <vector>

#include "engine/check/machine.h"
#include "engine/check/policy.h"

namespace chuyi::check {

/// What must not stand in the charts that a workflow invokes, because no policy would see it: anything but tasks and
/// further charts, tasks that a policy could ask about, messages that could reach the workflow past its invokes, and
/// documents that are not known before they run. "check.child", in the order found.
///
/// @param people  the workflow is one for people; else only what its charts invoke tells, and a workflow without any
///                handler may do what it likes.
/// @param read    documents that a chart names with src; empty: there are none.
std::vector<Detail> check_children(const Machine& machine, const World& world, const std::vector<Policy>& policies, const scxml::ReadSource& read,
                                   bool people);

}  // namespace chuyi::check
