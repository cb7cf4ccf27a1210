#pragma once

#include "server/routes.h"

/// The handlers of docs/api.md: decode, ask, reply. No rule about approval stands here.
namespace chuyi::api {

net::awaitable<Response> login(Context& context);
net::awaitable<Response> set_password(Context& context);
net::awaitable<Response> logout(Context& context);
net::awaitable<Response> me(Context& context);

net::awaitable<Response> list_programmes(Context& context);
net::awaitable<Response> get_programme(Context& context);
net::awaitable<Response> get_form(Context& context);
net::awaitable<Response> list_notices(Context& context);
net::awaitable<Response> get_notice(Context& context);
net::awaitable<Response> file_objection(Context& context);
net::awaitable<Response> list_awards(Context& context);
net::awaitable<Response> get_certificate(Context& context);
net::awaitable<Response> list_organisations(Context& context);
net::awaitable<Response> get_clock(Context& context);
net::awaitable<Response> healthz(Context& context);
net::awaitable<Response> readyz(Context& context);

net::awaitable<Response> receive_message(Context& context);

net::awaitable<Response> create_application(Context& context);
net::awaitable<Response> list_applications(Context& context);
net::awaitable<Response> get_application(Context& context);
net::awaitable<Response> save_application_draft(Context& context);
net::awaitable<Response> submit_application(Context& context);
net::awaitable<Response> send_event(Context& context);
net::awaitable<Response> get_history(Context& context);
net::awaitable<Response> get_reviews(Context& context);
net::awaitable<Response> get_diagram(Context& context);

net::awaitable<Response> add_document(Context& context);
net::awaitable<Response> list_documents(Context& context);
net::awaitable<Response> get_document(Context& context);
net::awaitable<Response> remove_document(Context& context);
net::awaitable<Response> get_bundle(Context& context);

net::awaitable<Response> get_quotas(Context& context);
net::awaitable<Response> get_limits(Context& context);
net::awaitable<Response> put_limits(Context& context);
net::awaitable<Response> put_limit(Context& context);
net::awaitable<Response> remove_limit(Context& context);
net::awaitable<Response> get_exception(Context& context);
net::awaitable<Response> ask_exception(Context& context);
net::awaitable<Response> decide_exception(Context& context);
net::awaitable<Response> get_rank(Context& context);
net::awaitable<Response> put_rank(Context& context);
net::awaitable<Response> issue_letter(Context& context);
net::awaitable<Response> list_revisions(Context& context);
net::awaitable<Response> compare_revisions(Context& context);
net::awaitable<Response> list_findings(Context& context);
net::awaitable<Response> list_clues(Context& context);
net::awaitable<Response> list_drafts(Context& context);
net::awaitable<Response> restore_draft(Context& context);

net::awaitable<Response> create_round(Context& context);
net::awaitable<Response> list_rounds(Context& context);
net::awaitable<Response> get_round(Context& context);
net::awaitable<Response> extend_round(Context& context);
net::awaitable<Response> decide_round(Context& context);

net::awaitable<Response> get_review(Context& context);
net::awaitable<Response> put_review(Context& context);
net::awaitable<Response> get_conflicts(Context& context);
net::awaitable<Response> get_dashboard(Context& context);
net::awaitable<Response> create_draw(Context& context);
net::awaitable<Response> list_draws(Context& context);
net::awaitable<Response> get_draw(Context& context);
net::awaitable<Response> export_draw(Context& context);
net::awaitable<Response> reveal_draw(Context& context);
net::awaitable<Response> add_absence(Context& context);
net::awaitable<Response> witness_draw(Context& context);
net::awaitable<Response> withdraw_draw(Context& context);
net::awaitable<Response> propose_assignment(Context& context);
net::awaitable<Response> list_assignments(Context& context);
net::awaitable<Response> get_assignment(Context& context);
net::awaitable<Response> export_assignment(Context& context);
net::awaitable<Response> confirm_assignment(Context& context);
net::awaitable<Response> rank_round(Context& context);
net::awaitable<Response> list_results(Context& context);
net::awaitable<Response> get_results(Context& context);
net::awaitable<Response> export_results(Context& context);
net::awaitable<Response> results_workbook(Context& context);
net::awaitable<Response> deliberate_results(Context& context);
net::awaitable<Response> settle_results(Context& context);
net::awaitable<Response> get_round_list(Context& context);
net::awaitable<Response> list_experts(Context& context);
net::awaitable<Response> get_expert(Context& context);
net::awaitable<Response> put_expert(Context& context);
net::awaitable<Response> nominate_expert(Context& context);
net::awaitable<Response> declare_conflict(Context& context);
net::awaitable<Response> list_own_conflicts(Context& context);

net::awaitable<Response> list_tasks(Context& context);
net::awaitable<Response> get_task(Context& context);
net::awaitable<Response> claim_task(Context& context);
net::awaitable<Response> release_task(Context& context);
net::awaitable<Response> save_task(Context& context);
net::awaitable<Response> complete_task(Context& context);
net::awaitable<Response> get_inbox(Context& context);
net::awaitable<Response> assign_task(Context& context);
net::awaitable<Response> add_signer(Context& context);
net::awaitable<Response> return_task(Context& context);
net::awaitable<Response> recall_task(Context& context);

net::awaitable<Response> add_comment(Context& context);
net::awaitable<Response> copy_task(Context& context);
net::awaitable<Response> urge_task(Context& context);
net::awaitable<Response> read_task(Context& context);
net::awaitable<Response> list_notes(Context& context);
net::awaitable<Response> list_copies(Context& context);

net::awaitable<Response> make_delegation(Context& context);
net::awaitable<Response> list_delegations(Context& context);
net::awaitable<Response> end_delegation(Context& context);
net::awaitable<Response> hand_over(Context& context);
net::awaitable<Response> put_task_rules(Context& context);

net::awaitable<Response> act_in_bulk(Context& context);
net::awaitable<Response> get_batch(Context& context);
net::awaitable<Response> undo_batch(Context& context);
net::awaitable<Response> correct_task(Context& context);

net::awaitable<Response> why_application(Context& context);
net::awaitable<Response> why_task(Context& context);

net::awaitable<Response> put_organisation(Context& context);
net::awaitable<Response> put_user(Context& context);
net::awaitable<Response> list_users(Context& context);
net::awaitable<Response> import_rows(Context& context);
net::awaitable<Response> get_import_template(Context& context);
net::awaitable<Response> reload_plugins(Context& context);
net::awaitable<Response> list_plugins(Context& context);
net::awaitable<Response> install_plugin(Context& context);
net::awaitable<Response> enable_plugin(Context& context);
net::awaitable<Response> disable_plugin(Context& context);
net::awaitable<Response> remove_plugin(Context& context);
net::awaitable<Response> list_trusted(Context& context);
net::awaitable<Response> add_trusted(Context& context);
net::awaitable<Response> remove_trusted(Context& context);
net::awaitable<Response> list_incidents(Context& context);
net::awaitable<Response> advance_clock(Context& context);
net::awaitable<Response> start_migration(Context& context);
net::awaitable<Response> undo_migration(Context& context);
net::awaitable<Response> list_migrations(Context& context);

}  // namespace chuyi::api
