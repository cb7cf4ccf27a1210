-- Whether the submission that sealed the bag was taken back: the bag stays, but is not the application's any more.
ALTER TABLE bundles ADD COLUMN withdrawn BIGINT NOT NULL DEFAULT 0;
