#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/base/json.h"
#include "engine/invoke/handler.h"
#include "engine/ports/store.h"

namespace chuyi {

struct PreparedRecall;

/// Something a person (or the system) asks for. The one way to change anything.
///
/// kind                  data
/// application.create    {programme, round, title, org, co_leads?; journalled: facts, programme_data, round_data: what the chart is given}     → reply body {id, …}
/// application.event     {event, data?}: an event of the chart that this actor may send
/// round.create          {id, title, programmes, parameters; journalled: facts, round_data, programme_data}: docs/rounds.md → reply body {id, …}
/// round.extend          {deadline, reason}; journalled: {event, data}
/// round.decide          {selected, not_selected, deviations}; journalled: {event, data}
/// Every task.* takes {on_behalf_of}: whom the actor stands in for (delegation.h).
/// task.claim/.release   {}
/// task.save             {data}: keeps a draft of the form
/// task.assign           {to, reason?}: somebody else of the same office       task.handover {from, to}: by an administrator
/// task.add-signer       {user, when: "before" | "after", reason?}           task.return {to, reason, days?}: to an earlier state
/// task.recall           {reason?}: the actor's own last action (recall.h)
/// task.complete         {outcome?, data?}: the sign-off; outcome may be left out when only one is allowed;
///                       data left out: the saved draft
/// delegation.put, .end, .move: delegation.h                             note.*, batch.*, rules.tasks: notes.h
/// document.add          {kind, name, media_type, digest, size}: the bytes are stored already
/// document.remove       {document}
/// objection.file        {notice, objector, contact, reason}
/// organisation.put      {id, parent, level, name, name_en, …}: organisations.h
/// user.put              {id, name, password_hash, memberships:[{role, org}], disabled}
/// import.rows           {kind, rows, password_hash?, renew?}: all of them or none (imports.h)
/// user.password         {user, token_digest, password_hash}: set once, by who has the code of that digest
/// login                 {user, token_digest, expires}      logout {token_digest}
/// package.put           {programme, version, digest, files, chosen}: what new applications of all nodes start on; not chosen
///                       by somebody: only when it is newer than what they start on now
/// plugin.install        {programme, version, digest, key}: an archive was installed, signed by that key
/// plugin.remove         {programme}                         plugin.enable/.disable {programme}
/// trust.add             {id, key, name}: a public key (PEM) whose signatures count            trust.remove {id}
/// clock.advance         {to}: ms; manual clock only
/// timer.fire            {timer}: one that is due; its stored event counts
/// session.start         {id, definition, data}: a session of a definition (its digest) that is no application
/// session.deliver       {outbox, event, …}: an event (events_json.h); {to}: the session that one invoked
/// session.http          {event, …, key, to}: a message from outside to the Basic HTTP event I/O processor
/// session.answer        {outbox, invoke, hook, answer} or {outbox, invoke, error:{code, message}}: of a package's code
/// session.continue      {outbox}: the next macrostep        outbox.done {outbox}
/// outbox.spread         {outbox, targets, after, last}: an entry for each of these applications; the broadcast goes on after `after`
/// session.migrate       {from, to, map, migration, model?: what the package makes of the chart's data}          session.unmigrate {migration}
/// migration.begin       {from, to, map, after} → reply body {migration, …}
/// migration.undo        {migration}
/// http.secret           {secret}: what keys of messages are made of; only the first one counts
/// expert.put            {id, …, identity?: only its digest is kept; disabled?, reason?}   expert.nominate {id, year}   expert.declare {application or org, reason}
/// review.setup          {round, year, people, policy, assignment, programmes}: docs/review.md
/// review.draw           {round, id, seats, spares, strata, …, commitment}      .reveal {seed}  .absent {expert, reason}  .witness {}  .withdraw {reason}
/// review.assign         {round, programmes?, draw?, previous?, …} → reply body {id, …}      review.appoint {round, id}
/// review.appointed      {outbox, appointed, refused, after, last}: what became of some panels
/// review.rank           {round, programmes?} → reply body {id, …}      .deliberate {id, present, votes, decisions, tie_decisions}  .settle {id}
/// audit.archive         {bag, sessions:[{id, through}]}: the records of ended applications are in that bag now
/// pump.defer            {timer} or {outbox}, and {reason}: try again later
struct Command {
  std::string kind;
  std::string session_id;  ///< application id; empty where `task_id` or `data` tells
  std::string task_id;
  Actor actor;
  json::object data;
  std::optional<std::uint64_t> if_revision;  ///< If-Match: task revision for task.* and document.*, else session revision
  std::optional<IdempotencyKey> key;
  /// Digest of the definition that it was checked against before its transaction; empty: none. Another one by then refuses it.
  std::string checked_on = {};
  /// Digest of content that was stored for this command: its end ends the holding (DocumentStore::release).
  std::string holds;
  std::chrono::steady_clock::time_point held_since = {};

  /// Of task.recall, found out by its preparation.
  std::shared_ptr<const PreparedRecall> recall = {};

  void hold(std::string digest) {
    holds = std::move(digest);
    held_since = std::chrono::steady_clock::now();
  }
};

/// The setting that says what new applications start on, of nodes that share it: {programme: {digest, version}}.
inline constexpr const char* kPackagesSetting = "packages";

/// The setting of what was done about packages: {programme: {"disabled":true, "installed":{version, digest, key}}}.
inline constexpr const char* kPluginsSetting = "plugins";
/// The setting of public keys that may sign packages: {id: {key, name}}.
inline constexpr const char* kTrustSetting = "trust";

/// A setting that holds an object; empty when it was never written. Errors: `invalid` "json.*".
inline Result<json::object> setting_object(const std::optional<std::string>& text, const char* name) {
  Result<json::value> parsed = parse_json(text.value_or("{}"), kStoredJson, name);
  if (!parsed) return parsed.error();
  return std::move(parsed->as_object());
}

/// A command that took longer from its content to its transaction is refused: what no row names within an hour may be
/// deleted, by nodes that know nothing of this one.
inline constexpr std::chrono::minutes kHoldMax{30};

/// A command of the system itself.
inline Command system_command(std::string kind, json::object data) {
  return {.kind = std::move(kind), .session_id = {}, .task_id = {}, .actor = {.user_id = "system", .name = "system", .memberships = {}}, .data = std::move(data), .if_revision = {}, .key = {}};
}

/// The session that has a row, of itself or of one that its charts invoked ("a-x.2" → "a-x").
inline std::string root_session(const std::string& session_id) { return session_id.substr(0, session_id.find('.')); }

/// Takes commands. Thread-safe.
class CommandService {
 public:
  virtual ~CommandService() = default;
  using Done = std::function<void(Result<Reply>)>;
  /// Validates what can be validated before the transaction (forms, rules, plugin, sealing: on a worker
  /// thread), then decides and writes it in one. `done` is called once, on any thread; it must not wait.
  virtual void execute(Command command, Done done) = 0;
  /// Decides the command and writes nothing: a reply with what it would change (preview.h) when execute would take it
  /// now, else its refusal, that of its form, its rules and the package's code too (nothing is sealed); where its key has been used,
  /// the stored answer or "idempotency.mismatch".
  virtual void probe(Command command, Done done) = 0;
};

}  // namespace chuyi
