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
/// What charts of applications saw whose journal does not say it.
json::object first_chart_programme(const Definition& definition);

/// One macrostep as it happened.
struct Happened {
  std::string session;  ///< the row's id, or that of an invoked chart
  std::optional<scxml::Event> event = {};  ///< none: the beginning of the session, or its end from outside
  std::vector<scxml::Trace> traces = {};
  std::vector<std::string> started = {};   ///< ids of the invokes that started at its end
};

/// One command's work on one session, pure: the same inputs give the same change. Used alike by the
/// dispatcher (live) and by replay.
///
/// A stage that fails to start or at its timer raises error.communication (of an unknown type: error.execution). When
/// the chart of an application has no transition for it, every call refuses with `rejected` "stage.failed": a workflow
/// never stands in a state whose stage does not run.
///
/// An <invoke> of type "scxml" runs another chart: a session of its own (SCXML 6.4) with an id, a queue and timers, that
/// lives in this session's document and goes with it through every transaction.
class SessionRun {
 public:
  /// @param one_macrostep  end after one macrostep; events that then wait stay in the document, and an outbox entry
  ///                       "continue" asks for the next.
  SessionRun(const InvokeRegistry& registry, DefinitionPtr definition, SessionRow row, SessionDocument document,
             Instant now, JournalView& view, bool one_macrostep = false);

  /// Begins the session: of an application or a round with `facts` as its `application` and what its chart sees of its
  /// programme and its round, of any other with them as its data.
  Result<> begin(const json::object& facts, json::object programme = {}, json::object round = {});
  const Definition& definition() const { return *definition_; }
  /// A person's command to a running stage. @return the stage's reply.
  /// Errors: `rejected` "stage.not_running", and those of the handler.
  Result<json::object> command(const std::string& invoke_id, const StageCommand& command);
  /// An external event to the session, or to one that it invoked: `to` is its id. One for a session that is gone is
  /// dropped. @return whether it enabled a transition.
  Result<bool> event(scxml::Event event, const std::string& to = {});
  /// Before begin(): where messages from outside reach the session; empty: nowhere.
  void set_http(std::string base) { document_.http_base = std::move(base); }
  /// Goes on with what waits in the document.
  Result<> resume() { return drive(); }
  /// A timer of this session is due: TimerRow::event.
  Result<> timer(const std::string& timer_id, const json::object& event);
  /// What a stage asked its package is answered: {"invoke","hook","answer"}, or {"invoke","error":{"code","message"}}.
  /// For a stage that is gone: nothing.
  Result<> answer(const json::object& data);

  /// Moves everything decided into `change`: session row with its new document, rows, timers, outbox.
  /// Errors: `invalid` "session.size" when the document is larger than what is sure to be read again.
  Result<> finish(Change& change);

  /// What happened, for the journal: {"entered":[…],"exited":[…],"errors":[…],"events":[…]}, "log":[text,…] when a chart
  /// logged something, and "invoked":[{"session","event","entered","exited"},…] when charts that it invoked moved.
  json::object trace() const;
  /// The same in full, for replay and for judging what may follow.
  const std::vector<Happened>& happened() const { return happened_; }
  const SessionRow& row() const { return row_; }

 private:
  // The ids below: `session` is the row's, or that of an invoked chart; `key` names a stage in SessionDocument::stages.
  bool is_root(const std::string& session) const { return session == row_.id; }
  bool is_alive(const std::string& session) const;
  scxml::ChartPtr chart_of(const std::string& session) const;
  scxml::Snapshot& snapshot_of(const std::string& session);
  scxml::Env env_of(const std::string& session) const;
  std::string key_of(const std::string& session, const std::string& invoke_id) const;
  /// The child that the invoke of this id runs; end() when there is none.
  std::map<std::string, ChildSession, std::less<>>::const_iterator child_of(const std::string& session, const std::string& invoke_id) const;

  Result<> drive();
  Result<> take(const std::string& session, Result<scxml::Step> step);
  Result<> invoke(const std::string& session, const scxml::Invoke& effect);
  Result<> start_child(const std::string& session, const scxml::Invoke& effect);
  Result<> cancel_invoke(const std::string& session, const std::string& invoke_id);
  Result<> cancel_child(const std::string& child);
  /// A chart that cannot go on ends where it stands, without its <onexit> handlers.
  Result<> abandon(const std::string& child);
  /// Whatever an invoke still had to say is dropped once its state was left (SCXML 6.4.3).
  void forget(const std::string& source);
  Result<> send(const std::string& session, const scxml::Send& effect);
  Result<> deliver(const std::string& session, const scxml::Send& effect);
  /// The key of the stage that a target like #_ID means, while it runs; else empty.
  std::string running_stage(const std::string& session, const std::string& target) const;
  /// Whether the target means every application of this round.
  bool is_broadcast(const std::string& session, const std::string& target) const;
  Result<> broadcast(const scxml::Send& effect, json::object event);
  /// The session that a target names for this one; empty: none that takes events.
  std::string target_of(const std::string& session, const std::string& target) const;
  void set_send_timer(const std::string& session, const scxml::Send& effect, Instant due, json::object period);
  void cancel_send(const std::string& session, const std::string& sendid);
  void log(const scxml::Log& effect);
  void end(const std::string& session, const scxml::Done& done);

  const InvokeHandler* handler_of(const std::string& type) const;
  Result<> signal(const std::string& session, const std::string& key, const scxml::Send& effect);
  /// An application that ends without an award takes none of its organisations' places; who is next on a ranked list
  /// hears "place.free".
  void give_places_back();
  StageContext context(const std::string& key);
  /// The session whose chart has the stage; empty when it is gone.
  std::string owner_of(const std::string& key);
  std::string stage_timers(const std::string& key) const;
  Result<> start_stage(const std::string& session, const scxml::Invoke& effect);
  Result<> apply(const std::string& key, StageOutcome outcome);
  void apply_effect(const std::string& key, StageEffect effect);
  void set_timer(std::string id, Instant due, json::object event);
  void remove_timer(const std::string& id);
  void remove_timers(const std::string& prefix);
  /// Before every event that waits, as errors are internal events (SCXML 3.12.2).
  void raise_error(const std::string& session, scxml::Event event, const Error& error, std::optional<Error> refusal = {});
  void fail_invoke(const std::string& session, const std::string& name, const std::string& invoke_id, const Error& error);
  void post(std::string kind, json::object payload);
  json::object& facts();
  std::string new_id(std::string_view prefix);

  const InvokeRegistry& registry_;
  DefinitionPtr definition_;
  SessionRow row_;
  SessionDocument document_;
  Instant now_;
  JournalView& view_;
  bool one_macrostep_;
  std::size_t macrosteps_ = 0;
  struct Queued : QueuedEvent {
    /// Why the command is refused when no transition takes the event; none: it is discarded (SCXML 3.13).
    std::optional<Error> refusal = {};
  };
  std::deque<Queued> queue_;
  std::size_t errors_ahead_ = 0;  ///< how many of the first are errors
  struct SessionTrace {
    std::string session;
    scxml::Trace trace;
  };
  std::vector<SessionTrace> traces_;
  /// What the handler in context() sees; for a stage of an invoked chart with the keys of that chart.
  SignedBy signed_by_;
  std::vector<std::string> events_;
  std::vector<Happened> happened_;
  std::vector<std::string> errors_;
  std::vector<std::string> log_;
  Change change_;
};

}  // namespace chuyi
