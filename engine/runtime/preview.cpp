#include "engine/runtime/preview.h"

namespace chuyi {

json::object preview_of(View& view, const Change& change) {
  json::object out;
  if (change.session) {
    const std::optional<SessionRow> before = view.session(change.session->id);
    out["application"] = json::object{{"id", change.session->id},
                                      {"title", change.session->title},
                                      {"state", json::object{{"from", before ? before->state : ""}, {"to", change.session->state}}},
                                      {"stage", change.session->stage},
                                      {"status", change.session->status}};
  }
  json::array tasks;
  for (const TaskRow& row : change.tasks)
    tasks.push_back(json::object{{"id", row.id}, {"kind", row.kind}, {"status", row.status}, {"role", row.role}, {"org", row.org}, {"user", row.user}, {"claimed_by", row.claimed_by}, {"outcome", row.outcome}});
  out["tasks"] = std::move(tasks);
  json::array notify;
  json::array others;
  for (const OutboxRow& row : change.outbox) {
    if (row.kind != "notify") {
      others.emplace_back(row.kind);
      continue;
    }
    json::object told;
    for (const char* key : {"event", "user", "role", "org"}) told[key] = string_or(row.payload, key);
    notify.push_back(std::move(told));
  }
  out["notify"] = std::move(notify);
  out["others"] = std::move(others);
  return out;
}

}  // namespace chuyi
