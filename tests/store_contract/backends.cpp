#include "tests/store_contract/backends.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include <libpq-fe.h>

#include "storage/memory/memory.h"
#include "storage/postgres/postgres.h"
#include "storage/sqlite/sqlite.h"

namespace chuyi::test {

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "chuyi-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

Backend memory_backend() {
  return {.name = "memory", .fresh = [] {
            auto disk = make_memory_disk();
            return [disk] {
              MemoryStorage opened = open_memory(disk);
              return Opened{.store = std::move(opened.store), .queries = std::move(opened.queries)};
            };
          }};
}

Backend sqlite_backend() {
  return {.name = "sqlite", .fresh = [] {
            auto folder = std::make_shared<TemporaryFolder>();
            return [folder] {
              Result<SqliteStorage> opened = open_sqlite({.path = folder->file("chuyi.db")});
              if (!opened) throw std::runtime_error(opened.error().message);
              return Opened{.store = std::move(opened->store), .queries = std::move(opened->queries)};
            };
          }};
}

bool has_postgres() { return std::getenv("CHUYI_TEST_POSTGRES") != nullptr; }

std::string run_sql(const std::string& url, const std::string& sql) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(url.c_str()), &PQfinish);
  PQsetNoticeReceiver(connection.get(), [](void*, const PGresult*) {}, nullptr);
  const std::unique_ptr<PGresult, decltype(&PQclear)> answer(PQexec(connection.get(), sql.c_str()), &PQclear);
  const ExecStatusType status = PQresultStatus(answer.get());
  if (status == PGRES_COMMAND_OK) return {};
  if (status != PGRES_TUPLES_OK) throw std::runtime_error(sql + ": " + PQerrorMessage(connection.get()));
  return PQntuples(answer.get()) == 0 ? "" : PQgetvalue(answer.get(), 0, 0);
}

TemporaryDatabase::TemporaryDatabase() {
  static std::atomic<int> next{0};
  name_ = "test" + std::to_string(++next);
  const std::string server = std::getenv("CHUYI_TEST_POSTGRES");
  // A schema serves as one and is made in a moment.
  run_sql(server, "CREATE SCHEMA " + name_);
  url_ = server + "&options=-csearch_path%3D" + name_;
}

TemporaryDatabase::~TemporaryDatabase() {
  try {
    run_sql(url_, "DROP SCHEMA " + name_ + " CASCADE");
  } catch (const std::exception&) {
    return;  // it goes with the cluster
  }
}

Backend postgres_backend() {
  return {.name = "postgres",
          .fresh =
              [] {
                auto database = std::make_shared<TemporaryDatabase>();
                return [database] {
                  Result<PostgresStorage> opened = open_postgres({.url = database->url()});
                  if (!opened) throw std::runtime_error(opened.error().message);
                  return Opened{.store = std::move(opened->store), .queries = std::move(opened->queries)};
                };
              },
          .present = has_postgres()};
}

SessionRow session_row(const std::string& id) {
  SessionRow out;
  out.id = id;
  out.kind = "application";
  out.programme = "workshop";
  out.round = "2026";
  out.title = "工坊 " + id;
  out.org = "c1";
  out.org_name = "长沙某学院";
  out.orgs = {"c1", "430100", "430000"};
  out.applicant = "u1";
  out.definition = std::string(64, 'a');
  out.status = "running";
  out.stage = "nomination";
  out.state = "draft";
  out.document = R"({"a":1})";
  out.revision = 1;
  out.created = from_ms(1'000);
  out.updated = from_ms(1'000);
  return out;
}

TaskRow task_row(const std::string& id, const std::string& session) {
  TaskRow out;
  out.id = id;
  out.session_id = session;
  out.kind = "task";
  out.role = "applicant";
  out.org = "c1";
  out.status = "open";
  out.outcomes = {"submit"};
  out.created = from_ms(1'000);
  return out;
}

Change session_change(const std::string& id) {
  Change out;
  out.audit = {{"kind", "test"}, {"session", id}};
  out.session = session_row(id);
  out.reply.body = json::object{{"id", id}};
  out.reply.status = 201;
  out.reply.revision = 1;
  return out;
}

Result<Reply> put(Store& store, const Change& change, std::optional<IdempotencyKey> key) {
  return update_and_wait(store, Update{.key = std::move(key), .decide = [change](View&) -> Result<Change> { return change; }});
}

}  // namespace chuyi::test
