CREATE TABLE records (
  kind TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  about TEXT COLLATE "C" NOT NULL,
  updated BIGINT NOT NULL,
  revision BIGINT NOT NULL CHECK (revision > 0),
  data TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (kind, id)
);
CREATE INDEX records_about ON records (kind, about, id);
