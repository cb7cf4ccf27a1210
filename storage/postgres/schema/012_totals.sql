-- How many tasks of each kind everybody has: an inbox is counted without looking at its tasks, however many they are. Kept
-- by the table's own triggers, so that whatever writes tasks (a command, a copy) keeps it right.
CREATE TABLE task_totals (
  "user" TEXT COLLATE "C" NOT NULL,
  org TEXT COLLATE "C" NOT NULL,
  role TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL,
  programme TEXT COLLATE "C" NOT NULL,
  round TEXT COLLATE "C" NOT NULL,
  stage TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  due BIGINT NOT NULL,
  claimed_by TEXT COLLATE "C" NOT NULL,
  number BIGINT NOT NULL,
  PRIMARY KEY ("user", org, role, status, programme, round, stage, kind, due, claimed_by)
);
CREATE INDEX task_totals_none ON task_totals (number) WHERE number = 0;
INSERT INTO task_totals SELECT "user", org, role, status, programme, round, stage, kind, due, claimed_by, count(*) FROM tasks GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
-- The wait here is that for the head of the chain: not to be cut short as the waits for rows before it are.
CREATE FUNCTION count_tasks() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
BEGIN
  -- One after the other: two that counted in different orders would wait for each other. Whoever writes tasks is about to
  -- wait for the head of the audit chain anyway.
  PERFORM pg_advisory_xact_lock(hashtext('chuyi_task_totals'));
  IF TG_OP = 'INSERT' THEN
    INSERT INTO task_totals AS t SELECT "user", org, role, status, programme, round, stage, kind, due, claimed_by, count(*)
      FROM added GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
      ON CONFLICT ON CONSTRAINT task_totals_pkey DO UPDATE SET number = t.number + excluded.number;
  ELSIF TG_OP = 'UPDATE' THEN
    INSERT INTO task_totals AS t SELECT "user", org, role, status, programme, round, stage, kind, due, claimed_by, sum(n)
      FROM (SELECT "user", org, role, status, programme, round, stage, kind, due, claimed_by, 1 AS n FROM added
            UNION ALL SELECT "user", org, role, status, programme, round, stage, kind, due, claimed_by, -1 FROM removed) c
      GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 HAVING sum(n) <> 0
      ON CONFLICT ON CONSTRAINT task_totals_pkey DO UPDATE SET number = t.number + excluded.number;
  ELSE
    INSERT INTO task_totals AS t SELECT "user", org, role, status, programme, round, stage, kind, due, claimed_by, -count(*)
      FROM removed GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
      ON CONFLICT ON CONSTRAINT task_totals_pkey DO UPDATE SET number = t.number + excluded.number;
  END IF;
  DELETE FROM task_totals WHERE number = 0;
  RETURN NULL;
END $$;
CREATE TRIGGER tasks_added AFTER INSERT ON tasks REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_tasks();
CREATE TRIGGER tasks_changed AFTER UPDATE ON tasks REFERENCING NEW TABLE AS added OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_tasks();
CREATE TRIGGER tasks_removed AFTER DELETE ON tasks REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_tasks();

-- A page is read in its order from one index for each status, done ones too, and everything that filters it is in there.
DROP INDEX tasks_org;
DROP INDEX tasks_user;
CREATE INDEX tasks_org ON tasks (org, role, status, due, id) INCLUDE (kind, programme, round, stage, claimed_by, session_id, title) WHERE "user" = '';
CREATE INDEX tasks_user ON tasks ("user", status, due, id) INCLUDE (kind, programme, round, stage, claimed_by, session_id, title) WHERE "user" <> '';

-- What filters a list of applications, beside the order that it is read in: rows of sessions are large.
ALTER TABLE session_orgs ADD COLUMN kind TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE session_orgs ADD COLUMN programme TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE session_orgs ADD COLUMN round TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE session_orgs ADD COLUMN status TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE session_orgs ADD COLUMN stage TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE session_orgs ADD COLUMN title TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE session_orgs o SET kind = s.kind, programme = s.programme, round = s.round, status = s.status, stage = s.stage, title = s.title || chr(10) || s.org_name
  FROM sessions s WHERE s.id = o.session_id;
DROP INDEX session_orgs_created;
CREATE INDEX session_orgs_created ON session_orgs (org, created, session_id) INCLUDE (level, kind, programme, round, status, stage, title);
CREATE FUNCTION list_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE session_orgs SET status = NEW.status, stage = NEW.stage, title = NEW.title || chr(10) || NEW.org_name WHERE session_id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER sessions_changed AFTER UPDATE ON sessions FOR EACH ROW
  WHEN ((OLD.status, OLD.stage, OLD.title) IS DISTINCT FROM (NEW.status, NEW.stage, NEW.title)) EXECUTE FUNCTION list_session();
DROP INDEX sessions_running;
CREATE INDEX sessions_running ON sessions (definition, kind) WHERE status = 'running';
