#include <algorithm>

#include "engine/invoke/rows_json.h"
#include "engine/invoke/work_items.h"
#include "engine/runtime/session_document.h"
#include "engine/scxml/describe.h"
#include "engine/scxml/diagram.h"
#include "server/api/blind.h"
#include "server/api/handlers.h"
#include "server/api/lookup.h"
#include "server/api/nomination_api.h"
#include "server/diagram/diagram.h"
#include "server/phrases.h"

namespace chuyi::api {
namespace {

constexpr std::size_t kHistoryMax = 1'000;

/// Everything about an application that the actor may see.
Result<json::object> whole_application(Context& context, const Seen& seen) {
  const SessionRow row = shown_session(context.actor, seen.session, seen.definition.get());
  const bool blind = is_blind(context.actor, seen.session, seen.definition.get());
  json::object out = application_json(row, seen.definition.get());
  Queries& queries = context.services.queries;
  const Result<Page<TaskRow>> tasks =
      queries.tasks(TaskFilter{.memberships = {}, .user = {}, .statuses = {"open", "claimed"}, .session_id = seen.session.id, .kind = {}}, {.limit = 100});
  if (!tasks) return tasks.error();
  json::array shown;
  for (const TaskRow& task : tasks->rows) {
    if (!may_see(context.actor, task, seen.session)) continue;
    json::object each = task_json(task, &row, seen.definition.get());
    if (!may_act(context.actor, task)) each.erase("data");
    shown.emplace_back(std::move(each));
    if (task.role == "applicant" && !task.form.empty() && may_act(context.actor, task))
      out["draft"] = json::object{{"task", task.id}, {"revision", static_cast<std::int64_t>(task.revision)}, {"form", task.form}, {"data", task.data}};
  }
  out["tasks"] = std::move(shown);
  const Result<std::optional<AwardRow>> award = queries.award_of(seen.session.id);
  if (!award) return award.error();
  out["award"] = *award && !blind ? json::value(award_json(**award)) : json::value();
  const Result<std::optional<BundleRow>> bundle = queries.latest_bundle(seen.session.id);
  if (!bundle) return bundle.error();
  out["bundle"] = *bundle && !blind ? json::value(json::object{{"digest", (*bundle)->digest},
                                                     {"size", static_cast<std::int64_t>((*bundle)->size)},
                                                     {"sealed", format_instant((*bundle)->sealed)}})
                          : json::value();
  if (seen.definition) {
    const Result<SessionDocument> document = decode_document(*seen.definition, seen.session.document);
    if (!document) return document.error();
    if (const Result<> added = add_nomination(context, seen, *document, out); !added) return added.error();
  }
  const Result<std::vector<std::string>> events = sendable_events(context.actor, seen);
  if (!events) return events.error();
  out["events"] = to_json(*events);
  return out;
}

Response with_etag(Response response, std::uint64_t revision) {
  response.with("ETag", "\"" + std::to_string(revision) + "\"");
  return response;
}

}  // namespace

net::awaitable<Response> create_application(Context& context) {
  const std::vector<Field> fields{{"programme"}, {"round"}, {"title"}, {"org", Field::Type::text, false}, {"co_leads", Field::Type::array, false}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  Command command{.kind = "application.create", .data = std::move(*body)};
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  Response out = reply_response(*reply);
  out.with("Location", "/api/v1/applications/" + string_or(reply->body.as_object(), "id"));
  co_return out;
}

net::awaitable<Response> list_applications(Context& context) {
  SessionFilter filter = visible_sessions(context.actor);
  filter.kind = "application";
  const Request& request = context.request;
  filter.programme = request.query_or("programme");
  filter.round = request.query_or("round");
  filter.status = request.query_or("status");
  filter.stage = request.query_or("stage");
  filter.text = request.query_or("q");
  if (!filter.text.empty()) filter.reviewer.clear();  // a search would tell whose a blind application is
  if (filter.orgs.empty() && filter.own.empty() && filter.reviewer.empty()) co_return list_response(request, {}, {});
  const PageRequest page = context.page();
  const auto rows = co_await context.blocking([&] { return context.services.queries.sessions(filter, page); });
  if (!rows) co_return context.fail(rows.error());
  json::array items;
  for (const SessionRow& row : rows->rows)
    if (may_see(context.actor, row, true)) {
      const DefinitionPtr definition = context.services.definitions.by_digest(row.definition);
      items.emplace_back(application_json(shown_session(context.actor, row, definition.get()), definition.get()));
    }
  co_return list_response(request, std::move(items), rows->next);
}

net::awaitable<Response> get_application(Context& context) {
  std::uint64_t revision = 0;
  const Result<json::object> shown = co_await context.reading([&]() -> Result<json::object> {
    const Result<Seen> seen = see_application(context, context.parameters[0]);
    if (!seen) return seen.error();
    revision = seen->session.revision;
    return whole_application(context, *seen);
  });
  if (!shown) co_return context.fail(shown.error());
  co_return with_etag(json_response(200, *shown), revision);
}

net::awaitable<Response> save_application_draft(Context& context) {
  const Result<std::uint64_t> revision = context.if_match();
  if (!revision) co_return context.fail(revision.error());
  Result<json::object> body = context.json_body();
  if (!body) co_return context.fail(body.error());
  Result<Seen> seen = co_await context.blocking([&] { return see_application(context, context.parameters[0]); });
  if (!seen) co_return context.fail(seen.error());
  const Result<TaskRow> task = co_await context.blocking([&] { return open_nomination(context, *seen); });
  if (!task) co_return context.fail(task.error());
  json::object data{{"data", std::move(*body)}};
  const Result<Reply> reply = co_await context.execute(task_command("task.save", task->id, std::move(data), *revision));
  if (!reply) co_return context.fail(reply.error());
  Reply shown = *reply;
  shown.body = replied_task(*reply, seen->session, seen->definition.get());
  co_return reply_response(shown);
}

net::awaitable<Response> submit_application(Context& context) {
  std::optional<std::uint64_t> revision;
  if (!context.request.header("if-match").empty()) {
    const Result<std::uint64_t> given = context.if_match();
    if (!given) co_return context.fail(given.error());
    revision = *given;
  }
  const Result<Seen> seen = co_await context.blocking([&] { return see_application(context, context.parameters[0]); });
  if (!seen) co_return context.fail(seen.error());
  const Result<TaskRow> task = co_await context.blocking([&]() -> Result<TaskRow> {
    const Result<TaskRow> open = open_nomination(context, *seen);
    if (open) return open;
    // A repeat of a submission finds no open task any more: the latest of the same kind answers it.
    const Result<Page<TaskRow>> done = context.services.queries.tasks(
        TaskFilter{.memberships = context.actor.memberships, .user = {}, .statuses = {"done"}, .session_id = seen->session.id, .kind = "task"}, {.limit = 200});
    if (!done) return done.error();
    if (done->rows.empty()) return open;
    return *std::max_element(done->rows.begin(), done->rows.end(), [](const TaskRow& a, const TaskRow& b) { return a.done < b.done; });
  });
  if (!task) co_return context.fail(task.error());
  json::object given;
  if (!context.request.body.empty()) {
    const std::vector<Field> fields{{"reasons", Field::Type::object, false}};
    Result<json::object> body = context.json_body(fields);
    if (!body) co_return context.fail(body.error());
    given = std::move(*body);
  }
  Command command = task_command("task.complete", task->id, std::move(given), revision);
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  Reply shown = *reply;
  shown.body.as_object()["task"] = replied_task(*reply, seen->session, seen->definition.get());
  co_return reply_response(shown);
}

net::awaitable<Response> send_event(Context& context) {
  const std::vector<Field> fields{{"event"}, {"data", Field::Type::any, false}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  const Result<Seen> seen = co_await context.blocking([&] { return see_application(context, context.parameters[0]); });
  if (!seen) co_return context.fail(seen.error());
  Command command{.kind = "application.event", .session_id = seen->session.id, .task_id = {}, .actor = {}, .data = {{"event", string_or(*body, "event")}}, .if_revision = {}, .key = {}};
  if (const json::value* data = body->if_contains("data")) command.data["data"] = *data;
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  co_return reply_response(*reply);
}

net::awaitable<Response> get_history(Context& context) {
  const Result<json::array> items = co_await context.blocking([&]() -> Result<json::array> {
    const Result<Seen> seen = see_application(context, context.parameters[0]);
    if (!seen) return seen.error();
    const Result<bool> panel_open = is_panel_open(context.services.queries, seen->session.id);
    if (!panel_open) return panel_open.error();
    const Result<std::vector<AuditRow>> rows = context.services.queries.audit(seen->session.id, 0, kHistoryMax);
    if (!rows) return rows.error();
    json::array out;
    for (const AuditRow& row : *rows) {
      if (const std::string bag = bag_of_archived(row.record); !bag.empty()) {
        // One entry for each bag says where the rest is.
        if (!out.empty() && string_or(out.back().as_object(), "archive") == bag) continue;
        out.emplace_back(archived_json(row, bag, context.services.texts));
        continue;
      }
      const json::object record = audit_record(row);
      // That there is a clue is known to those alone who may read it.
      if (bool_or(object_or_empty(record, "data"), "anonymous", false) && !may_see_clues(context.actor, seen->session)) continue;
      std::optional<TaskRow> task;
      if (const std::string id = signed_task(record); !id.empty()) {
        Result<std::optional<TaskRow>> found = context.services.queries.task(id);
        if (!found) return found.error();
        task = std::move(*found);
      }
      // Its states are those of the version that it happened on.
      const DefinitionPtr then = context.services.definitions.by_digest(string_or(record, "definition"));
      const DefinitionPtr& definition = then ? then : seen->definition;
      out.emplace_back(history_json(row, record, task ? &*task : nullptr, context.actor, seen->session, *panel_open, definition.get(), context.services.texts));
    }
    return out;
  });
  if (!items) co_return context.fail(items.error());
  co_return list_response(context.request, *items, {});
}

net::awaitable<Response> get_reviews(Context& context) {
  const Result<json::object> shown = co_await context.blocking([&]() -> Result<json::object> {
    const Result<Seen> seen = see_application(context, context.parameters[0]);
    if (!seen) return seen.error();
    const bool all = may_see_panel(context.actor, seen->session);
    TaskFilter filter{.memberships = {}, .user = {}, .statuses = {}, .session_id = seen->session.id, .kind = "sheet"};
    if (!all) filter.user = context.actor.user_id;
    Queries& queries = context.services.queries;
    const Result<Page<TaskRow>> sheets = queries.tasks(filter, {.limit = 200});
    if (!sheets) return sheets.error();
    const Result<bool> panel_open = is_panel_open(queries, seen->session.id);
    if (!panel_open) return panel_open.error();
    json::array items;
    for (const TaskRow& sheet : sheets->rows) {
      if (sheet.status == "cancelled" || !may_see(context.actor, sheet, seen->session)) continue;
      const Result<std::optional<UserRow>> reviewer = queries.user(sheet.user);
      if (!reviewer) return reviewer.error();
      json::object item{{"id", sheet.id},
                        {"reviewer", json::object{{"id", sheet.user}, {"name", *reviewer ? (*reviewer)->name : sheet.user}}},
                        {"status", sheet.status},
                        {"outcome", sheet.outcome},
                        {"signed", sheet.done ? json::value(format_instant(*sheet.done)) : json::value()}};
      if (may_see_data(context.actor, sheet, seen->session, *panel_open)) {
        item["scores"] = object_or_empty(sheet.data, "scores");
        item["total"] = string_or(sheet.data, "total");
        item["comment"] = string_or(sheet.data, "comment");
        for (const char* of_a_correction : {"corrects", "reason"})
          if (const json::value* given = sheet.data.if_contains(of_a_correction)) item[of_a_correction] = *given;
      }
      items.push_back(std::move(item));
    }
    json::object out{{"items", std::move(items)}};
    if (all && !*panel_open && seen->definition)
      if (const Result<SessionDocument> document = decode_document(*seen->definition, seen->session.document))
        out["score"] = string_or(object_or_empty(document->chart.datamodel, "application"), "score");
    return out;
  });
  if (!shown) co_return context.fail(shown.error());
  co_return json_response(200, *shown);
}

net::awaitable<Response> get_diagram(Context& context) {
  const std::string language = language_of(context.request);
  const Result<std::string> svg = co_await context.blocking([&]() -> Result<std::string> {
    const Result<Seen> seen = see_application(context, context.parameters[0]);
    if (!seen) return seen.error();
    if (!seen->definition) return Error{.kind = ErrorKind::unavailable, .code = "definition.unknown", .message = "Expected its definition"};
    const Result<SessionDocument> document = decode_document(*seen->definition, seen->session.document);
    if (!document) return document.error();
    scxml::Progress progress;
    const Result<std::vector<AuditRow>> rows = context.services.queries.audit(seen->session.id, 0, kHistoryMax);
    if (!rows) return rows.error();
    for (const AuditRow& row : *rows) {
      const json::object record = audit_record(row);
      const auto names = [&](const char* key) { return strings_from_json(array_or_empty(record, key)); };
      scxml::follow(*seen->definition->chart, progress, names("events"), names("exited"), names("entered"));
    }
    progress.configuration = {document->chart.configuration.begin(), document->chart.configuration.end()};
    return svg_of_dot(scxml::to_dot(*seen->definition->chart, workflow_phrases(context.services.texts, language, seen->definition.get()), progress));
  });
  if (!svg) co_return context.fail(svg.error());
  Response out{.status = 200, .body = *svg};
  out.with("Content-Type", "image/svg+xml");
  co_return out;
}

}  // namespace chuyi::api
