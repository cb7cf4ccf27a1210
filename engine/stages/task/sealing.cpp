#include "engine/stages/task/sealing.h"

#include <algorithm>

#include "engine/invoke/standing.h"

namespace chuyi {

RecordRow draft_record(const TaskRow& task, const Actor& actor, Instant now) {
  return {.kind = "draft",
          .id = task.id + "/" + std::to_string(task.revision % kDraftsMax),
          .about = task.id,
          .data = {{"revision", static_cast<std::int64_t>(task.revision)}, {"at", format_instant(now)}, {"by", actor.user_id}, {"data", task.data}},
          .updated = now,
          .revision = task.revision};
}

void keep_revision(const StageContext& context, const TaskRow& task, const StageCommand& command, const std::vector<DocumentRow>& documents,
                   std::vector<StageEffect>& effects) {
  const std::int64_t number = int_or(context.application, "revisions", 0) + 1;
  json::array files;
  for (const DocumentRow& row : documents)
    files.push_back(json::object{{"kind", row.kind}, {"name", row.name}, {"digest", row.digest}, {"size", static_cast<std::int64_t>(row.size)}});
  effects.emplace_back(SetFact{.key = "revisions", .value = number});
  effects.emplace_back(RecordRow{.kind = "revision",
                                 .id = context.session_id + "/" + std::to_string(number),
                                 .about = context.session_id,
                                 .data = {{"number", number},
                                          {"at", format_instant(context.now)},
                                          {"by", command.actor.user_id},
                                          {"bundle", string_or(object_or_empty(command.data, "bundle"), "digest")},
                                          {"form", task.data},
                                          {"documents", std::move(files)}},
                                 .updated = context.now});
  keep_leader(context, object_or_empty(task.data, "leader"), effects);
  json::object checks = object_or_empty(command.data, "checks");
  if (checks.empty()) return;
  const json::array traces = array_or_empty(checks, "traces");
  // Of an earlier revision there may be more: those are about nothing any more.
  const std::size_t before = array_or_empty(object_or_empty(context.application, "checks"), "traces").size();
  for (std::size_t i = 0; i < std::max(before, traces.size()); ++i)
    effects.emplace_back(RecordRow{.kind = "trace",
                                   .id = context.session_id + "/" + std::to_string(i),
                                   .about = i < traces.size() ? string_or(traces[i].as_object(), "key") : std::string{},
                                   .data = {},
                                   .updated = context.now,
                                   .revision = static_cast<std::uint64_t>(number)});
  effects.emplace_back(SetFact{.key = "checks", .value = std::move(checks)});
}

}  // namespace chuyi
