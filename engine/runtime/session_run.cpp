#include "engine/runtime/session_run.h"

#include <algorithm>

#include "engine/invoke/limits.h"
#include "engine/invoke/rows_json.h"
#include "engine/invoke/standing.h"
#include "engine/runtime/child_charts.h"
#include "engine/runtime/events_json.h"
#include "engine/runtime/rounds.h"
#include "engine/scxml/describe.h"

namespace chuyi {
namespace {

/// A cycle of stages that answer each other ends here.
constexpr std::size_t kEventsMax = 1'000;
/// Sessions that charts of one application invoke: at a time, inside each other, and the text of one.
constexpr std::size_t kChildrenMax = 64;
constexpr std::size_t kDepthMax = 8;
constexpr std::size_t kChildBytesMax = 64U * 1024;
/// Of a session with all of them, encoded; far below what kStoredJson reads.
constexpr std::size_t kDocumentBytesMax = 8U * 1024 * 1024;

Error child_error(std::string code, std::string message) {
  return Error{.kind = ErrorKind::invalid, .code = std::move(code), .message = std::move(message)};
}

}  // namespace

json::object first_chart_programme(const Definition& definition) {
  json::object out{{"id", definition.programme}, {"version", definition.version}};
  for (const char* key : {"term_years", "publicity", "panel", "annual_check"})
    if (const json::value* found = definition.manifest.if_contains(key)) out[key] = *found;
  return out;
}

json::object chart_programme(const Definition& definition) {
  json::object out = first_chart_programme(definition);
  if (json::value* check = out.if_contains("annual_check"); check != nullptr && check->is_object()) check->get_object().erase("indicators");
  for (const char* key : {"recommendation", "params", "asks"})
    if (const json::value* found = definition.manifest.if_contains(key)) out[key] = *found;
  return out;
}

SessionRun::SessionRun(const InvokeRegistry& registry, DefinitionPtr definition, SessionRow row,
                       SessionDocument document, Instant now, JournalView& view, bool one_macrostep)
    : registry_(registry),
      definition_(std::move(definition)),
      row_(std::move(row)),
      document_(std::move(document)),
      now_(now),
      view_(view),
      one_macrostep_(one_macrostep) {
  for (QueuedEvent& each : document_.queue) {
    if (errors_ahead_ == queue_.size() && each.event.type == scxml::EventType::platform) ++errors_ahead_;
    queue_.push_back({std::move(each), {}});
  }
  document_.queue.clear();
  // Errors that wait stay ahead of everything else.
  while (errors_ahead_ < queue_.size() && queue_[errors_ahead_].event.type == scxml::EventType::platform) ++errors_ahead_;
}

Result<> SessionRun::begin(const json::object& facts, json::object programme, json::object round) {
  const bool application = row_.kind != "session";
  if (row_.kind == "application" && bool_or(round, "session", false)) document_.parent = row_.round;
  round["id"] = row_.round;
  const json::object data = application ? json::object{{"application", facts},
                                                       {"programme", std::move(programme)},
                                                       {"round", std::move(round)}}
                                        : facts;
  happened_.push_back({.session = row_.id});
  if (Result<> taken = take(row_.id, scxml::start(*definition_->chart, data, env_of(row_.id), {}, !application)); !taken) return taken;
  return drive();
}

Result<bool> SessionRun::event(scxml::Event event, const std::string& to) {
  const std::size_t before = traces_.size();
  queue_.push_back({{.session = to.empty() ? row_.id : to, .event = std::move(event), .source = {}}, {}});
  if (Result<> driven = drive(); !driven) return driven.error();
  return traces_.size() > before;
}

// ── the sessions of the family ───────────────────────────────────────────────────────────────────────

bool SessionRun::is_alive(const std::string& session) const {
  if (is_root(session)) return document_.chart.running;
  const auto child = document_.children.find(session);
  return child != document_.children.end() && !child->second.finished;
}

scxml::ChartPtr SessionRun::chart_of(const std::string& session) const {
  return is_root(session) ? definition_->chart : document_.children.at(session).compiled;
}

scxml::Snapshot& SessionRun::snapshot_of(const std::string& session) {
  return is_root(session) ? document_.chart : document_.children.at(session).snapshot;
}

scxml::Env SessionRun::env_of(const std::string& session) const {
  scxml::Env out{.session_id = session, .now = now_};
  out.reaches = [this](const std::string& from, const std::string& target) {
    return !running_stage(from, target).empty() || is_broadcast(from, target) || !target_of(from, target).empty();
  };
  if (!document_.http_base.empty()) out.http_location = document_.http_base + "/scxml/" + session + "?key=" + http_key(view_.http_secret(), row_.id);
  return out;
}

std::string SessionRun::key_of(const std::string& session, const std::string& invoke_id) const {
  std::string out = invoke_id;
  for (std::string at = session; !is_root(at);) {
    const ChildSession& child = document_.children.at(at);
    out.insert(0, child.invoke_id + "/");
    at = child.parent;
  }
  return out;
}

std::map<std::string, ChildSession, std::less<>>::const_iterator SessionRun::child_of(const std::string& session, const std::string& invoke_id) const {
  return std::find_if(document_.children.begin(), document_.children.end(),
                      [&](const auto& each) { return each.second.parent == session && each.second.invoke_id == invoke_id; });
}

// ── macrosteps ───────────────────────────────────────────────────────────────────────────────────────

Result<> SessionRun::drive() {
  for (std::size_t taken = 0; !queue_.empty() && !(one_macrostep_ && macrosteps_ > 0); ++taken) {
    if (taken == kEventsMax)
      return child_error("session.events", "Expected at most " + std::to_string(kEventsMax) + " events for one command");
    const Queued queued = std::move(queue_.front());
    queue_.pop_front();
    errors_ahead_ -= std::min<std::size_t>(errors_ahead_, 1);
    if (!is_alive(queued.session)) continue;
    if (is_root(queued.session)) events_.push_back(queued.event.name);
    const scxml::ChartPtr chart = chart_of(queued.session);
    happened_.push_back({.session = queued.session, .event = queued.event});
    const std::size_t before = traces_.size();
    // A step of the root that fails ends the run, so that its snapshot need not be kept.
    scxml::Snapshot& before_it = snapshot_of(queued.session);
    scxml::Snapshot given = is_root(queued.session) ? std::move(before_it) : before_it;
    Result<scxml::Step> step = scxml::step(*chart, std::move(given), queued.event, env_of(queued.session));
    if (!step && !is_root(queued.session)) {
      // A chart that somebody else invoked may not keep this one from going on.
      const ChildSession child = document_.children.at(queued.session);
      if (Result<> abandoned = abandon(queued.session); !abandoned) return abandoned;
      fail_invoke(child.parent, "error.communication", child.invoke_id, step.error());
      continue;
    }
    if (Result<> went = take(queued.session, std::move(step)); !went) return went;
    if (queued.refusal && traces_.size() == before) return *queued.refusal;
  }
  return {};
}

Result<> SessionRun::take(const std::string& session, Result<scxml::Step> step) {
  if (!step) return step.error();
  ++macrosteps_;
  const std::size_t at = happened_.size() - 1;
  snapshot_of(session) = std::move(step->next);
  for (scxml::Trace& trace : step->trace) {
    errors_.insert(errors_.end(), trace.errors.begin(), trace.errors.end());
    happened_[at].traces.push_back(trace);
    traces_.push_back({session, std::move(trace)});
  }
  for (const scxml::Effect& effect : step->effects) {
    Result<> done;
    if (const auto* start = std::get_if<scxml::Invoke>(&effect)) {
      happened_[at].started.push_back(start->invoke_id);
      done = invoke(session, *start);
    } else if (const auto* stop = std::get_if<scxml::CancelInvoke>(&effect)) {
      done = cancel_invoke(session, stop->invoke_id);
    } else if (const auto* out = std::get_if<scxml::Send>(&effect)) {
      done = send(session, *out);
    } else if (const auto* cancel = std::get_if<scxml::Cancel>(&effect)) {
      cancel_send(session, cancel->sendid);
    } else if (const auto* line = std::get_if<scxml::Log>(&effect)) {
      log(*line);
    } else if (const auto* over = std::get_if<scxml::Done>(&effect)) {
      end(session, *over);
    } else if (const auto* forward = std::get_if<scxml::Forward>(&effect)) {
      // No stage takes events of the chart.
      if (const auto child = child_of(session, forward->invoke_id); child != document_.children.end())
        queue_.push_back({{.session = child->first, .event = forward->event, .source = {}}, {}});
    }
    if (!done) return done;
  }
  return {};
}

// ── invokes ──────────────────────────────────────────────────────────────────────────────────────────

Result<> SessionRun::invoke(const std::string& session, const scxml::Invoke& effect) {
  if (scxml::is_chart_type(effect.type)) return start_child(session, effect);
  return start_stage(session, effect);
}

Result<> SessionRun::start_child(const std::string& session, const scxml::Invoke& effect) {
  const auto fail = [&](const Error& error) {
    fail_invoke(session, "error.communication", effect.invoke_id, error);
    return Result<>{};
  };
  const std::string key = key_of(session, effect.invoke_id);
  if (document_.children.size() >= kChildrenMax || static_cast<std::size_t>(std::count(key.begin(), key.end(), '/')) >= kDepthMax)
    return fail(child_error("invoke.limit", "Expected at most " + std::to_string(kChildrenMax) + " invoked charts, at most " +
                                                std::to_string(kDepthMax) + " inside each other"));
  std::string text = effect.content.is_string() ? std::string{effect.content.get_string()} : std::string{};
  if (!effect.src.empty()) {
    Result<std::string> read = read_source(definition_->files, effect.src);
    if (!read) return fail(read.error());
    text = std::move(*read);
  }
  if (text.size() > kChildBytesMax)
    return fail(child_error("invoke.limit", "Expected a chart of at most " + std::to_string(kChildBytesMax) + " bytes"));
  const Result<scxml::ChartPtr> chart = child_chart(*definition_, text);
  if (!chart) return fail(chart.error());
  const std::string id = row_.id + "." + std::to_string(document_.next_id++);
  document_.children[id] = {.parent = session, .invoke_id = effect.invoke_id, .chart = std::move(text), .compiled = *chart, .snapshot = {}};
  Result<scxml::Step> step = scxml::start(**chart, effect.params, env_of(id), {}, true);
  if (!step) {
    document_.children.erase(id);
    return fail(step.error());
  }
  happened_.push_back({.session = id});
  return take(id, std::move(step));
}

Result<> SessionRun::cancel_child(const std::string& child) {
  if (is_alive(child)) {
    Result<scxml::Step> stopped = scxml::stop(*chart_of(child), snapshot_of(child), env_of(child));
    // From here on it is over: what its <onexit> handlers send to its parent is dropped, and it tells no end.
    document_.children.at(child).finished = true;
    happened_.push_back({.session = child});
    if (!stopped) errors_.push_back(stopped.error().code + ": " + stopped.error().message);
    if (Result<> over = stopped ? take(child, std::move(stopped)) : abandon(child); !over) return over;
  }
  document_.children.erase(child);
  remove_timers(child + "/send/");
  forget(child);
  return {};
}

Result<> SessionRun::abandon(const std::string& child) {
  for (const scxml::Invocation& each : std::vector<scxml::Invocation>(snapshot_of(child).invocations))
    if (Result<> cancelled = cancel_invoke(child, each.invoke_id); !cancelled) return cancelled;
  document_.children.at(child).finish();
  remove_timers(child + "/send/");
  return {};
}

void SessionRun::forget(const std::string& source) {
  std::erase_if(queue_, [&](const Queued& each) { return each.source == source; });
}

Result<> SessionRun::cancel_invoke(const std::string& session, const std::string& invoke_id) {
  if (const auto child = child_of(session, invoke_id); child != document_.children.end()) return cancel_child(std::string{child->first});
  const std::string key = key_of(session, invoke_id);
  const auto found = document_.stages.find(key);
  if (found == document_.stages.end()) return {};
  const StageContext now = context(key);
  const RunningStage stage = std::move(found->second);
  document_.stages.erase(found);
  remove_timers(stage_timers(key));
  forget("/" + key);
  const InvokeHandler* handler = handler_of(stage.type);
  if (stage.finished || handler == nullptr) return {};
  StageOutcome outcome = handler->cancel(now, stage.state);
  for (StageEffect& effect : outcome.effects) apply_effect(key, std::move(effect));
  return {};
}

void SessionRun::raise_error(const std::string& session, scxml::Event event, const Error& error, std::optional<Error> refusal) {
  errors_.push_back(error.code + ": " + error.message);
  event.type = scxml::EventType::platform;
  event.data = json::object{{"code", error.code}, {"message", error.message}};
  queue_.insert(queue_.begin() + static_cast<std::ptrdiff_t>(errors_ahead_++),
                Queued{{.session = session, .event = std::move(event), .source = {}}, std::move(refusal)});
}

void SessionRun::fail_invoke(const std::string& session, const std::string& name, const std::string& invoke_id, const Error& error) {
  std::optional<Error> refusal;
  if (row_.kind == "application")
    refusal = Error{.kind = ErrorKind::rejected,
                    .code = "stage.failed",
                    .message = "Expected stage '" + invoke_id + "' to run, but nothing was changed because of " + error.code + ": " + error.message,
                    .place = error.place,
                    .message_zh = "环节“" + invoke_id + "”无法进行，本次操作未生效：" + (error.message_zh.empty() ? error.code : error.message_zh),
                    .details = error.details};
  raise_error(session, {.name = name, .invokeid = invoke_id}, error, std::move(refusal));
}

// ── what the command leaves behind ───────────────────────────────────────────────────────────────────

void SessionRun::end(const std::string& session, const scxml::Done& done) {
  remove_timers(session + "/send/");
  if (!is_root(session)) {
    ChildSession& child = document_.children.at(session);
    if (child.finished) return;
    child.finish();
    queue_.push_back({{.session = child.parent,
                       .event = {.name = "done.invoke." + child.invoke_id, .invokeid = child.invoke_id, .data = done.data},
                       .source = session},
                      {}});
    return;
  }
  row_.status = "ended";
  row_.state = done.final_state;
  for (const std::string& id : std::vector<std::string>(document_.timers)) remove_timer(id);
  if (row_.kind != "application") return;
  give_places_back();
  for (RecordRow& row : free_leader(view_, row_.id, facts())) {
    row.updated = now_;
    ++row.revision;
    view_.set_record(row);
    change_.records.push_back(std::move(row));
  }
  post("notify", {{"event", "application.ended"},
                  {"user", row_.applicant},
                  {"application", row_.id},
                  {"title", row_.title},
                  {"state", done.final_state}});
}

void SessionRun::give_places_back() {
  if (facts().contains("award")) return;
  const auto changed = [&](RecordRow row) {
    row.updated = now_;
    ++row.revision;
    view_.set_record(row);
    change_.records.push_back(std::move(row));
  };
  std::vector<std::string> places = strings_from_json(array_or_empty(facts(), "places"));
  if (const std::optional<RecordRow> held = document_.parent.empty() ? std::nullopt : view_.record(kHeldRecord, row_.id))
    for (std::string& each : strings_from_json(array_or_empty(held->data, "places"))) places.push_back(std::move(each));
  std::sort(places.begin(), places.end());  // in the order in which they are taken
  for (const std::string& series : places) {
    const std::int64_t taken = view_.series(series);
    if (taken == 0) continue;
    view_.set_series(series, taken - 1);
    if (std::optional<RecordRow> shown = view_.record(kPlacesRecord, series)) {
      shown->data["taken"] = taken - 1;
      changed(std::move(*shown));
    }
  }
  const std::optional<RecordRow> ranked = view_.record(kRankedRecord, row_.id);
  if (!ranked) return;
  // With the decision of the round those in reserve end too: nobody moves up any more.
  const bool decided = view_.record(kRoundDecisionKind, row_.round).has_value();
  for (const std::string& id : strings_from_json(array_or_empty(ranked->data, "lists"))) {
    std::optional<RecordRow> list = view_.record(kRankRecord, id);
    if (!list) continue;
    for (const std::string& next : leave_rank(list->data, row_.id)) {
      if (decided) continue;
      json::object payload = to_json(scxml::Event{.name = "place.free",
                                                  .origin = "#_scxml_" + row_.id,
                                                  .origintype = std::string{scxml::kScxmlProcessor},
                                                  .data = json::object{{"after", row_.id}}});
      payload["target"] = next;
      post("send", std::move(payload));
    }
    changed(std::move(*list));
  }
}

Result<> SessionRun::finish(Change& change) {
  const std::vector<std::string>& configuration = document_.chart.configuration;
  if (row_.status == "running" && !configuration.empty()) {
    row_.state = configuration.back();
    row_.stage = scxml::stage_of(*definition_->chart, row_.state);
  }
  for (Queued& each : queue_) document_.queue.push_back(std::move(each));
  if (!queue_.empty()) post("continue", {});
  row_.document = encode(document_);
  if (row_.document.size() > kDocumentBytesMax)
    return Error{.kind = ErrorKind::invalid,
                 .code = "session.size",
                 .message = "Expected a session of at most " + std::to_string(kDocumentBytesMax) + " bytes with the charts that it invoked",
                 .message_zh = "流程数据过大，本次操作未生效"};
  row_.updated = now_;
  ++row_.revision;
  for (TaskRow& task : change_.tasks) {
    task.programme = row_.programme;
    task.round = row_.round;
    task.stage = scxml::stage_of(*definition_->chart, task.state);
  }
  change_.session = row_;
  for (const auto& [name, value] : view_.changed_series()) change_.series.emplace_back(name, value);
  change_.audit = std::move(change.audit);
  change_.reply = std::move(change.reply);
  change_.definitions = std::move(change.definitions);
  change_.outbox_removed = std::move(change.outbox_removed);
  change = std::move(change_);
  return {};
}

json::object SessionRun::trace() const {
  json::array entered;
  json::array exited;
  json::array invoked;
  for (const auto& [session, trace] : traces_) {
    if (is_root(session)) {
      for (const std::string& state : trace.exited) exited.emplace_back(state);
      for (const std::string& state : trace.entered) entered.emplace_back(state);
    } else {
      invoked.push_back(json::object{{"session", session}, {"event", trace.event}, {"entered", to_json(trace.entered)}, {"exited", to_json(trace.exited)}});
    }
  }
  json::object out{{"entered", std::move(entered)},
                   {"exited", std::move(exited)},
                   {"events", to_json(events_)},
                   {"errors", to_json(errors_)}};
  if (!log_.empty()) out["log"] = to_json(log_);
  if (!invoked.empty()) out["invoked"] = std::move(invoked);
  return out;
}

}  // namespace chuyi
