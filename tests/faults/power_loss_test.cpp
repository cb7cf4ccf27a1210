// Goal: what SQLite acknowledged is on disk, and of the rest each command is there whole or not at all. Method: a VFS
// that knows what was not synced; `kill -9` cannot show this, the kernel keeps the pages.
#include <gtest/gtest.h>

#include <array>
#include <future>
#include <mutex>

#include "storage/sqlite/sqlite.h"
#include "tests/faults/fault_vfs.h"
#include "tests/faults/length.h"
#include "tests/faults/rows.h"
#include "tests/store_contract/backends.h"

namespace chuyi::test {
namespace {

using Keeps = FaultVfs::Keeps;

/// Commands in flight together, some refused, some large; the power is cut before a random one of the writes and syncs
/// that serve them, over and over. Counts what each cut shows.
class PowerLoss {
 public:
  explicit PowerLoss(bool unsafe_no_sync) : unsafe_no_sync_(unsafe_no_sync) {}

  /// Starts from an empty folder, for `commands` commands.
  void run(std::mt19937& random, int commands) {
    const TemporaryFolder home;
    FaultVfs vfs("power-loss");
    sent_.clear();
    acknowledged_.clear();
    vfs.on_change = [&](bool is_sync) {
      if (random() % (is_sync ? 4 : 200) == 0) cut(vfs, random);
    };
    Result<SqliteStorage> opened = open_sqlite({.path = home.file("chuyi.db"), .vfs = vfs.name(), .log_pages_max = 100, .unsafe_no_sync = unsafe_no_sync_});
    ASSERT_TRUE(opened);
    int large = 0;
    for (int i = 0; i < commands;) {
      std::vector<std::future<bool>> answers;
      for (const auto together = 1 + gen_() % 8; answers.size() < together; ++i) {
        const std::string id = "s" + std::to_string(i);
        if (i % 10 == 5) {
          answers.push_back(send(*opened->store, large_command(++large), {}));
        } else if (i % 10 == 7) {
          EXPECT_FALSE(send(*opened->store, refused_command(), {}).get());
        } else {
          answers.push_back(send(*opened->store, command(id), id));
        }
      }
      for (std::future<bool>& each : answers) EXPECT_TRUE(each.get());
    }
    EXPECT_TRUE(unsafe_no_sync_ || vfs.synced_bytes("chuyi.db") > 400'000U) << "the log was never carried over";
    opened = Result<SqliteStorage>{Error{}};
  }

  int cuts = 0;
  int broken = 0;       ///< cuts after which the database was no good
  std::size_t lost = 0;  ///< acknowledged commands, over all cuts
  std::size_t unknown = 0;  ///< commands not acknowledged that were there all the same
  std::string first_problem;

 private:
  /// Answered on the thread that writes: what is acknowledged is known at each cut.
  std::future<bool> send(Store& store, Update update, const std::string& id) {
    if (!id.empty()) {
      const std::lock_guard lock(mutex_);
      sent_.push_back(id);
    }
    auto promise = std::make_shared<std::promise<bool>>();
    std::future<bool> out = promise->get_future();
    store.update(std::move(update), [this, id, promise](const Result<Reply>& reply) {
      if (reply && !id.empty()) acknowledged_.insert(id);
      promise->set_value(reply.has_value());
    });
    return out;
  }

  void cut(FaultVfs& vfs, std::mt19937& random) {
    ++cuts;
    const TemporaryFolder after;
    const Keeps keeps = std::array{Keeps::nothing, Keeps::everything, Keeps::any, Keeps::any}[random() % 4];
    vfs.power_cut(after.file(""), keeps, random);
    const std::string path = after.file("chuyi.db");
    const Found found = find_all(path);
    std::string problem = found.problem;
    std::vector<std::string> open;
    {
      const std::lock_guard lock(mutex_);
      std::set<std::string> all(sent_.begin(), sent_.end());
      for (const std::string& id : found.ids)
        if (!all.contains(id)) problem = id + " was never sent";
      for (const std::string& id : sent_)
        if (!acknowledged_.contains(id)) open.push_back(id);
    }
    for (const std::string& id : acknowledged_) lost += found.problem.empty() && !found.ids.contains(id) ? 1 : 0;
    for (const std::string& id : open) unknown += found.ids.contains(id) ? 1 : 0;
    if (problem.empty()) problem = send_again(path, open, found.ids);
    broken += problem.empty() ? 0 : 1;
    if (first_problem.empty()) first_problem = problem;
  }

  bool unsafe_no_sync_;
  std::mt19937 gen_{1};
  std::mutex mutex_;
  std::vector<std::string> sent_;
  std::set<std::string> acknowledged_;
};

void lose_power(PowerLoss& out, const char* about, int cuts) {
  std::mt19937 random(seed_of(about));
  while (out.cuts < cuts && !testing::Test::HasFailure()) out.run(random, 60);
  std::cout << about << ": " << out.cuts << " cuts, " << out.lost << " acknowledged commands lost, " << out.broken << " databases broken, " << out.unknown
            << " commands there without an answer\n";
}

TEST(PowerLoss, LosesNothingAcknowledgedAndLeavesNothingHalf) {
  PowerLoss seen(false);
  lose_power(seen, "power loss", full_length() ? 5'000 : 100);
  EXPECT_EQ(seen.lost, 0U);
  EXPECT_EQ(seen.broken, 0) << seen.first_problem;
  EXPECT_GT(seen.unknown, 0U) << "no cut came between a commit and its answer";
}

// The test above can fail: without syncs the same cuts lose commands and break the database.
TEST(PowerLoss, IsSeenWhenNothingIsSynced) {
  PowerLoss seen(true);
  lose_power(seen, "power loss without syncs", full_length() ? 200 : 20);
  EXPECT_GT(seen.lost, 0U);
}

}  // namespace
}  // namespace chuyi::test
