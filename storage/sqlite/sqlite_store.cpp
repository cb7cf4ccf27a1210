#include "storage/sqlite/sqlite_store.h"

#include <charconv>
#include <utility>

#include "engine/base/mutant.h"
#include "engine/invoke/rows_json.h"
#include "storage/sqlite/migrations.h"
#include "storage/sqlite/rows.h"
#include "storage/sqlite/sqlite_queries.h"

namespace chuyi::sqlite {
namespace {

class SqliteView final : public View {
 public:
  explicit SqliteView(Connection& db) : db_(db) {}
  std::optional<SessionRow> session(std::string_view id) override { return find_session(db_, id); }
  std::optional<TaskRow> task(std::string_view id) override {
    const auto body = find_body(db_, "SELECT body FROM tasks WHERE id = ?", id);
    return body ? std::optional{task_from_json(*body)} : std::nullopt;
  }
  std::optional<TimerRow> timer(std::string_view id) override {
    auto row = db_.prepare("SELECT id, session_id, due, event FROM timers WHERE id = ?");
    row.bind(id);
    return row.step() ? std::optional{read_timer(row)} : std::nullopt;
  }
  std::optional<OutboxRow> outbox(std::string_view id) override {
    auto row = db_.prepare("SELECT id, session_id, kind, payload, created, attempts, next_at FROM outbox WHERE id = ?");
    row.bind(id);
    return row.step() ? std::optional{read_outbox(row)} : std::nullopt;
  }
  std::optional<UserRow> user(std::string_view id) override { return find_user(db_, id); }
  std::optional<OrganisationRow> organisation(std::string_view id) override { return find_organisation(db_, id); }
  std::optional<NoticeRow> notice(std::string_view id) override {
    const auto body = find_body(db_, "SELECT body FROM notices WHERE id = ?", id);
    return body ? std::optional{notice_from_json(*body)} : std::nullopt;
  }
  std::optional<DefinitionRow> definition(std::string_view digest) override { return find_definition(db_, digest); }
  std::optional<std::string> setting(std::string_view key) override { return find_setting(db_, key); }
  std::optional<RecordRow> record(std::string_view kind, std::string_view id) override {
    auto row = db_.prepare(std::string{"SELECT "} + kRecordColumns + " FROM records WHERE kind = ? AND id = ?");
    row.bind(kind).bind(id);
    return row.step() ? std::optional{read_record(row)} : std::nullopt;
  }
  std::vector<RecordRow> records(std::string_view kind, std::string_view about) override {
    auto row = db_.prepare(std::string{"SELECT "} + kRecordColumns + " FROM records WHERE kind = ? AND about = ? ORDER BY id LIMIT ?");
    row.bind(kind).bind(about).bind(static_cast<std::int64_t>(kRecordsMax));
    std::vector<RecordRow> out;
    while (row.step()) out.push_back(read_record(row));
    return out;
  }
  std::vector<SessionRow> applications(std::string_view round) override {
    auto row = db_.prepare(std::string{"SELECT "} + kSessionColumns + " FROM sessions s WHERE s.round = ? AND s.kind = 'application' AND s.status = 'running' ORDER BY s.id");
    row.bind(round);
    std::vector<SessionRow> out;
    while (row.step()) out.push_back(read_session(db_, row));
    return out;
  }
  std::int64_t series(std::string_view name) override {
    auto row = db_.prepare("SELECT value FROM series WHERE name = ?");
    row.bind(name);
    return row.step() ? row.number(0) : 0;
  }

 private:
  Connection& db_;
};

/// Errors after which the transaction may simply be tried again later: nothing was written.
bool is_harmless(const Failure& failure) {
  const int code = failure.code & 0xFF;
  return code == SQLITE_FULL || code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_NOMEM;
}

Error stopped() {
  return Error{.kind = ErrorKind::unavailable,
               .code = "store.stopped",
               .message = "Expected a running store, but it has stopped after a failed write",
               .message_zh = "存储服务已停止，操作未保存"};
}

AuditHead read_head(Connection& db) {
  AuditHead out{.count = 0, .hash = std::string{kAuditGenesis}};
  if (const auto count = find_setting(db, kAuditCountSetting))
    std::from_chars(count->data(), count->data() + count->size(), out.count);
  if (const auto hash = find_setting(db, kAuditHashSetting)) out.hash = *hash;
  return out;
}

}  // namespace

SqliteStore::SqliteStore(SqliteOptions options, std::unique_ptr<Connection> db)
    : options_(std::move(options)), db_(std::move(db)), undo_(*db_), head_(read_head(*db_)) {
  // Instead of SQLite's own automatic checkpoint, which runs inside COMMIT and keeps its errors to itself.
  sqlite3_wal_hook(
      db_->handle(),
      [](void* pages, sqlite3*, const char*, int count) {
        *static_cast<int*>(pages) = count;
        return SQLITE_OK;
      },
      &log_pages_);
  thread_ = std::thread([this] { loop(); });
}

SqliteStore::~SqliteStore() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SqliteStore::update(Update update, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && !failed_) {
      queue_.push_back({.update = std::move(update), .done = std::move(done)});
      changed_.notify_one();
      return;
    }
  }
  done(stopped());
}

void SqliteStore::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    std::vector<Waiting> group;
    while (!queue_.empty() && group.size() < options_.group_max) {
      group.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    lock.unlock();
    std::optional<Error> fatal;
    if (failed_)
      for (Waiting& each : group) each.reply = stopped();
    else
      fatal = commit_group(group);
    answer(group);
    lock.lock();
    const bool due = log_pages_ > (queue_.empty() ? options_.log_pages_max / 2 : options_.log_pages_max);
    if (!fatal && !failed_ && due) {
      lock.unlock();
      fatal = checkpoint();
      lock.lock();
    }
    if (!fatal) continue;
    failed_ = true;
    lock.unlock();
    options_.on_fatal(*fatal);  // only now: those who wait have their answers
    lock.lock();
  }
}

void SqliteStore::answer(std::vector<Waiting>& group) {
  for (Waiting& each : group)
    if (each.done) std::exchange(each.done, {})(std::move(each.reply));
}

std::optional<Error> SqliteStore::commit_group(std::vector<Waiting>& group) {
  const AuditHead before = head_;
  try {
    db_->repeat("BEGIN IMMEDIATE");
    for (Waiting& each : group) each.reply = apply(each.update);
    if (head_.count != before.count) {
      put_setting(*db_, kAuditCountSetting, std::to_string(head_.count));
      put_setting(*db_, kAuditHashSetting, head_.hash);
    }
    if (CHUYI_MUTANT("acknowledged_before_commit")) answer(group);
    db_->repeat("COMMIT");
    return std::nullopt;
  } catch (const Failure& failure) {
    if (!CHUYI_MUTANT("audit_head_not_rolled_back")) head_ = before;
    const Error error = error_of(failure);
    for (Waiting& each : group) each.reply = error;
    try {
      if (db_->in_transaction()) db_->execute("ROLLBACK");
    } catch (const Failure&) {
      return error;  // not even a rollback
    }
    return is_harmless(failure) || CHUYI_MUTANT("goes_on_after_a_failed_sync") ? std::nullopt : std::optional{error};
  }
}

std::optional<Error> SqliteStore::checkpoint() {
  const int code = sqlite3_wal_checkpoint_v2(db_->handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  log_pages_ = 0;  // what a reader held back is carried over after a later commit
  const Failure failure{code, "checkpoint: " + std::string{sqlite3_errmsg(db_->handle())}};
  return code == SQLITE_OK || is_harmless(failure) || CHUYI_MUTANT("checkpoint_error_ignored") ? std::nullopt : std::optional{error_of(failure)};
}

Result<Reply> SqliteStore::apply(const Update& update) {
  db_->repeat("SAVEPOINT command");
  const AuditHead before = head_;
  Result<Reply> reply = [&]() -> Result<Reply> {
    try {
      return decide_and_write(update);
    } catch (const Failure& failure) {
      if ((failure.code & 0xFF) != SQLITE_CONSTRAINT) throw;
      return error_of(failure);
    } catch (const std::exception& error) {
      return Error{.kind = ErrorKind::unavailable, .code = "store.decide", .message = std::string{"Expected a decision, but found: "} + error.what()};
    }
  }();
  if (!reply) {
    undo_.end();
    if (!CHUYI_MUTANT("refused_command_not_rolled_back")) db_->repeat("ROLLBACK TO command");
    head_ = before;
  }
  db_->repeat("RELEASE command");
  return reply;
}

Result<Reply> SqliteStore::decide_and_write(const Update& update) {
  if (update.key && !CHUYI_MUTANT("no_idempotency_key")) {
    auto known = db_->prepare("SELECT digest, status, revision, body FROM idempotency WHERE actor = ? AND key = ?");
    known.bind(update.key->actor).bind(update.key->key);
    if (known.step()) {
      if (known.text(0) != update.key->digest && !CHUYI_MUTANT("key_taken_for_another_request"))
        return Error{.kind = ErrorKind::invalid,
                     .code = "idempotency.mismatch",
                     .message = "Expected the request that this Idempotency-Key was first used with",
                     .message_zh = "该幂等键已用于另一请求"};
      return Reply{.status = static_cast<int>(known.number(1)),
                   .body = read_json(known, 3).at("body"),
                   .revision = static_cast<std::uint64_t>(known.number(2)),
                   .replayed = true};
    }
  }
  SqliteView view(*db_);
  Result<Change> change = update.decide(view);
  if (!change) return change.error();
  undo_.begin();
  write_rows(*db_, *change);
  append_audit(std::move(change->audit));
  if (update.key && !CHUYI_MUTANT("no_idempotency_key") && !CHUYI_MUTANT("answer_of_the_key_not_kept")) {
    const std::string body = canonical_json(json::object{{"body", change->reply.body}});
    db_->prepare("INSERT INTO idempotency (actor, key, digest, status, revision, body) VALUES (?,?,?,?,?,?)")
        .bind(update.key->actor)
        .bind(update.key->key)
        .bind(update.key->digest)
        .bind(std::int64_t{change->reply.status})
        .bind(static_cast<std::int64_t>(change->reply.revision))
        .bind(body)
        .run();
  }
  undo_.write(head_.count);
  return std::move(change->reply);
}

void SqliteStore::append_audit(json::object record) {
  record["seq"] = head_.count + 1;
  const std::string text = canonical_json(record);
  std::string hash = audit_hash(head_.hash, text);
  const std::string session = string_or(record, "session");
  db_->prepare("INSERT INTO audit (seq, session_id, record, hash) VALUES (?,?,?,?)")
      .bind(head_.count + 1)
      .bind(session)
      .bind(text)
      .bind(hash)
      .run();
  head_ = {.count = head_.count + 1, .hash = std::move(hash)};
}

void migrate(Connection& db) {
  db.execute("CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY) STRICT");
  std::int64_t version = 0;
  {
    auto row = db.prepare("SELECT coalesce(max(version), 0) FROM schema_migrations");
    row.step();
    version = row.number(0);
  }
  const auto& all = migrations();
  if (version > static_cast<std::int64_t>(all.size()))
    throw Failure{SQLITE_NOTADB, "the database belongs to a newer release (schema " + std::to_string(version) + ")"};
  for (auto next = static_cast<std::size_t>(version); next < all.size(); ++next) {
    db.execute("BEGIN IMMEDIATE");
    db.execute(all[next]);
    db.prepare("INSERT INTO schema_migrations (version) VALUES (?)").bind(static_cast<std::int64_t>(next) + 1).run();
    db.execute("COMMIT");
  }
}

}  // namespace chuyi::sqlite

namespace chuyi {

Result<SqliteStorage> open_sqlite(SqliteOptions options) {
  using namespace sqlite;
  try {
    auto db = std::make_unique<Connection>(options.path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, options.vfs);
    db->execute("PRAGMA journal_mode=WAL");
    db->execute(options.unsafe_no_sync || CHUYI_MUTANT("synchronous_off") ? "PRAGMA synchronous=OFF" : "PRAGMA synchronous=FULL");
    if (CHUYI_MUTANT("synchronous_normal")) db->execute("PRAGMA synchronous=NORMAL");
    db->execute("PRAGMA foreign_keys=ON");
    db->use_memory(options.cache_mb * 1024 / 2, options.mmap_mb);
    migrate(*db);
    SqliteStorage out;
    out.queries = std::make_unique<SqliteQueries>(options);
    out.store = std::make_unique<SqliteStore>(std::move(options), std::move(db));
    return out;
  } catch (const Failure& failure) {
    if (failure.code == SQLITE_NOTADB)
      return Error{.kind = ErrorKind::invalid, .code = "store.version", .message = failure.message, .place = options.path};
    return error_of(failure);
  }
}

Result<std::unique_ptr<Queries>> open_sqlite_readers(const std::string& path) {
  auto out = std::make_unique<sqlite::SqliteQueries>(SqliteOptions{.path = path});
  if (const Result<std::optional<std::string>> probe = out->setting("audit_count"); !probe)
    return Error{.kind = ErrorKind::not_found,
                 .code = "store.missing",
                 .message = "Expected the database of an installation: " + probe.error().message,
                 .place = path};
  return std::unique_ptr<Queries>(std::move(out));
}

}  // namespace chuyi
