-- Which replica hears which hold being polled, so that none takes a hold for deserted that is polled at another.

CREATE TABLE replicas (
    id      TEXT PRIMARY KEY,
    seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE polls (
    hold    TEXT NOT NULL REFERENCES holds (id),
    replica TEXT NOT NULL REFERENCES replicas (id) ON DELETE CASCADE,
    PRIMARY KEY (hold, replica)
) STRICT, WITHOUT ROWID;

CREATE INDEX polls_of_replica ON polls (replica);

-- Tells the storage key that the digests and codes in here were made with; written once.
CREATE TABLE storage_key (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    mac TEXT NOT NULL
) STRICT;
