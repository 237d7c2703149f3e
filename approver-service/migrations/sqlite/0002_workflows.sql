-- Who must decide: workflows as the policy says them, people resolved, and the votes cast.

CREATE TABLE workflows (
    name           TEXT PRIMARY KEY,
    quorum         INTEGER NOT NULL,
    require_reason INTEGER NOT NULL,
    deadline_ms    INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE reviewers (
    workflow TEXT NOT NULL REFERENCES workflows (name) ON DELETE CASCADE,
    person   TEXT NOT NULL,
    PRIMARY KEY (workflow, person)
) STRICT, WITHOUT ROWID;

-- Approvals; written once, one for each person and hold.
CREATE TABLE votes (
    hold   TEXT NOT NULL REFERENCES holds (id),
    person TEXT NOT NULL,
    at_ms  INTEGER NOT NULL,
    reason TEXT,
    PRIMARY KEY (hold, person)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER votes_are_never_changed BEFORE UPDATE ON votes BEGIN SELECT RAISE (ABORT, 'votes are final'); END;
CREATE TRIGGER votes_are_never_taken_back BEFORE DELETE ON votes BEGIN SELECT RAISE (ABORT, 'votes are final'); END;

-- How many had to approve when the hold was made.
ALTER TABLE holds ADD COLUMN quorum INTEGER NOT NULL DEFAULT 1;

-- A hold with its votes and what it needs: of its own quorum and today's, the stricter.
CREATE VIEW standing_holds AS
SELECT holds.*,
    max(holds.quorum, coalesce(w.quorum, holds.quorum)) AS needed,
    coalesce(w.require_reason, 0) AS require_reason,
    (SELECT json_group_array(json_object('by', v.person, 'at_ms', v.at_ms, 'reason', v.reason) ORDER BY v.at_ms)
        FROM votes v WHERE v.hold = holds.id) AS votes
FROM holds LEFT JOIN workflows w ON w.name = holds.workflow;
