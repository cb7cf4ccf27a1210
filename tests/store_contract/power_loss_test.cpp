// Goal: what SQLite acknowledged is on disk. Method: a VFS that knows what was not synced; `kill -9` cannot show this,
// the kernel keeps the pages.
#include <gtest/gtest.h>

#include <atomic>
#include <random>

#include <sqlite3.h>

#include "engine/ports/audit.h"
#include "storage/sqlite/sqlite.h"
#include "tests/store_contract/backends.h"
#include "tests/store_contract/crash_vfs.h"

namespace chuyi::test {
namespace {

/// How many audit records a new process finds in `folder`; -1 when the database or its chain is broken.
std::int64_t records_after_restart(const std::string& folder) {
  const Result<SqliteStorage> opened = open_sqlite({.path = folder + "/chuyi.db"});
  if (!opened) return -1;
  const Result<AuditHead> head = verify_audit(*opened->queries);
  return head ? head->count : -1;
}

/// Runs commands one by one and cuts the power after each answer; every third time also in the midst of what follows,
/// with any of the unsynced writes kept. Gives how many acknowledged records were lost at the worst cut.
std::int64_t worst_loss(bool unsafe_no_sync) {
  constexpr int kCommands = 60;
  const TemporaryFolder home;
  CrashVfs vfs("crash-loss");
  Result<SqliteStorage> opened = open_sqlite({.path = home.file("chuyi.db"), .vfs = vfs.name(), .unsafe_no_sync = unsafe_no_sync});
  if (!opened) return -1;
  std::mt19937 random(7);
  std::int64_t worst = 0;
  for (std::int64_t i = 1; i <= kCommands; ++i) {
    if (!put(*opened->store, session_change("s" + std::to_string(i)))) return -1;
    for (int cut = 0; cut < 3; ++cut) {
      const TemporaryFolder after;
      vfs.power_cut(after.file(""), [&](std::size_t) { return cut == 2 || (cut == 1 && random() % 2 == 0); });
      const std::int64_t found = records_after_restart(after.file(""));
      worst = std::max(worst, found < 0 ? i : i - found);
    }
  }
  return worst;
}

TEST(PowerLoss, LosesNothingAcknowledged) { EXPECT_EQ(worst_loss(false), 0); }

// The test above can fail: without syncs the same cuts do lose records.
TEST(PowerLoss, IsSeenWhenNothingIsSynced) { EXPECT_GT(worst_loss(true), 0); }

/// The store on `vfs`, which counts in `fatal` that it had to end; told after the answers, so wait for it.
Result<SqliteStorage> open_counting(const TemporaryFolder& home, const CrashVfs& vfs, std::atomic<int>& fatal) {
  return open_sqlite({.path = home.file("chuyi.db"), .vfs = vfs.name(), .on_fatal = [&fatal](const Error&) {
                        ++fatal;
                        fatal.notify_all();
                      }});
}

// Goal: after a failed write or sync nothing more is acknowledged, and what was stays. Method: fail operation N of a
// run, for every N until a run meets no failure; then cut the power.
void fail_every_operation(int code, bool for_ever) {
  constexpr std::int64_t kCommands = 5;
  bool met = true;
  int runs = 0;
  for (std::uint64_t at = 1; met; ++at, ++runs) {
    const TemporaryFolder home;
    CrashVfs vfs("crash-io");
    std::atomic<int> fatal{0};
    Result<SqliteStorage> opened = open_counting(home, vfs, fatal);
    ASSERT_TRUE(opened);
    vfs.fail(at, code, for_ever);
    std::int64_t acknowledged = 0;
    std::string first_error;
    for (std::int64_t i = 1; i <= kCommands; ++i) {
      const Result<Reply> reply = put(*opened->store, session_change("s" + std::to_string(i)));
      if (reply) {
        ++acknowledged;
      } else if (first_error.empty()) {
        first_error = reply.error().code;
      }
    }
    met = vfs.failed();
    if (met) {
      EXPECT_EQ(first_error, "store.io") << "operation " << at;
    } else {
      EXPECT_EQ(acknowledged, kCommands);
    }
    if (met) fatal.wait(0);  // told after the answers
    EXPECT_EQ(fatal, met ? 1 : 0) << "operation " << at;
    const TemporaryFolder after;
    vfs.power_cut(after.file(""), [](std::size_t) { return false; });
    const std::int64_t found = records_after_restart(after.file(""));
    EXPECT_GE(found, acknowledged) << "operation " << at;
    // A command whose sync failed may or may not be there; nothing else may.
    EXPECT_LE(found, std::min(acknowledged + 1, kCommands)) << "operation " << at;
  }
  EXPECT_GT(runs, 10);
}

TEST(FailedWrite, StopsTheStore) { fail_every_operation(SQLITE_IOERR_WRITE, true); }
TEST(FailedWrite, StopsTheStoreAlsoWhenTheDiskRecovers) { fail_every_operation(SQLITE_IOERR_WRITE, false); }

// Goal: carrying the log over into the database loses nothing and its errors stop the store. Method: large commands
// make the log long; a cut, or a failure of the one operation that runs between two answers, after each of them.
TEST(Checkpoint, LosesNothingAcknowledged) {
  constexpr std::int64_t kCommands = 12;
  const TemporaryFolder home;
  CrashVfs vfs("crash-checkpoint");
  Result<SqliteStorage> opened = open_sqlite({.path = home.file("chuyi.db"), .vfs = vfs.name()});
  ASSERT_TRUE(opened);
  std::mt19937 random(11);
  for (std::int64_t i = 1; i <= kCommands; ++i) {
    Change change = session_change("s" + std::to_string(i));
    change.session->document = std::string(2'000'000, 'x');
    ASSERT_TRUE(put(*opened->store, change));
    for (int cut = 0; cut < 3; ++cut) {
      const TemporaryFolder after;
      vfs.power_cut(after.file(""), [&](std::size_t) { return cut == 2 || (cut == 1 && random() % 2 == 0); });
      EXPECT_EQ(records_after_restart(after.file("")), i) << "cut " << cut;
    }
  }
  EXPECT_GT(vfs.synced_bytes("chuyi.db"), 2'000'000U) << "the log was never carried over";
}

TEST(Checkpoint, StopsTheStoreWhenItFails) {
  const TemporaryFolder home;
  CrashVfs vfs("crash-checkpoint-io");
  std::atomic<int> fatal{0};
  Result<SqliteStorage> opened = open_counting(home, vfs, fatal);
  ASSERT_TRUE(opened);
  vfs.fail_on("chuyi.db", SQLITE_IOERR_FSYNC);
  Change change = session_change("s1");
  change.session->document = std::string(5'000'000, 'x');
  ASSERT_TRUE(put(*opened->store, change)) << "the command itself is safe in the log";
  fatal.wait(0);
  EXPECT_EQ(put(*opened->store, session_change("s2")).error().code, "store.stopped");
  opened = Result<SqliteStorage>{Error{}};
  EXPECT_EQ(records_after_restart(home.file("")), 1);
}

// Goal: a full disk refuses commands and takes them again once there is space.
TEST(FullDisk, RefusesAndRecovers) {
  const TemporaryFolder home;
  CrashVfs vfs("crash-full");
  int fatal = 0;
  Result<SqliteStorage> opened = open_sqlite({.path = home.file("chuyi.db"), .vfs = vfs.name(), .on_fatal = [&](const Error&) { ++fatal; }});
  ASSERT_TRUE(opened);
  ASSERT_TRUE(put(*opened->store, session_change("s1")));
  vfs.fail(1, SQLITE_FULL, true);
  EXPECT_EQ(put(*opened->store, session_change("s2")).error().code, "store.full");
  EXPECT_EQ(put(*opened->store, session_change("s2")).error().code, "store.full");
  vfs.fail(0, SQLITE_OK, false);
  EXPECT_TRUE(put(*opened->store, session_change("s2")));
  EXPECT_EQ(fatal, 0);
  EXPECT_EQ(verify_audit(*opened->queries)->count, 2);
}

}  // namespace
}  // namespace chuyi::test
