#include <algorithm>
#include <set>

#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"
#include "engine/runtime/access.h"
#include "engine/runtime/fields.h"
#include "engine/runtime/review_commands.h"

namespace chuyi {
namespace {

/// Panels in one go; what became of them is kept after each.
constexpr std::size_t kBatch = 50;

struct Panel {
  std::string setup;  ///< id of the open task; empty: none
  std::set<std::string> reviewers;
};

Result<Panel> panel_of(Queries& queries, const std::string& application) {
  Panel out;
  PageRequest page{.limit = 200, .after = {}};
  do {
    const Result<Page<TaskRow>> tasks = queries.tasks(
        {.memberships = {}, .user = {}, .statuses = {}, .session_id = application, .kind = {}}, page);
    if (!tasks) return tasks.error();
    for (const TaskRow& task : tasks->rows) {
      if (task.kind == "panel-setup" && seals_scores(task)) out.setup = task.id;
      if (task.kind == "sheet" && opens_application(task)) out.reviewers.insert(task.user);
    }
    page.after = tasks->next;
  } while (!page.after.empty());
  return out;
}

json::object refusal(const std::string& application, const Error& error) {
  json::array details;
  for (const Detail& each : error.details)
    details.push_back(json::object{{"pointer", each.place},
                                   {"code", each.code},
                                   {"detail", each.message},
                                   {"detail_zh", each.message_zh}});
  return {{"application", application},
          {"code", error.code},
          {"detail", error.message},
          {"detail_zh", error.message_zh},
          {"errors", std::move(details)}};
}

/// @param confirmed  pairs of which a possible conflict is known to be none.
/// Errors: those of the store, to be tried again, and the refusal of this one.
Result<> appoint(CommandService& commands, Queries& queries, const Actor& officer, const std::string& key, const json::object& assigned,
                 const json::array& confirmed) {
  const std::string application = string_or(assigned, "application");
  const Result<Panel> panel = panel_of(queries, application);
  if (!panel) return panel.error();
  json::array reviewers;
  for (const std::string& expert : strings_from_json(array_or_empty(assigned, "experts")))
    if (!panel->reviewers.contains(expert)) reviewers.emplace_back(expert);
  if (reviewers.empty()) return {};
  if (panel->setup.empty()) return rejection("review.no_setup", "Expected an application that waits for its panel", "该申报不在组建评审组环节");
  json::object given{{"reviewers", std::move(reviewers)}};
  json::array known;
  for (const json::value& pair : confirmed)
    if (pair.is_object() && string_or(pair.get_object(), "application") == application)
      known.emplace_back(string_or(pair.get_object(), "expert"));
  if (!known.empty()) given["confirmed"] = std::move(known);
  json::object data{{"outcome", "appoint"}, {"data", std::move(given)}};
  IdempotencyKey once{.actor = officer.user_id, .key = key + "/" + application, .digest = sha256_hex(canonical_json(data))};
  Command command{.kind = "task.complete",
                  .session_id = {},
                  .task_id = panel->setup,
                  .actor = officer,
                  .data = std::move(data),
                  .if_revision = {},
                  .key = std::move(once)};
  const Result<Reply> reply = execute_and_wait(commands, std::move(command));
  return reply ? Result<>{} : Result<>{reply.error()};
}

}  // namespace

Result<Reply> appoint_panels(CommandService& commands, Queries& queries, const OutboxRow& entry) {
  const std::string id = string_or(entry.payload, "assignment");
  const Result<std::optional<RecordRow>> record = queries.record(kReviewAssignment, id);
  if (!record) return record.error();
  const Result<std::optional<RecordRow>> calculation = queries.record(kReviewExport, id);
  if (!calculation) return calculation.error();
  if (!*record || !*calculation) return execute_and_wait(commands, system_command("outbox.done", {{"outbox", entry.id}}));
  const json::object& confirmed = object_or_empty((*record)->data, "confirmed");
  const Result<std::optional<UserRow>> user = queries.user(string_or(confirmed, "id"));
  if (!user) return user.error();
  Actor officer{.user_id = string_or(confirmed, "id"), .name = string_or(confirmed, "name"), .memberships = {}};
  if (*user && !(*user)->disabled) officer.memberships = (*user)->memberships;
  const std::string after = string_or(entry.payload, "after");
  const json::array& all =
      array_or_empty(object_or_empty(object_or_empty((*calculation)->data, "export"), "result"),
                     "assignments");  // by application
  json::object report{{"outbox", entry.id}, {"round", (*record)->about}, {"id", id.substr((*record)->about.size() + 1)}};
  std::int64_t appointed = 0;
  std::size_t tried = 0;
  json::array refused;
  std::string last = after;
  for (const json::value& each : all) {
    const json::object& assigned = each.as_object();
    const std::string application = string_or(assigned, "application");
    if (application <= after) continue;
    if (tried++ == kBatch) break;
    const Result<> done = appoint(commands, queries, officer, entry.id, assigned, array_or_empty((*record)->data, "no_conflict"));
    if (!done && done.error().kind == ErrorKind::unavailable) return done.error();
    appointed += done ? 1 : 0;
    if (!done) refused.push_back(refusal(application, done.error()));
    last = application;
  }
  report["appointed"] = appointed;
  report["refused"] = std::move(refused);
  report["after"] = last;
  report["last"] = tried <= kBatch;
  return execute_and_wait(commands, system_command("review.appointed", std::move(report)));
}

}  // namespace chuyi
