-- Grants: an approval that is also for the same again, until it is over, used up or taken back.

DROP VIEW standing_holds;

-- How far an approval may reach; null where the workflow knows no grants.
ALTER TABLE workflows ADD COLUMN grant_max_ms INTEGER;
ALTER TABLE workflows ADD COLUMN grant_max_uses INTEGER;

-- HMAC of what a grant for this request would be for.
ALTER TABLE holds ADD COLUMN grant_target TEXT;

-- What a voter grants with the approval.
ALTER TABLE votes ADD COLUMN grant_ms INTEGER;
ALTER TABLE votes ADD COLUMN grant_uses INTEGER;

-- By the hold with whose approval it came.
CREATE TABLE grants (
    id            TEXT PRIMARY KEY REFERENCES holds (id),
    tenant        TEXT NOT NULL,
    target        TEXT NOT NULL,
    created_ms    INTEGER NOT NULL,
    expires_ms    INTEGER NOT NULL,
    max_uses      INTEGER NOT NULL,
    used          INTEGER NOT NULL DEFAULT 0 CHECK (used <= max_uses),
    revoked_ms    INTEGER,
    revoked_by    TEXT,
    revoke_reason TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX grants_by_target ON grants (tenant, target) WHERE revoked_ms IS NULL;

-- The holds that were approved by a grant.
CREATE TABLE grant_uses (
    hold     TEXT PRIMARY KEY REFERENCES holds (id),
    grant_id TEXT NOT NULL REFERENCES grants (id),
    at_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE VIEW standing_holds AS
SELECT holds.*,
    max(holds.quorum, coalesce(w.quorum, holds.quorum)) AS needed,
    coalesce(w.require_reason, 0) AS require_reason,
    coalesce(w.check_ticket, 0) AS check_ticket,
    w.grant_max_ms, w.grant_max_uses,
    (SELECT json_object('grant', u.grant_id, 'by', json((SELECT json_group_array(v.person ORDER BY v.at_ms) FROM votes v WHERE v.hold = u.grant_id)))
        FROM grant_uses u WHERE u.hold = holds.id) AS granted,
    (SELECT json_group_object(q.name, q.needed) FROM quorum_sets q
        WHERE q.tenant = holds.tenant AND q.workflow = holds.workflow AND q.size = 1) AS seats,
    (SELECT json_group_array(json_object('by', v.person, 'at_ms', v.at_ms, 'reason', v.reason, 'grant_ms', v.grant_ms, 'grant_uses', v.grant_uses,
            'groups', json((SELECT json_group_array(g.name ORDER BY g.name) FROM vote_groups g WHERE g.hold = v.hold AND g.person = v.person)))
            ORDER BY v.at_ms)
        FROM votes v WHERE v.hold = holds.id) AS votes,
    (SELECT json_group_array(json_object('by', q.by, 'at_ms', q.at_ms, 'question', q.question,
            'answered_ms', q.answered_ms, 'answer', q.answer) ORDER BY q.number)
        FROM questions q WHERE q.hold = holds.id) AS questions
FROM holds LEFT JOIN workflows w ON w.tenant = holds.tenant AND w.name = holds.workflow;
