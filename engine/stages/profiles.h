#pragma once

#include "engine/check/profile.h"

namespace chuyi {

/// What the built-in stages take and how they answer, one row each, beside the table of their handlers
/// (builtin.h); and who may send what from outside (engine/runtime/access.h).
const check::World& builtin_world();

}  // namespace chuyi
