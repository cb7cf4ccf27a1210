-- Which bags of archived records are still needed.
CREATE INDEX audit_archived ON audit (record) WHERE record LIKE '{"archived"%';
