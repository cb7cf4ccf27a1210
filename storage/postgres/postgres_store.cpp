#include "storage/postgres/postgres_store.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/base/mutant.h"
#include "engine/invoke/rows_json.h"
#include "storage/postgres/migrations.h"
#include "storage/postgres/postgres_documents.h"
#include "storage/postgres/postgres_queries.h"
#include "storage/postgres/rows.h"

namespace chuyi::postgres {
namespace {

/// Groups at the same time: one is decided while the other's commit is flushed. More of them would be smaller.
constexpr std::size_t kGroupsMax = 2;

/// For a planted fault.
std::string without_lock(const std::string& sql) { return sql.substr(0, sql.find(" FOR ")); }

std::string lock_wait(std::chrono::milliseconds wait) { return "SET LOCAL lock_timeout = " + std::to_string(wait.count()); }

Reply read_reply(const Connection::Rows& row, int column) {
  return {.status = static_cast<int>(row.number(column)),
          .body = read_json(row, column + 2).at("body"),
          .revision = static_cast<std::uint64_t>(row.number(column + 1)),
          .replayed = true};
}

Result<Reply> known_reply(const IdempotencyKey& key, const KnownReply& known) {
  if (known.digest == key.digest) return known.reply;
  return Error{.kind = ErrorKind::invalid,
               .code = "idempotency.mismatch",
               .message = "Expected the request that this Idempotency-Key was first used with",
               .message_zh = "该幂等键已用于另一请求"};
}

/// Somebody else holds a row that this command needs and may not wait for.
struct Held {};

/// Reads on what a command may decide. Locks before it reads: a statement sees what was committed before it began, and
/// one that both waits for a lock and joins another table would see that table as it was before the wait.
class PostgresView final : public View {
 public:
  PostgresView(Connection& db, Transaction& transaction, const std::string& node) : db_(db), transaction_(transaction), node_(node) {}

  std::optional<SessionRow> session(std::string_view id) override {
    if (const auto found = transaction_.sessions.find(id); found != transaction_.sessions.end()) return found->second;
    auto row = lock(std::string{"SELECT "} + kSessionColumns + " FROM sessions s WHERE s.id = ? FOR UPDATE OF s", "SELECT 1 FROM sessions WHERE id = ?", id);
    if (row.step()) return transaction_.sessions.insert_or_assign(std::string{id}, read_session(row)).first->second;
    absent_.emplace(id);
    return std::nullopt;
  }
  std::optional<SessionRow> shared_session(std::string_view id) override {
    if (const auto found = transaction_.sessions.find(id); found != transaction_.sessions.end()) return found->second;
    auto row = lock(std::string{"SELECT "} + kSessionColumns + " FROM sessions s WHERE s.id = ? FOR SHARE OF s", "SELECT 1 FROM sessions WHERE id = ?", id);
    if (row.step()) return read_session(row);
    absent_.emplace(id);
    return std::nullopt;
  }
  std::optional<TaskRow> task(std::string_view id) override {
    if (const auto found = transaction_.tasks.find(id); found != transaction_.tasks.end()) return found->second;
    auto row = of_session("tasks", "body", id);
    return row.step() ? std::optional{task_from_json(read_json(row, 0))} : std::nullopt;
  }
  std::optional<TimerRow> timer(std::string_view id) override {
    auto row = of_session("timers", "id, session_id, due, event, owner", id, " FOR UPDATE");
    if (!row.step()) return std::nullopt;
    TimerRow out = read_timer(row);
    out.elsewhere = is_elsewhere(row.text(4));
    return out;
  }
  std::optional<NoticeRow> notice(std::string_view id) override {
    auto row = of_session("notices", "body", id);
    return row.step() ? std::optional{notice_from_json(read_json(row, 0))} : std::nullopt;
  }
  std::optional<OutboxRow> outbox(std::string_view id) override {
    auto row = lock("SELECT id, session_id, kind, payload, created, attempts, next_at, owner FROM outbox WHERE id = ? FOR UPDATE", "SELECT 1 FROM outbox WHERE id = ?", id);
    if (!row.step()) return std::nullopt;
    OutboxRow out = read_outbox(row);
    out.elsewhere = is_elsewhere(row.text(7));
    return out;
  }
  /// Nobody closes the account or changes its rights until the command is over.
  std::optional<UserRow> user(std::string_view id) override {
    auto row = lock("SELECT id FROM users WHERE id = ? FOR SHARE", "SELECT 1 FROM users WHERE id = ?", id);
    return row.step() ? find_user(db_, id) : std::nullopt;
  }
  std::optional<OrganisationRow> organisation(std::string_view id) override { return find_organisation(written(), id); }
  std::optional<DefinitionRow> definition(std::string_view digest) override { return find_definition(written(), digest); }
  /// Not locked: some are read by every command. See hold_settings().
  std::optional<std::string> setting(std::string_view key) override { return settings_[std::string{key}] = find_setting(written(), key); }
  std::optional<RecordRow> record(std::string_view kind, std::string_view id) override { return record(kind, id, " FOR UPDATE"); }
  std::optional<RecordRow> shared_record(std::string_view kind, std::string_view id) override { return record(kind, id, " FOR SHARE"); }
  std::vector<RecordRow> records(std::string_view kind, std::string_view about) override {
    auto row = written().prepare(std::string{"SELECT "} + kRecordColumns + " FROM records WHERE kind = ? AND about = ? ORDER BY id LIMIT ?").bind(kind).bind(about).bind(static_cast<std::int64_t>(kRecordsMax)).rows();
    std::vector<RecordRow> out;
    while (row.step()) out.push_back(read_record(row));
    return out;
  }
  std::vector<SessionRow> applications(std::string_view round) override {
    auto row = written().prepare(std::string{"SELECT "} + kSessionColumns + " FROM sessions s WHERE s.round = ? AND s.kind = 'application' AND s.status = 'running' ORDER BY s.id").bind(round).rows();
    std::vector<SessionRow> out;
    while (row.step()) out.push_back(read_session(row));
    return out;
  }
  std::int64_t series(std::string_view name) override {
    written().prepare("INSERT INTO series (name, value) VALUES (?, 0) ON CONFLICT DO NOTHING").bind(name).run();
    auto row = lock("SELECT value FROM series WHERE name = ? FOR UPDATE", "SELECT 1 FROM series WHERE name = ?", name);
    return row.step() ? row.number(0) : 0;
  }
  void share_series(std::string_view name) override {
    const auto share = [&] { return lock("SELECT value FROM series WHERE name = ? FOR SHARE", "SELECT 1 FROM series WHERE name = ?", name).step(); };
    if (share()) return;
    db_.prepare("INSERT INTO series (name, value) VALUES (?, 0) ON CONFLICT DO NOTHING").bind(name).run();
    (void)share();
  }

  /// Locks the settings that the command has read and now writes. Throws a conflict when another wrote one meanwhile.
  void hold_settings(const Change& change) {
    if (CHUYI_MUTANT("setting_not_held")) return;
    for (const auto& [key, value] : change.settings) {
      const auto seen = settings_.find(key);
      if (seen == settings_.end()) continue;
      written().prepare("INSERT INTO settings (key, value) VALUES (?, '') ON CONFLICT DO NOTHING").bind(key).run();
      auto row = db_.prepare("SELECT value FROM settings WHERE key = ? FOR UPDATE").bind(key).rows();
      if (!row.step() || row.text(0) != seen->second.value_or("")) throw Failure{.state = "40001", .message = "a setting was changed meanwhile"};
    }
  }

  /// Whether the session was looked for and not found.
  bool saw_none(const std::string& id) const { return absent_.contains(id); }

 private:
  std::optional<RecordRow> record(std::string_view kind, std::string_view id, const char* held) {
    written();
    const std::string sql = std::string{"SELECT "} + kRecordColumns + " FROM records WHERE kind = ? AND id = ?" + held;
    auto row = db_.prepare(transaction_.may_wait ? sql : sql + " SKIP LOCKED").bind(kind).bind(id).rows();
    if (row.step()) return read_record(row);
    if (!transaction_.may_wait && db_.prepare("SELECT 1 FROM records WHERE kind = ? AND id = ?").bind(kind).bind(id).rows().step()) throw Held{};
    return std::nullopt;
  }
  /// The connection, once it has what earlier commands of the transaction wrote.
  Connection& written() {
    transaction_.write(db_);
    return db_;
  }
  /// The row that `sql` locks, by `id`. `probe` says whether one that it does not find is held or is not there.
  Connection::Rows lock(const std::string& sql, const char* probe, std::string_view id) {
    written();
    if (CHUYI_MUTANT("row_not_locked")) return db_.prepare(without_lock(sql)).bind(id).rows();
    if (transaction_.may_wait) return db_.prepare(sql).bind(id).rows();
    auto row = db_.prepare(sql + " SKIP LOCKED").bind(id).rows();
    if (row.empty() && db_.prepare(probe).bind(id).rows().step()) throw Held{};
    return row;
  }
  /// A row of `table`, once its session is locked; the session is kept, for it is asked for next.
  Connection::Rows of_session(const std::string& table, const std::string& columns, std::string_view id, const std::string& row_lock = {}) {
    const std::string of_row = "(SELECT session_id FROM " + table + " WHERE id = ?)";
    const std::string probe = "SELECT 1 FROM sessions WHERE id = " + of_row;
    auto session = lock(std::string{"SELECT "} + kSessionColumns + " FROM sessions s WHERE s.id = " + of_row + " FOR UPDATE OF s", probe.c_str(), id);
    if (session.step()) {
      SessionRow row = read_session(session);
      transaction_.sessions.insert_or_assign(row.id, std::move(row));
    }
    return db_.prepare("SELECT " + columns + " FROM " + table + " WHERE id = ?" + row_lock).bind(id).rows();
  }
  bool is_elsewhere(const std::string& owner) const { return !owner.empty() && owner != node_ && !CHUYI_MUTANT("lease_not_checked"); }

  Connection& db_;
  Transaction& transaction_;
  const std::string& node_;
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

PostgresStore::PostgresStore(PostgresOptions options, std::string node)
    : options_(std::move(options)), node_(std::move(node)), session_{.lock_wait_max = options_.lock_wait_max, .pause_max = options_.pause_max}, wake_(::eventfd(0, EFD_CLOEXEC)) {
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
    const bool alone = group.front().alone;
    failures = commit_group(db, group) ? 0 : failures + 1;
    {
      const std::lock_guard lock(mutex_);
      if (!alone) --groups_;
    }
    if (failures != 0) give_up(group);
    answer(group);
    // All of them when it stops: each has to see that nothing is left.
    {
      const std::lock_guard lock(mutex_);
      stopping_ ? changed_.notify_all() : changed_.notify_one();
    }
    if (failures != 0) pause(failures);
  }
}

std::vector<PostgresStore::Waiting> PostgresStore::take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return (stopping_ && queue_.empty()) || (!queue_.empty() && (queue_.front().alone || groups_ < kGroupsMax)); });
  std::vector<Waiting> out;
  const std::size_t share = std::clamp<std::size_t>(queue_.size() / kGroupsMax, 1, options_.group_max);
  while (!queue_.empty() && out.size() < share && (out.empty() || !queue_.front().alone)) {
    out.push_back(std::move(queue_.front()));
    queue_.pop_front();
    if (out.back().alone) break;
  }
  if (!out.empty() && !out.front().alone) ++groups_;
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
    if (!db) {
      db = std::make_unique<Connection>(options_.url, session_);
      // A few statements, run again and again with arrays whose contents change nothing about how to find their rows.
      db->execute("SET plan_cache_mode = force_generic_plan");
    }
    Transaction transaction;
    transaction.may_wait = group.front().alone;
    db->prepare("BEGIN").run();
    // Zero would be no limit at all.
    if (!transaction.may_wait) db->prepare(lock_wait(std::chrono::milliseconds{1})).run();
    read_ahead(*db, group, transaction);
    for (Waiting& each : group) apply(*db, each, transaction);
    finish(*db, group, transaction, last);
    return true;
  } catch (const Failure& failure) {
    std::optional<bool> committed{false};
    if (failure.lost) {
      db.reset();
      if (last && !CHUYI_MUTANT("lost_commit_taken_for_none")) committed = was_committed(*last);
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
      else if (failure.lost || is_conflict(failure) || !group.front().alone)
        each.reply.reset();  // also what was refused: perhaps because of what others of the group had written
      else
        each.reply = each.error;
    }
    return !failure.lost;
  }
}

void PostgresStore::read_ahead(Connection& db, const std::vector<Waiting>& group, Transaction& transaction) {
  std::vector<std::string> sessions;
  std::vector<std::string> tasks;
  std::vector<std::string> actors;
  std::vector<std::string> keys;
  for (const Waiting& each : group) {
    if (!each.update.session.empty()) sessions.push_back(each.update.session);
    if (!each.update.task.empty()) tasks.push_back(each.update.task);
    if (!each.update.key) continue;
    actors.push_back(each.update.key->actor);
    keys.push_back(each.update.key->key);
  }
  const bool locks = !sessions.empty() || !tasks.empty();
  if (locks) {
    static const std::string kLock = std::string{"SELECT "} + kSessionColumns +
                                     " FROM sessions s WHERE s.id IN (SELECT unnest(?) UNION SELECT session_id FROM tasks WHERE id = ANY (?)) FOR UPDATE OF s";
    db.prepare(CHUYI_MUTANT("row_not_locked") ? without_lock(kLock) : transaction.may_wait ? kLock : kLock + " SKIP LOCKED").bind(sessions).bind(tasks).run();
    db.prepare("SELECT session_id, body FROM tasks WHERE id = ANY (?)").bind(tasks).run();
  }
  // After the locks: whoever held them may have answered the same request.
  if (!keys.empty())
    db.prepare("SELECT actor, key, digest, status, revision, body FROM idempotency WHERE (actor, key) IN (SELECT * FROM unnest(?, ?))").bind(actors).bind(keys).run();
  if (!locks && keys.empty()) return;
  std::vector<Connection::Answer> answers = db.flush();
  if (!keys.empty()) {
    Connection::Rows row(std::move(answers.back()));
    answers.pop_back();
    while (row.step()) transaction.replies[{row.text(0), row.text(1)}] = {.digest = row.text(2), .reply = read_reply(row, 3)};
  }
  if (!locks) return;
  Connection::Rows task(std::move(answers[answers.size() - 1]));
  Connection::Rows session(std::move(answers[answers.size() - 2]));
  while (session.step()) {
    SessionRow row = read_session(session);
    transaction.sessions.insert_or_assign(row.id, std::move(row));
  }
  while (task.step()) {
    if (!transaction.sessions.contains(task.text(0))) continue;  // not ours to decide on
    TaskRow row = task_from_json(read_json(task, 1));
    transaction.tasks.insert_or_assign(row.id, std::move(row));
  }
}

void PostgresStore::apply(Connection& db, Waiting& command, Transaction& transaction) {
  try {
    command.reply = decide(db, command, transaction);
  } catch (const Held&) {
    command.error = error_of({.state = "55P03", .message = "a row is held"});
    command.reply.reset();
  } catch (const Failure&) {
    throw;
  } catch (const std::exception& error) {
    command.reply = Error{.kind = ErrorKind::unavailable, .code = "store.decide", .message = std::string{"Expected a decision, but found: "} + error.what()};
  }
}

Result<Reply> PostgresStore::decide(Connection& db, Waiting& command, Transaction& transaction) {
  const std::optional<IdempotencyKey>& key = command.update.key;
  if (key) {
    if (transaction.keys.contains({key->actor, key->key})) throw Held{};  // by another of this group
    if (const auto known = transaction.replies.find({key->actor, key->key}); known != transaction.replies.end()) return known_reply(*key, known->second);
  }
  PostgresView view(db, transaction, node_);
  Result<Change> change = command.update.decide(view);
  if (change) {
    view.hold_settings(*change);
    const bool fresh = change->session && view.saw_none(change->session->id);
    command.change = *std::move(change);
    transaction.add(db, *command.change, fresh, key);
    return command.change->reply;
  }
  if (key) {
    // The same request may have been taken elsewhere while this one waited for its rows: that is why it is refused.
    auto row = db.prepare("SELECT digest, status, revision, body FROM idempotency WHERE actor = ? AND key = ?").bind(key->actor).bind(key->key).rows();
    if (row.step()) return known_reply(*key, {.digest = row.text(0), .reply = read_reply(row, 1)});
  }
  return change.error();
}

void Transaction::add(Connection& db, const Change& change, bool fresh, const std::optional<IdempotencyKey>& key) {
  if (change.session && !unwritten_sessions.insert(change.session->id).second) {
    write(db);
    unwritten_sessions.insert(change.session->id);
  }
  unwritten.push_back({.change = &change, .fresh = fresh});
  if (key) {
    keys.emplace(key->actor, key->key);
    unwritten_keys.emplace_back(*key, &change.reply);
  }
  // Whoever asks for these again gets what is written.
  if (change.session) sessions.erase(change.session->id);
  for (const TaskRow& each : change.tasks) tasks.erase(each.id);
}

void Transaction::write(Connection& db) {
  if (unwritten.empty()) return;
  write_rows(db, unwritten);
  if (!unwritten_keys.empty()) {
    std::vector<std::string> columns[4];
    std::vector<std::int64_t> statuses;
    std::vector<std::int64_t> revisions;
    for (const auto& [key, reply] : unwritten_keys) {
      columns[0].push_back(key.actor);
      columns[1].push_back(key.key);
      columns[2].push_back(key.digest);
      columns[3].push_back(canonical_json(json::object{{"body", reply->body}}));
      statuses.push_back(reply->status);
      revisions.push_back(static_cast<std::int64_t>(reply->revision));
    }
    db.prepare("INSERT INTO idempotency (actor, key, digest, body, status, revision) SELECT * FROM unnest(?,?,?,?,?,?)")
        .bind(columns[0]).bind(columns[1]).bind(columns[2]).bind(columns[3]).bind(statuses).bind(revisions).run();
  }
  unwritten.clear();
  unwritten_keys.clear();
  unwritten_sessions.clear();
}

void PostgresStore::finish(Connection& db, std::vector<Waiting>& group, Transaction& transaction, std::optional<AuditHead>& last) {
  if (std::none_of(group.begin(), group.end(), [](const Waiting& each) { return each.change.has_value(); })) {
    db.prepare("ROLLBACK").run();
    db.flush();
    return;
  }
  transaction.write(db);
  if (!transaction.may_wait) db.prepare(lock_wait(options_.lock_wait_max)).run();
  AuditHead head = lock_head(db);
  bool work = false;
  std::vector<std::int64_t> numbers;
  std::vector<std::string> sessions;
  std::vector<std::string> records;
  std::vector<std::string> hashes;
  for (Waiting& each : group) {
    if (!each.change) continue;
    work = work || leaves_work(*each.change);
    json::object& record = each.change->audit;
    record["seq"] = head.count + 1;
    records.push_back(canonical_json(record));
    head = {.count = head.count + 1, .hash = audit_hash(head.hash, records.back())};
    numbers.push_back(head.count);
    sessions.push_back(string_or(record, "session"));
    hashes.push_back(head.hash);
  }
  db.prepare("INSERT INTO audit (seq, session_id, record, hash) SELECT * FROM unnest(?,?,?,?)").bind(numbers).bind(sessions).bind(records).bind(hashes).run();
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

Result<> prepare_database(Connection& db) {
  auto encoding = db.prepare("SELECT current_setting('server_encoding')").rows();
  if (!encoding.step() || encoding.text(0) != "UTF8")
    return Error{.kind = ErrorKind::invalid, .code = "store.encoding", .message = "Expected a database in UTF8, but found " + encoding.text(0) + "; create one with ENCODING 'UTF8'"};
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
    return Error{.kind = ErrorKind::invalid, .code = "store.version", .message = "the database belongs to a newer release (schema " + std::to_string(version) + ")"};
  for (auto next = static_cast<std::size_t>(version); next < all.size(); ++next) {
    db.execute(all[next]);
    db.prepare("INSERT INTO schema_migrations (version) VALUES (?)").bind(static_cast<std::int64_t>(next) + 1).run();
    db.flush();
  }
  db.prepare("COMMIT").run();
  db.flush();
  return {};
}

}  // namespace chuyi::postgres

namespace chuyi {

Result<PostgresStorage> open_postgres(PostgresOptions options) {
  using namespace postgres;
  const Session session{.lock_wait_max = options.lock_wait_max, .pause_max = options.pause_max};
  try {
    Connection db(options.url, session);
    if (Result<> prepared = prepare_database(db); !prepared) return prepared.error();
    auto made = db.prepare("SELECT gen_random_uuid()::text").rows();
    made.step();
    const std::string node = made.text(0);
    PostgresStorage out;
    auto pool = std::make_shared<Pool>(options.url, session);
    out.queries = std::make_unique<PostgresQueries>(pool, node);
    out.documents = std::make_unique<PostgresDocuments>(std::move(pool), options.scratch);
    out.store = std::make_unique<PostgresStore>(std::move(options), node);
    return out;
  } catch (const Failure& failure) {
    return error_of(failure);
  }
}

std::unique_ptr<DocumentStore> open_postgres_documents(const std::string& url, const std::string& scratch) {
  return std::make_unique<postgres::PostgresDocuments>(std::make_shared<postgres::Pool>(url, postgres::Session{}), scratch);
}

Result<std::unique_ptr<Queries>> open_postgres_readers(const std::string& url) {
  auto out = std::make_unique<postgres::PostgresQueries>(std::make_shared<postgres::Pool>(url, postgres::Session{}));
  if (const Result<std::optional<std::string>> probe = out->setting(kAuditCountSetting); !probe)
    return Error{.kind = ErrorKind::not_found, .code = "store.missing", .message = "Expected the database of an installation: " + probe.error().message};
  return std::unique_ptr<Queries>(std::move(out));
}

}  // namespace chuyi
