-- How many applications each version of a programme has.
CREATE INDEX sessions_running ON sessions (definition) WHERE status = 'running' AND kind = 'application';
