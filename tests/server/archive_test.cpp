// Goal: no record leaves the database for a bag that may be gone by then, or that cannot be read again. Method: commands are
// looked at on their way to a store in memory.
#include "server/archive.h"

#include <gtest/gtest.h>

#include "engine/ports/audit.h"
#include "storage/memory/memory.h"
#include "tests/documents/files.h"
#include "tests/store_contract/backends.h"

namespace chuyi {
namespace {

class Commands final : public CommandService {
 public:
  explicit Commands(Store& store) : store_(store) {}
  void execute(Command command, Done done) override {
    Change change;
    change.audit = {{"kind", command.kind}};
    for (const json::value& each : command.data.at("sessions").as_array())
      change.archived.push_back({.session_id = string_or(each.as_object(), "id"), .through = int_or(each.as_object(), "through", 0), .bag = string_or(command.data, "bag")});
    held.push_back(command.holds);
    done(test::put(store_, change));
  }
  void probe(Command /*command*/, Done done) override { done(Reply{}); }
  std::vector<std::string> held;

 private:
  Store& store_;
};

class ArchiveTest : public testing::Test {
 protected:
  /// A record of an ended application.
  void put(std::size_t bytes) {
    Change change = test::session_change("s1");
    change.session->status = "ended";
    change.audit["text"] = std::string(bytes, 'x');
    ASSERT_TRUE(test::put(*storage.store, change));
  }
  Result<ArchiveReport> archive() {
    return archive_records(commands, *storage.queries, *documents, {.folder = folder / "archive", .before = {}, .round = {}}, [](std::size_t) {});
  }
  Folder folder;
  MemoryStorage storage = open_memory(make_memory_disk());
  std::unique_ptr<DocumentStore> documents = *open_file_documents(folder / "documents");
  Commands commands{*storage.store};
};

TEST_F(ArchiveTest, HoldsTheBagUntilTheRecordsHaveLeft) {
  put(10);
  const Result<ArchiveReport> report = archive();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->bags.size(), 1U);
  EXPECT_EQ(commands.held, report->bags);
}

TEST_F(ArchiveTest, PutsAnApplicationThatIsTooLargeForOneBagIntoSeveral) {
  for (int i = 0; i < 3; ++i) put(9'000'000);
  const Result<ArchiveReport> report = archive();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->bags.size(), 2U);
  EXPECT_EQ(report->records, 3U);
  ArchivedBags bags(*documents);
  const Result<AuditHead> head = verify_audit(*storage.queries, {}, [&](const AuditRow& row, const std::string& bag) { return bags.record(row, bag); });
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->count, 5);
}

}  // namespace
}  // namespace chuyi
