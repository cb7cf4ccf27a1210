#include <algorithm>

#include "engine/base/form.h"
#include "engine/invoke/work_items.h"
#include "engine/runtime/command.h"
#include "engine/runtime/events_json.h"
#include "engine/runtime/session_run.h"
#include "engine/scxml/describe.h"

// The part of a session's run that deals with what leaves it: sends, timers, log, outbox.
namespace chuyi {
namespace {

/// What one command may log, and how much of each line is kept.
constexpr std::size_t kLogLinesMax = 100;
constexpr std::size_t kLogBytesMax = 1'000;

/// The message of SCXML C.2: the parameters and the event's name as a form, or the content as it is.
json::object http_message(const std::string& session, const scxml::Send& effect) {
  std::string type = "application/x-www-form-urlencoded";
  std::string body;
  if (effect.has_content) {
    type = effect.data.is_string() ? "text/plain;charset=UTF-8" : "application/json";
    body = effect.data.is_string() ? std::string{effect.data.get_string()} : plain_json(effect.data);
  } else {
    if (!effect.event.empty()) add_form_pair(body, "_scxmleventname", json::value(effect.event));
    if (!effect.form.empty()) body += (body.empty() ? "" : "&") + effect.form;
  }
  return {{"from", session}, {"target", effect.target}, {"sendid", effect.sendid}, {"media_type", std::move(type)}, {"body", std::move(body)}};
}

}  // namespace

Result<> SessionRun::send(const std::string& session, const scxml::Send& effect) {
  const bool at_once = effect.delay.is_null() || (effect.delay.is_int64() && effect.delay.get_int64() <= 0);
  if (at_once) return deliver(session, effect);
  Instant due = now_;
  json::object period;
  if (effect.delay.is_int64()) {
    due += std::chrono::milliseconds{effect.delay.get_int64()};
  } else {
    Result<Due> resolved = resolve_due(view_, now_, effect.delay);
    if (!resolved) {
      raise_error(session, {.name = "error.execution", .sendid = effect.sendid}, resolved.error());
      return {};
    }
    // A chart's delay until a day ends where that day begins: "a year after the award" is that morning.
    due = effect.delay.is_object() && effect.delay.get_object().contains("until") ? resolved->at - std::chrono::days{1} : resolved->at;
    period = std::move(resolved->period);
  }
  set_send_timer(session, effect, std::max(due, now_), std::move(period));
  return {};
}

void SessionRun::set_send_timer(const std::string& session, const scxml::Send& effect, Instant due, json::object period) {
  // Two sends may share an id: each is a timer of its own, and those of one instant fire in the order of sending.
  std::string number = std::to_string(document_.next_id++);
  number.insert(0, number.size() < 9 ? 9 - number.size() : 0, '0');
  json::object event{{"kind", "send"}, {"event", effect.event}, {"sendid", effect.sendid}, {"target", effect.target}, {"data", effect.data}};
  if (!is_root(session)) event["from"] = session;
  if (!effect.type.empty()) event["type"] = effect.type;
  if (!effect.form.empty()) event["form"] = effect.form;
  if (effect.has_content) event["has_content"] = true;
  if (!period.empty()) event["period"] = std::move(period);
  set_timer(session + "/send/" + number + "/" + effect.sendid, due, std::move(event));
}

/// SCXML C.1 and C.2.
Result<> SessionRun::deliver(const std::string& session, const scxml::Send& effect) {
  if (effect.type == scxml::kHttpProcessor) {
    post("http", http_message(session, effect));
    return {};
  }
  if (const std::string key = running_stage(session, effect.target); !key.empty()) return signal(session, key, effect);
  scxml::Event event{.name = effect.event,
                     .sendid = effect.sendid,
                     .origin = "#_scxml_" + session,
                     .origintype = std::string{scxml::kScxmlProcessor},
                     .data = effect.data,
                     .raw = effect.form};
  if (is_broadcast(session, effect.target)) return broadcast(effect, to_json(event));
  std::string to = target_of(session, effect.target);
  if (to.empty()) {
    raise_error(session, {.name = "error.communication", .sendid = effect.sendid},
                Error{.code = "send.target", .message = "Expected a session that can be reached, but found '" + effect.target + "'"});
    return {};
  }
  const bool family = is_root(to) || document_.children.contains(to);
  // What a stage has answered is the runtime's to say: policies are proved of it. And what a round has decided is the round's.
  const bool reserved = scxml::is_reserved(effect.event) ? row_.kind != "session" || !family : !family && row_.kind != "round" && effect.event.starts_with("round.");
  if (to != session && reserved) {
    raise_error(session, {.name = "error.execution", .sendid = effect.sendid},
                Error{.code = "send.event", .message = "Expected an event for another session that is not named like those of the system, but found '" + effect.event + "'"});
    return {};
  }
  if (family) {
    std::string source;
    if (const auto child = document_.children.find(session); child != document_.children.end() && to == child->second.parent) {
      // What it says after its end, from <onexit> when it is cancelled, is dropped too.
      if (child->second.finished) return {};
      event.invokeid = child->second.invoke_id;
      source = session;
    }
    queue_.push_back({{.session = std::move(to), .event = std::move(event), .source = std::move(source)}, {}});
    return {};
  }
  json::object payload = to_json(event);
  payload["target"] = std::move(to);
  post("send", std::move(payload));
  return {};
}

bool SessionRun::is_broadcast(const std::string& session, const std::string& target) const {
  return row_.kind == "round" && is_root(session) && target == "#_applications";
}

/// One outbox entry, which the pump turns into one for each application, some at a time: thousands of them do not become
/// one transaction. Data `only`, a list of ids, says which of them; it does not reach them itself.
Result<> SessionRun::broadcast(const scxml::Send& effect, json::object event) {
  const auto refuse = [&](const char* code, const char* message) {
    raise_error(row_.id, {.name = "error.execution", .sendid = effect.sendid}, Error{.code = code, .message = message});
    return Result<>{};
  };
  if (scxml::is_reserved(effect.event)) return refuse("send.event", "Expected an event for applications that is not named like those of the system");
  json::object payload;
  json::value* data = event.if_contains("data");
  if (const json::value* only = data != nullptr && data->is_object() ? data->get_object().if_contains("only") : nullptr; only != nullptr) {
    // Lua knows one kind of empty table.
    const bool empty = only->is_object() && only->get_object().empty();
    if (!only->is_array() && !empty) return refuse("send.only", "Expected a list of applications in 'only'");
    payload["only"] = empty ? json::array{} : only->get_array();
    data->get_object().erase("only");
  }
  payload["event"] = std::move(event);
  post("broadcast", std::move(payload));
  return {};
}

std::string SessionRun::running_stage(const std::string& session, const std::string& target) const {
  if (!target.starts_with("#_")) return {};
  std::string key = key_of(session, target.substr(2));
  const auto stage = document_.stages.find(key);
  return stage != document_.stages.end() && !stage->second.finished ? key : std::string{};
}

std::string SessionRun::target_of(const std::string& session, const std::string& target) const {
  if (target.empty()) return session;
  const auto self = document_.children.find(session);
  const std::string parent = self == document_.children.end() ? std::string{} : self->second.parent;
  // A round may have ended long before its applications.
  if (is_root(session) && target == "#_parent") return !document_.parent.empty() && view_.is_running(document_.parent) ? document_.parent : std::string{};
  std::string out;
  if (target == "#_parent") {
    out = parent;
  } else if (target.starts_with("#_scxml_")) {
    out = target.substr(8);
  } else if (const auto child = child_of(session, target.substr(2)); child != document_.children.end()) {
    out = child->first;
  }
  // Its parent hears a child also while both come to their end.
  if (out.empty() || out == parent || is_root(out)) return out;
  const std::string root = root_session(out);
  return (root == row_.id ? is_alive(out) : view_.is_running(root)) ? out : std::string{};
}

void SessionRun::cancel_send(const std::string& session, const std::string& sendid) {
  if (sendid.empty()) return;  // sends without an id are not meant
  const std::string prefix = session + "/send/";
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

void SessionRun::remove_timers(const std::string& prefix) {
  for (const std::string& id : std::vector<std::string>(document_.timers))
    if (id.starts_with(prefix)) remove_timer(id);
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

}  // namespace chuyi
