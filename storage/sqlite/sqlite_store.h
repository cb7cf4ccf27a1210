#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/ports/audit.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/sqlite.h"

namespace chuyi::sqlite {

/// The writer: one thread, one connection, group commit.
class SqliteStore final : public Store {
 public:
  SqliteStore(SqliteOptions options, std::unique_ptr<Connection> db);
  ~SqliteStore() override;
  void update(Update update, Done done) override;

 private:
  struct Waiting {
    Update update;
    Done done;
    Result<Reply> reply = Error{};
  };
  void loop();
  void commit_group(std::vector<Waiting>& group);
  Result<Reply> apply(const Update& update);
  Result<Reply> decide_and_write(const Update& update);
  void append_audit(json::object record);
  void fail_group(std::vector<Waiting>& group, const Failure& failure);

  SqliteOptions options_;
  std::unique_ptr<Connection> db_;
  AuditHead head_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> queue_;
  bool stopping_ = false;
  bool failed_ = false;
  std::thread thread_;
};

}  // namespace chuyi::sqlite
