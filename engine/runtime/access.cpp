#include "engine/runtime/access.h"

#include <algorithm>

#include "engine/invoke/work_items.h"

namespace chuyi {
namespace {

bool in_tree(const SessionRow& session, const std::string& org) {
  return std::find(session.orgs.begin(), session.orgs.end(), org) != session.orgs.end();
}

bool is_officer_for(const Actor& actor, const SessionRow& session) {
  return std::any_of(actor.memberships.begin(), actor.memberships.end(), [&](const Membership& held) {
    return (held.role == "recommending-officer" || held.role == "provincial-officer") && in_tree(session, held.org);
  });
}

bool is_provincial_for(const Actor& actor, const SessionRow& session) {
  return std::any_of(actor.memberships.begin(), actor.memberships.end(), [&](const Membership& held) {
    return held.role == "provincial-officer" && in_tree(session, held.org);
  });
}

bool is_of_unit(const Actor& actor, const SessionRow& session) {
  return std::any_of(actor.memberships.begin(), actor.memberships.end(), [&](const Membership& held) { return held.org == session.org; });
}

/// Whoever reviews and seals within the applying organisation.
bool is_of_college(const Actor& actor, const SessionRow& session) {
  return actor.has("org-admin", session.org) || actor.has("org-approver", session.org);
}

bool is_of_panel(const std::string& task_kind) { return task_kind == "sheet" || task_kind.starts_with("panel-"); }

}  // namespace

bool may_see(const Actor& actor, const SessionRow& session, bool has_sheet) {
  if (actor.has("applicant", session.org) || is_of_college(actor, session) || is_officer_for(actor, session)) return true;
  return has_sheet && !is_of_unit(actor, session) && actor.has("reviewer");
}

bool sees_as_reviewer(const Actor& actor, const SessionRow& session) { return !may_see(actor, session, false); }

bool opens_application(const TaskRow& sheet) { return sheet.status != "cancelled" && sheet.outcome != "recuse"; }

bool may_see(const Actor& actor, const TaskRow& task, const SessionRow& session) {
  if (task.kind == "sheet" && may_act(actor, task) && may_see(actor, session, opens_application(task))) return true;
  if (is_of_panel(task.kind)) return is_provincial_for(actor, session) || (task.kind != "sheet" && may_act(actor, task));
  if (may_act(actor, task)) return true;
  return task.kind != "objection" && is_officer_for(actor, session);
}

bool may_see_data(const Actor& actor, const TaskRow& task, const SessionRow& session, bool panel_open) {
  if (may_act(actor, task) || (!task.done_by.empty() && task.done_by == actor.user_id)) return true;
  return is_provincial_for(actor, session) && !(task.kind == "sheet" && panel_open);
}

bool may_see_panel(const Actor& actor, const SessionRow& session) { return is_provincial_for(actor, session); }

bool seals_scores(const TaskRow& task) {
  return is_of_panel(task.kind) && task.kind != "panel-reopening" && (task.status == "open" || task.status == "claimed");
}

bool may_see_actor(const Actor& actor, const SessionRow& session, const std::string& task_kind) {
  if (is_of_panel(task_kind)) return is_provincial_for(actor, session);
  return is_officer_for(actor, session) || actor.has("applicant", session.org) || is_of_college(actor, session);
}

bool may_see_opinion(const Actor& actor, const SessionRow& session, const std::string& task_kind, const std::string& stage) {
  if (is_of_panel(task_kind)) return false;
  if (stage == "review") return is_provincial_for(actor, session);
  return is_officer_for(actor, session) || actor.has("applicant", session.org) || is_of_college(actor, session);
}

bool may_see_findings(const Actor& actor, const SessionRow& session) { return is_officer_for(actor, session) && actor.user_id != session.applicant; }

bool may_see_clues(const Actor& actor, const SessionRow& session) {
  if (is_of_unit(actor, session)) return false;
  return is_provincial_for(actor, session) ||
         std::any_of(actor.memberships.begin(), actor.memberships.end(), [&](const Membership& held) { return held.role == "discipline" && in_tree(session, held.org); });
}

bool may_see_audit_hash(const Actor& actor, const SessionRow& session, bool panel_open) { return is_provincial_for(actor, session) && !panel_open; }

SessionFilter visible_sessions(const Actor& actor) {
  SessionFilter out;
  for (const Membership& held : actor.memberships) {
    if (held.role == "applicant" || held.role == "org-admin" || held.role == "org-approver") out.own.push_back(held.org);
    if (held.role == "recommending-officer" || held.role == "provincial-officer") out.orgs.push_back(held.org);
    if (held.role == "reviewer") out.reviewer = actor.user_id;
  }
  return out;
}

TaskFilter inbox_of(const Actor& actor) { return {.memberships = actor.memberships, .user = actor.user_id}; }

std::string recommender_of(const json::object& application, const json::object& manifest) {
  const json::object& orgs = object_or_empty(application, "orgs");
  return string_or(orgs, "recommender", string_or(orgs, string_or(object_or_empty(manifest, "recommendation"), "level")));
}

bool may_send(const Actor& actor, const SessionRow& session, const std::string& recommender, const std::string& event) {
  if (event.starts_with("applicant.")) return actor.has("applicant", session.org);
  const bool recommends = std::any_of(actor.memberships.begin(), actor.memberships.end(), [&](const Membership& held) {
    return held.role == "recommending-officer" && held.org == recommender;
  });
  if (event.starts_with("recommender.")) return (recommends || is_provincial_for(actor, session)) && actor.user_id != session.applicant;
  if (event.starts_with("province.")) return is_provincial_for(actor, session);
  return false;
}

}  // namespace chuyi
