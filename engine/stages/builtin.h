#pragma once

#include "engine/invoke/handler.h"

namespace chuyi {

/// Registers every built-in stage: task, panel, publicity, award, annual-check.
Result<> add_builtin_handlers(InvokeRegistry& registry);

}  // namespace chuyi
