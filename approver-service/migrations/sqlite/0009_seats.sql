-- Quorums by group: who is in the groups, how many of each set of groups must approve, and for which groups a vote counts.

DROP VIEW standing_holds;

-- Must the ticket that the agent states be found, and open?
ALTER TABLE workflows ADD COLUMN check_ticket INTEGER NOT NULL DEFAULT 0;

-- People of the settings in the groups of quorums.
CREATE TABLE seat_members (
    tenant   TEXT NOT NULL,
    workflow TEXT NOT NULL,
    name     TEXT NOT NULL,
    person   TEXT NOT NULL,
    PRIMARY KEY (tenant, workflow, name, person),
    FOREIGN KEY (tenant, workflow) REFERENCES workflows (tenant, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Every set of a quorum's groups, by number, with how many people its groups need together. So many distinct voters of each
-- set are exactly what it takes to give every place to somebody who has no other.
CREATE TABLE quorum_sets (
    tenant   TEXT NOT NULL,
    workflow TEXT NOT NULL,
    number   INTEGER NOT NULL,
    name     TEXT NOT NULL,
    size     INTEGER NOT NULL,
    needed   INTEGER NOT NULL,
    PRIMARY KEY (tenant, workflow, number, name),
    FOREIGN KEY (tenant, workflow) REFERENCES workflows (tenant, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- In which of the quorum's groups a voter was when voting.
CREATE TABLE vote_groups (
    hold   TEXT NOT NULL REFERENCES holds (id),
    person TEXT NOT NULL,
    name   TEXT NOT NULL,
    PRIMARY KEY (hold, person, name)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER vote_groups_are_never_changed BEFORE UPDATE ON vote_groups BEGIN SELECT RAISE (ABORT, 'votes are final'); END;
CREATE TRIGGER vote_groups_are_never_taken_back BEFORE DELETE ON vote_groups BEGIN SELECT RAISE (ABORT, 'votes are final'); END;

CREATE VIEW standing_holds AS
SELECT holds.*,
    max(holds.quorum, coalesce(w.quorum, holds.quorum)) AS needed,
    coalesce(w.require_reason, 0) AS require_reason,
    coalesce(w.check_ticket, 0) AS check_ticket,
    (SELECT json_group_object(q.name, q.needed) FROM quorum_sets q
        WHERE q.tenant = holds.tenant AND q.workflow = holds.workflow AND q.size = 1) AS seats,
    (SELECT json_group_array(json_object('by', v.person, 'at_ms', v.at_ms, 'reason', v.reason,
            'groups', json((SELECT json_group_array(g.name ORDER BY g.name) FROM vote_groups g WHERE g.hold = v.hold AND g.person = v.person)))
            ORDER BY v.at_ms)
        FROM votes v WHERE v.hold = holds.id) AS votes,
    (SELECT json_group_array(json_object('by', q.by, 'at_ms', q.at_ms, 'question', q.question,
            'answered_ms', q.answered_ms, 'answer', q.answer) ORDER BY q.number)
        FROM questions q WHERE q.hold = holds.id) AS questions
FROM holds LEFT JOIN workflows w ON w.tenant = holds.tenant AND w.name = holds.workflow;
