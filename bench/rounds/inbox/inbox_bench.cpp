/// One page of an inbox with its counts, by filter, in stores of growing size: the calls that the inbox over HTTP makes.
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <mutex>

#include <CLI/CLI.hpp>

#include "bench/support/installation.h"
#include "bench/support/report.h"

namespace chuyi::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string folder = fs::temp_directory_path() / "chuyi-bench-inbox";
  std::string store;  ///< a PostgreSQL database that is empty; none: SQLite
  std::vector<std::size_t> tasks = {10'000, 100'000, 1'000'000};
  std::size_t applications = 5'000;
  std::size_t open = 5'000;  ///< of one inbox
  std::size_t calls = 1'000;
};

constexpr std::size_t kTasksAtOnce = 500;

/// Tasks number `from` to `to` - 1, spread over applications, programmes, stages and dates. The first `open` of them wait for the clerk, the rest is done.
void fill_tasks(Installation& installation, const TaskRow& pattern, const Options& options, std::size_t from, std::size_t to) {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t waiting = 0;
  for (std::size_t begin = from; begin < to; begin += kTasksAtOnce) {
    auto change = std::make_shared<Change>();
    for (std::size_t n = begin; n < std::min(to, begin + kTasksAtOnce); ++n) {
      TaskRow row = pattern;
      row.session_id = application_id(n % options.applications);
      row.role = "provincial-officer";
      row.org = "430000";
      row.id = "t-bench-" + std::to_string(n);
      row.programme = "programme-" + std::to_string(n % 20);
      row.round = n % 3 == 0 ? "2026" : "2025";
      row.stage = n % 5 == 0 ? "review" : "nomination";
      row.status = n < options.open ? (n % 10 == 0 ? "claimed" : "open") : "done";
      row.claimed_by = row.status == "claimed" ? "clerk" : "";
      row.due = row.created + std::chrono::hours(n % 2'000);
      change->tasks.push_back(std::move(row));
    }
    change->audit = {{"kind", "bench.tasks"}, {"from", static_cast<std::int64_t>(begin)}};
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return waiting < 64; });
      ++waiting;
    }
    installation.store().update({.decide = [change](View&) -> Result<Change> { return *change; }}, [&](Result<Reply> reply) {
      if (!reply) fail("fill the tasks", reply.error());
      const std::lock_guard lock(mutex);
      --waiting;
      changed.notify_all();
    });
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return waiting == 0; });
}

Figure measure(Queries& queries, const TaskFilter& filter, std::size_t calls, Instant now) {
  std::vector<double> spans;
  const Stopwatch watch;
  for (std::size_t i = 0; i < calls; ++i) {
    const auto before = Clock::now();
    const Page<TaskRow> page = value_of(queries.tasks(filter, {.limit = 50, .after = {}}), "read a page");
    const std::vector<TaskCount> counts = value_of(queries.task_counts(filter, now), "count");
    spans.push_back(Duration(Clock::now() - before).count());
    if (page.rows.size() > 50 || counts.size() > 10'000) fail("read a page", Error{.code = "bench.page"});
  }
  return watch.stop(std::move(spans));
}

int run(const Options& options) {
  fs::remove_all(options.folder);
  fs::create_directories(options.folder);
  print_machine(options.folder);
  Installation installation({.data = options.folder, .store = options.store});
  installation.begin();
  installation.fill(0, options.applications);
  const Actor clerk = installation.actor("clerk");
  const TaskFilter inbox{.memberships = clerk.memberships, .user = clerk.user_id, .statuses = {"open", "claimed"}, .session_id = {}, .kind = {}};
  const TaskRow pattern = *value_of(installation.queries().task(recommend_task(1)), "read a task");
  struct Asked {
    const char* name;
    TaskFilter filter;
  };
  std::vector<Asked> asked(6, {"everything", inbox});
  asked[1] = {"of one programme and stage", inbox};
  asked[1].filter.programme = "programme-5";
  asked[1].filter.stage = "review";
  asked[2] = {"overdue", inbox};
  asked[2].filter.due_before = pattern.created + std::chrono::hours(100);
  asked[3] = {"claimed by me", inbox};
  asked[3].filter.claimed_by = "clerk";
  asked[4] = {"a text that many titles have", inbox};
  asked[4].filter.text = "湘绣";
  asked[5] = {"a text that no title has", inbox};
  asked[5].filter.text = "没有这个";
  std::size_t filled = 0;
  for (const std::size_t count : options.tasks) {
    fill_tasks(installation, pattern, options, filled, count);
    filled = count;
    print_header(std::to_string(count) + " tasks, " + std::to_string(options.open) + " in the inbox: a page of 50 and the counts");
    for (const Asked& each : asked) print_row(each.name, measure(installation.queries(), each.filter, options.calls, pattern.created + std::chrono::hours(100)));
  }
  return 0;
}

}  // namespace
}  // namespace chuyi::bench

int main(int argc, char** argv) {
  chuyi::bench::Options options;
  CLI::App app{"Pages and counts of an inbox, by filter and size of the store"};
  app.add_option("--folder", options.folder, "is made and filled")->capture_default_str();
  app.add_option("--store", options.store, "postgresql://… of an empty database; none: SQLite");
  app.add_option("--tasks", options.tasks, "sizes to measure at, ascending")->capture_default_str();
  app.add_option("--applications", options.applications, "applications that they belong to")->capture_default_str();
  app.add_option("--open", options.open, "open ones in the inbox that is read")->capture_default_str();
  app.add_option("--calls", options.calls, "calls of each kind")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return chuyi::bench::run(options);
}
