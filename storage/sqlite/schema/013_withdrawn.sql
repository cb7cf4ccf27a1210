-- Whether the submission that sealed the bag was taken back: the bag stays, but is not the application's any more.
ALTER TABLE bundles ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;
-- Its rows have the columns of before.
DELETE FROM undo;
