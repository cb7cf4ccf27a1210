#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "engine/ports/clock.h"
#include "engine/ports/notifier.h"
#include "engine/ports/queries.h"
#include "engine/runtime/command.h"

namespace chuyi {

/// Fires timers that are due and delivers the outbox, each as a command of its own. Durable: what a
/// crash interrupts is found again in the store, and a timer or entry that is gone is not taken twice.
class Pumps {
 public:
  Pumps(Queries& queries, CommandService& commands, const Clock& clock, Notifier& notifier)
      : queries_(queries), commands_(commands), clock_(clock), notifier_(notifier) {}
  ~Pumps() { stop(); }
  Pumps(const Pumps&) = delete;
  Pumps& operator=(const Pumps&) = delete;

  /// Does everything that is due now, and what that makes due. Callable from any thread but the store's.
  /// @return timers fired.
  std::size_t run_due();
  /// Runs on a thread of its own until stop(), woken by wake() and by the next timer's time.
  void start();
  void stop();
  void wake();

 private:
  std::size_t fire_timers();
  bool deliver_outbox();
  void deliver(const OutboxRow& entry);
  void loop();

  Queries& queries_;
  CommandService& commands_;
  const Clock& clock_;
  Notifier& notifier_;
  std::mutex running_;  ///< one run at a time
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool woken_ = true;
  std::thread thread_;
};

/// Moves the manual clock to `to`, stopping at each timer on the way so that it fires at its own time.
/// Each stop is kept in the store first, so that a restart never goes back.
///
/// @return timers fired. Errors: `rejected` "clock.back" when `to` is before now.
Result<std::size_t> advance_clock(ManualClock& clock, Instant to, const Actor& actor, Queries& queries,
                                  CommandService& commands, Pumps& pumps);

}  // namespace chuyi
