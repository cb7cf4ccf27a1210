#include "engine/ports/tables.h"
#include "storage/postgres/connection.h"
#include "storage/postgres/migrations.h"
#include "storage/postgres/postgres.h"
#include "storage/tables/table_sql.h"

namespace chuyi {
namespace {

using namespace postgres;

template <class T, class Job>
Result<T> run(const Job& job) {
  try {
    return job();
  } catch (const Failure& failure) {
    return error_of(failure);
  }
}

class PostgresTables final : public Tables {
 public:
  explicit PostgresTables(std::unique_ptr<Connection> db) : db_(std::move(db)) {}

  Result<std::vector<Table>> tables() override {
    return run<std::vector<Table>>([&]() -> Result<std::vector<Table>> {
      std::vector<Table> out;
      auto row = db_->prepare("SELECT t.relname, a.attname, a.atttypid = 'bigint'::regtype,"
                              " (SELECT p.relname FROM pg_constraint f JOIN pg_class p ON p.oid = f.confrelid"
                              " WHERE f.conrelid = t.oid AND f.contype = 'f' AND a.attnum = ANY (f.conkey) LIMIT 1)"
                              " FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped"
                              " WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind = 'r' ORDER BY t.relname COLLATE \"C\", a.attnum")
                     .rows();
      while (row.step()) {
        if (out.empty() || out.back().name != row.text(0)) out.push_back({.name = row.text(0), .columns = {}, .key = {}});
        out.back().columns.push_back({.name = row.text(1), .number = row.text(2) == "t", .refers_to = row.text(3)});
      }
      for (Table& each : out) {
        auto key = db_->prepare("SELECT a.attname FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid"
                                " CROSS JOIN unnest(k.conkey) WITH ORDINALITY AS c (attnum, place)"
                                " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.attnum"
                                " WHERE k.contype = 'p' AND t.relnamespace = current_schema()::regnamespace AND t.relname = ? ORDER BY c.place")
                       .bind(each.name)
                       .rows();
        while (key.step()) each.key.push_back(key.text(0));
      }
      return out;
    });
  }

  Result<std::vector<Cells>> rows(const Table& table, const Cells& after, std::size_t limit) override {
    return run<std::vector<Cells>>([&]() -> Result<std::vector<Cells>> {
      std::vector<Cells> out;
      auto statement = db_->prepare(table_sql::select(table, after.empty(), limit));
      table_sql::bind_key(statement, table, after);
      auto row = statement.rows();
      while (row.step()) out.push_back(table_sql::read(row, table));
      return out;
    });
  }

  Result<std::int64_t> count(const std::string& table) override {
    return run<std::int64_t>([&]() -> Result<std::int64_t> {
      auto row = db_->prepare("SELECT count(*) FROM " + table_sql::quoted(table)).rows();
      row.step();
      return row.number(0);
    });
  }

  Result<> write(const Table& table, const std::vector<RowChange>& changes) override {
    Result<> out = run<void>([&]() -> Result<> {
      db_->prepare("BEGIN").run();
      for (const RowChange& each : changes) {
        auto statement = db_->prepare(table_sql::change(table, each.kind));
        table_sql::bind_change(statement, table, each);
        statement.run();
      }
      db_->prepare("COMMIT").run();
      db_->flush();
      return {};
    });
    if (!out) (void)run<void>([&]() -> Result<> { db_->execute("ROLLBACK"); return {}; });
    return out;
  }

 private:
  std::unique_ptr<Connection> db_;
};

}  // namespace

Result<std::unique_ptr<Tables>> open_postgres_tables(const std::string& url, TablesUse use) {
  try {
    // A copy takes its time between two statements.
    auto db = std::make_unique<Connection>(url, Session{.pause_max = std::chrono::milliseconds{0}});
    if (use == TablesUse::write) {
      if (Result<> prepared = prepare_database(*db); !prepared) return prepared.error();
    } else {
      db->prepare("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").run();
      auto row = db->prepare("SELECT coalesce(max(version), 0) FROM schema_migrations").rows();
      row.step();
      if (row.number(0) != static_cast<std::int64_t>(migrations().size()))
        return Error{.kind = ErrorKind::invalid,
                     .code = "store.version",
                     .message = "Expected a database that this release was the last to serve, but found schema " + std::to_string(row.number(0)),
                     .message_zh = "数据库的版本与本程序不同"};
    }
    return std::unique_ptr<Tables>(std::make_unique<PostgresTables>(std::move(db)));
  } catch (const Failure& failure) {
    if (failure.state == "42P01")
      return Error{.kind = ErrorKind::not_found,
                   .code = "store.missing",
                   .message = "Expected the database of an installation: " + failure.message,
                   .message_zh = "找不到数据库"};
    return error_of(failure);
  }
}

}  // namespace chuyi
