#include "tests/faults/rows.h"

#include "engine/ports/audit.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/sqlite.h"
#include "tests/store_contract/backends.h"

namespace chuyi::test {

IdempotencyKey key_of(const std::string& id) { return {.actor = "u1", .key = id, .digest = "of " + id}; }

Update command(const std::string& id) {
  return {.key = key_of(id), .decide = [id](View&) -> Result<Change> {
            Change change = session_change(id);
            change.tasks.push_back(task_row("t-" + id, id));
            change.timers.push_back({.id = "x-" + id, .session_id = id, .due = from_ms(2'000), .event = {{"name", "e"}}});
            change.outbox.push_back(
                {.id = "o-" + id, .session_id = id, .kind = "notify", .payload = {}, .created = from_ms(1'000), .next_at = from_ms(1'000)});
            return change;
          }};
}

Update refused_command() {
  return {.key = {}, .decide = [](View&) -> Result<Change> {
            Change change = session_change("refused");
            change.tasks.push_back(task_row("t-refused", "session of nobody"));
            return change;
          }};
}

Update large_command(int revision) {
  return {.key = {}, .decide = [revision](View&) -> Result<Change> {
            Change change = session_change("large");
            change.session->document = std::string(1'000'000, 'x');
            change.session->revision = static_cast<std::uint64_t>(revision);
            return change;
          }};
}

namespace {

/// Rows that say how the tables disagree.
constexpr std::pair<const char*, const char*> kDisagreements[] = {
    {"half a command", R"(SELECT id FROM sessions s WHERE id LIKE 's%' AND NOT (
        (SELECT count(*) FROM tasks WHERE session_id = s.id) = 1 AND (SELECT count(*) FROM timers WHERE session_id = s.id) = 1 AND
        (SELECT count(*) FROM outbox WHERE session_id = s.id) = 1 AND (SELECT count(*) FROM audit WHERE session_id = s.id) = 1 AND
        (SELECT count(*) FROM idempotency WHERE key = s.id) = 1 AND (SELECT count(*) FROM session_orgs WHERE session_id = s.id) = 3))"},
    {"a row of nothing", R"(SELECT session_id FROM audit WHERE session_id NOT IN (SELECT id FROM sessions)
        UNION SELECT key FROM idempotency WHERE key NOT IN (SELECT id FROM sessions)
        UNION SELECT session_id FROM outbox WHERE session_id NOT IN (SELECT id FROM sessions))"},
    {"a refused command", "SELECT id FROM sessions WHERE id = 'refused'"},
    {"another revision than audited",
     "SELECT revision FROM sessions WHERE id = 'large' AND revision <> (SELECT count(*) FROM audit WHERE session_id = 'large')"},
};

}  // namespace

Found find_all(const std::string& path) {
  Found out;
  {
    const Result<SqliteStorage> opened = open_sqlite({.path = path, .unsafe_no_sync = true});
    if (!opened) return {.problem = "open: " + opened.error().message, .ids = {}};
    if (const Result<AuditHead> head = verify_audit(*opened->queries); !head) return {.problem = head.error().message, .ids = {}};
  }
  try {
    sqlite::Connection db(path, SQLITE_OPEN_READWRITE, nullptr);
    for (const char* check : {"PRAGMA integrity_check", "PRAGMA foreign_key_check"})
      for (auto row = db.prepare(check); row.step();)
        if (row.text(0) != "ok") return {.problem = std::string{check} + ": " + row.text(0), .ids = {}};
    for (const auto& [what, sql] : kDisagreements)
      for (auto row = db.prepare(sql); row.step();) return {.problem = std::string{what} + ": " + row.text(0), .ids = {}};
    for (auto row = db.prepare("SELECT id FROM sessions WHERE id LIKE 's%'"); row.step();) out.ids.insert(row.text(0));
  } catch (const sqlite::Failure& failure) {
    out.problem = failure.message;
  }
  return out;
}

std::string send_again(const std::string& path, const std::vector<std::string>& ids, const std::set<std::string>& before) {
  std::set<std::string> expected = before;
  {
    const Result<SqliteStorage> opened = open_sqlite({.path = path, .unsafe_no_sync = true});
    if (!opened) return opened.error().message;
    for (const std::string& id : ids) {
      const Result<Reply> reply = update_and_wait(*opened->store, command(id));
      if (!reply) return id + ": " + reply.error().message;
      if (reply->replayed != before.contains(id)) return id + (reply->replayed ? " was answered from nothing" : " was done again");
      if (reply->status != 201 || reply->body.at("id").as_string() != id || reply->revision != 1) return id + " has another answer";
      expected.insert(id);
    }
  }
  const Found after = find_all(path);
  return !after.problem.empty() ? after.problem : after.ids == expected ? "" : "other commands than sent";
}

}  // namespace chuyi::test
