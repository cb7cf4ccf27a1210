#include "server/api/lookup.h"

#include <algorithm>

#include "engine/invoke/work_items.h"
#include "engine/runtime/delegation.h"
#include "engine/runtime/session_document.h"
#include "engine/scxml/describe.h"

namespace chuyi::api {

Error unknown(const char* code, const char* what) { return not_found(code, std::string{"Expected a known "} + what, "未找到，或您无权查看"); }

namespace {

Result<SeenTask> find_task(Context& context, const std::string& id) {
  const Result<std::optional<TaskRow>> task = context.services.queries.task(id);
  if (!task) return task.error();
  if (!*task) return unknown("task.unknown", "task");
  const Result<std::optional<SessionRow>> session = context.services.queries.session((*task)->session_id);
  if (!session) return session.error();
  if (!*session) return unknown("task.unknown", "task");
  return SeenTask{.task = **task,
                  .application = {.session = **session, .definition = context.services.definitions.by_digest((*session)->definition)}};
}

}  // namespace

Result<Seen> see_application(Context& context, const std::string& id) {
  const Result<std::optional<SessionRow>> session = context.services.queries.session(id);
  if (!session) return session.error();
  if (!*session) return unknown("application.unknown", "application");
  Seen out{.session = **session, .definition = context.services.definitions.by_digest((*session)->definition)};
  const Result<Actor> as = acting(context);
  if (!as) return as.error();
  if (as->has("reviewer")) {
    const Result<Page<TaskRow>> sheets = context.services.queries.tasks(
        TaskFilter{.memberships = {}, .user = context.actor.user_id, .statuses = {}, .session_id = id, .kind = "sheet"}, {.limit = 200});
    if (!sheets) return sheets.error();
    out.has_sheet = std::any_of(sheets->rows.begin(), sheets->rows.end(), opens_application);
  }
  if (!may_see(*as, out.session, out.has_sheet)) return unknown("application.unknown", "application");
  return out;
}

Result<SeenTask> see_task(Context& context, const std::string& id) {
  const Result<Actor> as = acting(context);
  if (!as) return as.error();
  Result<SeenTask> found = find_task(context, id);
  if (found && !may_see(*as, found->task, found->application.session)) return unknown("task.unknown", "task");
  return found;
}

Result<SeenTask> see_task_to_act(Context& context, const std::string& id, const Actor& as) {
  Result<SeenTask> found = find_task(context, id);
  if (found && !may_act(as, found->task) && !may_see(as, found->task, found->application.session)) return unknown("task.unknown", "task");
  return found;
}

Result<Actor> acting(Context& context) {
  const std::string principal = context.request.query_or("on_behalf_of");
  if (principal.empty()) return context.actor;
  return principal_of(context.services.queries, context.actor, principal, context.services.clock.now());
}

Result<bool> is_panel_open(Queries& queries, const std::string& session_id) {
  const Result<Page<RecordRow>> panels = queries.records({.kind = "panel", .about = session_id}, {.limit = 200, .after = {}});
  if (!panels) return panels.error();
  if (std::any_of(panels->rows.begin(), panels->rows.end(), [](const RecordRow& row) { return bool_or(row.data, "sealed", false); })) return true;
  for (std::string after;;) {
    const Result<Page<TaskRow>> open =
        queries.tasks(TaskFilter{.memberships = {}, .user = {}, .statuses = {"open", "claimed"}, .session_id = session_id, .kind = {}}, {.limit = 200, .after = after});
    if (!open) return open.error();
    if (std::any_of(open->rows.begin(), open->rows.end(), seals_scores)) return true;
    if (open->next.empty()) return false;
    after = open->next;
  }
}

Result<std::vector<std::string>> sendable_events(const Actor& actor, const Seen& seen) {
  std::vector<std::string> out;
  if (!seen.definition || seen.session.status != "running") return out;
  const Result<SessionDocument> document = decode_document(*seen.definition, seen.session.document);
  if (!document) return document.error();
  const std::string recommender = recommender_of(object_or_empty(document->chart.datamodel, "application"), seen.definition->manifest);
  for (const std::string& event : scxml::events_of(*seen.definition->chart, document->chart.configuration))
    if (may_send(actor, seen.session, recommender, event)) out.push_back(event);
  return out;
}

bool may_see_rank(const Actor& actor, const std::string& org) {
  return std::any_of(actor.memberships.begin(), actor.memberships.end(), [&](const Membership& held) {
    return held.role == "provincial-officer" || (held.org == org && (held.role == "recommending-officer" || held.role == "org-admin"));
  });
}

Result<TaskRow> open_nomination(Context& context, const Seen& seen) {
  const Result<Page<TaskRow>> tasks = context.services.queries.tasks(
      TaskFilter{.memberships = {}, .user = {}, .statuses = {"open", "claimed"}, .session_id = seen.session.id, .kind = "task"}, {.limit = 50});
  if (!tasks) return tasks.error();
  for (const TaskRow& task : tasks->rows)
    if (task.role == "applicant" && !task.form.empty() && may_act(context.actor, task)) return task;
  return Error{.kind = ErrorKind::rejected,
               .code = "application.no_draft",
               .message = "Expected an application with an open form, but it is in state '" + seen.session.state + "'",
               .message_zh = "该申报当前没有可填写的表单"};
}

}  // namespace chuyi::api
