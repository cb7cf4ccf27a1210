#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/base/calendar.h"
#include "engine/base/json.h"
#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/invoke/rows.h"

namespace chuyi {

/// Who acts. The system itself (timers, outbox) has user_id "system" and no memberships.
struct Actor {
  std::string user_id;
  std::string name;
  std::vector<Membership> memberships;
  /// Holds `role`, in `org` when that is not empty.
  bool has(std::string_view role, std::string_view org = {}) const;
};

/// What a stage may read beyond its own state, inside the command's transaction. Every answer but
/// task_data() and person() is journalled, so a replay sees the same.
class StageView {
 public:
  virtual ~StageView() = default;
  /// Memberships of a user; empty when there is no such active user.
  virtual std::vector<Membership> memberships(std::string_view user_id) = 0;
  /// Current value of a shared counter, 0 when new; locked until the command ends.
  virtual std::int64_t series(std::string_view name) = 0;
  /// As View::share_series: no answer, so nothing to journal.
  virtual void share_series(std::string_view name) = 0;
  /// As View::record and View::records.
  virtual std::optional<RecordRow> record(std::string_view kind, std::string_view id) = 0;
  virtual std::vector<RecordRow> records(std::string_view kind, std::string_view about) = 0;
  /// Data of a task that the stage keeps no copy of. For the rows it writes only, never for its state, its events or
  /// its decisions: this one answer is not journalled, and a replay gets an empty object.
  virtual json::object task_data(std::string_view task_id) = 0;
  /// How the pool of experts knows whoever has this identity number (person_digest); empty for an empty one. Not journalled either: a
  /// replay is given the same secret.
  virtual std::string person(std::string_view identity) = 0;
  /// Calendar::end_of with the calendar of the installation.
  virtual CalendarDate end_of(Day start, const Period& period) = 0;
};

/// Invoke id → ids of the users who signed there. In an invoked chart its own stages have their own ids, and those outside
/// theirs, with "/" before one that the chart has too.
using SignedBy = std::map<std::string, std::set<std::string, std::less<>>, std::less<>>;

/// Everything a handler knows. Valid during the call only.
struct StageContext {
  std::string session_id;
  std::string invoke_id;
  std::string type;   ///< of the invoke
  std::string state;  ///< id of the chart state that holds the invoke
  Instant now;
  StageView& view;
  /// Facts of the application: {"id","title","programme","round","org","org_name","applicant",
  /// "orgs":{"college","county","prefecture","province"}, "form":{latest signed-off nomination}}.
  const json::object& application;
  /// The programme's manifest data (plugins/loader: Definition::manifest).
  const json::object& programme;
  /// Everybody who completed a task of each invoke id so far.
  const SignedBy& signed_by;
  /// A new id, unique in the installation and the same on replay: new_id("t") → "t-k3f9…-7".
  std::function<std::string(std::string_view prefix)> new_id;
};

/// A command of a person to a running stage.
struct StageCommand {
  std::string name;  ///< "claim", "release", "save", "complete", "assign", "handover", "return", "add-signer", "document.add", "document.remove", "object"
  std::string task_id;  ///< empty for "object"
  Actor actor;
  json::object data;
  /// Whom the actor stands in for, with the rights that were handed over; none: the actor acts alone.
  std::optional<Actor> principal = {};
  /// Whose right to act counts.
  const Actor& acting() const { return principal ? *principal : actor; }
  /// Both: what keeps one person away keeps either away.
  std::vector<std::string> people() const { return principal ? std::vector{actor.user_id, principal->user_id} : std::vector{actor.user_id}; }
};

/// An SCXML event to the session. "done" becomes done.invoke.<invoke_id>; every other name is sent as it
/// stands (e.g. "task.overdue.apply").
struct StageEvent {
  std::string name;
  json::value data;
};

struct SetTimer {
  std::string name;  ///< of this invoke; setting it again moves it
  Instant due;
  json::object period = {};  ///< Due::period
};
struct CancelTimer { std::string name; };
struct SetSeries { std::string name; std::int64_t value = 0; };
/// Asks for an outbox entry.
struct Post { std::string kind; json::object payload; };
/// Changes a fact of the application that later stages and the chart may read (`application.KEY`).
struct SetFact { std::string key; json::value value; };
/// Asks the package's code, after the transaction; InvokeHandler::answer gets what it says.
struct CallPlugin { std::string hook; json::object input; };
using StageEffect = std::variant<TaskRow, NoticeRow, ObjectionRow, AwardRow, DocumentRow, BundleRow, RecordRow, SetTimer,
                                 CancelTimer, SetSeries, Post, SetFact, CallPlugin>;

struct StageOutcome {
  json::object state;               ///< the handler's new state, kept in the session's document
  std::vector<StageEvent> events;   ///< delivered to the chart in order, after the state is stored
  std::vector<StageEffect> effects;
  json::object reply;               ///< shown to the actor
};

/// One kind of step. Stateless and pure: the same arguments give the same outcome; it opens nothing,
/// writes nothing and reads no clock. New kinds are new handlers in the registry and nothing else.
class InvokeHandler {
 public:
  virtual ~InvokeHandler() = default;
  /// Its state is entered. `params` as evaluated by the chart. Errors become error.communication, with _event.invokeid.
  virtual Result<StageOutcome> start(const StageContext& context, const json::object& params) const = 0;
  /// A person acts. Errors refuse the command; nothing changes. `rejected` names the allowed outcomes.
  virtual Result<StageOutcome> command(const StageContext& context, const json::object& state,
                                       const StageCommand& command) const = 0;
  /// A timer set by this handler is due.
  virtual Result<StageOutcome> timer(const StageContext& context, const json::object& state,
                                     std::string_view name) const = 0;
  /// The chart sends it an event. Errors become error.communication of the <send>.
  virtual Result<StageOutcome> signal(const StageContext& context, const json::object& state, std::string_view event, const json::value& data) const;
  /// What CallPlugin asked is answered. Errors become error.plugin, as when the package's code fails.
  virtual Result<StageOutcome> answer(const StageContext& context, const json::object& state, std::string_view hook, const json::object& answer) const;
  /// Its state is left: open tasks and notices are cancelled. Timers are dropped by the runtime.
  virtual StageOutcome cancel(const StageContext& context, const json::object& state) const = 0;
};

/// The one table `type → handler`.
class InvokeRegistry {
 public:
  /// Errors: `invalid` "registry.duplicate".
  Result<> add(std::string type, std::unique_ptr<InvokeHandler> handler);
  /// nullptr when there is none.
  const InvokeHandler* find(std::string_view type) const;
  std::vector<std::string> types() const;

 private:
  std::map<std::string, std::unique_ptr<InvokeHandler>, std::less<>> handlers_;
};

}  // namespace chuyi
