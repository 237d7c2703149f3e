-- Quorums by group: who is in the groups, how many of each set of groups must approve, and for which groups a vote counts.

DROP VIEW standing_holds;

-- Must the ticket that the agent states be found, and open?
ALTER TABLE workflows ADD COLUMN check_ticket BIGINT NOT NULL DEFAULT 0;

-- People of the settings in the groups of quorums.
CREATE TABLE seat_members (
    tenant   TEXT NOT NULL,
    workflow TEXT NOT NULL,
    name     TEXT NOT NULL,
    person   TEXT NOT NULL,
    PRIMARY KEY (tenant, workflow, name, person),
    FOREIGN KEY (tenant, workflow) REFERENCES workflows (tenant, name) ON DELETE CASCADE
);

-- Every set of a quorum's groups, by number, with how many people its groups need together. So many distinct voters of each
-- set are exactly what it takes to give every place to somebody who has no other.
CREATE TABLE quorum_sets (
    tenant   TEXT NOT NULL,
    workflow TEXT NOT NULL,
    number   BIGINT NOT NULL,
    name     TEXT NOT NULL,
    size     BIGINT NOT NULL,
    needed   BIGINT NOT NULL,
    PRIMARY KEY (tenant, workflow, number, name),
    FOREIGN KEY (tenant, workflow) REFERENCES workflows (tenant, name) ON DELETE CASCADE
);

-- In which of the quorum's groups a voter was when voting.
CREATE TABLE vote_groups (
    hold   TEXT COLLATE "C" NOT NULL REFERENCES holds (id),
    person TEXT NOT NULL,
    name   TEXT NOT NULL,
    PRIMARY KEY (hold, person, name)
);

CREATE TRIGGER vote_groups_are_final BEFORE UPDATE OR DELETE ON vote_groups FOR EACH ROW EXECUTE FUNCTION is_final();
CREATE TRIGGER vote_groups_are_never_emptied BEFORE TRUNCATE ON vote_groups FOR EACH STATEMENT EXECUTE FUNCTION is_final();

CREATE VIEW standing_holds AS
SELECT holds.*,
    greatest(holds.quorum, coalesce(w.quorum, holds.quorum)) AS needed,
    coalesce(w.require_reason, 0) AS require_reason,
    coalesce(w.check_ticket, 0) AS check_ticket,
    (SELECT coalesce(json_object_agg(q.name, q.needed), '{}')::text FROM quorum_sets q
        WHERE q.tenant = holds.tenant AND q.workflow = holds.workflow AND q.size = 1) AS seats,
    (SELECT coalesce(json_agg(json_build_object('by', v.person, 'at_ms', v.at_ms, 'reason', v.reason,
            'groups', (SELECT coalesce(json_agg(g.name ORDER BY g.name), '[]') FROM vote_groups g WHERE g.hold = v.hold AND g.person = v.person))
            ORDER BY v.at_ms), '[]')::text
        FROM votes v WHERE v.hold = holds.id) AS votes,
    (SELECT coalesce(json_agg(json_build_object('by', q.by, 'at_ms', q.at_ms, 'question', q.question,
            'answered_ms', q.answered_ms, 'answer', q.answer) ORDER BY q.number), '[]')::text
        FROM questions q WHERE q.hold = holds.id) AS questions
FROM holds LEFT JOIN workflows w ON w.tenant = holds.tenant AND w.name = holds.workflow;
