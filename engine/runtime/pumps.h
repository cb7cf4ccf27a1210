#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/ports/clock.h"
#include "engine/ports/message_sender.h"
#include "engine/ports/notifier.h"
#include "engine/ports/plugin_host.h"
#include "engine/ports/queries.h"
#include "engine/runtime/command.h"

namespace chuyi {

/// What the pumps did.
struct PumpReport {
  std::size_t fired = 0;        ///< timers
  std::vector<Detail> refused;  ///< place = id of the timer or outbox entry; kept are the first 1,000
  bool failed = false;          ///< the store did not answer: what was due still is
  bool endless = false;         ///< what was done made more due again and again: the rest waits

  void add(PumpReport other);
};

/// Messages over HTTP: where this installation's sessions are reached (Runtime::http_base), and who posts the others.
struct PumpMessages {
  std::string base = {};
  MessageSender* sender = nullptr;  ///< none: there is nowhere else. Ends what it does before the pumps go
};

/// Calls to packages' code.
struct PumpPlugins {
  PluginHost* host = nullptr;  ///< none: every call fails
  const Definitions* definitions = nullptr;
  /// Runs a job on a thread that may block; the pumps go on. Jobs end before the pumps go.
  std::function<void(std::function<void()>)> post = [](const std::function<void()>& job) { job(); };
};

/// Fires timers that are due and delivers the outbox, each as a command of its own, once this node has claimed it (see
/// Queries::claim_timers): of several nodes one works on it, others when that one is gone. Durable: what a
/// crash interrupts is found again in the store, and a timer or entry that is gone is not taken twice.
/// A message to this installation's own sessions is delivered without a detour; one to elsewhere leaves through the
/// sender while the pump goes on. One that cannot be delivered becomes error.communication of its session.
/// What is refused is put off (command pump.defer), so that it holds nobody else up; an event for a session
/// that will never take it is dropped. Each is told to `on_refused`.
class Pumps {
 public:
  using Refused = std::function<void(const Detail&)>;
  Pumps(Queries& queries, CommandService& commands, const Clock& clock, Notifier& notifier,
        Refused on_refused = [](const Detail&) {}, PumpMessages messages = {}, PumpPlugins plugins = {})
      : queries_(queries), commands_(commands), clock_(clock), notifier_(notifier), on_refused_(std::move(on_refused)), messages_(std::move(messages)), plugins_(std::move(plugins)) {}
  ~Pumps() { stop(); }
  Pumps(const Pumps&) = delete;
  Pumps& operator=(const Pumps&) = delete;

  /// Does everything that is due now, and what that makes due. Callable from any thread but the store's.
  PumpReport run_due();
  /// Runs on a thread of its own until stop(), woken by wake() and by the next timer's time.
  void start();
  void stop();
  void wake();

 private:
  /// @return whether anything that was due is so no more.
  bool fire_timers(PumpReport& report);
  bool deliver_outbox(PumpReport& report);
  Result<Reply> deliver_event(PumpReport& report, const OutboxRow& entry);
  Result<Reply> deliver_message(PumpReport& report, const OutboxRow& entry);
  Result<Reply> spread(const OutboxRow& entry, std::chrono::steady_clock::time_point leave);
  Result<Reply> deliver_here(const OutboxRow& entry);
  Result<Reply> tell_failure(const OutboxRow& entry, const Error& error);
  bool is_stopping();
  bool is_posting(const std::string& entry);
  void begin_posting(const OutboxRow& entry);
  void end_posting(const OutboxRow& entry);
  Result<Reply> deliver_call(const OutboxRow& entry);
  Result<json::object> ask(const OutboxRow& entry);
  void post_message(const OutboxRow& entry);
  void posted(const OutboxRow& entry, const Result<>& result);
  /// Reports the refusal of `id`, and puts it off when `kind` ("timer", "outbox") is given.
  bool refuse(PumpReport& report, const char* kind, const std::string& id, const Error& error);
  void loop();

  Queries& queries_;
  CommandService& commands_;
  const Clock& clock_;
  Notifier& notifier_;
  Refused on_refused_;
  PumpMessages messages_;
  PumpPlugins plugins_;
  std::set<std::string> posting_;  ///< outbox entries that the sender or a package has; under mutex_
  std::mutex running_;  ///< one run at a time
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool woken_ = true;
  std::thread thread_;
};

/// Moves the manual clock to `to`, stopping at each timer on the way so that it fires at its own time.
/// Each stop is kept in the store first, so that a restart never goes back. Refused timers are reported, no error.
///
/// Errors: `rejected` "clock.back" when `to` is before now, "timer.endless" when sessions keep each other busy; `unavailable` "timer.stuck" when the store does not answer.
Result<PumpReport> advance_clock(ManualClock& clock, Instant to, const Actor& actor, Queries& queries,
                                 CommandService& commands, Pumps& pumps);

}  // namespace chuyi
