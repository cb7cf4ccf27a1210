#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/time.h"

/// Rows that stages decide and stores keep. Plain data; upserted by `id` (or the key named).
namespace chuyi {

/// A role held in an organisation.
struct Membership {
  std::string role;  ///< "applicant", "org-admin", "org-approver", "recommending-officer", "provincial-officer", "reviewer", "discipline", "administrator"
  std::string org;   ///< organisation id
  friend bool operator==(const Membership&, const Membership&) = default;
};

/// One person's work item (待办).
struct TaskRow {
  std::string id;
  std::string session_id;
  std::string invoke_id;
  std::string kind;  ///< "task", "cosign", "panel-setup", "sheet", "objection", "annual-report", "annual-verdict"
  std::string state;  ///< chart state that it belongs to
  std::string role;   ///< who may act: this role …
  std::string org;    ///< … in this organisation,
  std::string user;   ///< or, when set, only this user
  std::string status;  ///< "open", "claimed", "done", "cancelled"
  std::string claimed_by;
  std::string done_by;
  std::string done_for;  ///< whom the deputy who signed stood in for; empty: nobody
  std::string form;  ///< form id of the definition; may be empty
  std::vector<std::string> outcomes;  ///< allowed outcomes; never empty
  std::string outcome;                ///< given outcome once done
  std::vector<std::string> return_to;  ///< earlier states that it may be sent back to
  std::optional<Instant> due;
  bool due_provisional = false;  ///< the calendar had no data for a year that `due` touches
  json::object period;           ///< how `due` came about (resolve_due in work_items.h); empty: not known
  bool seals = false;            ///< the sign-off seals form and documents into a bag
  Instant created;
  std::optional<Instant> done;
  json::object data;           ///< saved draft, then the signed-off data
  std::uint64_t revision = 1;  ///< counts changes of this row; its ETag
  // Of the application, for inboxes; filled in when the row is written, not known to stages:
  std::string programme;
  std::string round;
  std::string stage;  ///< chuyi:stage of `state`
};

/// A published notice (公示). Only whitelisted fields are ever in `fields`.
struct NoticeRow {
  std::string id;
  std::string session_id;
  std::string invoke_id;
  std::string programme;
  std::string round;
  json::object fields;  ///< public: field name → string
  Instant opens;
  Day last_day;  ///< objections are accepted until its end (Asia/Shanghai)
  bool provisional = false;
  std::string rule;    ///< period as JSON text, e.g. {"days":5,"unit":"working","include_start":true}
  std::string status;  ///< "open", "closed", "cancelled"
};

/// A real-name objection (异议). `objector` and `contact` are never public.
struct ObjectionRow {
  std::string id;
  std::string notice_id;
  std::string session_id;
  std::string objector;
  std::string contact;
  std::string reason;
  std::string status;  ///< "filed", "upheld", "dismissed"
  std::string opinion;
  Instant filed;
  std::optional<Instant> settled;
};

/// An entry of the public award register (认定名单).
struct AwardRow {
  std::string number;  ///< key; from the programme's scheme
  std::string session_id;
  std::string programme;
  std::string round;
  std::string title;
  std::string org;
  std::string org_name;
  Day granted;
  int term_years = 0;
  Day ends;
  std::string status;  ///< "in-force", "completed", "revoked"
  json::array checks;  ///< annual checks: {"year":1,"verdict":"qualified","date":"2027-03-01"}
};

/// A document of an application. The bytes live in the document store under `digest`.
struct DocumentRow {
  std::string id;
  std::string session_id;
  std::string kind;  ///< as the programme's manifest lists them, e.g. "agreement"
  std::string name;  ///< file name given by the applicant, checked
  std::string media_type;
  std::string digest;  ///< SHA-256, hex
  std::uint64_t size = 0;
  std::string added_by;
  Instant added;
  bool removed = false;
};

/// A sealed bag of an application. Key: session_id and digest.
struct BundleRow {
  std::string session_id;
  std::string digest;  ///< SHA-256 of the zip, hex
  std::uint64_t size = 0;
  Instant sealed;
  bool withdrawn = false;  ///< the submission was taken back
};

/// A piece of data that is no task, notice or award: an expert, a delegation, a comment, a rank. Key: kind and id.
struct RecordRow {
  std::string kind;   ///< "expert", "delegation", …
  std::string id;     ///< unique within the kind
  std::string about;  ///< what lists ask for: a session, a user, a round …
  json::object data;
  Instant updated;
  std::uint64_t revision = 1;  ///< counts changes of this row; 1 when it is new
};

/// A durable timer. `event` is what the session gets when it fires; "attempts" in it counts refused ones.
struct TimerRow {
  std::string id;  ///< session id, then "/send/NUMBER/send id" or "/stage/invoke id/timer name"
  std::string session_id;
  Instant due;
  json::object event;
  bool elsewhere = false;  ///< another node has claimed it: only that one may fire it
};

/// Something to be done outside after the commit, at least once. `id` lets the receiver drop a repeat.
struct OutboxRow {
  std::string id;
  std::string session_id;
  std::string kind;  ///< "send" (to another session), "notify", …
  json::object payload;
  Instant created;
  int attempts = 0;
  Instant next_at;
  bool elsewhere = false;  ///< another node has claimed it: only that one may deliver it
};

}  // namespace chuyi
