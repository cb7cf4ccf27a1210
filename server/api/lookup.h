#pragma once

#include "engine/runtime/access.h"
#include "server/api/shapes.h"
#include "server/context.h"

namespace chuyi::api {

/// An application the actor may see, with its definition. What is hidden and what is not there give the
/// same answer. Blocks: call it on the pool.
struct Seen {
  SessionRow session;
  DefinitionPtr definition;
  bool has_sheet = false;
};
Result<Seen> see_application(Context& context, const std::string& id);

struct SeenTask {
  TaskRow task;
  Seen application;
};
Result<SeenTask> see_task(Context& context, const std::string& id);

/// The open task of the nomination form that the actor may act on. Errors: `rejected` "application.no_draft".
Result<TaskRow> open_nomination(Context& context, const Seen& seen);

}  // namespace chuyi::api
