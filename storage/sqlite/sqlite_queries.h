#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "storage/sqlite/connection.h"
#include "storage/sqlite/sqlite.h"

namespace chuyi::sqlite {

/// Readers on connections of their own. They never write and never checkpoint: SQLite before 3.51.3 may
/// corrupt a database when one connection checkpoints while another commits (the WAL-reset bug, also in
/// Debian 12's 3.40), so the writer's connection alone does both.
class SqliteQueries final : public Queries {
 public:
  explicit SqliteQueries(const SqliteOptions& options) : path_(options.path), vfs_(options.vfs), cache_mb_(options.cache_mb), mmap_mb_(options.mmap_mb) {}

  Result<std::optional<SessionRow>> session(std::string_view id) override;
  Result<Page<SessionRow>> sessions(const SessionFilter& filter, const PageRequest& page) override;
  Result<std::vector<SessionRow>> applications(std::string_view round, std::string_view after, std::size_t limit) override;
  Result<std::optional<TaskRow>> task(std::string_view id) override;
  Result<Page<TaskRow>> tasks(const TaskFilter& filter, const PageRequest& page) override;
  Result<std::vector<TaskCount>> task_counts(const TaskFilter& filter, Instant now) override;
  Result<std::vector<DocumentRow>> documents(std::string_view session_id) override;
  Result<std::optional<BundleRow>> latest_bundle(std::string_view session_id) override;
  Result<std::optional<NoticeRow>> notice(std::string_view id) override;
  Result<Page<NoticeRow>> notices(const NoticeFilter& filter, const PageRequest& page) override;
  Result<std::vector<ObjectionRow>> objections(std::string_view session_id) override;
  Result<Page<AwardRow>> awards(const AwardFilter& filter, const PageRequest& page) override;
  Result<std::optional<AwardRow>> award(std::string_view number) override;
  Result<std::optional<AwardRow>> award_of(std::string_view session_id) override;
  Result<std::optional<UserRow>> user(std::string_view id) override;
  Result<std::optional<RecordRow>> record(std::string_view kind, std::string_view id) override;
  Result<Page<RecordRow>> records(const RecordFilter& filter, const PageRequest& page) override;
  Result<Page<UserRow>> users(const PageRequest& page) override;
  Result<std::optional<LoginRow>> login(std::string_view token_digest) override;
  Result<std::optional<OrganisationRow>> organisation(std::string_view id) override;
  Result<std::vector<OrganisationRow>> organisations() override;
  Result<std::vector<DefinitionRow>> definitions() override;
  Result<std::optional<DefinitionRow>> definition(std::string_view digest) override;
  Result<std::optional<std::string>> setting(std::string_view key) override;
  Result<std::map<std::string, std::int64_t>> running() override;
  Result<std::vector<TimerRow>> due_timers(Instant now, std::size_t limit) override;
  Result<std::vector<TimerRow>> timers(std::string_view session_id) override;
  Result<std::optional<Instant>> next_timer() override;
  Result<std::vector<OutboxRow>> due_outbox(Instant now, std::size_t limit) override;
  Result<std::vector<AuditRow>> audit(std::string_view session_id, std::int64_t after, std::size_t limit) override;

 private:
  /// Runs `read` in one read transaction on a connection of the pool.
  template <class T>
  Result<T> read(const std::function<T(Connection&)>& read);
  std::unique_ptr<Connection> take();
  void give(std::unique_ptr<Connection> connection);

  std::string path_;
  const char* vfs_;
  std::size_t cache_mb_;
  std::size_t mmap_mb_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace chuyi::sqlite
