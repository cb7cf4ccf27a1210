-- Who refers to a content; the bytes themselves are files.
CREATE INDEX documents_digest ON documents (body ->> '$.digest');
CREATE INDEX bundles_digest ON bundles (digest);
