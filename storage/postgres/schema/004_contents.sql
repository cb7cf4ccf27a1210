-- The bytes of documents, sealed bags and native libraries of packages, by their SHA-256. `state`: open while it is being uploaded; new, whole and to be
-- read; kept, when a row was seen to refer to it; dead, to be deleted part by part. `touched`: milliseconds.
CREATE TABLE contents (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest TEXT COLLATE "C" UNIQUE CHECK (length(digest) = 64),
  size BIGINT NOT NULL,
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'new', 'kept', 'dead')),
  touched BIGINT NOT NULL,
  CHECK ((digest IS NOT NULL) = (state IN ('new', 'kept')))
);
CREATE INDEX contents_to_sweep ON contents (touched, id) WHERE state <> 'kept';

CREATE TABLE content_parts (
  content BIGINT NOT NULL REFERENCES contents (id),
  part BIGINT NOT NULL,
  bytes BYTEA NOT NULL,
  PRIMARY KEY (content, part)
);
-- PDFs and pictures are compressed already.
ALTER TABLE content_parts ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Who refers to a content.
CREATE INDEX documents_digest ON documents ((body::json ->> 'digest'));
CREATE INDEX bundles_digest ON bundles (digest);
CREATE INDEX definitions_library ON definitions ((files::json ->> 'library.sha256'));
