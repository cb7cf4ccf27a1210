// Goal: a store that fails at any commit leaves nothing half-done, and the repeat of what failed has one effect.
// Method: one application all the way, once without faults, then with one fault at each of its commits.
#include <set>

#include <gtest/gtest.h>

#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

const json::object kReport{{"name", "年报"}};

/// Every kind of write: forms, documents' bag, panel, objection, award, checks, timers, outbox.
void all_the_way(World& world) {
  world.keyed = true;
  world.review();
  EXPECT_TRUE(world.object(world.notice().id));
  world.sign("clerk", "objection", "dismiss", {{"opinion", "查无实据"}});
  const auto advance = [&](const char* to) {
    // A clock that could not be moved is moved again; what fired meanwhile stays fired.
    if (world.advance(to)) return;
    world.reopen();
    EXPECT_TRUE(world.advance(to));
  };
  advance("2026-03-10T09:00:00+08:00");
  advance("2027-03-10T09:00:00+08:00");
  world.sign("applicant", "annual-report", "report", kReport);
  world.sign("clerk", "annual-verdict", "unqualified", {{"opinion", "不合格"}});
  world.pumps->run_due();
  world.reopen();
  world.pumps->run_due();
}

/// At least once each: a receiver drops repeats by their id.
std::set<std::string> told(const World& world) { return {world.notifier.told.begin(), world.notifier.told.end()}; }

class StoreFaults : public testing::TestWithParam<Fault> {};

TEST_P(StoreFaults, AtEachCommitLeaveOneWholeEffect) {
  World reference;
  std::uint64_t commits = 0;
  reference.reopen({.fault = [&](std::uint64_t commit) {
    commits = commit;
    return Fault::none;
  }});
  all_the_way(reference);
  const std::string expected = reference.rows();
  ASSERT_EQ(reference.state(), "plaque_return");
  ASSERT_GT(commits, 15U);
  for (std::uint64_t at = 1; at <= commits; ++at) {
    World world;
    bool struck = false;
    world.reopen({.fault = [&](std::uint64_t commit) {
      if (commit != at || std::exchange(struck, true)) return Fault::none;
      return GetParam();
    }});
    all_the_way(world);
    EXPECT_TRUE(struck) << at;
    EXPECT_EQ(world.rows(), expected) << "fault at commit " << at;
    EXPECT_EQ(world.replay_problem(), "") << "fault at commit " << at;
    EXPECT_EQ(told(world), told(reference)) << "fault at commit " << at;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, StoreFaults, testing::Values(Fault::full, Fault::io, Fault::io_after_write));

}  // namespace
}  // namespace chuyi::test
