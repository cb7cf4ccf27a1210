-- Kind, codes, region, competent department, former names and offices of an organisation: a JSON object (store.h).
ALTER TABLE organisations ADD COLUMN data TEXT NOT NULL DEFAULT '{}';
-- Its rows have the columns of before.
DELETE FROM undo;
