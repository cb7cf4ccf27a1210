#pragma once

#include <atomic>
#include <functional>

#include "engine/base/time.h"

namespace chuyi {

/// The only source of time. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Instant now() const override {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
};

/// Stands still until it is moved; never goes back.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Instant start) : ms_(to_ms(start)) {}
  Instant now() const override { return from_ms(ms_.load()); }
  /// False, and nothing changes, when `to` is before now().
  bool advance_to(Instant to);

 private:
  std::atomic<std::int64_t> ms_;
};

}  // namespace chuyi
