#pragma once

#include <deque>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "engine/scxml/interpreter.h"

namespace chuyi::scxml {

/// A little world for charts: sessions with queues, children, and a clock that jumps to the next timer.
/// Every session can be encoded, dropped and decoded between macrosteps.
class World {
 public:
  explicit World(bool restore_between_steps) : restore_(restore_between_steps) {}

  /// Runs the chart until nothing is left to do. @return the ids of the final configuration, or the error.
  std::string run(const ChartPtr& chart, const std::string& folder) {
    folder_ = folder;
    open("s0", chart, {}, {}, {});
    for (int guard = 0; guard < 10'000 && error_.empty(); ++guard) {
      if (!deliver_one() && !next_timer()) break;
    }
    if (!error_.empty()) return "error: " + error_;
    std::string out;
    for (const std::string& id : sessions_.at("s0").snapshot.configuration) out += (out.empty() ? "" : " ") + id;
    return out;
  }

 private:
  struct Session {
    ChartPtr chart;
    Snapshot snapshot;
    std::deque<Event> queue;
    std::string parent, invoke_id;
    std::map<std::string, std::string> children;  // invoke id → session
    bool open = true;
  };
  struct Timer {
    std::string owner, sendid;
    Send send;
  };

  void open(const std::string& id, const ChartPtr& chart, const json::object& data, const std::string& parent,
            const std::string& invoke_id) {
    Session& session = sessions_[id];
    session.chart = chart;
    session.parent = parent;
    session.invoke_id = invoke_id;
    take(id, start(*chart, data, {.session_id = id, .now = now_}, {}, true));
  }

  void take(const std::string& id, Result<Step> step) {
    if (!step) {
      error_ = step.error().code + ": " + step.error().message;
      return;
    }
    Session& session = sessions_[id];
    session.snapshot = step->next;
    if (restore_) {
      const Result<Snapshot> restored = decode(*session.chart, encode(step->next));
      if (!restored) {
        error_ = restored.error().message;
        return;
      }
      session.snapshot = *restored;
    }
    for (const Effect& effect : step->effects) apply(id, effect);
  }

  void apply(const std::string& id, const Effect& effect) {
    Session& session = sessions_[id];
    if (const auto* send = std::get_if<Send>(&effect)) {
      if (send->delay.is_int64() && send->delay.get_int64() > 0)
        timers_.emplace(now_ + std::chrono::milliseconds{send->delay.get_int64()}, Timer{id, send->sendid, *send});
      else
        route(id, *send);
    } else if (const auto* cancel = std::get_if<Cancel>(&effect)) {
      std::erase_if(timers_, [&](const auto& each) { return each.second.owner == id && each.second.sendid == cancel->sendid; });
    } else if (const auto* invoke = std::get_if<Invoke>(&effect)) {
      invoke_child(id, *invoke);
    } else if (const auto* gone = std::get_if<CancelInvoke>(&effect)) {
      close(session.children[gone->invoke_id]);
      session.children.erase(gone->invoke_id);
    } else if (const auto* forward = std::get_if<Forward>(&effect)) {
      const auto child = session.children.find(forward->invoke_id);
      if (child != session.children.end()) sessions_[child->second].queue.push_back(forward->event);
    } else if (const auto* done = std::get_if<Done>(&effect)) {
      session.open = false;
      std::erase_if(timers_, [&](const auto& each) { return each.second.owner == id; });
      if (!session.parent.empty())
        sessions_[session.parent].queue.push_back(
            {.name = "done.invoke." + session.invoke_id, .invokeid = session.invoke_id, .data = done->data});
    }
  }

  void close(const std::string& id) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end() || !found->second.open) return;
    found->second.open = false;
    std::erase_if(timers_, [&](const auto& each) { return each.second.owner == id; });
    for (const auto& [invoke, child] : found->second.children) close(child);
  }

  void invoke_child(const std::string& id, const Invoke& invoke) {
    std::string text = invoke.content.is_string() ? std::string{invoke.content.get_string()} : std::string{};
    if (!invoke.src.empty()) {
      std::ifstream in(folder_ + "/" + invoke.src.substr(invoke.src.find(':') + 1));
      std::stringstream all;
      all << in.rdbuf();
      text = all.str();
    }
    const bool known = invoke.type.empty() || invoke.type == "scxml" || invoke.type.starts_with("http://www.w3.org/TR/scxml");
    const Result<ChartPtr> chart = parse_chart(text, "child");
    if (!known || !chart) {
      sessions_[id].queue.push_back({.name = known ? "error.communication" : "error.execution",
                                     .type = EventType::platform,
                                     .invokeid = {}});
      return;
    }
    const std::string child = "s" + std::to_string(sessions_.size());
    sessions_[id].children[invoke.invoke_id] = child;
    open(child, *chart, invoke.params, id, invoke.invoke_id);
  }

  void route(const std::string& id, const Send& send) {
    Session& from = sessions_[id];
    Event event{.name = send.event,
                .sendid = send.sendid,
                .origin = "#_scxml_" + id,
                .origintype = "http://www.w3.org/TR/scxml/#SCXMLEventProcessor",
                .data = send.data};
    std::string target;
    if (send.target.empty()) {
      target = id;
    } else if (send.target == "#_parent") {
      target = from.parent;
      event.invokeid = from.invoke_id;
    } else if (send.target.starts_with("#_scxml_")) {
      target = send.target.substr(8);
    } else if (const auto child = from.children.find(send.target.substr(2)); child != from.children.end()) {
      target = child->second;
    }
    const auto found = sessions_.find(target);
    if (found == sessions_.end())
      from.queue.push_back({.name = "error.communication", .type = EventType::platform, .sendid = send.sendid});
    else if (found->second.open)
      found->second.queue.push_back(std::move(event));
  }

  bool deliver_one() {
    for (auto& [id, session] : sessions_) {
      if (!session.open || session.queue.empty()) continue;
      const Event event = session.queue.front();
      session.queue.pop_front();
      take(id, step(*session.chart, session.snapshot, event, {.session_id = id, .now = now_}));
      return true;
    }
    return false;
  }

  bool next_timer() {
    if (timers_.empty()) return false;
    const auto first = timers_.begin();
    now_ = first->first;
    const Timer timer = first->second;
    timers_.erase(first);
    if (sessions_[timer.owner].open) route(timer.owner, timer.send);
    return true;
  }

  bool restore_;
  std::string folder_;
  std::string error_;
  Instant now_{std::chrono::milliseconds{1'700'000'000'000}};
  std::map<std::string, Session> sessions_;
  std::multimap<Instant, Timer> timers_;
};

inline std::string run_chart(std::string_view xml, bool restore = false) {
  const Result<ChartPtr> chart = parse_chart(xml, "test.scxml");
  if (!chart) return "refused: " + chart.error().code + " " + chart.error().place + " " + chart.error().message;
  return World(restore).run(*chart, ".");
}

}  // namespace chuyi::scxml
