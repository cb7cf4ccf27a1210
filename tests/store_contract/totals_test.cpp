// Goal: an inbox counts what it lists, and a list of applications shows how they stand now, whatever was written in whatever
// order. Method: random tasks are opened, claimed, given to others, done and moved; after each command the counts of many
// filters are held against the pages of the same filter, on a fresh home of each backend.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "tests/store_contract/backends.h"

namespace chuyi::test {
namespace {

using Ids = std::vector<std::string>;
constexpr const char* kNone = "";
constexpr std::size_t kTasks = 40;

class Totals : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    if (!GetParam().present) GTEST_SKIP() << kNoPostgres;
    open_ = GetParam().fresh();
    home_ = open_();
    for (const char* id : {"s1", "s2"}) ASSERT_TRUE(put(*home_.store, session_change(id)));
  }
  Queries& queries() { return *home_.queries; }

  template <std::size_t N>
  std::string one_of(const char* const (&all)[N]) {
    return all[random_() % N];
  }
  TaskRow random_task() {
    TaskRow out = task_row(("t" + std::to_string(random_() % kTasks)).c_str(), "s1");
    out.kind = one_of({"task", "sheet", "panel-setup"});
    if (const auto known = kinds_.find(out.id); known != kinds_.end()) out.kind = known->second;  // neither changes
    kinds_[out.id] = out.kind;
    out.org = one_of({"c1", "c2"});
    out.role = one_of({"applicant", "reviewer"});
    out.user = one_of({kNone, kNone, "u1", "u2"});
    out.status = one_of({"open", "claimed", "done", "cancelled"});
    out.claimed_by = out.status == "open" ? "" : one_of({"u1", "u2"});
    out.programme = one_of({"workshop", "forum"});
    out.round = one_of({"2025", "2026"});
    out.stage = one_of({"nomination", "review"});
    if (random_() % 3 != 0) out.due = from_ms(static_cast<std::int64_t>(random_() % 4) * 10);
    return out;
  }
  TaskFilter random_filter() {
    TaskFilter out;
    const std::vector<Membership> held = {{"applicant", "c1"}, {"reviewer", "c2"}, {"applicant", "c1"}};
    out.memberships.assign(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(random_() % 4));
    if (random_() % 2 == 0) out.user = "u1";
    if (random_() % 2 == 0) out.statuses = {"open", "claimed"};
    if (random_() % 4 == 0) out.statuses = {"done"};
    if (random_() % 4 == 0) out.kind = "sheet";
    if (random_() % 4 == 0) out.not_kind = "sheet";
    if (random_() % 3 == 0) out.programme = "forum";
    if (random_() % 3 == 0) out.round = "2026";
    if (random_() % 3 == 0) out.stage = "review";
    if (random_() % 5 == 0) out.claimed_by = "u1";
    if (random_() % 5 == 0) out.due_before = from_ms(15);
    if (random_() % 5 == 0) out.text = one_of({"工坊", "没有"});
    if (random_() % 5 == 0) out.session_id = one_of({"s1", "s2"});
    return out;
  }
  std::vector<TaskRow> listed(const TaskFilter& filter) {
    std::vector<TaskRow> out;
    PageRequest page{.limit = 3, .after = {}};
    do {
      Result<Page<TaskRow>> rows = queries().tasks(filter, page);
      EXPECT_TRUE(rows);
      if (!rows) return out;
      out.insert(out.end(), rows->rows.begin(), rows->rows.end());
      page.after = rows->next;
    } while (!page.after.empty());
    return out;
  }
  void expect_counted(const TaskFilter& filter) {
    std::map<std::vector<std::string>, std::vector<std::int64_t>> expected, found;
    const auto add = [](auto& to, const auto& of, std::int64_t count, std::int64_t overdue, std::int64_t mine) {
      std::vector<std::int64_t>& sums = to[{of.programme, of.round, of.stage, of.kind, of.status}];
      sums.resize(3);
      sums[0] += count, sums[1] += overdue, sums[2] += mine;
    };
    for (const TaskRow& row : listed(filter)) add(expected, row, 1, row.due && *row.due < from_ms(15) ? 1 : 0, row.claimed_by == filter.user ? 1 : 0);
    const Result<std::vector<TaskCount>> counts = queries().task_counts(filter, from_ms(15));
    ASSERT_TRUE(counts);
    for (const TaskCount& each : *counts) add(found, each, each.count, each.overdue, each.mine);
    EXPECT_EQ(found, expected);
  }

  std::mt19937 random_{20260301};
  std::map<std::string, std::string> kinds_;
  std::function<Opened()> open_;  // keeps the home
  Opened home_;
};

TEST_P(Totals, AreThoseOfTheListAfterEveryCommand) {
  for (int turn = 0; turn < 60 && !HasFailure(); ++turn) {
    Change change = session_change("s1");
    change.session->revision = static_cast<std::uint64_t>(turn) + 2;
    for (std::size_t n = 1 + random_() % 4; n > 0; --n) change.tasks.push_back(random_task());
    ASSERT_TRUE(put(*home_.store, std::move(change)));
    for (int n = 0; n < 12; ++n) expect_counted(random_filter());
  }
}

TEST_P(Totals, AreRightAfterManyAtOnce) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (int n = 0; n < 50; ++n) {
        Change change = session_change((std::string{"m"} + std::to_string(thread)).c_str());
        change.session->revision = static_cast<std::uint64_t>(n) + 1;
        for (int task = 0; task < 3; ++task) {
          TaskRow row = task_row(("m" + std::to_string(thread) + "-" + std::to_string((n + task) % 10)).c_str(), change.session->id.c_str());
          row.org = (n + thread + task) % 2 == 0 ? "c1" : "c2";
          row.status = n % 3 == 0 ? "done" : "open";
          change.tasks.push_back(std::move(row));
        }
        EXPECT_TRUE(put(*home_.store, std::move(change)));
      }
    });
  for (std::thread& each : threads) each.join();
  for (const char* org : {"c1", "c2"}) expect_counted({.memberships = {{"applicant", org}}, .user = {}, .statuses = {}, .session_id = {}, .kind = {}});
  EXPECT_EQ(listed({}).size(), 40U);
}

TEST_P(Totals, FollowAnApplicationInEveryListItIsIn) {
  const auto found = [&](const char* stage, const char* text) {
    SessionFilter filter{.kind = {}, .programme = {}, .round = {}, .status = {}, .stage = stage, .text = text, .orgs = {"430000"}};
    const Result<Page<SessionRow>> page = queries().sessions(filter, {});
    Ids out;
    for (const SessionRow& row : page->rows) out.push_back(row.id);
    return out;
  };
  Change change = session_change("s1");
  const std::string before = change.session->stage;
  change.session->revision = 2;
  change.session->stage = "award";
  change.session->title = "改名";
  ASSERT_TRUE(put(*home_.store, std::move(change)));
  EXPECT_EQ(found(before.c_str(), ""), Ids{"s2"});
  EXPECT_EQ(found("award", ""), Ids{"s1"});
  EXPECT_EQ(found("", "改名"), Ids{"s1"});
}

INSTANTIATE_TEST_SUITE_P(Stores, Totals, testing::Values(memory_backend(), sqlite_backend(), postgres_backend()), [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace chuyi::test
