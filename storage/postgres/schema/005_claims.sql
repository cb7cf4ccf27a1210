-- Which node works on what is due, and until when, by the clock of the database.
ALTER TABLE timers ADD COLUMN owner TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE timers ADD COLUMN owned_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN owner TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN owned_until BIGINT NOT NULL DEFAULT 0;
CREATE INDEX outbox_session ON outbox (session_id);
