-- Kind, codes, region, competent department, former names and offices of an organisation: a JSON object (store.h).
ALTER TABLE organisations ADD COLUMN data TEXT NOT NULL DEFAULT '{}';
