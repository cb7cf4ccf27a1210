#include "engine/ports/tables.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/migrations.h"
#include "storage/sqlite/sqlite.h"
#include "storage/tables/table_sql.h"

namespace chuyi {
namespace {

using namespace sqlite;

template <class T, class Job>
Result<T> run(const Job& job) {
  try {
    return job();
  } catch (const Failure& failure) {
    return error_of(failure);
  }
}

class SqliteTables final : public Tables {
 public:
  explicit SqliteTables(std::unique_ptr<Connection> db) : db_(std::move(db)) {}

  Result<std::vector<Table>> tables() override {
    return run<std::vector<Table>>([&]() -> Result<std::vector<Table>> {
      std::vector<Table> out;
      auto row = db_->prepare(
          "SELECT m.name, c.name, c.type = 'INTEGER', coalesce((SELECT f.\"table\" FROM pragma_foreign_key_list(m.name) f WHERE f.\"from\" = c.name), '')"
          " FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY m.name, c.cid");
      while (row.step()) {
        if (out.empty() || out.back().name != row.text(0)) out.push_back({.name = row.text(0), .columns = {}, .key = {}});
        out.back().columns.push_back({.name = row.text(1), .number = row.number(2) != 0, .refers_to = row.text(3)});
      }
      for (Table& each : out) {
        auto key = db_->prepare("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk");
        key.bind(each.name);
        while (key.step()) each.key.push_back(key.text(0));
      }
      return out;
    });
  }

  Result<std::vector<Cells>> rows(const Table& table, const Cells& after, std::size_t limit) override {
    return run<std::vector<Cells>>([&]() -> Result<std::vector<Cells>> {
      std::vector<Cells> out;
      auto row = db_->prepare(table_sql::select(table, after.empty(), limit));
      table_sql::bind_key(row, table, after);
      while (row.step()) out.push_back(table_sql::read(row, table));
      return out;
    });
  }

  Result<std::int64_t> count(const std::string& table) override {
    return run<std::int64_t>([&]() -> Result<std::int64_t> {
      auto row = db_->prepare("SELECT count(*) FROM " + table_sql::quoted(table));
      row.step();
      return row.number(0);
    });
  }

  Result<> write(const Table& table, const std::vector<RowChange>& changes) override {
    Result<> out = run<void>([&]() -> Result<> {
      db_->execute("BEGIN IMMEDIATE");
      for (const RowChange& each : changes) {
        auto row = db_->prepare(table_sql::change(table, each.kind));
        table_sql::bind_change(row, table, each);
        row.run();
      }
      db_->execute("COMMIT");
      return {};
    });
    if (!out && db_->in_transaction()) (void)run<void>([&]() -> Result<> { db_->execute("ROLLBACK"); return {}; });
    return out;
  }

 private:
  std::unique_ptr<Connection> db_;
};

}  // namespace

Result<std::unique_ptr<Tables>> open_sqlite_tables(const std::string& path, TablesUse use) {
  try {
    if (use == TablesUse::write) {
      auto db = std::make_unique<Connection>(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
      db->execute("PRAGMA journal_mode=WAL");
      db->execute("PRAGMA synchronous=FULL");
      db->execute("PRAGMA foreign_keys=ON");
      migrate(*db);
      return std::unique_ptr<Tables>(std::make_unique<SqliteTables>(std::move(db)));
    }
    std::unique_ptr<Connection> db = open_beside(path);
    db->execute("BEGIN");
    {
      auto row = db->prepare("SELECT coalesce(max(version), 0) FROM schema_migrations");
      row.step();  // the transaction reads from here on
      if (row.number(0) != static_cast<std::int64_t>(migrations().size()))
        return Error{.kind = ErrorKind::invalid,
                     .code = "store.version",
                     .message = "Expected a database that this release was the last to serve, but found schema " + std::to_string(row.number(0)),
                     .place = path,
                     .message_zh = "数据库的版本与本程序不同"};
    }
    return std::unique_ptr<Tables>(std::make_unique<SqliteTables>(std::move(db)));
  } catch (const Failure& failure) {
    if (failure.code == SQLITE_NOTADB) return Error{.kind = ErrorKind::invalid, .code = "store.version", .message = failure.message, .place = path};
    if (use == TablesUse::write) return error_of(failure);
    return Error{.kind = ErrorKind::not_found,
                 .code = "store.missing",
                 .message = "Expected the database of an installation: " + failure.message,
                 .place = path,
                 .message_zh = "找不到数据库"};
  }
}

}  // namespace chuyi
