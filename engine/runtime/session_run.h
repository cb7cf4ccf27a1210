#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "engine/invoke/handler.h"
#include "engine/ports/definition.h"
#include "engine/ports/store.h"
#include "engine/runtime/journal_view.h"
#include "engine/runtime/session_document.h"

namespace chuyi {

/// What a chart may read of its programme. The rest stays with the definition, out of every snapshot.
json::object chart_programme(const Definition& definition);

/// One macrostep as it happened.
struct Happened {
  std::optional<scxml::Event> event = {};  ///< none: the beginning of the session
  std::vector<scxml::Trace> traces = {};
  std::vector<std::string> started = {};   ///< ids of the invokes that started at its end
};

/// One command's work on one session, pure: the same inputs give the same change. Used alike by the
/// dispatcher (live) and by replay.
///
/// A stage that fails to start or at its timer raises error.communication (of an unknown type: error.execution). When
/// the chart has no transition for it, every call refuses with `rejected` "stage.failed": a workflow never stands in a
/// state whose stage does not run.
class SessionRun {
 public:
  SessionRun(const InvokeRegistry& registry, DefinitionPtr definition, SessionRow row, SessionDocument document,
             Instant now, JournalView& view);

  /// Begins the session with `facts` as its `application`.
  Result<> begin(const json::object& facts);
  /// A person's command to a running stage. @return the stage's reply.
  /// Errors: `rejected` "stage.not_running", and those of the handler.
  Result<json::object> command(const std::string& invoke_id, const StageCommand& command);
  /// An external event. @return whether it enabled a transition.
  Result<bool> event(scxml::Event event);
  /// A timer of this session is due: TimerRow::event.
  Result<> timer(const std::string& timer_id, const json::object& event);

  /// Moves everything decided into `change`: session row with its new document, rows, timers, outbox.
  void finish(Change& change);

  /// What happened, for the journal: {"entered":[…],"exited":[…],"errors":[…],"events":[…]}, and
  /// "log":[text,…] when the chart logged something.
  json::object trace() const;
  /// The same in full, for replay and for judging what may follow.
  const std::vector<Happened>& happened() const { return happened_; }
  const SessionRow& row() const { return row_; }

 private:
  StageContext context(const std::string& invoke_id, const std::string& state);
  Result<> drive();
  Result<> take(Result<scxml::Step> step);
  Result<> apply(const std::string& invoke_id, StageOutcome outcome);
  void apply_effect(const std::string& invoke_id, StageEffect effect);
  Result<> invoke(const scxml::Invoke& effect);
  Result<> cancel_invoke(const std::string& invoke_id);
  Result<> send(const scxml::Send& effect);
  void cancel_send(const std::string& sendid);
  void log(const scxml::Log& effect);
  void set_timer(std::string id, Instant due, json::object event);
  void remove_timer(const std::string& id);
  void remove_stage_timers(const std::string& invoke_id);
  void raise_error(const std::string& name, const std::string& invoke_id, const Error& error);
  void fail_stage(const std::string& name, const std::string& invoke_id, const Error& error);
  void end(const scxml::Done& done);
  void post(std::string kind, json::object payload);
  json::object& facts();
  std::string new_id(std::string_view prefix);

  const InvokeRegistry& registry_;
  DefinitionPtr definition_;
  SessionRow row_;
  SessionDocument document_;
  Instant now_;
  JournalView& view_;
  struct Queued {
    scxml::Event event;
    /// Why the command is refused when no transition takes the event; none: it is discarded (SCXML 3.13).
    std::optional<Error> refusal = {};
  };
  std::deque<Queued> queue_;
  std::vector<scxml::Trace> traces_;
  std::vector<std::string> events_;
  std::vector<Happened> happened_;
  std::vector<std::string> errors_;
  std::vector<std::string> log_;
  Change change_;
};

}  // namespace chuyi
