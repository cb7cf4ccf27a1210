#pragma once

#include <string>

#include "engine/invoke/handler.h"
#include "engine/ports/queries.h"
#include "engine/ports/store.h"

/// Who may see and do what, object by object. One place; routes and pages ask here.
namespace chuyi {

/// Applicants and those who review and seal in their organisation see its applications; officers those of their organisation's tree; a
/// reviewer those with a sheet of their own (`has_sheet`), never one of their own organisation.
/// Administrators run the platform and see no application.
bool may_see(const Actor& actor, const SessionRow& session, bool has_sheet);
/// Whether nothing but a sheet of his own lets the actor see the application: neither its unit nor an office.
bool sees_as_reviewer(const Actor& actor, const SessionRow& session);
/// Whether the sheet lets its reviewer see the application: neither recused from nor cancelled.
bool opens_application(const TaskRow& sheet);
/// That there is such a task: whom it is for (not a reviewer whose sheet opens nothing), and officers who may see
/// the application; what belongs to a panel provincial officers only, objections only whom they are for.
bool may_see(const Actor& actor, const TaskRow& task, const SessionRow& session);
/// What stands in it: whom it is for, who completed it, and provincial officers; a sheet's is theirs only
/// once the panel has closed.
bool may_see_data(const Actor& actor, const TaskRow& task, const SessionRow& session, bool panel_open);
/// Who is on the panel and who has signed: provincial officers of the application's province.
bool may_see_panel(const Actor& actor, const SessionRow& session);
/// Whether the task keeps its application's scores sealed: an open sheet, or a panel still to be appointed, to discuss or to be
/// opened. Beside that, a panel's record seals them (engine/stages/panel/seal.h).
bool seals_scores(const TaskRow& task);
/// Whether this actor sees who acted in history entries of this kind. Applicants never see who reviewed.
bool may_see_actor(const Actor& actor, const SessionRow& session, const std::string& task_kind);
/// Whether this actor reads the opinion of a sign-off of such a task in the history: applicants and officers, but
/// of what belongs to the expert review (its stage) provincial officers only; of sheets nobody.
bool may_see_opinion(const Actor& actor, const SessionRow& session, const std::string& task_kind, const std::string& stage);
/// What was said of an application without a name: provincial officers and discipline supervisors, never its own unit.
bool may_see_clues(const Actor& actor, const SessionRow& session);
/// What was found of repetitions and granted beyond a quota: officers of its tree who do not apply themselves.
bool may_see_findings(const Actor& actor, const SessionRow& session);
/// The hash of an audit record would tell whoever can guess the record that the guess is right: provincial officers, once no
/// sheet is sealed any more.
bool may_see_audit_hash(const Actor& actor, const SessionRow& session, bool panel_open);

/// What of the list of applications the actor may see. No orgs, own and reviewer: nothing.
SessionFilter visible_sessions(const Actor& actor);
/// The actor's inbox.
TaskFilter inbox_of(const Actor& actor);

/// The organisation that recommends an application; empty: none does.
std::string recommender_of(const json::object& application, const json::object& manifest);
/// Whether the actor may send this event to the session: "applicant.*" the applicants of its organisation, "recommender.*"
/// officers of the organisation that recommends it, and of its province, but not the applicant, "province.*" provincial officers
/// of its province.
bool may_send(const Actor& actor, const SessionRow& session, const std::string& recommender, const std::string& event);

}  // namespace chuyi
