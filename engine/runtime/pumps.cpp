#include "engine/runtime/pumps.h"

#include <chrono>

#include "engine/runtime/dispatcher.h"

namespace chuyi {
namespace {

constexpr std::size_t kBatch = 200;
/// How long the thread waits at most: a system clock that was set is noticed within it.
constexpr std::chrono::seconds kPatience{30};
constexpr std::chrono::seconds kRetry{1};

Actor system_actor() { return {.user_id = "system", .name = "system", .memberships = {}}; }

}  // namespace

std::size_t Pumps::run_due() {
  const std::lock_guard lock(running_);
  std::size_t fired = 0;
  for (bool more = true; more;) {
    const std::size_t now = fire_timers();
    fired += now;
    more = deliver_outbox() || now > 0;
  }
  return fired;
}

std::size_t Pumps::fire_timers() {
  const Result<std::vector<TimerRow>> due = queries_.due_timers(clock_.now(), kBatch);
  if (!due) return 0;
  std::size_t fired = 0;
  for (const TimerRow& timer : *due) {
    const Result<Reply> reply = execute_and_wait(
        commands_, Command{.kind = "timer.fire",
                           .session_id = timer.session_id,
                           .task_id = {},
                           .actor = system_actor(),
                           .data = {{"timer", timer.id}, {"event", timer.event}},
                           .if_revision = {},
                           .key = {}});
    fired += reply ? 1U : 0U;
  }
  return fired;
}

bool Pumps::deliver_outbox() {
  const Result<std::vector<OutboxRow>> due = queries_.due_outbox(clock_.now(), kBatch);
  if (!due || due->empty()) return false;
  bool delivered = false;
  for (const OutboxRow& entry : *due) {
    Command command{.kind = "outbox.done",
                    .session_id = {},
                    .task_id = {},
                    .actor = system_actor(),
                    .data = {{"outbox", entry.id}},
                    .if_revision = {},
                    .key = {}};
    if (entry.kind == "send") {
      const json::value* data = entry.payload.if_contains("data");
      command.kind = "session.deliver";
      command.session_id = string_or(entry.payload, "target");
      command.data["event"] = string_or(entry.payload, "event");
      command.data["data"] = data == nullptr ? json::value() : *data;
    } else if (!notifier_.notify(entry.id, entry.payload)) {
      continue;
    }
    Result<Reply> reply = execute_and_wait(commands_, command);
    if (!reply && command.kind == "session.deliver" && reply.error().kind != ErrorKind::unavailable) {
      // The target is gone or has ended: nobody will ever take this event.
      command.kind = "outbox.done";
      reply = execute_and_wait(commands_, command);
    }
    delivered = delivered || reply.has_value();
  }
  return delivered;
}

void Pumps::start() {
  thread_ = std::thread([this] { loop(); });
}

void Pumps::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Pumps::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

void Pumps::loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    woken_ = false;
    lock.unlock();
    run_due();
    const Result<std::optional<Instant>> next = queries_.next_timer();
    std::chrono::milliseconds wait = kPatience;
    if (!next) {
      wait = kRetry;
    } else if (next->has_value()) {
      const auto left = **next - clock_.now();
      if (left < wait) wait = left;
      // Due, yet still there: it was refused. Do not spin on it.
      if (wait <= std::chrono::milliseconds::zero()) wait = kRetry;
    }
    lock.lock();
    changed_.wait_for(lock, wait, [this] { return stopping_ || woken_; });
  }
}

Result<std::size_t> advance_clock(ManualClock& clock, Instant to, const Actor& actor, Queries& queries,
                                  CommandService& commands, Pumps& pumps) {
  if (to < clock.now())
    return Error{.kind = ErrorKind::rejected,
                 .code = "clock.back",
                 .message = "Expected a time after " + format_instant(clock.now()),
                 .message_zh = "时钟只能向前"};
  std::size_t fired = pumps.run_due();
  while (true) {
    const Result<std::optional<Instant>> next = queries.next_timer();
    if (!next) return next.error();
    // What was due has had its turn, here or on the pumps' own thread: what is still due was refused.
    if (next->has_value() && **next <= clock.now())
      return Error{.kind = ErrorKind::unavailable,
                   .code = "timer.stuck",
                   .message = "Expected the timer due at " + format_instant(**next) + " to fire, but it was refused"};
    const Instant stop = next->has_value() && **next < to ? **next : to;
    const Result<Reply> kept = execute_and_wait(commands, Command{.kind = "clock.advance",
                                                                  .session_id = {},
                                                                  .task_id = {},
                                                                  .actor = actor,
                                                                  .data = {{"to", to_ms(stop)}},
                                                                  .if_revision = {},
                                                                  .key = {}});
    if (!kept) return kept.error();
    clock.advance_to(stop);
    fired += pumps.run_due();
    if (stop == to) return fired;
  }
}

}  // namespace chuyi
