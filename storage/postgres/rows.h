#pragma once

#include "engine/ports/queries.h"
#include "engine/ports/store.h"
#include "storage/postgres/connection.h"

namespace chuyi::postgres {

inline constexpr const char* kSessionColumns =
    "s.id, s.kind, s.programme, s.round, s.title, s.org, s.org_name, s.applicant, s.definition, s.status, s.stage, "
    "s.state, s.document, s.revision, s.created, s.updated, "
    "(SELECT coalesce(json_agg(o.org ORDER BY o.level), '[]') FROM session_orgs o WHERE o.session_id = s.id)";

SessionRow read_session(const Connection::Rows& row);
/// The object in a text column that this adapter wrote.
json::object read_json(const Connection::Rows& row, int column);
std::optional<UserRow> find_user(Connection& db, std::string_view id);
UserRow read_user(const Connection::Rows& row);
OrganisationRow read_organisation(const Connection::Rows& row);
std::optional<OrganisationRow> find_organisation(Connection& db, std::string_view id);
TimerRow read_timer(const Connection::Rows& row);
OutboxRow read_outbox(const Connection::Rows& row);
inline constexpr const char* kRecordColumns = "kind, id, about, updated, revision, data";
RecordRow read_record(const Connection::Rows& row);
std::optional<DefinitionRow> find_definition(Connection& db, std::string_view digest);
std::optional<std::string> find_setting(Connection& db, std::string_view key);
std::optional<json::object> find_body(Connection& db, const std::string& sql, std::string_view id);

struct Write {
  const Change* change;
  bool fresh;  ///< the session was looked for and is not there: should another have made it meanwhile, writing fails
};
/// Queues the writes of every row of the changes but the audit records and the replies. No two are of one session.
void write_rows(Connection& db, const std::vector<Write>& writes);
void put_setting(Connection& db, std::string_view key, std::string_view value);

}  // namespace chuyi::postgres
