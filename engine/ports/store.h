#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/invoke/rows.h"

namespace chuyi {

/// A session: an application that runs (or has run) on one definition.
struct SessionRow {
  std::string id;
  std::string kind;       ///< "application", "round" or "session"
  std::string programme;
  std::string round;      ///< of an application: the id of its round's session, or what a manifest calls it; of a round: its own id
  std::string title;
  std::string org;        ///< applying organisation
  std::string org_name;
  std::vector<std::string> orgs;  ///< org and its ancestors up to the province: who may see it
  std::string applicant;  ///< user id
  std::string definition;  ///< digest
  std::string status;      ///< "running", "ended"
  std::string stage;       ///< chuyi:stage of the deepest active state
  std::string state;       ///< deepest active state id; the final state once ended
  std::string document;    ///< canonical JSON: chart snapshot, stages, counters. Owned by engine/runtime
  std::uint64_t revision = 0;
  Instant created;
  Instant updated;
};

/// data, every member optional: kind ("education", "college", …: kOrganisationKinds); code (GB/T 2260, USCC or school
/// code); region (GB/T 2260); competent (organisation id of its department); former [{code, name, until}]; functional
/// (true: a district that is none of GB/T 2260); offices {what for: organisation id}, beside it in its region.
struct OrganisationRow {
  std::string id;      ///< e.g. "430000", "430100", "college-001"
  std::string parent;  ///< empty for the province
  std::string level;   ///< "province", "prefecture", "county", "college"
  std::string name;
  std::string name_en;
  json::object data;
};

struct UserRow {
  std::string id;       ///< sign-in name
  std::string name;
  std::string password;  ///< Argon2id encoded hash (PHC string), never the password
  std::vector<Membership> memberships;
  bool disabled = false;
};

/// A signed-in session of a user. The token itself is never stored.
struct LoginRow {
  std::string token_digest;  ///< SHA-256 of the token, hex
  std::string user_id;
  Instant expires;
};

struct DefinitionRow {
  std::string digest;
  std::string programme;
  std::string version;
  json::object files;
};

/// What the caller of a command gets, also again for the same idempotency key.
struct Reply {
  int status = 200;  ///< HTTP status of success
  json::value body;
  std::uint64_t revision = 0;  ///< of the thing changed: its ETag; 0: none
  bool replayed = false;       ///< the stored answer of an earlier, equal request
};

/// Audit records of a session that are kept in a sealed bag from now on. Their hashes stay where they are, so the chain
/// goes on over them.
struct ArchivedRecords {
  std::string session_id;
  std::int64_t through = 0;  ///< seq of the last one; earlier ones that were archived before stay in their bags
  std::string bag;           ///< its digest
};

/// What one command writes: all of it in one transaction, or none.
struct Change {
  /// The audit record; the store adds "seq" and chains it. Must be set; carries who, when, what.
  json::object audit;
  std::optional<SessionRow> session;
  std::vector<TaskRow> tasks;
  std::vector<NoticeRow> notices;
  std::vector<ObjectionRow> objections;
  std::vector<AwardRow> awards;
  std::vector<DocumentRow> documents;
  std::vector<BundleRow> bundles;
  std::vector<TimerRow> timers;
  std::vector<std::string> timers_removed;  ///< ids; unknown ones are ignored
  std::vector<OutboxRow> outbox;
  std::vector<std::string> outbox_removed;  ///< ids
  std::vector<std::pair<std::string, std::int64_t>> series;
  std::vector<RecordRow> records;
  std::vector<std::pair<std::string, std::string>> records_removed;  ///< kind and id; unknown ones are ignored
  std::vector<OrganisationRow> organisations;
  std::vector<UserRow> users;
  std::vector<LoginRow> logins;
  std::vector<std::string> logins_removed;  ///< token digests
  std::vector<std::string> logins_removed_of;  ///< user ids: end all their sessions
  std::vector<DefinitionRow> definitions;
  std::vector<std::pair<std::string, std::string>> settings;  ///< installation-wide key → text
  std::vector<ArchivedRecords> archived;  ///< each record becomes archived_record(bag)
  Reply reply;
};

/// Of one kind about one thing, as a command reads them.
inline constexpr std::size_t kRecordsMax = 10'000;

/// Reads inside the transaction of a command; sees what earlier commands of the same group wrote.
class View {
 public:
  virtual ~View() = default;
  virtual std::optional<SessionRow> session(std::string_view id) = 0;
  virtual std::optional<TaskRow> task(std::string_view id) = 0;
  virtual std::optional<TimerRow> timer(std::string_view id) = 0;
  virtual std::optional<OutboxRow> outbox(std::string_view id) = 0;
  virtual std::optional<UserRow> user(std::string_view id) = 0;
  virtual std::optional<OrganisationRow> organisation(std::string_view id) = 0;
  virtual std::optional<NoticeRow> notice(std::string_view id) = 0;
  virtual std::optional<DefinitionRow> definition(std::string_view digest) = 0;
  virtual std::optional<std::string> setting(std::string_view key) = 0;
  /// As session() and record(), but held against change only: commands that read them so go on beside each other. For what
  /// everybody reads and few change.
  virtual std::optional<SessionRow> shared_session(std::string_view id) { return session(id); }
  virtual std::optional<RecordRow> shared_record(std::string_view kind, std::string_view id) { return record(kind, id); }
  /// Held for update until the command ends, when there is one.
  virtual std::optional<RecordRow> record(std::string_view kind, std::string_view id) = 0;
  /// Ordered by id, at most kRecordsMax. Not held: who decides by what is there holds a series or a record first.
  virtual std::vector<RecordRow> records(std::string_view kind, std::string_view about) = 0;
  /// The applications of a round that run, ordered by id. Not held.
  virtual std::vector<SessionRow> applications(std::string_view round) = 0;
  /// 0 when new. Held for update until the command ends.
  virtual std::int64_t series(std::string_view name) = 0;
  /// Keeps away who asks for the series, until the command ends, and nobody who shares it.
  virtual void share_series(std::string_view name) { (void)series(name); }
};

/// An Idempotency-Key as the client gave it, with what it belongs to.
struct IdempotencyKey {
  std::string actor;   ///< user id, or "public"
  std::string key;     ///< 1–128 visible ASCII characters
  std::string digest;  ///< SHA-256 of method, path and body, hex
};

struct Update {
  std::optional<IdempotencyKey> key;
  /// Pure but for the view; may be run again after a conflict, and is not run at all when `key` was
  /// answered before. On an error nothing is written.
  std::function<Result<Change>(View&)> decide;
  /// What `decide` will ask for, if known: the store may read it for many commands at once.
  std::string session = {};
  std::string task = {};
};

/// Durable home of everything. One update is one transaction.
class Store {
 public:
  virtual ~Store() = default;
  using Done = std::function<void(Result<Reply>)>;
  /// Queues `update`; `done` is called once, after the commit is on disk or with the error, on a thread
  /// of the store: it must be short and must not wait. The same key with the same digest gives the stored
  /// reply with `replayed` set; with another digest `invalid` "idempotency.mismatch".
  /// Errors: those of `decide`; `unavailable` "store.full", "store.busy", "store.io", "store.stopped",
  /// "store.unknown" when the connection was lost at the commit and nobody can say whether it is there, and
  /// "store.constraint" for rows that do not fit what is stored (a task of no session), "store.decide" when
  /// `decide` threw: that one command is refused.
  virtual void update(Update update, Done done) = 0;
};

/// Waits for `store.update`. Never call it from a thread of the store.
Result<Reply> update_and_wait(Store& store, Update update);

/// One link of the audit chain: SHA-256 (hex) over the previous link's hash (64 hex digits; 64 zeros
/// before the first), a line feed, and the canonical JSON of the record.
std::string audit_hash(std::string_view previous_hash, std::string_view canonical_record);
/// What is left in the place of an audit record that was archived, and the digest of the bag that it names ("" for a
/// record that was not).
std::string archived_record(std::string_view bag);
std::string bag_of_archived(std::string_view record);
inline constexpr std::string_view kAuditGenesis =
    "0000000000000000000000000000000000000000000000000000000000000000";

}  // namespace chuyi
