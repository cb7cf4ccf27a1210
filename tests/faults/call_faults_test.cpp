// Goal: whatever call of the disk fails, the client hears it, nothing acknowledged is lost, and a new start needs no
// hands. Method: fail call N of a run that opens the store, writes and reads; for every N until a run meets no failure;
// then open what is on the disk, and what a power cut would leave of it. Runs that carry the log over make thousands of
// calls: of them some N.
#include <gtest/gtest.h>

#include <atomic>

#include "engine/ports/audit.h"
#include "storage/sqlite/sqlite.h"
#include "tests/faults/fault_vfs.h"
#include "tests/faults/length.h"
#include "tests/faults/rows.h"
#include "tests/store_contract/backends.h"

namespace chuyi::test {
namespace {

const std::set<std::string> kCodes{"store.io", "store.full", "store.busy", "store.stopped"};

/// One run with one fault.
class FaultyRun {
 public:
  FaultyRun(FaultVfs& vfs, const FaultVfs::Fault& fault) : vfs_(vfs), fault_(fault) {}

  void run(int commands, bool is_large) {
    vfs_.fail(fault_);
    Result<SqliteStorage> opened = open_sqlite({.path = path(), .vfs = vfs_.name(), .on_fatal = [this](const Error&) { ++fatal_; }});
    if (!opened) {
      expect_code(opened.error());
    } else {
      for (int i = 1; i <= commands; ++i) send(*opened->store, i);
      read(*opened->queries);
      // Makes the log longer than it may be: it is carried over after the answer.
      if (is_large) send_large(*opened->store);
      opened = Result<SqliteStorage>{Error{}};
    }
    failed_ = vfs_.failed();
    vfs_.fail({});
    EXPECT_TRUE(failed_ || (acknowledged_.size() == static_cast<std::size_t>(commands) && errors_ == 0 && fatal_ == 0));
    EXPECT_LE(fatal_, 1);
    check_disk();
  }

  std::optional<Call> failed_;
  int errors_ = 0;

 private:
  std::string path() const { return home_.file("chuyi.db"); }
  void expect_code(const Error& error) {
    ++errors_;
    EXPECT_EQ(error.kind, ErrorKind::unavailable);
    EXPECT_TRUE(kCodes.contains(error.code)) << error.code << ": " << error.message;
  }
  void send(Store& store, int i) {
    const std::string id = "s" + std::to_string(i);
    sent_.push_back(id);
    const Result<Reply> reply = update_and_wait(store, command(id));
    if (reply) acknowledged_.insert(id);
    else expect_code(reply.error());
  }
  void send_large(Store& store) {
    Change change = session_change("large");
    change.session->document = std::string(4'100'000, 'x');
    if (const Result<Reply> reply = put(store, change); !reply) expect_code(reply.error());
  }
  void read(Queries& queries) {
    for (const std::string& id : acknowledged_) {
      const Result<std::optional<SessionRow>> session = queries.session(id);
      if (!session) expect_code(session.error());
      else EXPECT_TRUE(session->has_value()) << id;
    }
  }
  void check_disk() {
    const TemporaryFolder after;
    std::mt19937 random(static_cast<unsigned>(fault_.at));
    vfs_.power_cut(after.file(""), random() % 2 == 0 ? FaultVfs::Keeps::nothing : FaultVfs::Keeps::any, random);
    for (const std::string& disk : {after.file("chuyi.db"), path()}) {
      const Found found = find_all(disk);
      EXPECT_EQ(found.problem, "");
      std::vector<std::string> open;
      for (const std::string& id : acknowledged_) EXPECT_TRUE(found.ids.contains(id)) << id << " was acknowledged and is lost";
      for (const std::string& id : sent_)
        if (!acknowledged_.contains(id)) open.push_back(id);
      EXPECT_EQ(send_again(disk, open, found.ids), "");
    }
  }

  const TemporaryFolder home_;
  FaultVfs& vfs_;
  FaultVfs::Fault fault_;
  std::atomic<int> fatal_{0};
  std::vector<std::string> sent_;
  std::set<std::string> acknowledged_;
};

void fail_calls(const char* about, FaultVfs::Fault fault, bool is_large, std::uint64_t step) {
  std::map<std::string, int> met;
  int runs = 0;
  int silent = 0;
  for (fault.at = 1 + seed_of(about) % step;; fault.at += step) {
    FaultVfs vfs("fault-calls");
    FaultyRun run(vfs, fault);
    run.run(4, is_large);
    ++runs;
    const std::string call = run.failed_ ? kCalls[static_cast<std::size_t>(*run.failed_)] : "none";
    if (testing::Test::HasFailure()) FAIL() << about << ": call " << fault.at << ", " << call;
    if (!run.failed_) break;
    silent += run.errors_ == 0 ? 1 : 0;
    ++met[call];
  }
  std::cout << about << ": " << runs << " runs, " << silent << " of them without an error to a client; failed:";
  for (const auto& [call, count] : met) std::cout << " " << call << " " << count;
  std::cout << "\n";
  EXPECT_GT(runs, 3);
}

struct Kind {
  const char* about;
  FaultVfs::Fault fault = {};
  friend std::ostream& operator<<(std::ostream& out, const Kind& kind) { return out << kind.about; }
};

class EveryCall : public testing::TestWithParam<Kind> {};

TEST_P(EveryCall, IsAnsweredAndLosesNothing) { fail_calls(GetParam().about, GetParam().fault, false, full_length() ? 1 : 5); }
TEST_P(EveryCall, IsAnsweredAndLosesNothingWhenTheLogIsCarriedOver) {
  fail_calls(GetParam().about, GetParam().fault, true, full_length() ? 23 : 601);
}

INSTANTIATE_TEST_SUITE_P(Fails, EveryCall, testing::Values(
    Kind{"each call fails once"},
    Kind{"each call fails and all after it", {.for_ever = true}},
    Kind{"each write meets a full disk once", {.full = true, .changes_only = true}},
    Kind{"each write is done in part once", {.part = true, .changes_only = true}},
    Kind{"each write is done in part on a disk that stays full", {.for_ever = true, .full = true, .part = true, .changes_only = true}}));

/// The store on `vfs`, which counts in `fatal` that it had to end; told after the answers, for sure once it is closed.
Result<SqliteStorage> open_counting(const TemporaryFolder& home, const FaultVfs& vfs, std::atomic<int>& fatal) {
  return open_sqlite({.path = home.file("chuyi.db"), .vfs = vfs.name(), .on_fatal = [&fatal](const Error&) { ++fatal; }});
}

/// Of the audit log, when it verifies; else -1.
std::int64_t records_in(const std::string& path) {
  const Result<SqliteStorage> opened = open_sqlite({.path = path});
  const Result<AuditHead> head = opened ? verify_audit(*opened->queries) : opened.error();
  return head ? head->count : -1;
}

// Goal: after a failed write or sync nothing more is acknowledged, even when the disk recovers: after a failed fsync the
// kernel may have dropped the pages.
TEST(FailedWrite, StopsTheStore) {
  int runs = 0;
  for (bool met = true; met; ++runs) {
    const TemporaryFolder home;
    FaultVfs vfs("failed-write");
    std::atomic<int> fatal{0};
    Result<SqliteStorage> opened = open_counting(home, vfs, fatal);
    ASSERT_TRUE(opened);
    vfs.fail({.at = static_cast<std::uint64_t>(runs) + 1, .changes_only = true});
    bool refused = false;
    for (int i = 1; i <= 5; ++i) {
      const Result<Reply> reply = update_and_wait(*opened->store, command("s" + std::to_string(i)));
      EXPECT_FALSE(refused && reply) << "it went on after a failed write";
      if (reply) continue;
      EXPECT_EQ(reply.error().code, refused ? "store.stopped" : "store.io");
      refused = true;
    }
    met = vfs.failed().has_value();
    EXPECT_EQ(refused, met);
    opened = Result<SqliteStorage>{Error{}};
    EXPECT_EQ(fatal, met ? 1 : 0);
    if (HasFailure()) FAIL() << "operation " << runs + 1;
  }
  EXPECT_GT(runs, 10);
}

TEST(Checkpoint, StopsTheStoreWhenItFails) {
  const TemporaryFolder home;
  FaultVfs vfs("failed-checkpoint");
  std::atomic<int> fatal{0};
  Result<SqliteStorage> opened = open_counting(home, vfs, fatal);
  ASSERT_TRUE(opened);
  vfs.fail({.at = 1, .for_ever = true, .changes_only = true, .file = "chuyi.db"});
  Change change = session_change("s1");
  change.session->document = std::string(10'000'000, 'x');
  ASSERT_TRUE(put(*opened->store, change)) << "the command itself is safe in the log";
  EXPECT_EQ(put(*opened->store, session_change("s2")).error().code, "store.stopped");
  opened = Result<SqliteStorage>{Error{}};
  EXPECT_EQ(fatal, 1);
  EXPECT_EQ(records_in(home.file("chuyi.db")), 1);
}

// Goal: a full disk refuses commands and takes them again once there is space.
TEST(FullDisk, RefusesAndRecovers) {
  const TemporaryFolder home;
  FaultVfs vfs("full-disk");
  std::atomic<int> fatal{0};
  Result<SqliteStorage> opened = open_counting(home, vfs, fatal);
  ASSERT_TRUE(opened);
  ASSERT_TRUE(put(*opened->store, session_change("s1")));
  vfs.fail({.at = 1, .for_ever = true, .full = true, .changes_only = true});
  EXPECT_EQ(put(*opened->store, session_change("s2")).error().code, "store.full");
  EXPECT_EQ(put(*opened->store, session_change("s2")).error().code, "store.full");
  vfs.fail({});
  EXPECT_TRUE(put(*opened->store, session_change("s2")));
  EXPECT_EQ(fatal, 0);
  EXPECT_EQ(records_in(home.file("chuyi.db")), 2);
}

}  // namespace
}  // namespace chuyi::test
