-- For each command what its rows were before: point-in-time restore goes back over it (undo.h). A later migration that
-- changes a table's columns must empty this one.
CREATE TABLE undo (
  seq INTEGER PRIMARY KEY,
  changes TEXT NOT NULL
) STRICT;
