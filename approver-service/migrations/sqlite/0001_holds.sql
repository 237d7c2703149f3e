-- The approver's first schema. Ids are UUIDs as text, times Unix milliseconds, lists and maps JSON text.

CREATE TABLE holds (
    id                TEXT PRIMARY KEY,
    -- What was asked: written once.
    tenant            TEXT NOT NULL,
    environment       TEXT NOT NULL,
    gateway           TEXT NOT NULL,
    principal         TEXT,
    on_behalf_of      TEXT,
    rules             TEXT NOT NULL,
    category          TEXT,
    risk              TEXT NOT NULL,
    workflow          TEXT NOT NULL,
    why               TEXT NOT NULL,
    digest_mac        TEXT NOT NULL,  -- HMAC of the digest under the storage key, never the digest
    terms             TEXT NOT NULL,
    fields            TEXT NOT NULL,
    preview           TEXT NOT NULL,  -- masked by the gateway
    near_miss         TEXT,
    created_ms        INTEGER NOT NULL,
    deadline_ms       INTEGER NOT NULL,
    approval_ttl_ms   INTEGER NOT NULL,
    rejoin_ms         INTEGER NOT NULL,
    -- How it stands: every change goes through `hold::transition`.
    state             TEXT NOT NULL,
    revision          INTEGER NOT NULL,
    due_ms            INTEGER,        -- when time alone changes it next
    detached_ms       INTEGER,
    cause             TEXT,
    decided_ms        INTEGER,
    decided_by        TEXT,
    reason            TEXT,
    approved_until_ms INTEGER,
    released_ms       INTEGER,
    released_nonce    TEXT,
    outcome           TEXT,
    outcome_status    INTEGER
) STRICT;

CREATE INDEX holds_due ON holds (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX holds_live ON holds (tenant, environment, principal, digest_mac)
    WHERE state IN ('pending', 'info_requested', 'approved');
CREATE INDEX holds_by_state ON holds (state, id);

-- Who asked: the canonical identities behind a hold. None of them may decide it.
CREATE TABLE hold_parties (
    hold     TEXT NOT NULL REFERENCES holds (id),
    identity TEXT NOT NULL,
    PRIMARY KEY (hold, identity)
) STRICT, WITHOUT ROWID;

-- The client streams that wait, or waited, on a hold.
CREATE TABLE streams (
    nonce       TEXT PRIMARY KEY,
    hold        TEXT NOT NULL REFERENCES holds (id),
    joined      INTEGER NOT NULL,
    detached_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX streams_attached ON streams (hold) WHERE detached_ms IS NULL;

-- People who may decide, and every canonical identity that is the same human.
CREATE TABLE people (
    name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE person_identities (
    person   TEXT NOT NULL REFERENCES people (name) ON DELETE CASCADE,
    identity TEXT NOT NULL,
    PRIMARY KEY (person, identity)
) STRICT, WITHOUT ROWID;

-- One-time logins: printed by the service, opened or typed by the person.
CREATE TABLE logins (
    id         TEXT PRIMARY KEY,
    person     TEXT NOT NULL,
    link_hash  TEXT NOT NULL UNIQUE,
    code_mac   TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    misses     INTEGER NOT NULL DEFAULT 0,
    used_ms    INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX logins_open ON logins (expires_ms) WHERE used_ms IS NULL;

CREATE TABLE sessions (
    hash            TEXT PRIMARY KEY,
    person          TEXT NOT NULL,
    decide_until_ms INTEGER NOT NULL,
    expires_ms      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    hash       TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    revoked_ms INTEGER
) STRICT, WITHOUT ROWID;

-- The kill switch: one row.
CREATE TABLE control (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL,
    kill  TEXT NOT NULL
) STRICT;

INSERT INTO control (id, epoch, kill) VALUES (1, 1, 'off');

-- Append-only: `body` is the record's canonical bytes and names the hash of the record before it.
CREATE TABLE audit (
    seq  INTEGER PRIMARY KEY,
    hash TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE (ABORT, 'audit records are final'); END;
CREATE TRIGGER audit_is_never_cut BEFORE DELETE ON audit BEGIN SELECT RAISE (ABORT, 'audit records are final'); END;
