CREATE TABLE sessions (
  id TEXT COLLATE "C" PRIMARY KEY,
  kind TEXT COLLATE "C" NOT NULL,
  programme TEXT COLLATE "C" NOT NULL,
  round TEXT COLLATE "C" NOT NULL,
  title TEXT COLLATE "C" NOT NULL,
  org TEXT COLLATE "C" NOT NULL,
  org_name TEXT COLLATE "C" NOT NULL,
  applicant TEXT COLLATE "C" NOT NULL,
  definition TEXT COLLATE "C" NOT NULL CHECK (length(definition) = 64),
  status TEXT COLLATE "C" NOT NULL CHECK (status IN ('running', 'ended')),
  stage TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  document TEXT COLLATE "C" NOT NULL,
  revision BIGINT NOT NULL CHECK (revision > 0),
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL
);
CREATE INDEX sessions_programme ON sessions (programme, round, id);

CREATE TABLE session_orgs (
  org TEXT COLLATE "C" NOT NULL,
  session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id),
  level BIGINT NOT NULL,
  PRIMARY KEY (org, session_id)
);
CREATE INDEX session_orgs_session ON session_orgs (session_id, level);

CREATE TABLE tasks (
  id TEXT COLLATE "C" PRIMARY KEY,
  session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id),
  kind TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL CHECK (status IN ('open', 'claimed', 'done', 'cancelled')),
  role TEXT COLLATE "C" NOT NULL,
  org TEXT COLLATE "C" NOT NULL,
  "user" TEXT COLLATE "C" NOT NULL,
  due BIGINT NOT NULL,
  body TEXT COLLATE "C" NOT NULL
);
CREATE INDEX tasks_org ON tasks (org, role, due, id) WHERE status IN ('open', 'claimed');
CREATE INDEX tasks_user ON tasks ("user", due, id) WHERE "user" <> '';
CREATE INDEX tasks_session ON tasks (session_id, due, id);

CREATE TABLE notices (
  id TEXT COLLATE "C" PRIMARY KEY,
  session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id),
  programme TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL CHECK (status IN ('open', 'closed', 'cancelled')),
  opens BIGINT NOT NULL,
  body TEXT COLLATE "C" NOT NULL
);
CREATE INDEX notices_opens ON notices (opens, id);

CREATE TABLE objections (
  id TEXT COLLATE "C" PRIMARY KEY,
  session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id),
  body TEXT COLLATE "C" NOT NULL
);
CREATE INDEX objections_session ON objections (session_id, id);

CREATE TABLE awards (
  number TEXT COLLATE "C" PRIMARY KEY,
  session_id TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES sessions (id),
  programme TEXT COLLATE "C" NOT NULL,
  round TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL CHECK (status IN ('in-force', 'completed', 'revoked')),
  title TEXT COLLATE "C" NOT NULL,
  org_name TEXT COLLATE "C" NOT NULL,
  body TEXT COLLATE "C" NOT NULL
);

CREATE TABLE documents (
  id TEXT COLLATE "C" PRIMARY KEY,
  session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id),
  removed BIGINT NOT NULL CHECK (removed IN (0, 1)),
  body TEXT COLLATE "C" NOT NULL
);
CREATE INDEX documents_session ON documents (session_id, id);

CREATE TABLE bundles (
  session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id),
  digest TEXT COLLATE "C" NOT NULL CHECK (length(digest) = 64),
  size BIGINT NOT NULL,
  sealed BIGINT NOT NULL,
  PRIMARY KEY (session_id, digest)
);

CREATE TABLE timers (
  id TEXT COLLATE "C" PRIMARY KEY,
  session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id),
  due BIGINT NOT NULL,
  event TEXT COLLATE "C" NOT NULL
);
CREATE INDEX timers_due ON timers (due, id);
CREATE INDEX timers_session ON timers (session_id);

CREATE TABLE outbox (
  id TEXT COLLATE "C" PRIMARY KEY,
  session_id TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  payload TEXT COLLATE "C" NOT NULL,
  created BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  next_at BIGINT NOT NULL
);
CREATE INDEX outbox_next ON outbox (next_at, id);

CREATE TABLE series (
  name TEXT COLLATE "C" PRIMARY KEY,
  value BIGINT NOT NULL
);

CREATE TABLE organisations (
  id TEXT COLLATE "C" PRIMARY KEY,
  parent TEXT COLLATE "C" REFERENCES organisations (id),
  level TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  name_en TEXT COLLATE "C" NOT NULL
);

CREATE TABLE users (
  id TEXT COLLATE "C" PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL,
  password TEXT COLLATE "C" NOT NULL,
  memberships TEXT COLLATE "C" NOT NULL,
  disabled BIGINT NOT NULL CHECK (disabled IN (0, 1))
);

CREATE TABLE logins (
  token_digest TEXT COLLATE "C" PRIMARY KEY,
  user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id),
  expires BIGINT NOT NULL
);
CREATE INDEX logins_user ON logins (user_id);

CREATE TABLE definitions (
  digest TEXT COLLATE "C" PRIMARY KEY CHECK (length(digest) = 64),
  programme TEXT COLLATE "C" NOT NULL,
  version TEXT COLLATE "C" NOT NULL,
  files TEXT COLLATE "C" NOT NULL
);

CREATE TABLE settings (
  key TEXT COLLATE "C" PRIMARY KEY,
  value TEXT COLLATE "C" NOT NULL
);

CREATE TABLE idempotency (
  actor TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL,
  digest TEXT COLLATE "C" NOT NULL,
  status BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  body TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (actor, key)
);

CREATE TABLE audit (
  seq BIGINT PRIMARY KEY,
  session_id TEXT COLLATE "C" NOT NULL,
  record TEXT COLLATE "C" NOT NULL,
  hash TEXT COLLATE "C" NOT NULL
);
CREATE INDEX audit_session ON audit (session_id, seq);

-- The head of the audit chain: the row of the hash is what writers lock last.
INSERT INTO settings (key, value) VALUES ('audit_count', '0'), ('audit_hash', repeat('0', 64));
