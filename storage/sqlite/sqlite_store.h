#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "engine/ports/audit.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/sqlite.h"
#include "storage/sqlite/undo.h"

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
  static void answer(std::vector<Waiting>& group);
  /// @return  why this store has to end, if it has to.
  std::optional<Error> commit_group(std::vector<Waiting>& group);
  /// Carries the write-ahead log over into the database, after the group was answered.
  std::optional<Error> checkpoint();
  Result<Reply> apply(const Update& update);
  Result<Reply> decide_and_write(const Update& update);
  void append_audit(json::object record);

  SqliteOptions options_;
  std::unique_ptr<Connection> db_;
  UndoRecorder undo_;
  AuditHead head_;
  int log_pages_ = 0;  ///< in the write-ahead log after the last commit
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> queue_;
  bool stopping_ = false;
  bool failed_ = false;
  std::thread thread_;
};

}  // namespace chuyi::sqlite
