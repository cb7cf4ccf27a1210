#include "storage/postgres/postgres_store.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/invoke/rows_json.h"
#include "storage/postgres/migrations.h"
#include "storage/postgres/postgres_queries.h"
#include "storage/postgres/rows.h"

namespace chuyi::postgres {
namespace {

/// Reads on what a command may decide. Locks before it reads: a statement sees what was committed before it began, and
/// one that both waits for a lock and joins another table would see that table as it was before the wait.
class PostgresView final : public View {
 public:
  explicit PostgresView(Connection& db) : db_(db) {}

  std::optional<SessionRow> session(std::string_view id) override {
    if (locked_ && locked_->id == id) return locked_;
    auto row = db_.prepare(std::string{"SELECT "} + kSessionColumns + " FROM sessions s WHERE s.id = ? FOR UPDATE OF s").bind(id).rows();
    if (row.step()) return read_session(row);
    absent_.emplace(id);
    return std::nullopt;
  }
  std::optional<TaskRow> task(std::string_view id) override {
    auto row = of_session("tasks", "body", id);
    return row.step() ? std::optional{task_from_json(read_json(row, 0))} : std::nullopt;
  }
  std::optional<TimerRow> timer(std::string_view id) override {
    auto row = of_session("timers", "id, session_id, due, event", id);
    return row.step() ? std::optional{read_timer(row)} : std::nullopt;
  }
  std::optional<NoticeRow> notice(std::string_view id) override {
    auto row = of_session("notices", "body", id);
    return row.step() ? std::optional{notice_from_json(read_json(row, 0))} : std::nullopt;
  }
  std::optional<OutboxRow> outbox(std::string_view id) override {
    auto row = db_.prepare("SELECT id, session_id, kind, payload, created, attempts, next_at FROM outbox WHERE id = ? FOR UPDATE").bind(id).rows();
    return row.step() ? std::optional{read_outbox(row)} : std::nullopt;
  }
  /// Nobody closes the account or changes its rights until the command is over.
  std::optional<UserRow> user(std::string_view id) override {
    db_.prepare("SELECT id FROM users WHERE id = ? FOR SHARE").bind(id).run();
    return find_user(db_, id);
  }
  std::optional<OrganisationRow> organisation(std::string_view id) override { return find_organisation(db_, id); }
  std::optional<DefinitionRow> definition(std::string_view digest) override { return find_definition(db_, digest); }
  /// Not locked: some are read by every command. See hold_settings().
  std::optional<std::string> setting(std::string_view key) override { return settings_[std::string{key}] = find_setting(db_, key); }
  std::int64_t series(std::string_view name) override {
    db_.prepare("INSERT INTO series (name, value) VALUES (?, 0) ON CONFLICT DO NOTHING").bind(name).run();
    auto row = db_.prepare("SELECT value FROM series WHERE name = ? FOR UPDATE").bind(name).rows();
    return row.step() ? row.number(0) : 0;
  }

  /// Locks the settings that the command has read and now writes. Throws a conflict when another wrote one meanwhile.
  void hold_settings(const Change& change) {
    for (const auto& [key, value] : change.settings) {
      const auto seen = settings_.find(key);
      if (seen == settings_.end()) continue;
      db_.prepare("INSERT INTO settings (key, value) VALUES (?, '') ON CONFLICT DO NOTHING").bind(key).run();
      auto row = db_.prepare("SELECT value FROM settings WHERE key = ? FOR UPDATE").bind(key).rows();
      if (!row.step() || row.text(0) != seen->second.value_or("")) throw Failure{.state = "40001", .message = "a setting was changed meanwhile"};
    }
  }

  /// Whether the session was looked for and not found.
  bool saw_none(const std::string& id) const { return absent_.contains(id); }

 private:
  /// A row of `table`, once its session is locked; the session comes with it, for it is asked for next.
  Connection::Rows of_session(const std::string& table, const std::string& columns, std::string_view id) {
    db_.prepare(std::string{"SELECT "} + kSessionColumns + " FROM sessions s WHERE s.id = (SELECT session_id FROM " + table + " WHERE id = ?) FOR UPDATE OF s").bind(id).run();
    db_.prepare("SELECT " + columns + " FROM " + table + " WHERE id = ?").bind(id).run();
    std::vector<Connection::Answer> answers = db_.flush();
    Connection::Rows session(std::move(answers[answers.size() - 2]));
    if (session.step()) locked_ = read_session(session);
    return Connection::Rows{std::move(answers.back())};
  }
  Connection& db_;
  std::optional<SessionRow> locked_;
  std::set<std::string, std::less<>> absent_;
  std::map<std::string, std::optional<std::string>> settings_;
};

Error stopped() {
  return Error{.kind = ErrorKind::unavailable,
               .code = "store.stopped",
               .message = "Expected a running store, but it has stopped",
               .message_zh = "存储服务已停止，操作未保存"};
}

Error unknown_outcome() {
  return Error{.kind = ErrorKind::unavailable,
               .code = "store.unknown",
               .message = "Expected the database to say whether it committed, but it was lost; ask again with the same Idempotency-Key",
               .message_zh = "与数据库的连接中断，操作结果未知，请用同一幂等键重试"};
}

std::string lock_wait(std::chrono::milliseconds wait) { return "SET LOCAL lock_timeout = " + std::to_string(wait.count()); }

/// Waits for whoever holds the head of the chain; nobody else commits until this transaction ends.
AuditHead lock_head(Connection& db) {
  db.prepare("SELECT value FROM settings WHERE key = 'audit_hash' FOR UPDATE").run();
  auto row = db.prepare("SELECT (SELECT value FROM settings WHERE key = 'audit_count'), (SELECT value FROM settings WHERE key = 'audit_hash')").rows();
  row.step();
  const std::string count = row.text(0);
  AuditHead out{.count = 0, .hash = row.text(1)};
  std::from_chars(count.data(), count.data() + count.size(), out.count);
  return out;
}

bool leaves_work(const Change& change) { return !change.timers.empty() || !change.outbox.empty(); }

}  // namespace

PostgresStore::PostgresStore(PostgresOptions options)
    : options_(std::move(options)), session_{.lock_wait_max = options_.lock_wait_max, .pause_max = options_.pause_max}, wake_(::eventfd(0, EFD_CLOEXEC)) {
  for (std::size_t i = 0; i < options_.writers; ++i) threads_.emplace_back([this] { loop(); });
  threads_.emplace_back([this] { listen(); });
}

PostgresStore::~PostgresStore() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  stopped_.notify_all();
  ::eventfd_write(wake_, 1);
  for (std::thread& each : threads_) each.join();
  ::close(wake_);
}

void PostgresStore::update(Update update, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      queue_.push_back({.update = std::move(update), .done = std::move(done)});
      changed_.notify_one();
      return;
    }
  }
  done(stopped());
}

void PostgresStore::loop() {
  std::unique_ptr<Connection> db;
  int failures = 0;
  while (true) {
    std::vector<Waiting> group = take();
    if (group.empty()) return;
    failures = commit_group(db, group) ? 0 : failures + 1;
    if (failures != 0) give_up(group);
    answer(group);
    if (failures != 0) pause(failures);
  }
}

std::vector<PostgresStore::Waiting> PostgresStore::take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  std::vector<Waiting> out;
  const std::size_t share = std::clamp<std::size_t>(queue_.size() / options_.writers, 1, options_.group_max);
  while (!queue_.empty() && out.size() < share && (out.empty() || !queue_.front().alone)) {
    out.push_back(std::move(queue_.front()));
    queue_.pop_front();
    if (out.back().alone) break;
  }
  return out;
}

void PostgresStore::give_up(std::vector<Waiting>& group) {
  const Error error = group.front().error;
  const Steady::time_point now = Steady::now();
  const std::lock_guard lock(mutex_);
  for (Waiting& each : queue_) {
    if (!each.give_up) each.give_up = now + options_.patience;
    if (now < *each.give_up && !stopping_) continue;
    each.reply = error;
    group.push_back(std::move(each));
  }
  std::erase_if(queue_, [](const Waiting& each) { return each.reply.has_value(); });
}

void PostgresStore::answer(std::vector<Waiting>& group) {
  const Steady::time_point now = Steady::now();
  for (auto each = group.rbegin(); each != group.rend(); ++each) {
    if (each->reply) continue;
    each->alone = true;
    if (!each->give_up) each->give_up = now + options_.patience;
    const std::lock_guard lock(mutex_);
    if (now >= *each->give_up || stopping_) {
      each->reply = each->error;
      continue;
    }
    // Before all that came later, in the order in which they came.
    queue_.push_front(std::move(*each));
    each->done = nullptr;
    changed_.notify_one();
  }
  for (Waiting& each : group)
    if (each.done) each.done(*std::move(each.reply));
}

void PostgresStore::pause(int failures) {
  constexpr std::chrono::milliseconds kFirst{20};
  std::unique_lock lock(mutex_);
  stopped_.wait_for(lock, kFirst * (1 << std::min(failures, 5)), [this] { return stopping_; });
}

bool PostgresStore::commit_group(std::unique_ptr<Connection>& db, std::vector<Waiting>& group) {
  std::optional<AuditHead> last;
  try {
    if (!db) db = std::make_unique<Connection>(options_.url, session_);
    db->prepare("BEGIN").run();
    for (std::size_t i = 0; i < group.size(); ++i) apply(*db, group[i], i == 0);
    finish(*db, group, last);
    return true;
  } catch (const Failure& failure) {
    std::optional<bool> committed{false};
    if (failure.lost) {
      db.reset();
      if (last) committed = was_committed(*last);
    } else {
      try {
        db->prepare("ROLLBACK").run();
        db->flush();
      } catch (const Failure&) {
        db.reset();
      }
    }
    if (committed.value_or(false)) return true;
    for (Waiting& each : group) {
      each.error = error_of(failure);
      each.change.reset();
      if (!committed)
        each.reply = unknown_outcome();
      else if (failure.lost || is_conflict(failure))
        each.reply.reset();  // also what was refused: perhaps because of what others of the group had written
      else
        each.reply = each.error;
    }
    return !failure.lost;
  }
}

void PostgresStore::apply(Connection& db, Waiting& command, bool may_wait) {
  db.prepare("SAVEPOINT command").run();
  // Zero would be no limit at all.
  db.prepare(lock_wait(may_wait ? options_.lock_wait_max : std::chrono::milliseconds{1})).run();
  try {
    command.reply = decide_and_write(db, command);
  } catch (const Failure& failure) {
    if (failure.lost) throw;
    command.error = error_of(failure);
    command.reply.reset();
    if (!is_conflict(failure)) command.reply = command.error;
  } catch (const std::exception& error) {
    command.reply = Error{.kind = ErrorKind::unavailable, .code = "store.decide", .message = std::string{"Expected a decision, but found: "} + error.what()};
  }
  if (command.reply && *command.reply && command.change) return;
  command.change.reset();
  db.prepare("ROLLBACK TO SAVEPOINT command").run();
  db.prepare("RELEASE SAVEPOINT command").run();
}

std::optional<Result<Reply>> PostgresStore::known_reply(Connection& db, const IdempotencyKey& key) {
  auto known = db.prepare("SELECT digest, status, revision, body FROM idempotency WHERE actor = ? AND key = ?").bind(key.actor).bind(key.key).rows();
  if (!known.step()) return std::nullopt;
  if (known.text(0) != key.digest)
    return Error{.kind = ErrorKind::invalid,
                 .code = "idempotency.mismatch",
                 .message = "Expected the request that this Idempotency-Key was first used with",
                 .message_zh = "该幂等键已用于另一请求"};
  return Reply{.status = static_cast<int>(known.number(1)),
               .body = read_json(known, 3).at("body"),
               .revision = static_cast<std::uint64_t>(known.number(2)),
               .replayed = true};
}

Result<Reply> PostgresStore::decide_and_write(Connection& db, Waiting& command) {
  const std::optional<IdempotencyKey>& key = command.update.key;
  if (key)
    if (std::optional<Result<Reply>> known = known_reply(db, *key)) return *std::move(known);
  PostgresView view(db);
  Result<Change> change = command.update.decide(view);
  if (!change) {
    // The same request may have been taken elsewhere while this one waited for its rows: that is why it is refused.
    if (key)
      if (std::optional<Result<Reply>> known = known_reply(db, *key)) return *std::move(known);
    return change.error();
  }
  view.hold_settings(*change);
  write_rows(db, *change, change->session && view.saw_none(change->session->id));
  if (key) {
    const std::string body = canonical_json(json::object{{"body", change->reply.body}});
    db.prepare("INSERT INTO idempotency (actor, key, digest, status, revision, body) VALUES (?,?,?,?,?,?)")
        .bind(key->actor)
        .bind(key->key)
        .bind(key->digest)
        .bind(std::int64_t{change->reply.status})
        .bind(static_cast<std::int64_t>(change->reply.revision))
        .bind(body)
        .run();
  }
  db.prepare("RELEASE SAVEPOINT command").run();
  db.flush();
  command.change = *std::move(change);
  return command.change->reply;
}

void PostgresStore::finish(Connection& db, std::vector<Waiting>& group, std::optional<AuditHead>& last) {
  if (std::none_of(group.begin(), group.end(), [](const Waiting& each) { return each.change.has_value(); })) {
    db.prepare("ROLLBACK").run();
    db.flush();
    return;
  }
  db.prepare(lock_wait(options_.lock_wait_max)).run();
  AuditHead head = lock_head(db);
  bool work = false;
  for (Waiting& each : group) {
    if (!each.change) continue;
    work = work || leaves_work(*each.change);
    json::object& record = each.change->audit;
    record["seq"] = head.count + 1;
    const std::string text = canonical_json(record);
    head = {.count = head.count + 1, .hash = audit_hash(head.hash, text)};
    db.prepare("INSERT INTO audit (seq, session_id, record, hash) VALUES (?,?,?,?)").bind(head.count).bind(string_or(record, "session")).bind(text).bind(head.hash).run();
  }
  put_setting(db, kAuditCountSetting, std::to_string(head.count));
  put_setting(db, kAuditHashSetting, head.hash);
  if (work) db.prepare("NOTIFY chuyi_work").run();
  last = head;  // before it is queued: what is queued may have left
  db.prepare("COMMIT").run();
  const Connection::Answer answer = std::move(db.flush().back());
  // A transaction that cannot be committed is rolled back by COMMIT without an error.
  if (std::string_view{PQcmdStatus(answer.get())} != "COMMIT") throw Failure{.state = "40000", .message = "the transaction was rolled back"};
}

std::optional<bool> PostgresStore::was_committed(const AuditHead& last) {
  // The old transaction may stand there until the server notices that nobody is left to end it.
  const Steady::time_point give_up = Steady::now() + options_.pause_max + options_.lock_wait_max;
  for (int failures = 1; Steady::now() < give_up; ++failures) {
    try {
      Connection db(options_.url, session_);
      db.prepare("BEGIN").run();
      lock_head(db);
      auto record = db.prepare("SELECT hash FROM audit WHERE seq = ?").bind(last.count).rows();
      return record.step() && record.text(0) == last.hash;
    } catch (const Failure&) {
      pause(failures);
    }
  }
  return std::nullopt;
}

void PostgresStore::listen() {
  for (int failures = 0;; ++failures) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    if (failures != 0) pause(failures);
    try {
      Connection db(options_.url, session_);
      db.execute("LISTEN chuyi_work");
      options_.on_work();  // what was told before was not heard
      failures = 0;
      while (true) {
        std::array<pollfd, 2> sockets = {{{.fd = db.socket(), .events = POLLIN, .revents = 0}, {.fd = wake_, .events = POLLIN, .revents = 0}}};
        if (::poll(sockets.data(), sockets.size(), -1) < 0) continue;
        if (sockets[1].revents != 0) return;
        if (db.take_notifications()) options_.on_work();
      }
    } catch (const Failure&) {
      continue;
    }
  }
}

void migrate(Connection& db) {
  constexpr std::int64_t kLock = 0x6368757969;  // "chuyi"
  db.prepare("BEGIN").run();
  db.prepare("SELECT pg_advisory_xact_lock(?)").bind(kLock).run();
  db.prepare("CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY)").run();
  db.flush();
  auto row = db.prepare("SELECT coalesce(max(version), 0) FROM schema_migrations").rows();
  row.step();
  const std::int64_t version = row.number(0);
  const auto& all = migrations();
  if (version > static_cast<std::int64_t>(all.size()))
    throw Failure{.state = "chuyi.version", .message = "the database belongs to a newer release (schema " + std::to_string(version) + ")"};
  for (auto next = static_cast<std::size_t>(version); next < all.size(); ++next) {
    db.execute(all[next]);
    db.prepare("INSERT INTO schema_migrations (version) VALUES (?)").bind(static_cast<std::int64_t>(next) + 1).run();
    db.flush();
  }
  db.prepare("COMMIT").run();
  db.flush();
}

}  // namespace chuyi::postgres

namespace chuyi {

Result<PostgresStorage> open_postgres(PostgresOptions options) {
  using namespace postgres;
  const Session session{.lock_wait_max = options.lock_wait_max, .pause_max = options.pause_max};
  try {
    Connection db(options.url, session);
    auto encoding = db.prepare("SELECT current_setting('server_encoding')").rows();
    if (!encoding.step() || encoding.text(0) != "UTF8")
      return Error{.kind = ErrorKind::invalid, .code = "store.encoding", .message = "Expected a database in UTF8, but found " + encoding.text(0) + "; create one with ENCODING 'UTF8'"};
    migrate(db);
    PostgresStorage out;
    out.queries = std::make_unique<PostgresQueries>(options.url, session);
    out.store = std::make_unique<PostgresStore>(std::move(options));
    return out;
  } catch (const Failure& failure) {
    if (failure.state == "chuyi.version") return Error{.kind = ErrorKind::invalid, .code = "store.version", .message = failure.message};
    return error_of(failure);
  }
}

Result<std::unique_ptr<Queries>> open_postgres_readers(const std::string& url) {
  auto out = std::make_unique<postgres::PostgresQueries>(url, postgres::Session{});
  if (const Result<std::optional<std::string>> probe = out->setting(kAuditCountSetting); !probe)
    return Error{.kind = ErrorKind::not_found, .code = "store.missing", .message = "Expected the database of an installation: " + probe.error().message};
  return std::unique_ptr<Queries>(std::move(out));
}

}  // namespace chuyi
