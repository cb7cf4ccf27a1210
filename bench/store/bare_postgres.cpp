#include "bench/store/bare_postgres.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include <libpq-fe.h>

namespace chuyi::bench {
namespace {

constexpr std::size_t kGroup = 64;

[[noreturn]] void fail_postgres(const char* message) {
  std::cerr << "PostgreSQL: " << message << "\n";
  std::exit(1);
}

/// With $1, $2, … for each ?.
std::string numbered(const std::string& sql) {
  std::string out;
  int next = 1;
  for (const char c : sql) c == '?' ? out += "$" + std::to_string(next++) : out += c;
  return out;
}

class Connection {
 public:
  explicit Connection(const std::string& url) : db_(PQconnectdb(url.c_str()), PQfinish) {
    if (PQstatus(db_.get()) != CONNECTION_OK) fail_postgres(PQerrorMessage(db_.get()));
  }
  void execute(const std::string& sql) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> done(PQexec(db_.get(), sql.c_str()), PQclear);
    if (PQresultStatus(done.get()) != PGRES_COMMAND_OK && PQresultStatus(done.get()) != PGRES_TUPLES_OK) fail_postgres(PQresultErrorMessage(done.get()));
  }
  void prepare(const std::string& sql) {
    if (names_.contains(sql)) return;
    const std::string name = "s" + std::to_string(names_.size());
    const std::unique_ptr<PGresult, decltype(&PQclear)> done(PQprepare(db_.get(), name.c_str(), numbered(sql).c_str(), 0, nullptr), PQclear);
    if (PQresultStatus(done.get()) != PGRES_COMMAND_OK) fail_postgres(PQresultErrorMessage(done.get()));
    names_[sql] = name;
  }
  void begin_pipeline() { PQenterPipelineMode(db_.get()); }
  void send(const Recorded::Write& write) {
    std::vector<std::string> texts;
    std::vector<const char*> values;
    for (const Recorded::Value& each : write.values) texts.push_back(each.text ? each.bytes : std::to_string(each.number));
    for (const std::string& each : texts) values.push_back(each.c_str());
    if (PQsendQueryPrepared(db_.get(), names_.at(write.sql).c_str(), static_cast<int>(values.size()), values.data(), nullptr, nullptr, 0) != 1)
      fail_postgres(PQerrorMessage(db_.get()));
    ++waiting_;
  }
  void wait() {
    PQpipelineSync(db_.get());
    for (; waiting_ > 0; --waiting_) {
      PGresult* done = PQgetResult(db_.get());
      if (PQresultStatus(done) != PGRES_COMMAND_OK) fail_postgres(PQresultErrorMessage(done));
      PQclear(done);
      PQgetResult(db_.get());
    }
    PQclear(PQgetResult(db_.get()));
  }

 private:
  std::unique_ptr<PGconn, decltype(&PQfinish)> db_;
  std::map<std::string, std::string> names_;
  int waiting_ = 0;
};

/// Notes of undo are of the embedded store alone.
bool is_common(const Recorded::Write& write) { return write.sql.find(" undo ") == std::string::npos; }

}  // namespace

void execute_postgres(const std::string& url, const std::string& sql) { Connection(url).execute(sql); }

Figure measure_bare_postgres(const Recorded& recorded, const std::string& url, std::size_t connections) {
  const std::vector<Recorded::Write> brackets = {{.sql = "BEGIN", .values = {}}, {.sql = "COMMIT", .values = {}}};
  std::vector<std::unique_ptr<Connection>> all;
  for (std::size_t i = 0; i < connections; ++i) {
    all.push_back(std::make_unique<Connection>(url));
    for (const Recorded::Write& each : brackets) all.back()->prepare(each.sql);
    for (const auto& sign_off : recorded.sign_offs)
      for (const Recorded::Write& each : sign_off)
        if (is_common(each)) all.back()->prepare(each.sql);
    all.back()->begin_pipeline();
  }
  std::mutex mutex;
  std::vector<double> spans;
  std::size_t next = 0;
  std::vector<std::thread> threads;
  const Stopwatch watch;
  for (const std::unique_ptr<Connection>& db : all)
    threads.emplace_back([&] {
      while (true) {
        std::size_t from = 0;
        {
          const std::lock_guard lock(mutex);
          from = next;
          next += kGroup;
        }
        if (from >= recorded.sign_offs.size()) return;
        const auto before = std::chrono::steady_clock::now();
        db->send(brackets[0]);
        for (std::size_t i = from; i < std::min(from + kGroup, recorded.sign_offs.size()); ++i)
          for (const Recorded::Write& each : recorded.sign_offs[i])
            if (is_common(each)) db->send(each);
        db->send(brackets[1]);
        db->wait();
        const std::lock_guard lock(mutex);
        spans.push_back(Duration(std::chrono::steady_clock::now() - before).count());
      }
    });
  for (std::thread& each : threads) each.join();
  const double each_transaction = static_cast<double>(recorded.sign_offs.size()) / static_cast<double>(spans.size());
  Figure out = watch.stop(std::move(spans));
  out.rate *= each_transaction;
  out.cpu_us /= each_transaction;
  return out;
}

}  // namespace chuyi::bench
