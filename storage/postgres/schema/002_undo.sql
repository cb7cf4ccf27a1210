-- Nothing here: of the embedded store alone. PostgreSQL has point-in-time recovery of its own.
SELECT 1;
