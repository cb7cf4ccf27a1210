#include "engine/invoke/rows_json.h"
#include "engine/runtime/delegation.h"
#include "engine/runtime/session_run.h"

// The part of a session's run that deals with stages: invokes whose type has a handler.
namespace chuyi {

std::string SessionRun::stage_timers(const std::string& key) const { return row_.id + "/stage/" + key + "/"; }

json::object& SessionRun::facts() {
  json::value& value = document_.chart.datamodel["application"];
  if (!value.is_object()) value = json::object{};
  return value.get_object();
}

std::string SessionRun::new_id(std::string_view prefix) {
  const std::string session = row_.id.substr(row_.id.find('-') + 1);
  return std::string{prefix} + "-" + session + "-" + std::to_string(document_.next_id++);
}

std::string SessionRun::owner_of(const std::string& key) {
  std::string session = row_.id;
  std::size_t at = 0;
  for (std::size_t slash = key.find('/'); slash != std::string::npos; at = slash + 1, slash = key.find('/', at)) {
    const auto child = child_of(session, key.substr(at, slash - at));
    if (child == document_.children.end()) return {};
    session = child->first;
  }
  return session;
}

StageContext SessionRun::context(const std::string& key) {
  const std::size_t slash = key.rfind('/');
  const bool nested = slash != std::string::npos;
  std::string state = document_.stages.at(key).chart_state;
  if (nested) {
    // People know the application's own states: the one that holds the chart stands for all inside it.
    const std::string outermost = key.substr(0, key.find('/'));
    for (const scxml::Invocation& each : document_.chart.invocations)
      if (each.invoke_id == outermost) state = each.state;
    signed_by_.clear();
    std::vector<std::string> outside;
    for (const auto& [signed_at, users] : document_.signed_by)
      if (signed_at.starts_with(key.substr(0, slash + 1)))
        signed_by_[signed_at.substr(slash + 1)] = users;
      else
        outside.push_back(signed_at);
    // Who signed outside counts as well, under another name where the chart has a stage of that name itself.
    for (const std::string& signed_at : outside)
      signed_by_[signed_by_.contains(signed_at) ? "/" + signed_at : signed_at] = document_.signed_by.at(signed_at);
  }
  return {.session_id = row_.id,
          .invoke_id = nested ? key.substr(slash + 1) : key,
          .type = document_.stages.at(key).type,
          .state = std::move(state),
          .now = now_,
          .view = view_,
          .application = facts(),
          .programme = definition_->manifest,
          .signed_by = nested ? signed_by_ : document_.signed_by,
          .new_id = [this](std::string_view prefix) { return new_id(prefix); }};
}

Result<json::object> SessionRun::command(const std::string& invoke_id, const StageCommand& command) {
  const auto found = document_.stages.find(invoke_id);
  if (found == document_.stages.end() || found->second.finished)
    return Error{.kind = ErrorKind::rejected,
                 .code = "stage.not_running",
                 .message = "Expected a running stage, but '" + invoke_id + "' has ended",
                 .message_zh = "该环节已经结束"};
  const InvokeHandler* handler = handler_of(found->second.type);
  if (handler == nullptr)
    return Error{.kind = ErrorKind::unavailable,
                 .code = "stage.unknown_type",
                 .message = "Expected a handler for invoke type '" + found->second.type + "'"};
  StageCommand acted = command;
  if (const std::string principal = string_or(command.data, "on_behalf_of"); !principal.empty()) {
    Result<Actor> stood_for = principal_of(view_, command.actor, principal, now_);
    if (!stood_for) return stood_for.error();
    acted.principal = std::move(*stood_for);
  }
  const StageContext now = context(invoke_id);
  Result<StageOutcome> outcome = handler->command(now, found->second.state, acted);
  if (!outcome) return outcome.error();
  json::object reply = std::move(outcome->reply);
  if (command.name == "complete" || command.name == "return")
    for (std::string& user : acted.people()) document_.signed_by[invoke_id].insert(std::move(user));
  if (Result<> applied = apply(invoke_id, std::move(*outcome)); !applied) return applied.error();
  if (Result<> driven = drive(); !driven) return driven.error();
  return reply;
}

Result<> SessionRun::timer(const std::string& timer_id, const json::object& event) {
  remove_timer(timer_id);
  if (string_or(event, "kind") == "send") {
    const std::string from = string_or(event, "from", row_.id);
    if (!is_alive(from)) return {};
    const json::value* data = event.if_contains("data");
    if (Result<> sent = deliver(from, {.sendid = string_or(event, "sendid"),
                                       .type = string_or(event, "type"),
                                       .target = string_or(event, "target"),
                                       .event = string_or(event, "event"),
                                       .data = data == nullptr ? json::value() : *data,
                                       .form = string_or(event, "form"),
                                       .has_content = bool_or(event, "has_content", false)});
        !sent)
      return sent;
    return drive();
  }
  const std::string key = string_or(event, "invoke");
  const auto found = document_.stages.find(key);
  if (found == document_.stages.end() || found->second.finished) return {};
  const InvokeHandler* handler = handler_of(found->second.type);
  if (handler == nullptr) return {};
  Result<StageOutcome> outcome = handler->timer(context(key), found->second.state, string_or(event, "name"));
  if (!outcome) {
    fail_invoke(owner_of(key), "error.communication", key.substr(key.rfind('/') + 1), outcome.error());
    return drive();
  }
  if (Result<> applied = apply(key, std::move(*outcome)); !applied) return applied;
  return drive();
}

const InvokeHandler* SessionRun::handler_of(const std::string& type) const {
  if (const InvokeHandler* known = registry_.find(type)) return known;
  for (const json::value& each : array_or_empty(definition_->manifest, "invokes"))
    if (string_or(each.get_object(), "type") == type) return registry_.find("plugin");
  return nullptr;
}

Result<> SessionRun::signal(const std::string& session, const std::string& key, const scxml::Send& effect) {
  const RunningStage& stage = document_.stages.at(key);
  const InvokeHandler* handler = handler_of(stage.type);
  Result<StageOutcome> outcome = handler == nullptr ? Result<StageOutcome>{Error{.code = "stage.unknown_type", .message = "Expected a known invoke type"}}
                                                    : handler->signal(context(key), stage.state, effect.event, effect.data);
  if (outcome) return apply(key, std::move(*outcome));
  raise_error(session, {.name = "error.communication", .sendid = effect.sendid}, outcome.error());
  return {};
}

Result<> SessionRun::answer(const json::object& data) {
  const std::string key = string_or(data, "invoke");
  const auto found = document_.stages.find(key);
  if (found == document_.stages.end() || found->second.finished) return {};
  const json::object& failure = object_or_empty(data, "error");
  const InvokeHandler* handler = handler_of(found->second.type);
  Result<StageOutcome> outcome{Error{.kind = ErrorKind::unavailable, .code = string_or(failure, "code", "stage.unknown_type"), .message = string_or(failure, "message")}};
  if (failure.empty() && handler != nullptr) outcome = handler->answer(context(key), found->second.state, string_or(data, "hook"), object_or_empty(data, "answer"));
  if (outcome) {
    if (Result<> applied = apply(key, std::move(*outcome)); !applied) return applied;
  } else {
    document_.stages.erase(found);
    remove_timers(stage_timers(key));
    fail_invoke(owner_of(key), "error.plugin", key.substr(key.rfind('/') + 1), outcome.error());
  }
  return drive();
}

Result<> SessionRun::start_stage(const std::string& session, const scxml::Invoke& effect) {
  const InvokeHandler* handler = handler_of(effect.type);
  if (handler == nullptr) {
    fail_invoke(session, "error.execution", effect.invoke_id,
                Error{.code = "stage.unknown_type", .message = "Expected a known invoke type, but found '" + effect.type + "'"});
    return {};
  }
  const std::string key = key_of(session, effect.invoke_id);
  document_.stages[key] = RunningStage{.type = effect.type, .chart_state = effect.state, .state = {}};
  Result<StageOutcome> outcome = handler->start(context(key), effect.params);
  if (!outcome) {
    document_.stages.erase(key);
    fail_invoke(session, "error.communication", effect.invoke_id, outcome.error());
    return {};
  }
  return apply(key, std::move(*outcome));
}

Result<> SessionRun::apply(const std::string& key, StageOutcome outcome) {
  const std::string session = owner_of(key);
  const std::string invoke_id = key.substr(key.rfind('/') + 1);
  RunningStage& stage = document_.stages[key];
  stage.state = std::move(outcome.state);
  for (StageEffect& effect : outcome.effects) apply_effect(key, std::move(effect));
  for (StageEvent& event : outcome.events) {
    const bool done = event.name == "done";
    if (done) {
      stage.finished = true;
      stage.state = {};
      remove_timers(stage_timers(key));
    }
    queue_.push_back({{.session = session,
                       .event = {.name = done ? "done.invoke." + invoke_id : event.name, .invokeid = invoke_id, .data = std::move(event.data)},
                       .source = "/" + key},
                      {}});
  }
  return {};
}

void SessionRun::apply_effect(const std::string& key, StageEffect effect) {
  struct Visitor {
    SessionRun& run;
    const std::string& key;
    void operator()(TaskRow& row) const {
      row.invoke_id = key;
      run.change_.tasks.push_back(std::move(row));
    }
    void operator()(NoticeRow& row) const {
      row.invoke_id = key;
      run.change_.notices.push_back(std::move(row));
    }
    void operator()(ObjectionRow& row) const { run.change_.objections.push_back(std::move(row)); }
    void operator()(AwardRow& row) const { run.change_.awards.push_back(std::move(row)); }
    void operator()(DocumentRow& row) const { run.change_.documents.push_back(std::move(row)); }
    void operator()(BundleRow& row) const { run.change_.bundles.push_back(std::move(row)); }
    void operator()(RecordRow& row) const {
      row.updated = run.now_;
      run.view_.set_record(row);
      run.change_.records.push_back(std::move(row));
    }
    void operator()(SetTimer& timer) const {
      json::object event{{"kind", "stage"}, {"invoke", key}, {"name", timer.name}};
      if (!timer.period.empty()) event["period"] = std::move(timer.period);
      run.set_timer(run.stage_timers(key) + timer.name, timer.due, std::move(event));
    }
    void operator()(CancelTimer& timer) const {
      run.remove_timer(run.stage_timers(key) + timer.name);
    }
    void operator()(SetSeries& series) const { run.view_.set_series(series.name, series.value); }
    void operator()(Post& post) const { run.post(std::move(post.kind), std::move(post.payload)); }
    void operator()(CallPlugin& call) const {
      run.post("plugin", {{"invoke", key}, {"hook", std::move(call.hook)}, {"input", std::move(call.input)}});
    }
    void operator()(SetFact& fact) const { run.facts()[fact.key] = std::move(fact.value); }
  };
  std::visit(Visitor{*this, key}, effect);
}

}  // namespace chuyi
