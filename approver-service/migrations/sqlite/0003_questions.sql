-- What approvers asked and agents answered, and approvals taken back.

CREATE TABLE questions (
    hold        TEXT NOT NULL REFERENCES holds (id),
    number      INTEGER NOT NULL,
    by          TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,
    question    TEXT NOT NULL,
    answered_ms INTEGER,
    answer      TEXT,  -- masked by the gateway; nothing of it is verified
    PRIMARY KEY (hold, number)
) STRICT, WITHOUT ROWID;

ALTER TABLE holds ADD COLUMN revoked_ms INTEGER;
ALTER TABLE holds ADD COLUMN revoked_by TEXT;
ALTER TABLE holds ADD COLUMN revoke_reason TEXT;

DROP VIEW standing_holds;
CREATE VIEW standing_holds AS
SELECT holds.*,
    max(holds.quorum, coalesce(w.quorum, holds.quorum)) AS needed,
    coalesce(w.require_reason, 0) AS require_reason,
    (SELECT json_group_array(json_object('by', v.person, 'at_ms', v.at_ms, 'reason', v.reason) ORDER BY v.at_ms)
        FROM votes v WHERE v.hold = holds.id) AS votes,
    (SELECT json_group_array(json_object('by', q.by, 'at_ms', q.at_ms, 'question', q.question,
            'answered_ms', q.answered_ms, 'answer', q.answer) ORDER BY q.number)
        FROM questions q WHERE q.hold = holds.id) AS questions
FROM holds LEFT JOIN workflows w ON w.name = holds.workflow;
