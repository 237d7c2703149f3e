-- The schema as SQLite's migrations 1 to 4 make it; numbers count the same on both from here on. Ids are UUIDs as text,
-- times Unix milliseconds, truth 0 or 1, lists and maps JSON text, so that one text of SQL serves both databases.

CREATE TABLE holds (
    id                TEXT COLLATE "C" PRIMARY KEY,
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
    created_ms        BIGINT NOT NULL,
    deadline_ms       BIGINT NOT NULL,
    approval_ttl_ms   BIGINT NOT NULL,
    rejoin_ms         BIGINT NOT NULL,
    -- How it stands: every change goes through `hold::transition`.
    state             TEXT NOT NULL,
    revision          BIGINT NOT NULL,
    due_ms            BIGINT,         -- when time alone changes it next
    detached_ms       BIGINT,
    cause             TEXT,
    decided_ms        BIGINT,
    decided_by        TEXT,
    reason            TEXT,
    approved_until_ms BIGINT,
    released_ms       BIGINT,
    released_nonce    TEXT,
    outcome           TEXT,
    outcome_status    BIGINT,
    -- How many had to approve when the hold was made.
    quorum            BIGINT NOT NULL DEFAULT 1,
    revoked_ms        BIGINT,
    revoked_by        TEXT,
    revoke_reason     TEXT
);

CREATE INDEX holds_due ON holds (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX holds_live ON holds (tenant, environment, coalesce(principal, ''), digest_mac)
    WHERE state IN ('pending', 'info_requested', 'approved');
CREATE INDEX holds_by_state ON holds (state, id);

-- Who asked: the canonical identities behind a hold. None of them may decide it.
CREATE TABLE hold_parties (
    hold     TEXT COLLATE "C" NOT NULL REFERENCES holds (id),
    identity TEXT NOT NULL,
    PRIMARY KEY (hold, identity)
);

-- The client streams that wait, or waited, on a hold.
CREATE TABLE streams (
    nonce       TEXT PRIMARY KEY,
    hold        TEXT COLLATE "C" NOT NULL REFERENCES holds (id),
    joined      BIGINT NOT NULL,
    detached_ms BIGINT
);

CREATE INDEX streams_attached ON streams (hold) WHERE detached_ms IS NULL;

-- People who may decide, and every canonical identity that is the same human.
CREATE TABLE people (
    name TEXT PRIMARY KEY
);

CREATE TABLE person_identities (
    person   TEXT NOT NULL REFERENCES people (name) ON DELETE CASCADE,
    identity TEXT NOT NULL,
    PRIMARY KEY (person, identity)
);

-- One-time logins: printed by the service, opened or typed by the person.
CREATE TABLE logins (
    id         TEXT PRIMARY KEY,
    person     TEXT NOT NULL,
    link_hash  TEXT NOT NULL UNIQUE,
    code_mac   TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    misses     BIGINT NOT NULL DEFAULT 0,
    used_ms    BIGINT
);

CREATE INDEX logins_open ON logins (expires_ms) WHERE used_ms IS NULL;

CREATE TABLE sessions (
    hash            TEXT PRIMARY KEY,
    person          TEXT NOT NULL,
    decide_until_ms BIGINT NOT NULL,
    expires_ms      BIGINT NOT NULL
);

CREATE TABLE tokens (
    id         TEXT COLLATE "C" PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    hash       TEXT NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    revoked_ms BIGINT
);

-- The kill switch: one row.
CREATE TABLE control (
    id    BIGINT PRIMARY KEY CHECK (id = 1),
    epoch BIGINT NOT NULL,
    kill  TEXT NOT NULL
);

INSERT INTO control (id, epoch, kill) VALUES (1, 1, 'off');

-- Append-only: `body` is the record's canonical bytes and names the hash of the record before it; `hold` is for those who
-- follow the log.
CREATE TABLE audit (
    seq  BIGINT PRIMARY KEY,
    hash TEXT NOT NULL,
    body TEXT NOT NULL,
    hold TEXT
);

-- The last record. Whoever writes holds this row, so that numbers have no gaps across replicas.
CREATE TABLE audit_head (
    id   BIGINT PRIMARY KEY CHECK (id = 1),
    seq  BIGINT NOT NULL,
    hash TEXT NOT NULL
);

INSERT INTO audit_head (id, seq, hash)
    VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- Who must decide: workflows as the policy says them, people resolved, and the votes cast.
CREATE TABLE workflows (
    name           TEXT PRIMARY KEY,
    quorum         BIGINT NOT NULL,
    require_reason BIGINT NOT NULL,
    deadline_ms    BIGINT
);

CREATE TABLE reviewers (
    workflow TEXT NOT NULL REFERENCES workflows (name) ON DELETE CASCADE,
    person   TEXT NOT NULL,
    PRIMARY KEY (workflow, person)
);

-- Approvals; written once, one for each person and hold.
CREATE TABLE votes (
    hold   TEXT COLLATE "C" NOT NULL REFERENCES holds (id),
    person TEXT NOT NULL,
    at_ms  BIGINT NOT NULL,
    reason TEXT,
    PRIMARY KEY (hold, person)
);

-- What approvers asked and agents answered.
CREATE TABLE questions (
    hold        TEXT COLLATE "C" NOT NULL REFERENCES holds (id),
    number      BIGINT NOT NULL,
    by          TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    question    TEXT NOT NULL,
    answered_ms BIGINT,
    answer      TEXT,  -- masked by the gateway; nothing of it is verified
    PRIMARY KEY (hold, number)
);

CREATE FUNCTION is_final() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '% records are final', TG_TABLE_NAME; END $$;

CREATE TRIGGER audit_is_final BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION is_final();
CREATE TRIGGER audit_is_never_emptied BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION is_final();
CREATE TRIGGER votes_are_final BEFORE UPDATE OR DELETE ON votes FOR EACH ROW EXECUTE FUNCTION is_final();
CREATE TRIGGER votes_are_never_emptied BEFORE TRUNCATE ON votes FOR EACH STATEMENT EXECUTE FUNCTION is_final();

-- A hold with its votes and what it needs: of its own quorum and today's, the stricter.
CREATE VIEW standing_holds AS
SELECT holds.*,
    greatest(holds.quorum, coalesce(w.quorum, holds.quorum)) AS needed,
    coalesce(w.require_reason, 0) AS require_reason,
    (SELECT coalesce(json_agg(json_build_object('by', v.person, 'at_ms', v.at_ms, 'reason', v.reason) ORDER BY v.at_ms), '[]')::text
        FROM votes v WHERE v.hold = holds.id) AS votes,
    (SELECT coalesce(json_agg(json_build_object('by', q.by, 'at_ms', q.at_ms, 'question', q.question,
            'answered_ms', q.answered_ms, 'answer', q.answer) ORDER BY q.number), '[]')::text
        FROM questions q WHERE q.hold = holds.id) AS questions
FROM holds LEFT JOIN workflows w ON w.name = holds.workflow;
