#include "engine/ports/clock.h"

namespace chuyi {

bool ManualClock::advance_to(Instant to) {
  const std::int64_t target = to_ms(to);
  std::int64_t now = ms_.load();
  while (now <= target)
    if (ms_.compare_exchange_weak(now, target)) return true;
  return false;
}

}  // namespace chuyi
