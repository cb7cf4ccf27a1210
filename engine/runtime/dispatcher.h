#pragma once

#include <functional>
#include <string>

#include "engine/base/calendar.h"
#include "engine/invoke/handler.h"
#include "engine/ports/clock.h"
#include "engine/ports/definition.h"
#include "engine/ports/documents.h"
#include "engine/ports/plugin_host.h"
#include "engine/ports/queries.h"
#include "engine/ports/store.h"
#include "engine/runtime/command.h"
#include "engine/runtime/organisations.h"

namespace chuyi {

/// What the dispatcher works with. All outlive it; all are thread-safe or immutable.
struct Runtime {
  Store& store;
  Queries& queries;
  const Definitions& definitions;
  const InvokeRegistry& registry;
  const Calendar& calendar;
  const Clock& clock;
  DocumentStore& documents;
  PluginHost& plugins;
  /// Runs a job that may block on a worker thread.
  std::function<void(std::function<void()>)> post;
  /// 16 or more characters of [a-z0-9] that nobody can guess.
  std::function<std::string()> random_id;
  /// Something was committed that the pumps may have work from.
  std::function<void()> wake = [] {};
  /// Where charts that take messages over HTTP are reached ("https://host[:port]"); empty: nowhere.
  std::string http_base = {};
  /// Every session command ends after one macrostep (SessionRun).
  bool one_macrostep = false;
  /// Who recommends whom; none: the offices above the applicant.
  std::vector<RecommenderRule> recommenders = {};
};

/// command → decide → one transaction. See docs/architecture.md, "The way of one sign-off".
class Dispatcher final : public CommandService {
 public:
  explicit Dispatcher(Runtime runtime) : runtime_(std::move(runtime)) {}
  void execute(Command command, Done done) override;
  void probe(Command command, Done done) override;

 private:
  /// What a command on its way carries from its decision to its end.
  struct Deciding {
    Command command;
    bool wakes = false;  ///< it leaves something to the pumps
  };
  Result<Change> decide(const Command& command, View& view) const;
  Result<Change> decide(Deciding& deciding, View& view) const;
  void submit(Command command, Done done);
  void prepare_and_submit(Command command, Done done);
  void ask(Command command, bool prepared, Done done);
  Runtime runtime_;
};

/// Waits for `service.execute`. Never call it from a thread that the service answers on.
Result<Reply> execute_and_wait(CommandService& service, Command command);

}  // namespace chuyi
