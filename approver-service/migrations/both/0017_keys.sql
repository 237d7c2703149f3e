-- What the keys of the last start were known by, so that a replica with others is noticed.
CREATE TABLE keys_at_start (
    name        TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    since_ms    BIGINT NOT NULL
);
