-- Lists are read in the order of their pages, however many rows there are: by when an application was begun.
ALTER TABLE session_orgs ADD COLUMN created BIGINT NOT NULL DEFAULT 0;
UPDATE session_orgs SET created = (SELECT s.created FROM sessions s WHERE s.id = session_orgs.session_id);
CREATE INDEX session_orgs_created ON session_orgs (org, created, session_id);
DROP INDEX sessions_programme;
CREATE INDEX sessions_created ON sessions (created, id);
