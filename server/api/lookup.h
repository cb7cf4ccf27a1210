#pragma once

#include "engine/base/errors.h"
#include "engine/runtime/access.h"
#include "server/api/shapes.h"
#include "server/context.h"

namespace chuyi::api {

/// What is hidden and what is not there: the same answer.
Error unknown(const char* code, const char* what);

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
/// The same for a command: also for whom it is for but opens nothing any more, so that a repeated recusal is answered.
Result<SeenTask> see_task_to_act(Context& context, const std::string& id, const Actor& as);
/// Who looks and acts: the signed-in user, or whom `on_behalf_of` of the query names and the user stands in for.
/// Errors: `forbidden` "delegation.none".
Result<Actor> acting(Context& context);

/// The ranked list of an organisation: its own officers, and the province's.
bool may_see_rank(const Actor& actor, const std::string& org);

/// Whether the scores of a panel of the application are sealed: it still scores, is to be appointed or opened, or ended before that.
Result<bool> is_panel_open(Queries& queries, const std::string& session_id);

/// Events of the chart that the actor may send now. Errors: of a document that cannot be read.
Result<std::vector<std::string>> sendable_events(const Actor& actor, const Seen& seen);

/// The open task of the nomination form that the actor may act on. Errors: `rejected` "application.no_draft".
Result<TaskRow> open_nomination(Context& context, const Seen& seen);

}  // namespace chuyi::api
