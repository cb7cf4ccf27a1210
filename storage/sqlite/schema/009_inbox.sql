-- An inbox is filtered and counted by what its applications are, from one index: no table is read but for the page shown.
ALTER TABLE tasks ADD COLUMN programme TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN round TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN stage TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN claimed_by TEXT NOT NULL DEFAULT '';
-- The application's title and its organisation's name, for who looks for a word.
ALTER TABLE tasks ADD COLUMN title TEXT NOT NULL DEFAULT '';
UPDATE tasks SET (programme, round, stage, title) = (SELECT s.programme, s.round, s.stage, s.title || char(10) || s.org_name FROM sessions s WHERE s.id = tasks.session_id),
  claimed_by = body ->> '$.claimed_by';
DROP INDEX tasks_org;
DROP INDEX tasks_user;
CREATE INDEX tasks_org ON tasks (org, role, due, id, status, kind, programme, round, stage, claimed_by, session_id, title)
  WHERE status IN ('open', 'claimed') AND user = '';
CREATE INDEX tasks_user ON tasks (user, due, id, status, kind, programme, round, stage, claimed_by, session_id, title) WHERE user <> '';
CREATE INDEX tasks_claimed ON tasks (claimed_by, due, id) WHERE status = 'claimed';
DELETE FROM undo;
