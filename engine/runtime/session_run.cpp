#include "engine/runtime/session_run.h"

#include <algorithm>

#include "engine/invoke/rows_json.h"
#include "engine/invoke/work_items.h"
#include "engine/scxml/describe.h"

namespace chuyi {
namespace {

/// A cycle of stages that answer each other ends here.
constexpr std::size_t kEventsMax = 1'000;
/// What one command may log, and how much of each line is kept.
constexpr std::size_t kLogLinesMax = 100;
constexpr std::size_t kLogBytesMax = 1'000;

std::string stage_timer_prefix(const std::string& session, const std::string& invoke) {
  return session + "/stage/" + invoke + "/";
}

}  // namespace

json::object chart_programme(const Definition& definition) {
  json::object out{{"id", definition.programme}, {"version", definition.version}};
  for (const char* key : {"term_years", "publicity", "panel", "annual_check"})
    if (const json::value* found = definition.manifest.if_contains(key)) out[key] = *found;
  return out;
}

SessionRun::SessionRun(const InvokeRegistry& registry, DefinitionPtr definition, SessionRow row,
                       SessionDocument document, Instant now, JournalView& view)
    : registry_(registry),
      definition_(std::move(definition)),
      row_(std::move(row)),
      document_(std::move(document)),
      now_(now),
      view_(view) {}

json::object& SessionRun::facts() {
  json::value& value = document_.chart.datamodel["application"];
  if (!value.is_object()) value = json::object{};
  return value.get_object();
}

std::string SessionRun::new_id(std::string_view prefix) {
  const std::string session = row_.id.substr(row_.id.find('-') + 1);
  return std::string{prefix} + "-" + session + "-" + std::to_string(document_.next_id++);
}

StageContext SessionRun::context(const std::string& invoke_id, const std::string& state) {
  return {.session_id = row_.id,
          .invoke_id = invoke_id,
          .state = state,
          .now = now_,
          .view = view_,
          .application = facts(),
          .programme = definition_->manifest,
          .signed_by = document_.signed_by,
          .new_id = [this](std::string_view prefix) { return new_id(prefix); }};
}

Result<> SessionRun::begin(const json::object& facts) {
  const json::object data{{"application", facts},
                          {"programme", chart_programme(*definition_)},
                          {"round", json::object{{"id", row_.round}}}};
  happened_.emplace_back();
  if (Result<> taken = take(scxml::start(*definition_->chart, data, {.session_id = row_.id, .now = now_})); !taken)
    return taken;
  return drive();
}

Result<bool> SessionRun::event(scxml::Event event) {
  const std::size_t before = traces_.size();
  queue_.push_back({.event = std::move(event)});
  if (Result<> driven = drive(); !driven) return driven.error();
  return traces_.size() > before;
}

Result<json::object> SessionRun::command(const std::string& invoke_id, const StageCommand& command) {
  const auto found = document_.stages.find(invoke_id);
  if (found == document_.stages.end() || found->second.finished)
    return Error{.kind = ErrorKind::rejected,
                 .code = "stage.not_running",
                 .message = "Expected a running stage, but '" + invoke_id + "' has ended",
                 .message_zh = "该环节已经结束"};
  const InvokeHandler* handler = registry_.find(found->second.type);
  if (handler == nullptr)
    return Error{.kind = ErrorKind::unavailable,
                 .code = "stage.unknown_type",
                 .message = "Expected a handler for invoke type '" + found->second.type + "'"};
  const StageContext now = context(invoke_id, found->second.chart_state);
  Result<StageOutcome> outcome = handler->command(now, found->second.state, command);
  if (!outcome) return outcome.error();
  json::object reply = std::move(outcome->reply);
  if (command.name == "complete") document_.signed_by[invoke_id].insert(command.actor.user_id);
  if (Result<> applied = apply(invoke_id, std::move(*outcome)); !applied) return applied.error();
  if (Result<> driven = drive(); !driven) return driven.error();
  return reply;
}

Result<> SessionRun::timer(const std::string& timer_id, const json::object& event) {
  remove_timer(timer_id);
  if (string_or(event, "kind") == "send") {
    const json::value* data = event.if_contains("data");
    if (Result<> sent = send({.sendid = string_or(event, "sendid"),
                              .target = string_or(event, "target"),
                              .event = string_or(event, "event"),
                              .data = data == nullptr ? json::value() : *data});
        !sent)
      return sent;
    return drive();
  }
  const std::string invoke_id = string_or(event, "invoke");
  const auto found = document_.stages.find(invoke_id);
  if (found == document_.stages.end() || found->second.finished) return {};
  const InvokeHandler* handler = registry_.find(found->second.type);
  if (handler == nullptr) return {};
  Result<StageOutcome> outcome =
      handler->timer(context(invoke_id, found->second.chart_state), found->second.state, string_or(event, "name"));
  if (!outcome) {
    fail_stage("error.communication", invoke_id, outcome.error());
    return drive();
  }
  if (Result<> applied = apply(invoke_id, std::move(*outcome)); !applied) return applied;
  return drive();
}

Result<> SessionRun::drive() {
  std::size_t taken = 0;
  while (!queue_.empty()) {
    if (++taken > kEventsMax)
      return Error{.kind = ErrorKind::invalid,
                   .code = "session.events",
                   .message = "Expected at most " + std::to_string(kEventsMax) + " events for one command"};
    const Queued queued = std::move(queue_.front());
    const scxml::Event& event = queued.event;
    queue_.pop_front();
    if (!document_.chart.running) continue;
    // Whatever a stage still had to say is dropped once its state was left (SCXML 6.4.3).
    if (!event.invokeid.empty() && event.type == scxml::EventType::external && !document_.stages.contains(event.invokeid))
      continue;
    events_.push_back(event.name);
    happened_.push_back({.event = event});
    const std::size_t before = traces_.size();
    if (Result<> step = take(scxml::step(*definition_->chart, document_.chart, event,
                                         {.session_id = row_.id, .now = now_}));
        !step)
      return step;
    if (queued.refusal && traces_.size() == before) return *queued.refusal;
  }
  return {};
}

Result<> SessionRun::take(Result<scxml::Step> step) {
  if (!step) return step.error();
  document_.chart = std::move(step->next);
  for (scxml::Trace& trace : step->trace) {
    errors_.insert(errors_.end(), trace.errors.begin(), trace.errors.end());
    happened_.back().traces.push_back(trace);
    traces_.push_back(std::move(trace));
  }
  for (const scxml::Effect& effect : step->effects) {
    Result<> done;
    if (const auto* start = std::get_if<scxml::Invoke>(&effect)) {
      happened_.back().started.push_back(start->invoke_id);
      done = invoke(*start);
    } else if (const auto* stop = std::get_if<scxml::CancelInvoke>(&effect)) {
      done = cancel_invoke(stop->invoke_id);
    } else if (const auto* out = std::get_if<scxml::Send>(&effect)) {
      done = send(*out);
    } else if (const auto* cancel = std::get_if<scxml::Cancel>(&effect)) {
      cancel_send(cancel->sendid);
    } else if (const auto* line = std::get_if<scxml::Log>(&effect)) {
      log(*line);
    } else if (const auto* over = std::get_if<scxml::Done>(&effect)) {
      end(*over);
    }
    // Forward: no stage takes chart events.
    if (!done) return done;
  }
  return {};
}

Result<> SessionRun::invoke(const scxml::Invoke& effect) {
  const InvokeHandler* handler = registry_.find(effect.type);
  if (handler == nullptr) {
    fail_stage("error.execution", effect.invoke_id,
                Error{.code = "stage.unknown_type",
                      .message = "Expected a known invoke type, but found '" + effect.type + "'"});
    return {};
  }
  document_.stages[effect.invoke_id] = RunningStage{.type = effect.type, .chart_state = effect.state, .state = {}};
  Result<StageOutcome> outcome = handler->start(context(effect.invoke_id, effect.state), effect.params);
  if (!outcome) {
    document_.stages.erase(effect.invoke_id);
    fail_stage("error.communication", effect.invoke_id, outcome.error());
    return {};
  }
  return apply(effect.invoke_id, std::move(*outcome));
}

Result<> SessionRun::cancel_invoke(const std::string& invoke_id) {
  const auto found = document_.stages.find(invoke_id);
  if (found == document_.stages.end()) return {};
  const RunningStage stage = std::move(found->second);
  document_.stages.erase(found);
  remove_stage_timers(invoke_id);
  const InvokeHandler* handler = registry_.find(stage.type);
  if (stage.finished || handler == nullptr) return {};
  StageOutcome outcome = handler->cancel(context(invoke_id, stage.chart_state), stage.state);
  for (StageEffect& effect : outcome.effects) apply_effect(invoke_id, std::move(effect));
  return {};
}

Result<> SessionRun::apply(const std::string& invoke_id, StageOutcome outcome) {
  RunningStage& stage = document_.stages[invoke_id];
  stage.state = std::move(outcome.state);
  for (StageEffect& effect : outcome.effects) apply_effect(invoke_id, std::move(effect));
  for (StageEvent& event : outcome.events) {
    const bool done = event.name == "done";
    if (done) {
      stage.finished = true;
      stage.state = {};
      remove_stage_timers(invoke_id);
    }
    queue_.push_back({.event = {.name = done ? "done.invoke." + invoke_id : event.name,
                                .invokeid = invoke_id,
                                .data = std::move(event.data)}});
  }
  return {};
}

void SessionRun::apply_effect(const std::string& invoke_id, StageEffect effect) {
  struct Visitor {
    SessionRun& run;
    const std::string& invoke_id;
    void operator()(TaskRow& row) const { run.change_.tasks.push_back(std::move(row)); }
    void operator()(NoticeRow& row) const { run.change_.notices.push_back(std::move(row)); }
    void operator()(ObjectionRow& row) const { run.change_.objections.push_back(std::move(row)); }
    void operator()(AwardRow& row) const { run.change_.awards.push_back(std::move(row)); }
    void operator()(DocumentRow& row) const { run.change_.documents.push_back(std::move(row)); }
    void operator()(BundleRow& row) const { run.change_.bundles.push_back(std::move(row)); }
    void operator()(SetTimer& timer) const {
      run.set_timer(stage_timer_prefix(run.row_.id, invoke_id) + timer.name, timer.due,
                    {{"kind", "stage"}, {"invoke", invoke_id}, {"name", timer.name}});
    }
    void operator()(CancelTimer& timer) const {
      run.remove_timer(stage_timer_prefix(run.row_.id, invoke_id) + timer.name);
    }
    void operator()(SetSeries& series) const { run.view_.set_series(series.name, series.value); }
    void operator()(Post& post) const { run.post(std::move(post.kind), std::move(post.payload)); }
    void operator()(SetFact& fact) const { run.facts()[fact.key] = std::move(fact.value); }
  };
  std::visit(Visitor{*this, invoke_id}, effect);
}

Result<> SessionRun::send(const scxml::Send& effect) {
  const bool to_self = effect.target.empty() || effect.target == "#_scxml_" + row_.id;
  const bool to_session = effect.target.starts_with("#_scxml_");
  if (!effect.type.empty() && effect.type != "scxml" && effect.type != "http://www.w3.org/TR/scxml/#SCXMLEventProcessor") {
    raise_error("error.execution", {},
                Error{.code = "send.type", .message = "Expected the SCXML event processor, but found '" + effect.type + "'"});
    return {};
  }
  if (!to_self && !to_session) {
    raise_error("error.communication", {},
                Error{.code = "send.target", .message = "Expected a session as target, but found '" + effect.target + "'"});
    return {};
  }
  const bool at_once = effect.delay.is_null() || (effect.delay.is_int64() && effect.delay.get_int64() <= 0);
  if (!at_once) {
    Instant due = now_;
    if (effect.delay.is_int64()) {
      due += std::chrono::milliseconds{effect.delay.get_int64()};
    } else {
      const Result<Due> resolved = resolve_due(view_, now_, effect.delay);
      if (!resolved) {
        raise_error("error.execution", {}, resolved.error());
        return {};
      }
      // A chart's delay until a day ends where that day begins: "a year after the award" is that morning.
      due = effect.delay.is_object() && effect.delay.get_object().contains("until") ? resolved->at - std::chrono::days{1}
                                                                                     : resolved->at;
    }
    // Two sends may share an id: each is a timer of its own, and those of one instant fire in the order of sending.
    std::string number = std::to_string(document_.next_id++);
    number.insert(0, number.size() < 9 ? 9 - number.size() : 0, '0');
    set_timer(row_.id + "/send/" + number + "/" + effect.sendid, std::max(due, now_),
              {{"kind", "send"},
               {"event", effect.event},
               {"sendid", effect.sendid},
               {"target", effect.target},
               {"data", effect.data}});
    return {};
  }
  if (to_self) {
    queue_.push_back({.event = {.name = effect.event, .sendid = effect.sendid, .data = effect.data}});
    return {};
  }
  post("send", {{"target", effect.target.substr(8)}, {"event", effect.event}, {"data", effect.data}});
  return {};
}

void SessionRun::cancel_send(const std::string& sendid) {
  const std::string prefix = row_.id + "/send/";
  for (const std::string& id : std::vector<std::string>(document_.timers))
    if (id.starts_with(prefix) && id.substr(id.find('/', prefix.size()) + 1) == sendid) remove_timer(id);
}

void SessionRun::log(const scxml::Log& effect) {
  if (log_.size() >= kLogLinesMax) return;
  std::string line = effect.label.empty() ? "" : effect.label + ": ";
  line += effect.value.is_string() ? std::string{effect.value.get_string()} : canonical_json(effect.value);
  std::size_t end = std::min(line.size(), kLogBytesMax);
  while (end < line.size() && end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;
  line.resize(end);
  log_.push_back(std::move(line));
}

void SessionRun::set_timer(std::string id, Instant due, json::object event) {
  remove_timer(id);
  std::erase(change_.timers_removed, id);
  document_.timers.push_back(id);
  change_.timers.push_back(
      TimerRow{.id = std::move(id), .session_id = row_.id, .due = due, .event = std::move(event)});
}

void SessionRun::remove_timer(const std::string& id) {
  if (std::erase(document_.timers, id) == 0) return;
  std::erase_if(change_.timers, [&](const TimerRow& row) { return row.id == id; });
  change_.timers_removed.push_back(id);
}

void SessionRun::remove_stage_timers(const std::string& invoke_id) {
  const std::string prefix = stage_timer_prefix(row_.id, invoke_id);
  for (const std::string& id : std::vector<std::string>(document_.timers))
    if (id.starts_with(prefix)) remove_timer(id);
}

void SessionRun::raise_error(const std::string& name, const std::string& invoke_id, const Error& error) {
  errors_.push_back(error.code + ": " + error.message);
  queue_.push_back({.event = {.name = name,
                              .type = scxml::EventType::platform,
                              .invokeid = invoke_id,
                              .data = json::object{{"code", error.code}, {"message", error.message}}}});
}

void SessionRun::fail_stage(const std::string& name, const std::string& invoke_id, const Error& error) {
  raise_error(name, invoke_id, error);
  queue_.back().refusal =
      Error{.kind = ErrorKind::rejected,
            .code = "stage.failed",
            .message = "Expected stage '" + invoke_id + "' to run, but nothing was changed because of " + error.code + ": " + error.message,
            .place = error.place,
            .message_zh = "环节“" + invoke_id + "”无法进行，本次操作未生效：" + (error.message_zh.empty() ? error.code : error.message_zh),
            .details = error.details};
}

void SessionRun::end(const scxml::Done& done) {
  row_.status = "ended";
  row_.state = done.final_state;
  for (const std::string& id : std::vector<std::string>(document_.timers)) remove_timer(id);
  post("notify", {{"event", "application.ended"},
                  {"user", row_.applicant},
                  {"application", row_.id},
                  {"title", row_.title},
                  {"state", done.final_state}});
}

void SessionRun::post(std::string kind, json::object payload) {
  change_.outbox.push_back(OutboxRow{.id = new_id("x"),
                                     .session_id = row_.id,
                                     .kind = std::move(kind),
                                     .payload = std::move(payload),
                                     .created = now_,
                                     .attempts = 0,
                                     .next_at = now_});
}

void SessionRun::finish(Change& change) {
  const std::vector<std::string>& configuration = document_.chart.configuration;
  if (row_.status == "running" && !configuration.empty()) {
    row_.state = configuration.back();
    row_.stage = scxml::stage_of(*definition_->chart, row_.state);
  }
  row_.document = encode(document_);
  row_.updated = now_;
  ++row_.revision;
  change_.session = row_;
  for (const auto& [name, value] : view_.changed_series()) change_.series.emplace_back(name, value);
  change_.audit = std::move(change.audit);
  change_.reply = std::move(change.reply);
  change_.definitions = std::move(change.definitions);
  change_.outbox_removed = std::move(change.outbox_removed);
  change = std::move(change_);
}

json::object SessionRun::trace() const {
  json::array entered;
  json::array exited;
  for (const scxml::Trace& trace : traces_) {
    for (const std::string& state : trace.exited) exited.emplace_back(state);
    for (const std::string& state : trace.entered) entered.emplace_back(state);
  }
  json::object out{{"entered", std::move(entered)},
                   {"exited", std::move(exited)},
                   {"events", to_json(events_)},
                   {"errors", to_json(errors_)}};
  if (!log_.empty()) out["log"] = to_json(log_);
  return out;
}

}  // namespace chuyi
