-- What replicas of the service tell each other, and where the audit log ends.

-- The last record. Whoever writes holds this row, so that numbers have no gaps across replicas.
CREATE TABLE audit_head (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    seq  INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;

INSERT INTO audit_head (id, seq, hash) SELECT 1,
    coalesce(max(seq), 0),
    coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1), '0000000000000000000000000000000000000000000000000000000000000000')
FROM audit;

-- Which hold a record is about, for those who follow the log; the record itself says it too.
ALTER TABLE audit ADD COLUMN hold TEXT;

-- Null principals are compared too, so the index holds what is compared.
DROP INDEX holds_live;
CREATE INDEX holds_live ON holds (tenant, environment, coalesce(principal, ''), digest_mac)
    WHERE state IN ('pending', 'info_requested', 'approved');
