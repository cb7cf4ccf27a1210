#include "engine/runtime/pumps.h"

#include <algorithm>
#include <chrono>

#include "engine/base/mutant.h"
#include "engine/invoke/rows_json.h"
#include "engine/runtime/dispatcher.h"
#include "engine/runtime/events_json.h"
#include "engine/runtime/review_commands.h"

namespace chuyi {
namespace {

/// Few enough that nodes share what is due.
constexpr std::size_t kBatch = 50;
/// How long what was claimed is kept from others; work stops at half of it, so that what is begun then is still ours.
constexpr std::chrono::seconds kLease{10};
/// How long the thread waits at most: a system clock that was set is noticed within it.
constexpr std::chrono::seconds kPatience{30};
constexpr std::chrono::seconds kRetry{1};
/// What another node works on is looked for again after so long, while the clock waits for it.
constexpr std::chrono::milliseconds kHeld{5};

/// How many applications of a round get their entries in one transaction.
constexpr std::size_t kSpread = 200;

constexpr std::size_t kRefusedMax = 1'000;
/// How often what was done may make more due, before that waits a while.
constexpr int kRoundsMax = 1'000;

using Steady = std::chrono::steady_clock;

}  // namespace

void PumpReport::add(PumpReport other) {
  fired += other.fired;
  failed = failed || other.failed;
  endless = endless || other.endless;
  for (Detail& each : other.refused)
    if (refused.size() < kRefusedMax) refused.push_back(std::move(each));
}

PumpReport Pumps::run_due() {
  const std::lock_guard lock(running_);
  PumpReport report;
  bool more = true;
  for (int round = 0; more && !report.failed && !is_stopping(); ++round) {
    report.endless = round == kRoundsMax;
    if (report.endless) break;
    const bool fired = fire_timers(report);
    more = deliver_outbox(report) || fired;
  }
  return report;
}

bool Pumps::refuse(PumpReport& report, const char* kind, const std::string& id, const Error& error) {
  Detail detail{.place = id, .code = error.code, .message = error.message, .message_zh = error.message_zh};
  on_refused_(detail);
  report.add({.fired = 0, .refused = {std::move(detail)}});
  if (kind == nullptr) return false;
  const Result<Reply> put_off = execute_and_wait(commands_, system_command("pump.defer", {{kind, id}, {"reason", error.code}}));
  report.failed = report.failed || (!put_off && put_off.error().kind == ErrorKind::unavailable);
  return put_off.has_value();
}

namespace {

/// The store takes nothing now, whoever asks. What it says of one command ("store.constraint") is that command's fault.
bool is_store_down(const Error& error) {
  return error.code == "store.io" || error.code == "store.full" || error.code == "store.busy" || error.code == "store.stopped" || error.code == "store.unknown";
}

}  // namespace

bool Pumps::fire_timers(PumpReport& report) {
  const Steady::time_point leave = Steady::now() + kLease / 2;
  const Result<std::vector<TimerRow>> due = queries_.claim_timers(clock_.now(), kBatch, kLease);
  report.failed = report.failed || !due;
  bool moved = false;
  for (std::size_t i = 0; due && i < due->size() && !report.failed && !is_stopping(); ++i) {
    if (Steady::now() >= leave) return true;
    const TimerRow& timer = (*due)[i];
    Command command = system_command("timer.fire", {{"timer", timer.id}});
    command.session_id = timer.session_id;
    const Result<Reply> reply = execute_and_wait(commands_, std::move(command));
    if (reply) {
      ++report.fired;
      moved = true;
    } else if (is_store_down(reply.error())) {
      report.failed = true;
    } else if (reply.error().code != "timer.gone" && reply.error().code != "timer.early") {
      moved = refuse(report, "timer", timer.id, reply.error()) || moved;
    }
  }
  return moved;
}

namespace {

/// Tries of a message before its session hears that it cannot be delivered: about an hour.
constexpr std::int64_t kTriesMax = 9;

Command session_command(std::string kind, const std::string& session, const OutboxRow& entry, json::object data) {
  data["outbox"] = entry.id;
  const std::string root = root_session(session);
  if (root != session) data["to"] = session;
  Command out = system_command(std::move(kind), std::move(data));
  out.session_id = root;
  return out;
}

Command failure_of(const OutboxRow& entry, const Error& error) {
  const scxml::Event event{.name = "error.communication",
                           .type = scxml::EventType::platform,
                           .sendid = string_or(entry.payload, "sendid"),
                           .data = json::object{{"code", error.code}, {"message", error.message}}};
  return session_command("session.deliver", string_or(entry.payload, "from"), entry, to_json(event));
}

}  // namespace

/// From one session to another.
Result<Reply> Pumps::deliver_event(PumpReport& report, const OutboxRow& entry) {
  json::object data = entry.payload;
  data.erase("target");
  Result<Reply> reply = execute_and_wait(commands_, session_command("session.deliver", string_or(entry.payload, "target"), entry, std::move(data)));
  if (reply || reply.error().kind == ErrorKind::unavailable) return reply;
  // The target is gone, has ended, or its workflow cannot take the event: nobody ever will.
  if (reply.error().code != "outbox.gone") refuse(report, nullptr, entry.id, reply.error());
  return execute_and_wait(commands_, system_command("outbox.done", {{"outbox", entry.id}}));
}

/// From a round to its applications, all that run or those named: to the end, so that the next broadcast comes after it.
Result<Reply> Pumps::spread(const OutboxRow& entry, Steady::time_point leave) {
  const std::vector<std::string> only = strings_from_json(array_or_empty(entry.payload, "only"));
  const bool named = entry.payload.contains("only");
  std::string after = string_or(entry.payload, "after");
  for (;;) {
    std::vector<SessionRow> rows;
    bool last = false;
    if (named) {
      const std::size_t begin = after.empty() ? 0 : std::stoul(after);
      const std::size_t end = std::min(only.size(), begin + kSpread);
      for (std::size_t i = begin; i < end; ++i) {
        Result<std::optional<SessionRow>> row = queries_.session(only[i]);
        if (!row) return row.error();
        if (*row) rows.push_back(std::move(**row));
      }
      after = std::to_string(end);
      last = end == only.size();
    } else {
      Result<std::vector<SessionRow>> page = queries_.applications(entry.session_id, after, kSpread);
      if (!page) return page.error();
      last = page->size() < kSpread;
      if (!page->empty()) after = page->back().id;
      rows = std::move(*page);
    }
    json::array targets;
    for (const SessionRow& row : rows)
      if (row.kind == "application" && row.round == entry.session_id && row.status == "running") targets.emplace_back(row.id);
    Result<Reply> reply = execute_and_wait(commands_, system_command("outbox.spread", {{"outbox", entry.id}, {"targets", std::move(targets)}, {"after", after}, {"last", last}}));
    if (!reply || last || is_stopping() || Steady::now() >= leave) return reply;
  }
}

Result<Reply> Pumps::deliver_here(const OutboxRow& entry) {
  std::string rest = string_or(entry.payload, "target").substr(messages_.base.size() + std::string_view{"/scxml/"}.size());
  const std::size_t query = rest.find("?key=");
  Result<scxml::Event> event = http_event(string_or(entry.payload, "media_type"), string_or(entry.payload, "body"));
  if (!event) return event.error();
  json::object data = to_json(*event);
  data["key"] = query == std::string::npos ? "" : rest.substr(query + 5);
  return execute_and_wait(commands_, session_command("session.http", rest.substr(0, query), entry, std::move(data)));
}

Result<Reply> Pumps::deliver_message(PumpReport& report, const OutboxRow& entry) {
  const bool here = !messages_.base.empty() && string_or(entry.payload, "target").starts_with(messages_.base + "/scxml/");
  if (!here && messages_.sender != nullptr) {
    // Put off before it leaves: whatever becomes of the try, the next one waits, and nobody else does. Of several
    // nodes that find it due one alone can.
    Result<Reply> put_off = execute_and_wait(commands_, system_command("pump.defer", {{"outbox", entry.id}, {"reason", "http_event.posted"}}));
    if (put_off) post_message(entry);
    return put_off;
  }
  Result<Reply> reply = here ? deliver_here(entry) : Error{.code = "http_event.denied", .message = "Expected a target that the administrator allows"};
  if (reply || reply.error().kind == ErrorKind::unavailable || reply.error().code == "outbox.gone") return reply;
  refuse(report, nullptr, entry.id, reply.error());
  return tell_failure(entry, reply.error());
}

/// Should the session refuse its error event, the entry is done all the same.
Result<Reply> Pumps::tell_failure(const OutboxRow& entry, const Error& error) {
  Result<Reply> told = execute_and_wait(commands_, failure_of(entry, error));
  if (told || told.error().kind == ErrorKind::unavailable) return told;
  return execute_and_wait(commands_, system_command("outbox.done", {{"outbox", entry.id}}));
}

bool Pumps::is_stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

bool Pumps::is_posting(const std::string& entry) {
  const std::lock_guard lock(mutex_);
  return posting_.contains(entry);
}

void Pumps::begin_posting(const OutboxRow& entry) {
  const std::lock_guard lock(mutex_);
  posting_.insert(entry.id);
}

void Pumps::end_posting(const OutboxRow& entry) {
  {
    const std::lock_guard lock(mutex_);
    posting_.erase(entry.id);
  }
  wake();
}

/// Put off before it is made, as a message is: a crash has it made again, under the same id. What is answered is taken
/// once, with the entry. A workflow that has nothing to say to a failed call leaves the entry for another try.
Result<Reply> Pumps::deliver_call(const OutboxRow& entry) {
  Result<Reply> put_off = execute_and_wait(commands_, system_command("pump.defer", {{"outbox", entry.id}, {"reason", "plugin.asked"}}));
  if (!put_off) return put_off;
  begin_posting(entry);
  plugins_.post([this, entry] {
    const Result<json::object> answer = ask(entry);
    json::object data{{"invoke", string_or(entry.payload, "invoke")}, {"hook", string_or(entry.payload, "hook")}};
    if (answer)
      data["answer"] = *answer;
    else
      data["error"] = json::object{{"code", answer.error().code}, {"message", answer.error().message}};
    const Result<Reply> told = execute_and_wait(commands_, session_command("session.answer", entry.session_id, entry, std::move(data)));
    if (!told && told.error().code != "outbox.gone")
      on_refused_({.place = entry.id, .code = told.error().code, .message = told.error().message, .message_zh = told.error().message_zh});
    end_posting(entry);
  });
  return put_off;
}

Result<json::object> Pumps::ask(const OutboxRow& entry) {
  const Error unknown{.kind = ErrorKind::unavailable, .code = "plugin.load", .message = "Expected the package of application " + entry.session_id + " to be loaded"};
  if (plugins_.host == nullptr || plugins_.definitions == nullptr) return unknown;
  const Result<std::optional<SessionRow>> session = queries_.session(entry.session_id);
  if (!session) return session.error();
  const DefinitionPtr definition = *session ? plugins_.definitions->by_digest((*session)->definition) : nullptr;
  if (!definition) return unknown;
  return plugins_.host->call(*definition, string_or(entry.payload, "hook"), entry.id, object_or_empty(entry.payload, "input"));
}

void Pumps::post_message(const OutboxRow& entry) {
  begin_posting(entry);
  messages_.sender->post({.id = entry.id,
                          .target = string_or(entry.payload, "target"),
                          .media_type = string_or(entry.payload, "media_type"),
                          .body = string_or(entry.payload, "body")},
                         [this, entry](Result<> result) { posted(entry, result); });
}

void Pumps::posted(const OutboxRow& entry, const Result<>& result) {
  const bool again = !result && result.error().kind == ErrorKind::unavailable && entry.attempts < kTriesMax;
  if (!result) on_refused_({.place = entry.id, .code = result.error().code, .message = result.error().message, .message_zh = result.error().message_zh});
  if (!again) (void)(result ? execute_and_wait(commands_, system_command("outbox.done", {{"outbox", entry.id}})) : tell_failure(entry, result.error()));
  end_posting(entry);
}

bool Pumps::deliver_outbox(PumpReport& report) {
  const Steady::time_point leave = Steady::now() + kLease / 2;
  const Result<std::vector<OutboxRow>> due = queries_.claim_outbox(clock_.now(), kBatch, kLease);
  report.failed = report.failed || !due;
  bool moved = false;
  for (std::size_t i = 0; due && i < due->size() && !report.failed && !is_stopping(); ++i) {
    if (Steady::now() >= leave) return true;
    const OutboxRow& entry = (*due)[i];
    Result<Reply> reply{Reply{}};
    if (entry.kind == "send") {
      reply = deliver_event(report, entry);
    } else if (entry.kind == "broadcast") {
      reply = spread(entry, leave);
    } else if (entry.kind == "http") {
      if (is_posting(entry.id)) continue;
      reply = deliver_message(report, entry);
    } else if (entry.kind == "plugin") {
      if (is_posting(entry.id)) continue;
      reply = deliver_call(entry);
    } else if (entry.kind == "continue") {
      reply = execute_and_wait(commands_, session_command("session.continue", entry.session_id, entry, {}));
    } else if (entry.kind == kAppointEntry) {
      reply = appoint_panels(commands_, queries_, entry);
    } else if (CHUYI_MUTANT("outbox_entry_done_before_told")) {
      reply = execute_and_wait(commands_, system_command("outbox.done", {{"outbox", entry.id}}));
      (void)notifier_.notify(entry.id, entry.payload);
    } else if (const Result<> told = notifier_.notify(entry.id, entry.payload); told) {
      reply = execute_and_wait(commands_, system_command("outbox.done", {{"outbox", entry.id}}));
    } else {
      moved = refuse(report, "outbox", entry.id, told.error()) || moved;
      continue;
    }
    if (reply)
      moved = true;
    else if (is_store_down(reply.error()))
      report.failed = true;
    else if (reply.error().code != "pump.gone")
      moved = refuse(report, "outbox", entry.id, reply.error()) || moved;
  }
  return moved;
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
    const PumpReport report = run_due();
    const Result<std::optional<Instant>> next = queries_.next_timer();
    std::chrono::milliseconds wait = kPatience;
    const Result<std::vector<OutboxRow>> held = queries_.due_outbox(clock_.now(), 1);
    if (!next || report.endless || !held || !held->empty()) {
      wait = kRetry;  // another node has it, and may be gone with it
    } else if (next->has_value()) {
      const auto left = **next - clock_.now();
      if (left < wait) wait = left;
      // Due, yet still there: the store did not answer, or another node has it. Do not spin on it.
      if (wait <= std::chrono::milliseconds::zero()) wait = kRetry;
    }
    lock.lock();
    changed_.wait_for(lock, wait, [&] { return stopping_ || (woken_ && !report.endless); });
  }
}

Result<PumpReport> advance_clock(ManualClock& clock, Instant to, const Actor& actor, Queries& queries,
                                 CommandService& commands, Pumps& pumps) {
  if (to < clock.now())
    return Error{.kind = ErrorKind::rejected,
                 .code = "clock.back",
                 .message = "Expected a time after " + format_instant(clock.now()),
                 .message_zh = "时钟只能向前"};
  PumpReport report = pumps.run_due();
  while (!report.failed) {
    const Result<std::optional<Instant>> next = queries.next_timer();
    if (!next) return next.error();
    const Result<std::vector<OutboxRow>> undelivered = queries.due_outbox(clock.now(), 1);
    if (!undelivered) return undelivered.error();
    // Came since, by a command of somebody else, or another node has it.
    const bool due = (next->has_value() && **next <= clock.now()) || !undelivered->empty();
    const Instant stop = next->has_value() && **next < to ? std::max(**next, clock.now()) : to;
    if (!due) {
      const Result<Reply> kept = [&] {
        Command command = system_command("clock.advance", {{"to", to_ms(stop)}});
        command.actor = actor;
        return execute_and_wait(commands, std::move(command));
      }();
      if (!kept) return kept.error();
      clock.advance_to(stop);
    }
    if (due) std::this_thread::sleep_for(kHeld);
    report.add(pumps.run_due());
    if (report.endless)
      return Error{.kind = ErrorKind::rejected,
                   .code = "timer.endless",
                   .message = "Expected sessions that come to rest at " + format_instant(clock.now()) + ", but they go on for ever",
                   .message_zh = "有流程无休止地运行，时钟停在" + format_instant(clock.now())};
    if (!due && stop == to && !report.failed) return report;
  }
  return Error{.kind = ErrorKind::unavailable,
               .code = "timer.stuck",
               .message = "Expected the store to take the timers due at " + format_instant(clock.now()) + "; try again",
               .message_zh = "存储暂不可用，到期事项未能处理，请重试"};
}

}  // namespace chuyi
