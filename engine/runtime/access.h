#pragma once

#include <string>

#include "engine/invoke/handler.h"
#include "engine/ports/queries.h"
#include "engine/ports/store.h"

/// Who may see and do what, object by object. One place; routes and pages ask here.
namespace chuyi {

/// Applicants see their organisation's applications; officers those of their organisation's tree; a
/// reviewer those with a sheet of their own (`has_sheet`), never one of their own organisation.
/// Administrators run the platform and see no application.
bool may_see(const Actor& actor, const SessionRow& session, bool has_sheet);
/// Whom the task is for; and for reading, officers who may see the application, except sheets.
bool may_see(const Actor& actor, const TaskRow& task, const SessionRow& session);
/// Individual sheets and the panel's names: provincial officers of the application's province, once the
/// panel has closed (the application has left the stage "review", or is ended).
bool may_see_reviews(const Actor& actor, const SessionRow& session);
/// Whether this actor sees who acted in history entries of this kind. Applicants never see who reviewed.
bool may_see_actor(const Actor& actor, const SessionRow& session, const std::string& task_kind);

/// What of the list of applications the actor may see. Empty orgs and no reviewer: nothing.
SessionFilter visible_sessions(const Actor& actor);
/// The actor's inbox.
TaskFilter inbox_of(const Actor& actor);

/// Whether the actor may send this event to the session: "applicant.*" the applicants of its
/// organisation, "province.*" provincial officers of its province.
bool may_send(const Actor& actor, const SessionRow& session, const std::string& event);

}  // namespace chuyi
