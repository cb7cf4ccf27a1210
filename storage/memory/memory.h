#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "engine/ports/queries.h"
#include "engine/ports/store.h"

namespace chuyi {

/// What a commit meets.
enum class Fault : std::uint8_t {
  none,
  full,            ///< no space: nothing written, the store goes on
  io,              ///< the write failed: nothing written, the store has stopped
  io_after_write,  ///< written, but the answer was lost: the caller cannot know; the store has stopped
};

struct MemoryOptions {
  /// Asked before every commit with its number, from 1.
  std::function<Fault(std::uint64_t commit)> fault = [](std::uint64_t) { return Fault::none; };
  std::function<void(const Error&)> on_fatal = [](const Error&) {};
};

/// What outlives a store, as the disk outlives a process.
struct MemoryDisk;
std::shared_ptr<MemoryDisk> make_memory_disk();

struct MemoryStorage {
  std::unique_ptr<Store> store;
  std::unique_ptr<Queries> queries;
};

/// `Store` and `Queries` for tests and simulation: commands run one after the other on the caller's thread,
/// without threads or clocks of their own, so that a run with the same faults is the same run.
MemoryStorage open_memory(std::shared_ptr<MemoryDisk> disk, MemoryOptions options = {});

}  // namespace chuyi
