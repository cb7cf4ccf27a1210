#include "server/routes.h"

#include "server/api/handlers.h"
#include "server/pages/pages.h"

namespace chuyi {
namespace {

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> out;
  std::size_t at = 1;
  while (at <= path.size()) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    out.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

bool matches_pattern(std::string_view pattern, const std::vector<std::string_view>& path, std::vector<std::string>& parameters) {
  const std::vector<std::string_view> expected = segments_of(pattern);
  if (expected.size() != path.size()) return false;
  parameters.clear();
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (expected[i].starts_with('{')) {
      if (path[i].empty()) return false;
      parameters.emplace_back(path[i]);
    } else if (expected[i] != path[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

const std::vector<Route>& all_routes() {
  using namespace api;
  const Permission everybody = Permission::everybody();
  const Permission signed_in = Permission::signed_in();
  const Permission applicant = Permission::role("applicant");
  const Permission officer = Permission::role("provincial-officer");
  const Permission reviewer = Permission::role("reviewer");
  const Permission discipline = Permission::role("discipline");
  const Permission administrator = Permission::role("administrator");
  constexpr Replay kKey = Replay::key_required;
  static const std::vector<Route> kRoutes = {
      // JSON interface: docs/api.md
      {"POST", "/api/v1/login", everybody, login},
      {"POST", "/api/v1/password", everybody, set_password},
      {"POST", "/api/v1/logout", signed_in, logout},
      {"GET", "/api/v1/me", signed_in, me},
      {"GET", "/api/v1/programmes", everybody, list_programmes},
      {"GET", "/api/v1/programmes/{id}", everybody, get_programme},
      {"GET", "/api/v1/programmes/{id}/forms/{form}", everybody, get_form},
      {"POST", "/api/v1/applications", applicant, create_application, kKey},
      {"GET", "/api/v1/applications", signed_in, list_applications},
      {"GET", "/api/v1/applications/{id}", signed_in, get_application},
      {"PUT", "/api/v1/applications/{id}/draft", applicant, save_application_draft},
      {"POST", "/api/v1/applications/{id}/documents", applicant, add_document, kKey, Body::streamed},
      {"GET", "/api/v1/applications/{id}/documents", signed_in, list_documents},
      {"GET", "/api/v1/applications/{id}/documents/{document}", signed_in, get_document},
      {"DELETE", "/api/v1/applications/{id}/documents/{document}", applicant, remove_document},
      {"POST", "/api/v1/applications/{id}/submit", applicant, submit_application, kKey},
      {"POST", "/api/v1/applications/{id}/events", signed_in, send_event, kKey},
      {"GET", "/api/v1/applications/{id}/history", signed_in, get_history},
      {"GET", "/api/v1/applications/{id}/reviews", signed_in, get_reviews},
      {"GET", "/api/v1/applications/{id}/bundle", signed_in, get_bundle},
      {"GET", "/api/v1/applications/{id}/diagram.svg", signed_in, get_diagram},
      {"GET", "/api/v1/applications/{id}/why", signed_in, why_application},
      {"GET", "/api/v1/applications/{id}/revisions", signed_in, list_revisions},
      {"GET", "/api/v1/applications/{id}/revisions/{range}", signed_in, compare_revisions},
      {"GET", "/api/v1/applications/{id}/findings", signed_in, list_findings},
      {"GET", "/api/v1/applications/{id}/clues", signed_in, list_clues},
      {"GET", "/api/v1/applications/{id}/draft/versions", applicant, list_drafts},
      {"POST", "/api/v1/applications/{id}/draft/versions/{revision}/restore", applicant, restore_draft, kKey},
      {"GET", "/api/v1/applications/{id}/exception", signed_in, get_exception},
      {"POST", "/api/v1/applications/{id}/exception", signed_in, ask_exception, kKey},
      {"POST", "/api/v1/applications/{id}/exception/decide", signed_in, decide_exception, kKey},
      {"GET", "/api/v1/quotas", signed_in, get_quotas},
      {"GET", "/api/v1/limits/{round}", signed_in, get_limits},
      {"PUT", "/api/v1/limits/{round}", Permission::role("provincial-officer"), put_limits},
      {"PUT", "/api/v1/limits/{round}/{limit}", Permission::role("provincial-officer"), put_limit},
      {"DELETE", "/api/v1/limits/{round}/{limit}", Permission::role("provincial-officer"), remove_limit},
      {"GET", "/api/v1/ranks/{programme}/{round}/{org}", signed_in, get_rank},
      {"PUT", "/api/v1/ranks/{programme}/{round}/{org}", signed_in, put_rank},
      {"POST", "/api/v1/ranks/{programme}/{round}/{org}/letter", signed_in, issue_letter, kKey},
      {"POST", "/api/v1/rounds", officer, create_round, kKey},
      {"GET", "/api/v1/rounds", signed_in, list_rounds},
      {"GET", "/api/v1/rounds/{id}", signed_in, get_round},
      {"POST", "/api/v1/rounds/{id}/extend", officer, extend_round, kKey},
      {"POST", "/api/v1/rounds/{id}/decide", officer, decide_round, kKey},
      {"GET", "/api/v1/rounds/{id}/review", signed_in, get_review},
      {"PUT", "/api/v1/rounds/{id}/review", officer, put_review},
      {"GET", "/api/v1/rounds/{id}/conflicts", signed_in, get_conflicts},
      {"GET", "/api/v1/rounds/{id}/dashboard", signed_in, get_dashboard},
      {"POST", "/api/v1/rounds/{id}/draws", officer, create_draw, kKey},
      {"GET", "/api/v1/rounds/{id}/draws", signed_in, list_draws},
      {"GET", "/api/v1/rounds/{id}/draws/{draw}", signed_in, get_draw},
      {"GET", "/api/v1/rounds/{id}/draws/{draw}/export", signed_in, export_draw},
      {"POST", "/api/v1/rounds/{id}/draws/{draw}/reveal", officer, reveal_draw, kKey},
      {"POST", "/api/v1/rounds/{id}/draws/{draw}/absences", officer, add_absence, kKey},
      {"POST", "/api/v1/rounds/{id}/draws/{draw}/confirm", discipline, witness_draw, kKey},
      {"POST", "/api/v1/rounds/{id}/draws/{draw}/withdraw", discipline, withdraw_draw, kKey},
      {"POST", "/api/v1/rounds/{id}/assignments", officer, propose_assignment, kKey},
      {"GET", "/api/v1/rounds/{id}/assignments", signed_in, list_assignments},
      {"GET", "/api/v1/rounds/{id}/assignments/{assignment}", signed_in, get_assignment},
      {"GET", "/api/v1/rounds/{id}/assignments/{assignment}/export", signed_in, export_assignment},
      {"POST", "/api/v1/rounds/{id}/assignments/{assignment}/confirm", officer, confirm_assignment, kKey},
      {"POST", "/api/v1/rounds/{id}/results", officer, rank_round, kKey},
      {"GET", "/api/v1/rounds/{id}/results", signed_in, list_results},
      {"GET", "/api/v1/rounds/{id}/results/{results}", signed_in, get_results},
      {"GET", "/api/v1/rounds/{id}/results/{results}/export", signed_in, export_results},
      {"GET", "/api/v1/rounds/{id}/results/{results}/workbook.xlsx", signed_in, results_workbook},
      {"POST", "/api/v1/rounds/{id}/results/{results}/deliberate", officer, deliberate_results, kKey},
      {"POST", "/api/v1/rounds/{id}/results/{results}/confirm", signed_in, settle_results, kKey},
      {"GET", "/api/v1/rounds/{id}/list", signed_in, get_round_list},
      {"GET", "/api/v1/experts", officer, list_experts},
      {"GET", "/api/v1/experts/{id}", officer, get_expert},
      {"PUT", "/api/v1/experts/{id}", officer, put_expert},
      {"POST", "/api/v1/experts/{id}/nominations", officer, nominate_expert, kKey},
      {"POST", "/api/v1/me/conflicts", reviewer, declare_conflict, kKey},
      {"GET", "/api/v1/me/conflicts", reviewer, list_own_conflicts},
      {"GET", "/api/v1/tasks", signed_in, list_tasks},
      {"GET", "/api/v1/tasks/{id}", signed_in, get_task},
      {"GET", "/api/v1/tasks/{id}/why", signed_in, why_task},
      {"POST", "/api/v1/tasks/{id}/claim", signed_in, claim_task, kKey},
      {"POST", "/api/v1/tasks/{id}/release", signed_in, release_task, kKey},
      {"PUT", "/api/v1/tasks/{id}/draft", signed_in, save_task},
      {"POST", "/api/v1/tasks/{id}/complete", signed_in, complete_task, kKey},
      {"GET", "/api/v1/inbox", signed_in, get_inbox},
      {"POST", "/api/v1/tasks/{id}/assign", signed_in, assign_task, kKey},
      {"POST", "/api/v1/tasks/{id}/signers", signed_in, add_signer, kKey},
      {"POST", "/api/v1/tasks/{id}/return", signed_in, return_task, kKey},
      {"POST", "/api/v1/tasks/{id}/recall", signed_in, recall_task, kKey},
      {"POST", "/api/v1/tasks/{id}/comments", signed_in, add_comment, kKey},
      {"POST", "/api/v1/tasks/{id}/copies", signed_in, copy_task, kKey},
      {"POST", "/api/v1/tasks/{id}/urge", signed_in, urge_task, kKey},
      {"POST", "/api/v1/tasks/{id}/read", signed_in, read_task, kKey},
      {"GET", "/api/v1/tasks/{id}/notes", signed_in, list_notes},
      {"GET", "/api/v1/copies", signed_in, list_copies},
      {"POST", "/api/v1/delegations", signed_in, make_delegation, kKey},
      {"GET", "/api/v1/delegations", signed_in, list_delegations},
      {"POST", "/api/v1/delegations/{id}/end", signed_in, end_delegation, kKey},
      {"POST", "/api/v1/bulk", signed_in, act_in_bulk, kKey},
      {"GET", "/api/v1/bulk/{id}", signed_in, get_batch},
      {"POST", "/api/v1/bulk/{id}/undo", signed_in, undo_batch, kKey},
      {"POST", "/api/v1/admin/handover", administrator, hand_over, kKey},
      {"PUT", "/api/v1/admin/task-rules", administrator, put_task_rules},
      {"POST", "/api/v1/tasks/{id}/correct", signed_in, correct_task, kKey},
      {"GET", "/api/v1/notices", everybody, list_notices},
      {"GET", "/api/v1/notices/{id}", everybody, get_notice},
      {"POST", "/api/v1/notices/{id}/objections", everybody, file_objection, kKey},
      {"GET", "/api/v1/awards", everybody, list_awards},
      {"GET", "/api/v1/awards/{number}/certificate", everybody, get_certificate},
      {"GET", "/api/v1/organisations", everybody, list_organisations},
      {"GET", "/api/v1/clock", everybody, get_clock},
      {"POST", "/api/v1/admin/organisations", administrator, put_organisation, kKey},
      {"POST", "/api/v1/admin/users", administrator, put_user, kKey},
      {"GET", "/api/v1/admin/users", administrator, list_users},
      {"POST", "/api/v1/admin/imports", administrator, import_rows},
      {"GET", "/api/v1/admin/imports/{kind}/template.xlsx", administrator, get_import_template},
      {"POST", "/api/v1/admin/plugins/reload", administrator, reload_plugins},
      {"GET", "/api/v1/admin/plugins", administrator, list_plugins},
      {"POST", "/api/v1/admin/plugins", administrator, install_plugin, Replay::none, Body::streamed},
      {"POST", "/api/v1/admin/plugins/{id}/enable", administrator, enable_plugin},
      {"POST", "/api/v1/admin/plugins/{id}/disable", administrator, disable_plugin},
      {"DELETE", "/api/v1/admin/plugins/{id}", administrator, remove_plugin},
      {"GET", "/api/v1/admin/trust", administrator, list_trusted},
      {"POST", "/api/v1/admin/trust", administrator, add_trusted},
      {"DELETE", "/api/v1/admin/trust/{id}", administrator, remove_trusted},
      {"GET", "/api/v1/admin/incidents", administrator, list_incidents},
      {"POST", "/api/v1/admin/clock/advance", administrator, advance_clock},
      {"POST", "/api/v1/admin/migrations", administrator, start_migration},
      {"POST", "/api/v1/admin/migrations/{id}/undo", administrator, undo_migration},
      {"GET", "/api/v1/admin/migrations", administrator, list_migrations},
      // The Basic HTTP event I/O processor: the key in the query is the permission
      {"POST", "/scxml/{session}", everybody, receive_message},
      {"GET", "/healthz", everybody, healthz},
      {"GET", "/readyz", everybody, readyz},
      // Public pages
      {"GET", "/", everybody, pages::home},
      {"GET", "/programmes", everybody, pages::programmes},
      {"GET", "/programmes/{id}", everybody, pages::programme},
      {"GET", "/programmes/{id}/diagram.svg", everybody, pages::programme_diagram},
      {"GET", "/notices", everybody, pages::notices},
      {"GET", "/notices/{id}", everybody, pages::notice},
      {"POST", "/notices/{id}/objections", everybody, pages::objection},
      {"GET", "/awards", everybody, pages::awards},
      {"GET", "/static/{file}", everybody, pages::static_file},
  };
  return kRoutes;
}

RouteMatch match_route(const std::vector<Route>& routes, std::string_view method, std::string_view path) {
  RouteMatch out;
  const std::vector<std::string_view> segments = segments_of(path);
  for (const Route& route : routes) {
    std::vector<std::string> parameters;
    if (!matches_pattern(route.pattern, segments, parameters)) continue;
    if (route.method == method) return {.route = &route, .parameters = std::move(parameters), .allowed = {}};
    out.allowed.push_back(route.method);
  }
  return out;
}

}  // namespace chuyi
