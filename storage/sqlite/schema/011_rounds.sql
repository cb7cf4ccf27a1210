-- The applications of a round, in order of their ids.
CREATE INDEX sessions_round ON sessions (round, id);
