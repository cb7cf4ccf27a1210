#include "engine/runtime/dispatcher.h"

#include <future>
#include <memory>

#include "engine/runtime/preparation.h"
#include "engine/runtime/session_commands.h"
#include "engine/runtime/system_commands.h"

namespace chuyi {

void Dispatcher::execute(Command command, Done done) {
  if (command.kind == "application.create") command.data["id"] = "a-" + runtime_.random_id();
  if (!needs_preparation(command)) {
    submit(std::move(command), std::move(done));
    return;
  }
  // Forms, plugin code and sealing may take long: never inside the transaction, never on the caller's thread.
  runtime_.post([this, command = std::move(command), done = std::move(done)]() mutable {
    Result<Command> prepared = prepare(runtime_, std::move(command));
    if (!prepared) {
      done(prepared.error());
      return;
    }
    submit(std::move(*prepared), std::move(done));
  });
}

void Dispatcher::submit(Command command, Done done) {
  std::optional<IdempotencyKey> key = command.key;
  auto shared = std::make_shared<const Command>(std::move(command));
  runtime_.store.update(
      Update{.key = std::move(key),
             .decide = [this, shared](View& view) -> Result<Change> {
               const Instant now = runtime_.clock.now();
               return is_session_command(*shared) ? decide_session(runtime_, view, *shared, now)
                                                  : decide_system(runtime_, view, *shared, now);
             }},
      [this, done = std::move(done)](Result<Reply> reply) {
        if (reply) runtime_.wake();
        done(std::move(reply));
      });
}

Result<Reply> execute_and_wait(CommandService& service, Command command) {
  auto promise = std::make_shared<std::promise<Result<Reply>>>();
  std::future<Result<Reply>> reply = promise->get_future();
  service.execute(std::move(command), [promise](Result<Reply> result) { promise->set_value(std::move(result)); });
  return reply.get();
}

}  // namespace chuyi
