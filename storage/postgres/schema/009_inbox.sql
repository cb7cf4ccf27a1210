-- An inbox is filtered and counted by what its applications are, from one index: no table is read but for the page shown.
ALTER TABLE tasks ADD COLUMN programme TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN round TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN stage TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN claimed_by TEXT COLLATE "C" NOT NULL DEFAULT '';
-- The application's title and its organisation's name, for who looks for a word.
ALTER TABLE tasks ADD COLUMN title TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE tasks t SET programme = s.programme, round = s.round, stage = s.stage, title = s.title || chr(10) || s.org_name,
  claimed_by = coalesce(replace(t.body, '\u0000', '\ufffd')::json ->> 'claimed_by', '') FROM sessions s WHERE s.id = t.session_id;
DROP INDEX tasks_org;
DROP INDEX tasks_user;
CREATE INDEX tasks_org ON tasks (org, role, due, id) INCLUDE (status, kind, programme, round, stage, claimed_by, session_id, title)
  WHERE status IN ('open', 'claimed') AND "user" = '';
CREATE INDEX tasks_user ON tasks ("user", due, id) INCLUDE (status, kind, programme, round, stage, claimed_by, session_id, title) WHERE "user" <> '';
CREATE INDEX tasks_claimed ON tasks (claimed_by, due, id) WHERE status = 'claimed';
