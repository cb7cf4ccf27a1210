/// Sign-offs, each the whole command (load, step with its Lua guards, write, commit), beside the limits of the same disk
/// and the same SQLite with the same rows, in one run.
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <latch>
#include <mutex>

#include <CLI/CLI.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "bench/store/bare_postgres.h"
#include "bench/store/bare_sqlite.h"
#include "bench/support/installation.h"
#include "bench/support/report.h"

namespace chuyi::bench {
namespace {

namespace fs = std::filesystem;
namespace net = boost::asio;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string folder = fs::temp_directory_path() / "chuyi-bench-store";
  std::string store;  ///< a PostgreSQL cluster; empty: SQLite
  std::vector<std::size_t> clients = {1, 8, 64, 256};
  std::size_t applications = 10'000;
  std::size_t runs = 5;
};

/// Closed loop: each client sends its next sign-off when it has the answer to the one before. Each of `homes` is a node.
Figure measure_product(const std::vector<Home>& homes, std::size_t from, std::size_t to, std::size_t clients) {
  std::vector<std::unique_ptr<Installation>> nodes;
  for (const Home& home : homes) nodes.push_back(std::make_unique<Installation>(home));
  const Actor bureau = nodes.front()->actor("bureau");
  net::thread_pool pool(2);
  std::vector<double> spans(to - from);
  std::atomic<std::size_t> next{from};
  std::latch ended(static_cast<std::ptrdiff_t>(clients));
  std::function<void()> sign = [&] {
    const std::size_t n = next.fetch_add(1);
    if (n >= to) return ended.count_down();
    const auto before = Clock::now();
    nodes[n % nodes.size()]->commands().execute(recommend(n, bureau), [&, n, before](Result<Reply> reply) {
      if (!reply) fail("sign off", reply.error());
      spans[n - from] = Duration(Clock::now() - before).count();
      net::post(pool, sign);
    });
  };
  const Stopwatch watch;
  for (std::size_t i = 0; i < clients; ++i) net::post(pool, sign);
  ended.wait();
  const Figure out = watch.stop(std::move(spans));
  pool.join();
  return out;
}

void copy_database(const std::string& from, const std::string& to) {
  fs::create_directories(fs::path(to).parent_path());
  for (const char* more : {"-wal", "-shm"}) fs::remove(to + more);
  fs::copy_file(from, to, fs::copy_options::overwrite_existing);
}

std::string ratio(double part, double whole) {
  char out[32];
  std::snprintf(out, sizeof out, "%.2f", part / whole);
  return out;
}

/// How many sign-offs a run makes: some seconds' worth.
std::size_t count_for(const Options& options, std::size_t clients) { return std::min(options.applications - 1, clients == 1 ? std::size_t{3'000} : std::size_t{10'000}); }

int run_sqlite(const Options& options) {
  const std::string filled = options.folder + "/filled";
  const std::string work = options.folder + "/work";
  const std::string database = work + "/chuyi.db";
  const std::string original = filled + "/chuyi.db";
  fs::remove_all(options.folder);
  fs::create_directories(filled);
  fs::create_directories(work);
  {
    Installation installation({.data = filled});
    installation.begin();
    installation.fill(0, options.applications);
  }
  print_machine(options.folder);
  std::printf("settings  WAL, synchronous=FULL, %zu live applications, median of %zu runs\n", options.applications, options.runs);

  copy_database(original, database);
  const std::size_t recorded_count = std::min<std::size_t>(options.applications - 1, 10'000);
  measure_product({{.data = work}}, 1, 1 + recorded_count, 64);
  const Recorded recorded = Recorded::difference(original, database);
  std::printf("a sign-off writes %.1f rows, %.0f bytes\n", recorded.rows(), recorded.bytes());

  std::vector<Figure> syncs;
  std::map<std::size_t, std::vector<Figure>> bare;
  std::map<std::size_t, std::vector<Figure>> product;
  for (std::size_t run = 0; run < options.runs; ++run) {
    syncs.push_back(measure_fdatasync(options.folder, 3'000));
    for (const std::size_t group : {std::size_t{1}, std::size_t{64}}) {
      copy_database(original, database);
      Recorded part;
      part.sign_offs.assign(recorded.sign_offs.begin(), recorded.sign_offs.begin() + static_cast<std::ptrdiff_t>(std::min(recorded.sign_offs.size(), count_for(options, group))));
      bare[group].push_back(measure_bare(part, database, group));
    }
    for (const std::size_t clients : options.clients) {
      copy_database(original, database);
      product[clients].push_back(measure_product({{.data = work}}, 1, 1 + count_for(options, clients), clients));
    }
  }
  print_header("limit");
  const Figure sync = median_of(syncs);
  print_row("fdatasync of 4 KiB", sync);
  const Figure single = median_of(bare[1]);
  const Figure grouped = median_of(bare[64]);
  print_row("bare SQLite, the same rows, one commit each", single);
  print_row("bare SQLite, the same rows, 64 to a commit", grouped, "(times of a commit)");
  print_header("sign-offs, clients");
  for (const std::size_t clients : options.clients) {
    const Figure figure = median_of(product[clients]);
    print_row(std::to_string(clients), figure,
              clients == 1 ? "= " + ratio(figure.rate, single.rate) + " x one commit each; p50 = " + ratio(figure.p50, sync.p50) + " x fdatasync"
                           : "= " + ratio(figure.rate, grouped.rate) + " x 64 to a commit; p99 = " + ratio(figure.p99, sync.p50) + " x fdatasync p50");
  }
  fs::remove_all(options.folder);
  return 0;
}

/// The same on PostgreSQL, by one node and by two; the rows of the limit are those that sign-offs write into SQLite.
int run_postgres(const Options& options) {
  fs::remove_all(options.folder);
  for (const char* each : {"/sqlite", "/before", "/one", "/two"}) fs::create_directories(options.folder + each);
  const std::string before = options.folder + "/before/chuyi.db";
  const std::string after = options.folder + "/sqlite/chuyi.db";
  const std::size_t count = options.applications - 1;
  {
    Installation installation({.data = options.folder + "/before"});
    installation.begin();
    installation.fill(0, options.applications);
  }
  copy_database(before, after);
  measure_product({{.data = options.folder + "/sqlite"}}, 1, 1 + count, 64);
  const Recorded recorded = Recorded::difference(before, after);

  const std::size_t name_at = options.store.rfind('/', options.store.find('?')) + 1;
  const auto database = [&](const std::string& name) { return std::string{options.store}.replace(name_at, std::min(options.store.find('?'), options.store.size()) - name_at, name); };
  const auto fresh = [&] {
    execute_postgres(options.store, "DROP DATABASE IF EXISTS bench_work");
    execute_postgres(options.store, "CREATE DATABASE bench_work TEMPLATE bench_filled");
    execute_postgres(database("bench_work"), "ANALYZE");
    execute_postgres(options.store, "CHECKPOINT");
  };
  execute_postgres(options.store, "DROP DATABASE IF EXISTS bench_filled");
  execute_postgres(options.store, "CREATE DATABASE bench_filled ENCODING 'UTF8' TEMPLATE template0");
  {
    Installation installation({.data = options.folder + "/one", .store = database("bench_filled")});
    installation.begin();
    installation.fill(0, options.applications);
  }
  print_machine(options.folder);
  std::printf("settings  PostgreSQL as tests/support/postgres.sh starts it, %zu live applications, median of %zu runs; cpu is without the database\n", options.applications, options.runs);

  const std::vector<std::pair<std::size_t, std::size_t>> shapes = {{1, 1}, {1, 8}, {1, 64}, {1, 256}, {2, 64}, {2, 256}};  // nodes, clients
  std::vector<Figure> bare;
  std::map<std::pair<std::size_t, std::size_t>, std::vector<Figure>> product;
  for (std::size_t run = 0; run < options.runs; ++run) {
    fresh();
    bare.push_back(measure_bare_postgres(recorded, database("bench_work"), 8));
    for (const auto& [nodes, clients] : shapes) {
      fresh();
      std::vector<Home> homes;
      for (const char* each : {"/one", "/two"})
        if (homes.size() < nodes) homes.push_back({.data = options.folder + each, .store = database("bench_work")});
      product[{nodes, clients}].push_back(measure_product(homes, 1, 1 + count_for(options, clients), clients));
    }
  }
  print_header("limit");
  const Figure limit = median_of(bare);
  print_row("libpq, pipelined, 8 connections, 64 to a commit", limit, "(times of a commit)");
  print_header("sign-offs, nodes x clients");
  for (const auto& shape : shapes) {
    const Figure figure = median_of(product[shape]);
    const Figure one = median_of(product[{1, shape.second}]);
    print_row(std::to_string(shape.first) + " x " + std::to_string(shape.second), figure,
              shape.first == 1 ? "= " + ratio(figure.rate, limit.rate) + " x the limit" : "= " + ratio(figure.rate, one.rate) + " x one node");
  }
  for (const char* each : {"bench_work", "bench_filled"}) execute_postgres(options.store, std::string{"DROP DATABASE "} + each);
  fs::remove_all(options.folder);
  return 0;
}

}  // namespace
}  // namespace chuyi::bench

int main(int argc, char** argv) {
  chuyi::bench::Options options;
  CLI::App app{"Sign-offs per second beside the limits of disk and database"};
  app.add_option("--folder", options.folder, "is made, filled and removed: on the disk to measure")->capture_default_str();
  app.add_option("--store", options.store, "postgresql://… of a cluster in which databases may be made; none: SQLite");
  app.add_option("--clients", options.clients, "concurrent clients, on SQLite")->capture_default_str();
  app.add_option("--applications", options.applications, "live applications")->capture_default_str();
  app.add_option("--runs", options.runs, "whose median is printed")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return options.store.empty() ? chuyi::bench::run_sqlite(options) : chuyi::bench::run_postgres(options);
}
