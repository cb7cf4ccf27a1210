#include "storage/postgres/rows.h"

#include <limits>
#include <map>

#include "engine/invoke/rows_json.h"

namespace chuyi::postgres {
namespace {

json::value parse_stored(const std::string& text) {
  Result<json::value> value = parse_json(text, kStoredJson, "stored row");
  if (!value) throw Failure{.state = "XX001", .message = "a stored row is not JSON"};
  return std::move(*value);
}

constexpr const char* kSessionRow =
    "(id, kind, programme, round, title, org, org_name, applicant, definition, status, stage, state, document, revision, created, updated)";
constexpr const char* kSessionUpsert =
    " ON CONFLICT (id) DO UPDATE SET title = excluded.title, status = excluded.status, stage = excluded.stage,"
    " state = excluded.state, document = excluded.document, revision = excluded.revision, updated = excluded.updated,"
    " definition = excluded.definition";

void write_session(Connection& db, const SessionRow& row, bool fresh) {
  static const std::string kInsert = std::string{"INSERT INTO sessions "} + kSessionRow + " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
  static const std::string kUpsert = kInsert + kSessionUpsert;
  db.prepare(fresh ? kInsert : kUpsert)
      .bind(row.id)
      .bind(row.kind)
      .bind(row.programme)
      .bind(row.round)
      .bind(row.title)
      .bind(row.org)
      .bind(row.org_name)
      .bind(row.applicant)
      .bind(row.definition)
      .bind(row.status)
      .bind(row.stage)
      .bind(row.state)
      .bind(row.document)
      .bind(static_cast<std::int64_t>(row.revision))
      .bind(to_ms(row.created))
      .bind(to_ms(row.updated))
      .run();
  if (row.revision != 1) return;
  for (std::size_t i = 0; i < row.orgs.size(); ++i)
    db.prepare("INSERT INTO session_orgs (org, created, session_id, level) VALUES (?,?,?,?) ON CONFLICT DO NOTHING")
        .bind(row.orgs[i])
        .bind(to_ms(row.created))
        .bind(row.id)
        .bind(static_cast<std::int64_t>(i))
        .run();
}

/// Those that are there already, all in one statement.
void update_sessions(Connection& db, const std::vector<const SessionRow*>& rows) {
  if (rows.empty()) return;
  const auto texts = [&](std::string SessionRow::*column) {
    std::vector<std::string> out;
    for (const SessionRow* row : rows) out.push_back(row->*column);
    return out;
  };
  std::vector<std::int64_t> revisions;
  std::vector<std::int64_t> created;
  std::vector<std::int64_t> updated;
  for (const SessionRow* row : rows) {
    revisions.push_back(static_cast<std::int64_t>(row->revision));
    created.push_back(to_ms(row->created));
    updated.push_back(to_ms(row->updated));
  }
  static const std::string kSql = std::string{"INSERT INTO sessions "} + kSessionRow + " SELECT * FROM unnest(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)" + kSessionUpsert;
  auto statement = db.prepare(kSql);
  for (const auto column : {&SessionRow::id, &SessionRow::kind, &SessionRow::programme, &SessionRow::round, &SessionRow::title, &SessionRow::org, &SessionRow::org_name,
                            &SessionRow::applicant, &SessionRow::definition, &SessionRow::status, &SessionRow::stage, &SessionRow::state, &SessionRow::document})
    statement.bind(texts(column));
  statement.bind(revisions).bind(created).bind(updated).run();
}

void write_sessions(Connection& db, const std::vector<Write>& writes) {
  std::vector<const SessionRow*> known;
  for (const Write& each : writes) {
    if (!each.change->session) continue;
    const SessionRow& row = *each.change->session;
    if (each.fresh || row.revision == 1)
      write_session(db, row, each.fresh);
    else
      known.push_back(&row);
  }
  update_sessions(db, known);
}

void write_tasks(Connection& db, const std::vector<Write>& writes) {
  std::map<std::string_view, const TaskRow*> rows;  // the last of each, for one statement writes no row twice
  for (const Write& each : writes)
    for (const TaskRow& row : each.change->tasks) rows[row.id] = &row;
  if (rows.empty()) return;
  std::vector<std::string> columns[12];
  std::vector<std::int64_t> due;
  for (const auto& [id, row] : rows) {
    const std::string* texts[] = {&row->id, &row->session_id, &row->kind, &row->status, &row->role, &row->org, &row->user, &row->programme, &row->round, &row->stage, &row->claimed_by};
    for (std::size_t i = 0; i < std::size(texts); ++i) columns[i].push_back(*texts[i]);
    columns[11].push_back(canonical_json(to_json(*row)));
    due.push_back(row->due ? to_ms(*row->due) : std::numeric_limits<std::int64_t>::max());
  }
  auto statement = db.prepare(
      "INSERT INTO tasks (id, session_id, kind, status, role, org, \"user\", programme, round, stage, claimed_by, body, due, title)"
      " SELECT t.*, coalesce((SELECT s.title || chr(10) || s.org_name FROM sessions s WHERE s.id = t.session_id), '')"
      " FROM unnest(?,?,?,?,?,?,?,?,?,?,?,?,?) AS t (id, session_id, kind, status, role, org, \"user\", programme, round, stage, claimed_by, body, due)"
      " ON CONFLICT (id) DO UPDATE SET status = excluded.status, role = excluded.role, org = excluded.org,"
      " \"user\" = excluded.\"user\", due = excluded.due, body = excluded.body, programme = excluded.programme, round = excluded.round,"
      " stage = excluded.stage, claimed_by = excluded.claimed_by, title = excluded.title");
  for (const std::vector<std::string>& each : columns) statement.bind(each);
  statement.bind(due).run();
}

void write_stage_rows(Connection& db, const Change& change) {
  for (const NoticeRow& row : change.notices) {
    const std::string body = canonical_json(to_json(row));
    db.prepare(
          "INSERT INTO notices (id, session_id, programme, status, opens, body) VALUES (?,?,?,?,?,?)"
          " ON CONFLICT (id) DO UPDATE SET status = excluded.status, body = excluded.body")
        .bind(row.id)
        .bind(row.session_id)
        .bind(row.programme)
        .bind(row.status)
        .bind(to_ms(row.opens))
        .bind(body)
        .run();
  }
  for (const ObjectionRow& row : change.objections) {
    const std::string body = canonical_json(to_json(row));
    db.prepare("INSERT INTO objections (id, session_id, body) VALUES (?,?,?) ON CONFLICT (id) DO UPDATE SET body = excluded.body")
        .bind(row.id)
        .bind(row.session_id)
        .bind(body)
        .run();
  }
  for (const AwardRow& row : change.awards) {
    const std::string body = canonical_json(to_json(row));
    // A number that another session holds becomes a NULL there, which its NOT NULL refuses.
    db.prepare(
          "INSERT INTO awards (number, session_id, programme, round, status, title, org_name, body) VALUES (?,?,?,?,?,?,?,?)"
          " ON CONFLICT (number) DO UPDATE SET status = excluded.status, body = excluded.body,"
          " session_id = CASE awards.session_id WHEN excluded.session_id THEN awards.session_id END")
        .bind(row.number)
        .bind(row.session_id)
        .bind(row.programme)
        .bind(row.round)
        .bind(row.status)
        .bind(row.title)
        .bind(row.org_name)
        .bind(body)
        .run();
  }
  for (const DocumentRow& row : change.documents) {
    const std::string body = canonical_json(to_json(row));
    db.prepare(
          "INSERT INTO documents (id, session_id, removed, body) VALUES (?,?,?,?)"
          " ON CONFLICT (id) DO UPDATE SET removed = excluded.removed, body = excluded.body")
        .bind(row.id)
        .bind(row.session_id)
        .bind(std::int64_t{row.removed})
        .bind(body)
        .run();
  }
  for (const BundleRow& row : change.bundles)
    db.prepare("INSERT INTO bundles (session_id, digest, size, sealed) VALUES (?,?,?,?) ON CONFLICT (session_id, digest) DO UPDATE SET sealed = excluded.sealed")
        .bind(row.session_id)
        .bind(row.digest)
        .bind(static_cast<std::int64_t>(row.size))
        .bind(to_ms(row.sealed))
        .run();
}

void write_runtime_rows(Connection& db, const Change& change) {
  for (const std::string& id : change.timers_removed) db.prepare("DELETE FROM timers WHERE id = ?").bind(id).run();
  for (const TimerRow& row : change.timers) {
    const std::string event = canonical_json(row.event);
    db.prepare(
          "INSERT INTO timers (id, session_id, due, event) VALUES (?,?,?,?)"
          " ON CONFLICT (id) DO UPDATE SET due = excluded.due, event = excluded.event, owner = ''")
        .bind(row.id)
        .bind(row.session_id)
        .bind(to_ms(row.due))
        .bind(event)
        .run();
  }
  for (const std::string& id : change.outbox_removed) db.prepare("DELETE FROM outbox WHERE id = ?").bind(id).run();
  for (const OutboxRow& row : change.outbox) {
    const std::string payload = canonical_json(row.payload);
    db.prepare(
          "INSERT INTO outbox (id, session_id, kind, payload, created, attempts, next_at) VALUES (?,?,?,?,?,?,?)"
          " ON CONFLICT (id) DO UPDATE SET payload = excluded.payload, attempts = excluded.attempts, next_at = excluded.next_at, owner = ''")
        .bind(row.id)
        .bind(row.session_id)
        .bind(row.kind)
        .bind(payload)
        .bind(to_ms(row.created))
        .bind(std::int64_t{row.attempts})
        .bind(to_ms(row.next_at))
        .run();
  }
  for (const auto& [kind, id] : change.records_removed) db.prepare("DELETE FROM records WHERE kind = ? AND id = ?").bind(kind).bind(id).run();
  for (const RecordRow& row : change.records) {
    // One that is new here but was made elsewhere meanwhile fails, and is decided again.
    static const std::string kInsert = "INSERT INTO records (kind, id, about, updated, revision, data) VALUES (?,?,?,?,?,?)";
    static const std::string kUpsert = kInsert +
                                       " ON CONFLICT (kind, id) DO UPDATE SET about = excluded.about, updated = excluded.updated,"
                                       " revision = excluded.revision, data = excluded.data";
    const std::string data = canonical_json(row.data);
    db.prepare(row.revision == 1 ? kInsert : kUpsert)
        .bind(row.kind)
        .bind(row.id)
        .bind(row.about)
        .bind(to_ms(row.updated))
        .bind(static_cast<std::int64_t>(row.revision))
        .bind(data)
        .run();
  }
  for (const auto& [name, value] : change.series)
    db.prepare("INSERT INTO series (name, value) VALUES (?,?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        .bind(name)
        .bind(value)
        .run();
}

void write_identity_rows(Connection& db, const Change& change) {
  for (const OrganisationRow& row : change.organisations) {
    const std::string data = canonical_json(row.data);
    auto statement = db.prepare(
        "INSERT INTO organisations (id, parent, level, name, name_en, data) VALUES (?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET"
        " parent = excluded.parent, level = excluded.level, name = excluded.name, name_en = excluded.name_en, data = excluded.data");
    statement.bind(row.id);
    row.parent.empty() ? statement.bind_null() : statement.bind(row.parent);
    statement.bind(row.level).bind(row.name).bind(row.name_en).bind(data).run();
  }
  for (const UserRow& row : change.users) {
    const std::string memberships = canonical_json(to_json(row.memberships));
    db.prepare(
          "INSERT INTO users (id, name, password, memberships, disabled) VALUES (?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET"
          " name = excluded.name, password = excluded.password, memberships = excluded.memberships, disabled = excluded.disabled")
        .bind(row.id)
        .bind(row.name)
        .bind(row.password)
        .bind(memberships)
        .bind(std::int64_t{row.disabled})
        .run();
  }
  for (const std::string& digest : change.logins_removed)
    db.prepare("DELETE FROM logins WHERE token_digest = ?").bind(digest).run();
  for (const std::string& user : change.logins_removed_of)
    db.prepare("DELETE FROM logins WHERE user_id = ?").bind(user).run();
  for (const LoginRow& row : change.logins)
    db.prepare("INSERT INTO logins (token_digest, user_id, expires) VALUES (?,?,?)")
        .bind(row.token_digest)
        .bind(row.user_id)
        .bind(to_ms(row.expires))
        .run();
  for (const DefinitionRow& row : change.definitions) {
    const std::string files = canonical_json(row.files);
    db.prepare("INSERT INTO definitions (digest, programme, version, files) VALUES (?,?,?,?) ON CONFLICT DO NOTHING")
        .bind(row.digest)
        .bind(row.programme)
        .bind(row.version)
        .bind(files)
        .run();
  }
  for (const auto& [key, value] : change.settings) put_setting(db, key, value);
  for (const ArchivedRecords& each : change.archived)
    db.prepare("UPDATE audit SET record = ? WHERE session_id = ? AND seq <= ? AND record NOT LIKE '{\"archived\"%'")
        .bind(archived_record(each.bag))
        .bind(each.session_id)
        .bind(each.through)
        .run();
}

}  // namespace

json::object read_json(const Connection::Rows& row, int column) {
  json::value value = parse_stored(row.text(column));
  if (!value.is_object()) throw Failure{.state = "XX001", .message = "a stored row is no object"};
  return std::move(value.get_object());
}

SessionRow read_session(const Connection::Rows& row) {
  SessionRow out{.id = row.text(0),
                 .kind = row.text(1),
                 .programme = row.text(2),
                 .round = row.text(3),
                 .title = row.text(4),
                 .org = row.text(5),
                 .org_name = row.text(6),
                 .orgs = {},
                 .applicant = row.text(7),
                 .definition = row.text(8),
                 .status = row.text(9),
                 .stage = row.text(10),
                 .state = row.text(11),
                 .document = row.text(12),
                 .revision = static_cast<std::uint64_t>(row.number(13)),
                 .created = from_ms(row.number(14)),
                 .updated = from_ms(row.number(15))};
  const json::value orgs = parse_stored(row.text(16));
  if (orgs.is_array()) out.orgs = strings_from_json(orgs.get_array());
  return out;
}

std::optional<json::object> find_body(Connection& db, const std::string& sql, std::string_view id) {
  auto row = db.prepare(sql).bind(id).rows();
  if (!row.step()) return std::nullopt;
  return read_json(row, 0);
}

UserRow read_user(const Connection::Rows& row) {
  const json::value memberships = parse_stored(row.text(3));
  return {.id = row.text(0),
          .name = row.text(1),
          .password = row.text(2),
          .memberships = memberships.is_array() ? memberships_from_json(memberships.get_array()) : std::vector<Membership>{},
          .disabled = row.number(4) != 0};
}

std::optional<UserRow> find_user(Connection& db, std::string_view id) {
  auto row = db.prepare("SELECT id, name, password, memberships, disabled FROM users WHERE id = ?").bind(id).rows();
  if (!row.step()) return std::nullopt;
  return read_user(row);
}

OrganisationRow read_organisation(const Connection::Rows& row) {
  return {.id = row.text(0), .parent = row.text(1), .level = row.text(2), .name = row.text(3), .name_en = row.text(4), .data = read_json(row, 5)};
}

std::optional<OrganisationRow> find_organisation(Connection& db, std::string_view id) {
  auto row = db.prepare("SELECT id, parent, level, name, name_en, data FROM organisations WHERE id = ?").bind(id).rows();
  if (!row.step()) return std::nullopt;
  return read_organisation(row);
}

TimerRow read_timer(const Connection::Rows& row) {
  return {.id = row.text(0), .session_id = row.text(1), .due = from_ms(row.number(2)), .event = read_json(row, 3)};
}

OutboxRow read_outbox(const Connection::Rows& row) {
  return {.id = row.text(0),
          .session_id = row.text(1),
          .kind = row.text(2),
          .payload = read_json(row, 3),
          .created = from_ms(row.number(4)),
          .attempts = static_cast<int>(row.number(5)),
          .next_at = from_ms(row.number(6))};
}

RecordRow read_record(const Connection::Rows& row) {
  return {.kind = row.text(0),
          .id = row.text(1),
          .about = row.text(2),
          .data = read_json(row, 5),
          .updated = from_ms(row.number(3)),
          .revision = static_cast<std::uint64_t>(row.number(4))};
}

std::optional<DefinitionRow> find_definition(Connection& db, std::string_view digest) {
  auto row = db.prepare("SELECT digest, programme, version, files FROM definitions WHERE digest = ?").bind(digest).rows();
  if (!row.step()) return std::nullopt;
  return DefinitionRow{.digest = row.text(0), .programme = row.text(1), .version = row.text(2), .files = read_json(row, 3)};
}

std::optional<std::string> find_setting(Connection& db, std::string_view key) {
  auto row = db.prepare("SELECT value FROM settings WHERE key = ?").bind(key).rows();
  if (!row.step()) return std::nullopt;
  return row.text(0);
}

void put_setting(Connection& db, std::string_view key, std::string_view value) {
  db.prepare("INSERT INTO settings (key, value) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
      .bind(key)
      .bind(value)
      .run();
}

void write_rows(Connection& db, const std::vector<Write>& writes) {
  for (const Write& each : writes) write_identity_rows(db, *each.change);
  write_sessions(db, writes);
  write_tasks(db, writes);
  for (const Write& each : writes) {
    write_stage_rows(db, *each.change);
    write_runtime_rows(db, *each.change);
  }
}

}  // namespace chuyi::postgres
