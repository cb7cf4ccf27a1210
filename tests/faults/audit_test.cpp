// Goal: whoever changes the database past the program is found. Method: one change of the log for each way there is.
#include <gtest/gtest.h>

#include "engine/ports/audit.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/sqlite.h"
#include "tests/faults/rows.h"
#include "tests/store_contract/backends.h"

namespace chuyi::test {
namespace {

TEST(Audit, FindsEveryKindOfChange) {
  constexpr std::pair<const char*, const char*> kChanges[] = {
      {"a record", "UPDATE audit SET record = replace(record, 's2', 's9'), session_id = 's9' WHERE seq = 2"},
      {"a hash", "UPDATE audit SET hash = replace(hash, substr(hash, 1, 1), CASE substr(hash, 1, 1) WHEN 'a' THEN 'b' ELSE 'a' END) WHERE seq = 2"},
      {"the session of a row", "UPDATE audit SET session_id = 's9' WHERE seq = 2"},
      {"a record taken out", "DELETE FROM audit WHERE seq = 2"},
      {"the first one taken out", "DELETE FROM audit WHERE seq = 1"},
      {"the end taken off", "DELETE FROM audit WHERE seq = 4"},
      {"a record put in", "INSERT INTO audit SELECT 5, session_id, record, hash FROM audit WHERE seq = 4"},
      {"two exchanged", "UPDATE audit SET seq = CASE seq WHEN 2 THEN -3 ELSE -2 END WHERE seq IN (2, 3); UPDATE audit SET seq = -seq WHERE seq < 0"},
  };
  for (const auto& [what, sql] : kChanges) {
    const TemporaryFolder home;
    const std::string path = home.file("chuyi.db");
    const auto count = [&] {
      const Result<SqliteStorage> opened = open_sqlite({.path = path});
      const Result<AuditHead> head = verify_audit(*opened->queries);
      return head ? head->count : -1;
    };
    {
      const Result<SqliteStorage> opened = open_sqlite({.path = path});
      ASSERT_TRUE(opened);
      for (const char* id : {"s1", "s2", "s3", "s4"}) ASSERT_TRUE(update_and_wait(*opened->store, command(id)));
    }
    EXPECT_EQ(count(), 4);
    sqlite::Connection(path, SQLITE_OPEN_READWRITE, nullptr).execute(sql);
    EXPECT_EQ(count(), -1) << what;
  }
}

}  // namespace
}  // namespace chuyi::test
