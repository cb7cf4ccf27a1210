// Goal: the simulated disk fails the way a disk does. Method: one fault at every commit of a short run.
#include <gtest/gtest.h>

#include "engine/ports/audit.h"
#include "storage/memory/memory.h"
#include "tests/store_contract/backends.h"

namespace chuyi::test {
namespace {

class MemoryFaults : public testing::TestWithParam<Fault> {};

TEST_P(MemoryFaults, LoseNothingThatWasAcknowledgedAndDoubleNothing) {
  constexpr std::uint64_t kCommands = 6;
  for (std::uint64_t at = 1; at <= kCommands; ++at) {
    const auto disk = make_memory_disk();
    int fatal = 0;
    MemoryStorage home = open_memory(disk, {.fault = [&](std::uint64_t commit) { return commit == at ? GetParam() : Fault::none; },
                                            .on_fatal = [&](const Error&) { ++fatal; }});
    for (std::uint64_t i = 1; i <= kCommands; ++i) {
      const std::string id = "s" + std::to_string(i);
      const IdempotencyKey key{"u", id, "d"};
      if (put(*home.store, session_change(id), key)) continue;
      if (GetParam() != Fault::full) {
        EXPECT_EQ(put(*home.store, session_change(id), key).error().code, "store.stopped");
        home = open_memory(disk);
      }
      const Result<Reply> again = put(*home.store, session_change(id), key);
      ASSERT_TRUE(again);
      EXPECT_EQ(again->replayed, GetParam() == Fault::io_after_write);
    }
    EXPECT_EQ(fatal, GetParam() == Fault::full ? 0 : 1);
    EXPECT_EQ(verify_audit(*home.queries)->count, static_cast<std::int64_t>(kCommands));
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, MemoryFaults, testing::Values(Fault::full, Fault::io, Fault::io_after_write));

}  // namespace
}  // namespace chuyi::test
