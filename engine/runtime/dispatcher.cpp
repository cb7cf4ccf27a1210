#include "engine/runtime/dispatcher.h"

#include <future>
#include <memory>

#include "engine/runtime/nomination_commands.h"
#include "engine/runtime/preparation.h"
#include "engine/runtime/preview.h"
#include "engine/runtime/recall.h"
#include "engine/runtime/review_commands.h"
#include "engine/runtime/session_commands.h"
#include "engine/runtime/system_commands.h"

namespace chuyi {

namespace {

/// Rolls back a command that would have been taken; never leaves this file.
constexpr const char* kOnlyAsked = "dispatcher.only_asked";
/// Rolls back a command that has work to do first; never leaves this file either.
constexpr const char* kUnprepared = "dispatcher.unprepared";

/// Only preparation says what was sealed and found.
constexpr const char* kPrepared[] = {"bundle", "indicators", "checks"};

Result<Command> prepare_or_fail(const Runtime& runtime, Command command, Sealing sealing = Sealing::done) {
  try {
    return prepare(runtime, std::move(command), sealing);
  } catch (const std::exception& error) {
    return Error{.kind = ErrorKind::unavailable,
                 .code = "server.failed",
                 .message = std::string{"Expected to prepare the command, but found: "} + error.what()};
  }
}

}  // namespace

void Dispatcher::execute(Command command, Done done) {
  if (command.kind == "application.create") command.data["id"] = "a-" + runtime_.random_id();
  if (is_review_command(command)) command.data.erase("prepared");
  if (command.kind.starts_with("note.")) command.data["id"] = "n-" + runtime_.random_id();
  if (command.kind == "delegation.put") command.data["id"] = "g-" + runtime_.random_id();
  if (asks_package(runtime_, command)) return prepare_and_submit(std::move(command), std::move(done));
  if (!may_need_preparation(command)) return submit(std::move(command), std::move(done));
  for (const char* key : kPrepared) command.data.erase(key);
  std::optional<IdempotencyKey> key = command.key;
  auto shared = std::make_shared<Deciding>(Deciding{.command = std::move(command)});
  // What was answered before is answered again, whatever preparation would say by now; and most tasks have no form.
  runtime_.store.update(Update{.key = std::move(key),
                               .decide = [this, shared](View& view) -> Result<Change> {
                                 if (is_review_command(shared->command)) return Error{.code = kUnprepared};
                                 const std::optional<TaskRow> task = view.task(shared->command.task_id);
                                 if (task && needs_preparation(shared->command, *task)) return Error{.code = kUnprepared};
                                 return decide(*shared, view);
                               },
                               .session = shared->command.session_id,
                               .task = shared->command.task_id},
                        [this, shared, done = std::move(done)](Result<Reply> reply) {
                          if (!reply && reply.error().code == kUnprepared) return prepare_and_submit(std::move(shared->command), done);
                          if (reply && shared->wakes) runtime_.wake();
                          done(std::move(reply));
                        });
}

void Dispatcher::probe(Command command, Done done) {
  for (const char* key : kPrepared) command.data.erase(key);
  ask(std::move(command), false, std::move(done));
}

void Dispatcher::ask(Command command, bool prepared, Done done) {
  std::optional<IdempotencyKey> key = command.key;
  struct Asked {
    Command command;
    json::object preview = {};
  };
  auto shared = std::make_shared<Asked>(Asked{.command = std::move(command)});
  runtime_.store.update(Update{.key = std::move(key),
                               .decide = [this, shared, prepared](View& view) -> Result<Change> {
                                 if (!prepared && may_need_preparation(shared->command) && !is_review_command(shared->command)) {
                                   const std::optional<TaskRow> task = view.task(shared->command.task_id);
                                   if (task && needs_preparation(shared->command, *task)) return Error{.code = kUnprepared};
                                 }
                                 const Result<Change> change = decide(shared->command, view);
                                 if (!change) return change.error();
                                 shared->preview = preview_of(view, *change);
                                 return Error{.code = kOnlyAsked};
                               }},
                        [this, shared, done = std::move(done)](Result<Reply> reply) {
                          if (!reply && reply.error().code == kUnprepared)
                            return runtime_.post([this, shared, done] {
                              Result<Command> ready = prepare_or_fail(runtime_, std::move(shared->command), Sealing::left_out);
                              if (!ready) return done(ready.error());
                              ask(std::move(*ready), true, done);
                            });
                          if (!reply && reply.error().code == kOnlyAsked) return done(Reply{.body = std::move(shared->preview)});
                          done(std::move(reply));
                        });
}

Result<Change> Dispatcher::decide(const Command& command, View& view) const {
  if (!command.holds.empty() && std::chrono::steady_clock::now() - command.held_since > kHoldMax)
    return Error{.kind = ErrorKind::unavailable,
                 .code = "document.late",
                 .message = "Expected less than half an hour from the content to its transaction; bring it again",
                 .message_zh = "材料保存后等待过久，请重新上传"};
  const Instant now = runtime_.clock.now();
  if (is_review_command(command)) return decide_review(runtime_, view, command, now);
  if (is_nomination_command(command)) return decide_nomination(runtime_, view, command, now);
  return is_session_command(command) ? decide_session(runtime_, view, command, now) : decide_system(runtime_, view, command, now);
}

Result<Change> Dispatcher::decide(Deciding& deciding, View& view) const {
  Result<Change> change = decide(deciding.command, view);
  deciding.wakes = change && (!change->timers.empty() || !change->outbox.empty());
  return change;
}

void Dispatcher::prepare_and_submit(Command command, Done done) {
  // Forms, plugin code and sealing may take long: never inside the transaction, never on the caller's thread.
  runtime_.post([this, command = std::move(command), done = std::move(done)]() mutable {
    Result<Command> prepared = prepare_or_fail(runtime_, std::move(command));
    if (!prepared) return done(prepared.error());
    submit(std::move(*prepared), std::move(done));
  });
}

void Dispatcher::submit(Command command, Done done) {
  std::optional<IdempotencyKey> key = command.key;
  auto shared = std::make_shared<Deciding>(Deciding{.command = std::move(command)});
  runtime_.store.update(
      Update{.key = std::move(key),
             .decide = [this, shared](View& view) { return decide(*shared, view); },
             .session = shared->command.session_id,
             .task = shared->command.task_id},
      [this, shared, done = std::move(done)](Result<Reply> reply) {
        if (reply && shared->wakes) runtime_.wake();
        const std::string& holds = shared->command.holds;
        if (holds.empty()) return done(std::move(reply));
        // A failed store may have written after all.
        const bool referenced = reply ? !reply->replayed : reply.error().kind == ErrorKind::unavailable;
        // Whoever hears of a refusal finds nothing left of it; but files are not the store thread's to remove.
        runtime_.post([this, shared, referenced, done, reply = std::move(reply)]() mutable {
          runtime_.documents.release(shared->command.holds, referenced);
          done(std::move(reply));
        });
      });
}

Result<Reply> execute_and_wait(CommandService& service, Command command) {
  auto promise = std::make_shared<std::promise<Result<Reply>>>();
  std::future<Result<Reply>> reply = promise->get_future();
  service.execute(std::move(command), [promise](Result<Reply> result) { promise->set_value(std::move(result)); });
  return reply.get();
}

}  // namespace chuyi
