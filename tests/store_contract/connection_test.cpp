// Goal: a connection that lives as long as the server does not grow with what it is asked.
#include <gtest/gtest.h>

#include "storage/sqlite/connection.h"
#include "tests/store_contract/backends.h"

namespace chuyi::test {
namespace {

TEST(Connection, KeepsABoundedNumberOfStatements) {
  const TemporaryFolder home;
  sqlite::Connection db(home.file("a.db"), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  for (std::int64_t i = 0; i < 1'000; ++i) {
    auto row = db.prepare("SELECT ? + " + std::to_string(i));
    row.bind(i);
    ASSERT_TRUE(row.step());
    EXPECT_EQ(row.number(0), 2 * i);
  }
  std::size_t kept = 0;
  for (sqlite3_stmt* each = sqlite3_next_stmt(db.handle(), nullptr); each != nullptr; each = sqlite3_next_stmt(db.handle(), each)) ++kept;
  EXPECT_EQ(kept, sqlite::kStatementsMax);
}

}  // namespace
}  // namespace chuyi::test
