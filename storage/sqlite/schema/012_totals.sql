-- How many tasks of each kind everybody has: an inbox is counted without looking at its tasks, however many they are. Kept
-- by the table's own triggers, so that whatever writes tasks (a command, a copy, going back in time) keeps it right.
CREATE TABLE task_totals (
  user TEXT NOT NULL,
  org TEXT NOT NULL,
  role TEXT NOT NULL,
  status TEXT NOT NULL,
  programme TEXT NOT NULL,
  round TEXT NOT NULL,
  stage TEXT NOT NULL,
  kind TEXT NOT NULL,
  due INTEGER NOT NULL,
  claimed_by TEXT NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (user, org, role, status, programme, round, stage, kind, due, claimed_by)
) STRICT, WITHOUT ROWID;
INSERT INTO task_totals SELECT user, org, role, status, programme, round, stage, kind, due, claimed_by, count(*) FROM tasks GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
CREATE TRIGGER tasks_added AFTER INSERT ON tasks BEGIN
  INSERT INTO task_totals VALUES (new.user, new.org, new.role, new.status, new.programme, new.round, new.stage, new.kind, new.due, new.claimed_by, 1)
    ON CONFLICT DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER tasks_changed AFTER UPDATE ON tasks
  WHEN (old.user, old.org, old.role, old.status, old.programme, old.round, old.stage, old.kind, old.due, old.claimed_by)
    IS NOT (new.user, new.org, new.role, new.status, new.programme, new.round, new.stage, new.kind, new.due, new.claimed_by) BEGIN
  INSERT INTO task_totals VALUES (new.user, new.org, new.role, new.status, new.programme, new.round, new.stage, new.kind, new.due, new.claimed_by, 1)
    ON CONFLICT DO UPDATE SET number = number + 1;
  UPDATE task_totals SET number = number - 1
    WHERE (user, org, role, status, programme, round, stage, kind, due, claimed_by)
      = (old.user, old.org, old.role, old.status, old.programme, old.round, old.stage, old.kind, old.due, old.claimed_by);
  DELETE FROM task_totals
    WHERE number = 0 AND (user, org, role, status, programme, round, stage, kind, due, claimed_by)
      = (old.user, old.org, old.role, old.status, old.programme, old.round, old.stage, old.kind, old.due, old.claimed_by);
END;
CREATE TRIGGER tasks_removed AFTER DELETE ON tasks BEGIN
  UPDATE task_totals SET number = number - 1
    WHERE (user, org, role, status, programme, round, stage, kind, due, claimed_by)
      = (old.user, old.org, old.role, old.status, old.programme, old.round, old.stage, old.kind, old.due, old.claimed_by);
  DELETE FROM task_totals
    WHERE number = 0 AND (user, org, role, status, programme, round, stage, kind, due, claimed_by)
      = (old.user, old.org, old.role, old.status, old.programme, old.round, old.stage, old.kind, old.due, old.claimed_by);
END;

-- A page is read in its order from one index for each status, done ones too, and everything that filters it is in there:
-- also "user", which SQLite would look up in the table although the index has but one.
DROP INDEX tasks_org;
DROP INDEX tasks_user;
CREATE INDEX tasks_org ON tasks (org, role, status, due, id, kind, programme, round, stage, claimed_by, session_id, title, user) WHERE user = '';
CREATE INDEX tasks_user ON tasks (user, status, due, id, kind, programme, round, stage, claimed_by, session_id, title) WHERE user <> '';

-- What filters a list of applications, beside the order that it is read in: rows of sessions are large.
ALTER TABLE session_orgs ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE session_orgs ADD COLUMN programme TEXT NOT NULL DEFAULT '';
ALTER TABLE session_orgs ADD COLUMN round TEXT NOT NULL DEFAULT '';
ALTER TABLE session_orgs ADD COLUMN status TEXT NOT NULL DEFAULT '';
ALTER TABLE session_orgs ADD COLUMN stage TEXT NOT NULL DEFAULT '';
ALTER TABLE session_orgs ADD COLUMN title TEXT NOT NULL DEFAULT '';
UPDATE session_orgs SET (kind, programme, round, status, stage, title) =
  (SELECT s.kind, s.programme, s.round, s.status, s.stage, s.title || char(10) || s.org_name FROM sessions s WHERE s.id = session_orgs.session_id);
CREATE TRIGGER sessions_changed AFTER UPDATE ON sessions WHEN (old.status, old.stage, old.title) IS NOT (new.status, new.stage, new.title) BEGIN
  UPDATE session_orgs SET status = new.status, stage = new.stage, title = new.title || char(10) || new.org_name WHERE session_id = new.id;
END;
DROP INDEX sessions_running;
CREATE INDEX sessions_running ON sessions (definition, status, kind) WHERE status = 'running';
DELETE FROM undo;
