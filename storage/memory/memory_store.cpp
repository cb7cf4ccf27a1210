#include <algorithm>

#include "storage/memory/disk.h"

namespace chuyi {
namespace {

class MemoryView final : public View {
 public:
  explicit MemoryView(const MemoryDisk& disk) : disk_(disk) {}
  std::optional<SessionRow> session(std::string_view id) override { return find_row(disk_.sessions, id); }
  std::optional<TaskRow> task(std::string_view id) override { return find_row(disk_.tasks, id); }
  std::optional<TimerRow> timer(std::string_view id) override { return find_row(disk_.timers, id); }
  std::optional<OutboxRow> outbox(std::string_view id) override { return find_row(disk_.outbox, id); }
  std::optional<UserRow> user(std::string_view id) override { return find_row(disk_.users, id); }
  std::optional<OrganisationRow> organisation(std::string_view id) override { return find_row(disk_.organisations, id); }
  std::optional<NoticeRow> notice(std::string_view id) override { return find_row(disk_.notices, id); }
  std::optional<DefinitionRow> definition(std::string_view digest) override { return find_row(disk_.definitions, digest); }
  std::optional<std::string> setting(std::string_view key) override { return find_row(disk_.settings, key); }
  std::optional<RecordRow> record(std::string_view kind, std::string_view id) override { return find_record(disk_, kind, id); }
  std::vector<RecordRow> records(std::string_view kind, std::string_view about) override { return records_where(disk_, {std::string{kind}, std::string{about}}, "", kRecordsMax); }
  std::vector<SessionRow> applications(std::string_view round) override {
    std::vector<SessionRow> out = applications_of(disk_, round, "", SIZE_MAX);
    std::erase_if(out, [](const SessionRow& row) { return row.status != "running"; });
    return out;
  }
  std::int64_t series(std::string_view name) override { return find_row(disk_.series, name).value_or(0); }

 private:
  const MemoryDisk& disk_;
};

Error unavailable(const char* code, std::string message) {
  return Error{.kind = ErrorKind::unavailable, .code = code, .message = std::move(message), .message_zh = "操作未保存"};
}

/// The foreign keys of the other adapters, checked before anything is written.
Result<> check_references(const MemoryDisk& disk, const Change& change) {
  const auto has_session = [&](const auto& row) {
    return disk.sessions.contains(row.session_id) || (change.session && change.session->id == row.session_id);
  };
  const auto all_have = [&](const auto& rows) { return std::all_of(rows.begin(), rows.end(), has_session); };
  bool good = all_have(change.tasks) && all_have(change.notices) && all_have(change.objections) && all_have(change.awards) &&
              all_have(change.documents) && all_have(change.bundles) && all_have(change.timers);
  for (const AwardRow& award : change.awards)
    for (const auto& [number, other] : disk.awards) good = good && (number == award.number) == (other.session_id == award.session_id);
  if (!good) return unavailable("store.constraint", "Expected rows that fit together");
  return {};
}

template <class Row, class Key>
void put_all(Table<Row>& table, const std::vector<Row>& rows, Key key) {
  for (const Row& row : rows) table.insert_or_assign(key(row), row);
}

bool is_open(const TaskRow& task) { return task.status == "open" || task.status == "claimed"; }

void put_tasks(MemoryDisk& disk, const std::vector<TaskRow>& rows) {
  for (const TaskRow& row : rows) {
    const auto old = disk.tasks.find(row.id);
    if (old != disk.tasks.end() && is_open(old->second)) disk.open_tasks_for[holder_of(old->second)].erase(row.id);
    if (is_open(row)) disk.open_tasks_for[holder_of(row)].insert(row.id);
    disk.tasks_of[row.session_id].insert(row.id);
    disk.tasks.insert_or_assign(row.id, row);
  }
}

void remove_record(MemoryDisk& disk, const std::string& kind, const std::string& id) {
  const auto old = disk.records.find({kind, id});
  if (old == disk.records.end()) return;
  disk.records_about[{kind, old->second.about}].erase(id);
  disk.records.erase(old);
}

void write_rows(MemoryDisk& disk, const Change& change) {
  const auto by_id = [](const auto& row) { return row.id; };
  put_all(disk.organisations, change.organisations, by_id);
  put_all(disk.users, change.users, by_id);
  for (const std::string& digest : change.logins_removed) disk.logins.erase(digest);
  for (const std::string& user : change.logins_removed_of)
    std::erase_if(disk.logins, [&](const auto& login) { return login.second.user_id == user; });
  put_all(disk.logins, change.logins, [](const LoginRow& row) { return row.token_digest; });
  for (const DefinitionRow& row : change.definitions) disk.definitions.try_emplace(row.digest, row);
  for (const auto& [key, value] : change.settings) disk.settings.insert_or_assign(key, value);
  for (const ArchivedRecords& each : change.archived)
    for (AuditRow& row : disk.audit)
      if (row.session_id == each.session_id && row.seq <= each.through && bag_of_archived(row.record).empty()) row.record = archived_record(each.bag);
  if (change.session) disk.sessions.insert_or_assign(change.session->id, *change.session);
  put_tasks(disk, change.tasks);
  put_all(disk.notices, change.notices, by_id);
  put_all(disk.objections, change.objections, by_id);
  put_all(disk.awards, change.awards, [](const AwardRow& row) { return row.number; });
  put_all(disk.documents, change.documents, by_id);
  for (const DocumentRow& row : change.documents) disk.documents_of[row.session_id].insert(row.id);
  for (const BundleRow& row : change.bundles) disk.bundles.insert_or_assign({row.session_id, row.digest}, row);
  for (const std::string& id : change.timers_removed) disk.timers.erase(id);
  put_all(disk.timers, change.timers, by_id);
  for (const std::string& id : change.outbox_removed) disk.outbox.erase(id);
  put_all(disk.outbox, change.outbox, by_id);
  for (const auto& [kind, id] : change.records_removed) remove_record(disk, kind, id);
  for (const RecordRow& row : change.records) {
    remove_record(disk, row.kind, row.id);
    disk.records_about[{row.kind, row.about}].insert(row.id);
    disk.records.insert_or_assign({row.kind, row.id}, row);
  }
  for (const auto& [name, value] : change.series) disk.series.insert_or_assign(name, value);
}

void append_audit(MemoryDisk& disk, json::object record) {
  const std::string before = disk.audit.empty() ? std::string{kAuditGenesis} : disk.audit.back().hash;
  const auto seq = static_cast<std::int64_t>(disk.audit.size()) + 1;
  record["seq"] = seq;
  const std::string text = canonical_json(record);
  const std::string hash = audit_hash(before, text);
  disk.audit.push_back({.seq = seq, .session_id = string_or(record, "session"), .record = text, .hash = hash});
  disk.settings.insert_or_assign(std::string{kAuditCountSetting}, std::to_string(seq));
  disk.settings.insert_or_assign(std::string{kAuditHashSetting}, hash);
}

class MemoryStore final : public Store {
 public:
  MemoryStore(std::shared_ptr<MemoryDisk> disk, MemoryOptions options) : disk_(std::move(disk)), options_(std::move(options)) {}
  void update(Update update, Done done) override { done(apply(update)); }

 private:
  Result<Reply> apply(const Update& update) {
    const std::lock_guard lock(disk_->mutex);
    if (stopped_) return unavailable("store.stopped", "Expected a running store, but it has stopped after a failed write");
    if (update.key) {
      const auto known = disk_->replies.find({update.key->actor, update.key->key});
      if (known != disk_->replies.end()) return replay(known->second, *update.key);
    }
    MemoryView view(*disk_);
    const Result<Change> change = decide(update, view);
    if (!change) return change.error();
    if (const Result<> good = check_references(*disk_, *change); !good) return good.error();
    return commit(update, *change);
  }

  static Result<Change> decide(const Update& update, View& view) {
    try {
      return update.decide(view);
    } catch (const std::exception& error) {
      return unavailable("store.decide", std::string{"Expected a decision, but found: "} + error.what());
    }
  }

  static Result<Reply> replay(const KnownReply& known, const IdempotencyKey& key) {
    if (known.digest != key.digest)
      return Error{.kind = ErrorKind::invalid,
                   .code = "idempotency.mismatch",
                   .message = "Expected the request that this Idempotency-Key was first used with",
                   .message_zh = "该幂等键已用于另一请求"};
    Reply out = known.reply;
    out.replayed = true;
    return out;
  }

  Result<Reply> commit(const Update& update, const Change& change) {
    const Fault fault = options_.fault(++commits_);
    if (fault == Fault::full) return unavailable("store.full", "Expected space on the disk of the database");
    if (fault == Fault::io) return stop();
    write_rows(*disk_, change);
    append_audit(*disk_, change.audit);
    if (update.key)
      disk_->replies.insert_or_assign({update.key->actor, update.key->key}, KnownReply{update.key->digest, change.reply});
    if (fault == Fault::io_after_write) return stop();
    return change.reply;
  }

  Error stop() {
    stopped_ = true;
    Error error = unavailable("store.io", "Expected the database to answer");
    options_.on_fatal(error);
    return error;
  }

  std::shared_ptr<MemoryDisk> disk_;
  MemoryOptions options_;
  std::uint64_t commits_ = 0;
  bool stopped_ = false;
};

}  // namespace

std::string holder_of(const Membership& membership) { return membership.role + "@" + membership.org; }
std::string holder_of(const TaskRow& task) { return task.user.empty() ? holder_of(Membership{.role = task.role, .org = task.org}) : task.user; }

std::shared_ptr<MemoryDisk> make_memory_disk() { return std::make_shared<MemoryDisk>(); }

MemoryStorage open_memory(std::shared_ptr<MemoryDisk> disk, MemoryOptions options) {
  MemoryStorage out;
  out.queries = make_memory_queries(disk);
  out.store = std::make_unique<MemoryStore>(std::move(disk), std::move(options));
  return out;
}

}  // namespace chuyi
