#pragma once

#include "engine/ports/queries.h"
#include "engine/ports/store.h"
#include "storage/sqlite/connection.h"

namespace chuyi::sqlite {

inline constexpr const char* kSessionColumns =
    "s.id, s.kind, s.programme, s.round, s.title, s.org, s.org_name, s.applicant, s.definition, s.status, s.stage, "
    "s.state, s.document, s.revision, s.created, s.updated";

SessionRow read_session(Connection& db, const Connection::Row& row);
std::optional<SessionRow> find_session(Connection& db, std::string_view id);
/// The object in a text column that this adapter wrote.
json::object read_json(const Connection::Row& row, int column);
std::optional<UserRow> find_user(Connection& db, std::string_view id);
UserRow read_user(const Connection::Row& row);
OrganisationRow read_organisation(const Connection::Row& row);
std::optional<OrganisationRow> find_organisation(Connection& db, std::string_view id);
TimerRow read_timer(const Connection::Row& row);
OutboxRow read_outbox(const Connection::Row& row);
inline constexpr const char* kRecordColumns = "kind, id, about, updated, revision, data";
RecordRow read_record(const Connection::Row& row);
std::optional<DefinitionRow> find_definition(Connection& db, std::string_view digest);
std::optional<std::string> find_setting(Connection& db, std::string_view key);
std::optional<json::object> find_body(Connection& db, const std::string& sql, std::string_view id);

/// Writes every row of the change but the audit record and the reply.
void write_rows(Connection& db, const Change& change);
void put_setting(Connection& db, std::string_view key, std::string_view value);

}  // namespace chuyi::sqlite
