-- How many applications each version of a programme has. All that is asked for is in the index: rows are large.
CREATE INDEX sessions_running ON sessions (definition, status, kind) WHERE status = 'running' AND kind = 'application';
