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

}  // namespace

bool may_see(const Actor& actor, const SessionRow& session, bool has_sheet) {
  if (actor.has("applicant", session.org) || is_officer_for(actor, session)) return true;
  const bool own_unit = std::any_of(actor.memberships.begin(), actor.memberships.end(),
                                    [&](const Membership& held) { return held.org == session.org; });
  return has_sheet && !own_unit && actor.has("reviewer");
}

bool may_see(const Actor& actor, const TaskRow& task, const SessionRow& session) {
  if (may_act(actor, task)) return true;
  if (task.kind == "sheet" || task.kind == "objection") return false;
  return is_officer_for(actor, session) || (task.kind == "annual-report" && actor.has("applicant", session.org));
}

bool may_see_reviews(const Actor& actor, const SessionRow& session) {
  const bool closed = session.status == "ended" || (session.stage != "nomination" && session.stage != "review") ||
                      (session.stage == "review" && session.state != "panel" && session.state != "review");
  return closed && is_provincial_for(actor, session);
}

bool may_see_actor(const Actor& actor, const SessionRow& session, const std::string& task_kind) {
  if (task_kind == "sheet" || task_kind == "panel-setup") return is_provincial_for(actor, session);
  return is_officer_for(actor, session) || actor.has("applicant", session.org);
}

SessionFilter visible_sessions(const Actor& actor) {
  SessionFilter out;
  for (const Membership& held : actor.memberships) {
    if (held.role == "applicant" || held.role == "recommending-officer" || held.role == "provincial-officer")
      out.orgs.push_back(held.org);
    if (held.role == "reviewer") out.reviewer = actor.user_id;
  }
  return out;
}

TaskFilter inbox_of(const Actor& actor) { return {.memberships = actor.memberships, .user = actor.user_id}; }

bool may_send(const Actor& actor, const SessionRow& session, const std::string& event) {
  if (event.starts_with("applicant.")) return actor.has("applicant", session.org);
  if (event.starts_with("province.")) return is_provincial_for(actor, session);
  return false;
}

}  // namespace chuyi
