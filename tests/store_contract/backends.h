#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "engine/ports/queries.h"
#include "engine/ports/store.h"

namespace chuyi::test {

struct Opened {
  std::unique_ptr<Store> store;
  std::unique_ptr<Queries> queries;
};

/// One kind of store under the contract: what `open` gives again after `close` holds what was committed.
struct Backend {
  std::string name;
  std::function<std::function<Opened()>()> fresh;  ///< a new, empty home; the function opens it
  bool present = true;                             ///< what it needs is on this machine
};

Backend memory_backend();
Backend sqlite_backend();
Backend postgres_backend();

/// A PostgreSQL database of its own that goes with the object. Needs has_postgres().
class TemporaryDatabase {
 public:
  TemporaryDatabase();
  ~TemporaryDatabase();
  TemporaryDatabase(const TemporaryDatabase&) = delete;
  TemporaryDatabase& operator=(const TemporaryDatabase&) = delete;
  const std::string& url() const { return url_; }

 private:
  std::string name_;
  std::string url_;
};
/// Whether the tests run beside a cluster: tests/support/postgres.sh.
bool has_postgres();
inline constexpr const char* kNoPostgres = "no PostgreSQL here: tools/deps.sh --tests installs it, tests/support/postgres.sh starts it";
/// Runs SQL on the database at `url`. @return the first field of the answer.
std::string run_sql(const std::string& url, const std::string& sql);

/// A folder that goes with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

SessionRow session_row(const std::string& id);
TaskRow task_row(const std::string& id, const std::string& session);
/// A change that creates session `id` and audits it.
Change session_change(const std::string& id);
/// Runs one command that writes `change`.
Result<Reply> put(Store& store, const Change& change, std::optional<IdempotencyKey> key = {});

}  // namespace chuyi::test
