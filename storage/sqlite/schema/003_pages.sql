-- Lists are read in the order of their pages, however many rows there are: by when an application was begun.
CREATE TABLE session_orgs_ordered (
  org TEXT NOT NULL,
  created INTEGER NOT NULL,
  session_id TEXT NOT NULL REFERENCES sessions (id),
  level INTEGER NOT NULL,
  PRIMARY KEY (org, created, session_id)
) STRICT, WITHOUT ROWID;
INSERT INTO session_orgs_ordered SELECT o.org, s.created, o.session_id, o.level FROM session_orgs o JOIN sessions s ON s.id = o.session_id;
DROP TABLE session_orgs;
ALTER TABLE session_orgs_ordered RENAME TO session_orgs;
CREATE INDEX session_orgs_session ON session_orgs (session_id, level);
DROP INDEX sessions_programme;
CREATE INDEX sessions_created ON sessions (created, id);
