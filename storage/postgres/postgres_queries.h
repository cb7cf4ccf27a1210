#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "storage/postgres/pool.h"
#include "storage/postgres/postgres.h"

namespace chuyi::postgres {

/// Each call is one statement, and so sees one committed state; it is run again when the connection was lost. What was
/// claimed then without an answer is claimed again: it is this node's.
class PostgresQueries final : public Queries {
 public:
  /// @param node  whose claims are its own; none for one that claims nothing
  explicit PostgresQueries(std::shared_ptr<Pool> pool, std::string node = {}) : pool_(std::move(pool)), node_(std::move(node)) {}

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
  Result<std::vector<TimerRow>> claim_timers(Instant now, std::size_t limit, std::chrono::milliseconds lease) override;
  Result<std::vector<OutboxRow>> claim_outbox(Instant now, std::size_t limit, std::chrono::milliseconds lease) override;
  Result<std::vector<AuditRow>> audit(std::string_view session_id, std::int64_t after, std::size_t limit) override;

 private:
  template <class T>
  Result<T> read(const std::function<T(Connection&)>& read);
  template <class Row>
  Result<std::vector<Row>> claim_rows(const std::string& sql, Row (*read_row)(const Connection::Rows&), Instant Row::*time, Instant now, std::size_t limit,
                                      std::chrono::milliseconds lease);

  std::shared_ptr<Pool> pool_;
  std::string node_;
};

}  // namespace chuyi::postgres
