-- Grants: an approval that is also for the same again, until it is over, used up or taken back.

DROP VIEW standing_holds;

-- How far an approval may reach; null where the workflow knows no grants.
ALTER TABLE workflows ADD COLUMN grant_max_ms BIGINT;
ALTER TABLE workflows ADD COLUMN grant_max_uses BIGINT;

-- HMAC of what a grant for this request would be for.
ALTER TABLE holds ADD COLUMN grant_target TEXT;

-- What a voter grants with the approval.
ALTER TABLE votes ADD COLUMN grant_ms BIGINT;
ALTER TABLE votes ADD COLUMN grant_uses BIGINT;

-- By the hold with whose approval it came.
CREATE TABLE grants (
    id            TEXT COLLATE "C" PRIMARY KEY REFERENCES holds (id),
    tenant        TEXT NOT NULL,
    target        TEXT NOT NULL,
    created_ms    BIGINT NOT NULL,
    expires_ms    BIGINT NOT NULL,
    max_uses      BIGINT NOT NULL,
    used          BIGINT NOT NULL DEFAULT 0 CHECK (used <= max_uses),
    revoked_ms    BIGINT,
    revoked_by    TEXT,
    revoke_reason TEXT
);

CREATE INDEX grants_by_target ON grants (tenant, target) WHERE revoked_ms IS NULL;

-- The holds that were approved by a grant.
CREATE TABLE grant_uses (
    hold     TEXT COLLATE "C" PRIMARY KEY REFERENCES holds (id),
    grant_id TEXT COLLATE "C" NOT NULL REFERENCES grants (id),
    at_ms    BIGINT NOT NULL
);

CREATE VIEW standing_holds AS
SELECT holds.*,
    greatest(holds.quorum, coalesce(w.quorum, holds.quorum)) AS needed,
    coalesce(w.require_reason, 0) AS require_reason,
    coalesce(w.check_ticket, 0) AS check_ticket,
    w.grant_max_ms, w.grant_max_uses,
    (SELECT json_build_object('grant', u.grant_id, 'by', (SELECT json_agg(v.person ORDER BY v.at_ms) FROM votes v WHERE v.hold = u.grant_id))::text
        FROM grant_uses u WHERE u.hold = holds.id) AS granted,
    (SELECT coalesce(json_object_agg(q.name, q.needed), '{}')::text FROM quorum_sets q
        WHERE q.tenant = holds.tenant AND q.workflow = holds.workflow AND q.size = 1) AS seats,
    (SELECT coalesce(json_agg(json_build_object('by', v.person, 'at_ms', v.at_ms, 'reason', v.reason, 'grant_ms', v.grant_ms, 'grant_uses', v.grant_uses,
            'groups', (SELECT coalesce(json_agg(g.name ORDER BY g.name), '[]') FROM vote_groups g WHERE g.hold = v.hold AND g.person = v.person))
            ORDER BY v.at_ms), '[]')::text
        FROM votes v WHERE v.hold = holds.id) AS votes,
    (SELECT coalesce(json_agg(json_build_object('by', q.by, 'at_ms', q.at_ms, 'question', q.question,
            'answered_ms', q.answered_ms, 'answer', q.answer) ORDER BY q.number), '[]')::text
        FROM questions q WHERE q.hold = holds.id) AS questions
FROM holds LEFT JOIN workflows w ON w.tenant = holds.tenant AND w.name = holds.workflow;
