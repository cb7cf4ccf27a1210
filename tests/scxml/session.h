#pragma once

#include <deque>
#include <map>
#include <string>

#include "engine/scxml/interpreter.h"

namespace chuyi::scxml {

/// A little world for one session: its queue, and a clock that jumps to the next timer.
/// The session can be encoded, dropped and decoded between macrosteps.
class World {
 public:
  explicit World(bool restore_between_steps) : restore_(restore_between_steps) {}

  /// Runs the chart until nothing is left to do. @return the ids of the final configuration, or the error.
  std::string run(const Chart& chart) {
    take(chart, start(chart, {}, env(), {}, true));
    for (int guard = 0; guard < 10'000 && error_.empty() && snapshot_.running && next_event(); ++guard) {
      const Event event = queue_.front();
      queue_.pop_front();
      take(chart, step(chart, snapshot_, event, env()));
    }
    if (!error_.empty()) return "error: " + error_;
    std::string out;
    for (const std::string& id : snapshot_.configuration) out += (out.empty() ? "" : " ") + id;
    return out;
  }

 private:
  Env env() const { return {.session_id = "s0", .now = now_}; }

  bool next_event() {
    if (queue_.empty() && !timers_.empty()) {
      now_ = timers_.begin()->first;
      deliver(timers_.begin()->second);
      timers_.erase(timers_.begin());
    }
    return !queue_.empty();
  }

  void take(const Chart& chart, Result<Step> step) {
    if (!step) {
      error_ = step.error().code + ": " + step.error().message;
      return;
    }
    snapshot_ = std::move(step->next);
    if (restore_) {
      Result<Snapshot> restored = decode(chart, encode(snapshot_));
      if (!restored) {
        error_ = restored.error().message;
        return;
      }
      snapshot_ = std::move(*restored);
    }
    for (const Effect& effect : step->effects) {
      if (const auto* send = std::get_if<Send>(&effect)) {
        if (send->delay.is_int64() && send->delay.get_int64() > 0)
          timers_.emplace(now_ + std::chrono::milliseconds{send->delay.get_int64()}, *send);
        else
          deliver(*send);
      } else if (const auto* cancel = std::get_if<Cancel>(&effect)) {
        std::erase_if(timers_, [&](const auto& each) { return each.second.sendid == cancel->sendid; });
      }
    }
  }

  void deliver(const Send& send) {
    queue_.push_back({.name = send.event, .sendid = send.sendid, .origin = "#_scxml_s0", .origintype = std::string{kScxmlProcessor}, .data = send.data});
  }

  bool restore_;
  std::string error_;
  Instant now_{std::chrono::milliseconds{1'700'000'000'000}};
  Snapshot snapshot_;
  std::deque<Event> queue_;
  std::multimap<Instant, Send> timers_;
};

inline std::string run_chart(std::string_view xml, bool restore = false) {
  const Result<ChartPtr> chart = parse_chart(xml, "test.scxml");
  if (!chart) return "refused: " + chart.error().code + " " + chart.error().place + " " + chart.error().message;
  return World(restore).run(**chart);
}

}  // namespace chuyi::scxml
