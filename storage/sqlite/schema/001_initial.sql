CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  programme TEXT NOT NULL,
  round TEXT NOT NULL,
  title TEXT NOT NULL,
  org TEXT NOT NULL,
  org_name TEXT NOT NULL,
  applicant TEXT NOT NULL,
  definition TEXT NOT NULL CHECK (length(definition) = 64),
  status TEXT NOT NULL CHECK (status IN ('running', 'ended')),
  stage TEXT NOT NULL,
  state TEXT NOT NULL,
  document TEXT NOT NULL,
  revision INTEGER NOT NULL CHECK (revision > 0),
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_programme ON sessions (programme, round, id);

CREATE TABLE session_orgs (
  org TEXT NOT NULL,
  session_id TEXT NOT NULL REFERENCES sessions (id),
  level INTEGER NOT NULL,
  PRIMARY KEY (org, session_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_orgs_session ON session_orgs (session_id, level);

CREATE TABLE tasks (
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES sessions (id),
  kind TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('open', 'claimed', 'done', 'cancelled')),
  role TEXT NOT NULL,
  org TEXT NOT NULL,
  user TEXT NOT NULL,
  due INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tasks_org ON tasks (org, role, due, id) WHERE status IN ('open', 'claimed');
CREATE INDEX tasks_user ON tasks (user, due, id) WHERE user <> '';
CREATE INDEX tasks_session ON tasks (session_id, due, id);

CREATE TABLE notices (
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES sessions (id),
  programme TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('open', 'closed', 'cancelled')),
  opens INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX notices_opens ON notices (opens, id);

CREATE TABLE objections (
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES sessions (id),
  body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX objections_session ON objections (session_id, id);

CREATE TABLE awards (
  number TEXT PRIMARY KEY,
  session_id TEXT NOT NULL UNIQUE REFERENCES sessions (id),
  programme TEXT NOT NULL,
  round TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('in-force', 'completed', 'revoked')),
  title TEXT NOT NULL,
  org_name TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE documents (
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES sessions (id),
  removed INTEGER NOT NULL CHECK (removed IN (0, 1)),
  body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX documents_session ON documents (session_id, id);

CREATE TABLE bundles (
  session_id TEXT NOT NULL REFERENCES sessions (id),
  digest TEXT NOT NULL CHECK (length(digest) = 64),
  size INTEGER NOT NULL,
  sealed INTEGER NOT NULL,
  PRIMARY KEY (session_id, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE timers (
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES sessions (id),
  due INTEGER NOT NULL,
  event TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX timers_due ON timers (due, id);
CREATE INDEX timers_session ON timers (session_id);

CREATE TABLE outbox (
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  created INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  next_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_next ON outbox (next_at, id);

CREATE TABLE series (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE organisations (
  id TEXT PRIMARY KEY,
  parent TEXT REFERENCES organisations (id),
  level TEXT NOT NULL,
  name TEXT NOT NULL,
  name_en TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  password TEXT NOT NULL,
  memberships TEXT NOT NULL,
  disabled INTEGER NOT NULL CHECK (disabled IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE logins (
  token_digest TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id),
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX logins_user ON logins (user_id);

CREATE TABLE definitions (
  digest TEXT PRIMARY KEY CHECK (length(digest) = 64),
  programme TEXT NOT NULL,
  version TEXT NOT NULL,
  files TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
  actor TEXT NOT NULL,
  key TEXT NOT NULL,
  digest TEXT NOT NULL,
  status INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL,
  record TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE INDEX audit_session ON audit (session_id, seq);
