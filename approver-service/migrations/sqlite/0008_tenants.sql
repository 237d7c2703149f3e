-- Whose things are whose: people, tokens, sessions, workflows and the kill switch belong to a tenant.

DROP VIEW standing_holds;

-- Tokens of before are those of the only tenant that ever asked for anything.
ALTER TABLE tokens ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
UPDATE tokens SET tenant = (SELECT max(tenant) FROM holds)
    WHERE (SELECT count(DISTINCT tenant) FROM holds) = 1;
ALTER TABLE sessions ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
ALTER TABLE logins ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';

-- Every start writes people and workflows of the settings; only whom a provider knows must be kept.
CREATE TABLE people_before AS SELECT * FROM people WHERE source = 'provider';
CREATE TABLE identities_before AS SELECT * FROM person_identities WHERE source = 'provider';
DROP TABLE person_identities;
DROP TABLE people;
CREATE TABLE people (
    tenant TEXT NOT NULL,
    name   TEXT NOT NULL,
    source TEXT NOT NULL DEFAULT 'local',
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE person_identities (
    tenant   TEXT NOT NULL,
    person   TEXT NOT NULL,
    identity TEXT NOT NULL,
    source   TEXT NOT NULL DEFAULT 'local',
    PRIMARY KEY (tenant, person, identity),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
INSERT INTO people (tenant, name, source) SELECT 'default', name, source FROM people_before;
INSERT INTO person_identities (tenant, person, identity, source)
    SELECT 'default', person, identity, source FROM identities_before WHERE person IN (SELECT name FROM people_before);
DROP TABLE people_before;
DROP TABLE identities_before;

DROP TABLE reviewers;
DROP TABLE reviewer_groups;
DROP TABLE workflows;
CREATE TABLE workflows (
    tenant         TEXT NOT NULL,
    name           TEXT NOT NULL,
    quorum         INTEGER NOT NULL,
    require_reason INTEGER NOT NULL,
    deadline_ms    INTEGER,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE reviewers (
    tenant   TEXT NOT NULL,
    workflow TEXT NOT NULL,
    person   TEXT NOT NULL,
    PRIMARY KEY (tenant, workflow, person),
    FOREIGN KEY (tenant, workflow) REFERENCES workflows (tenant, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE TABLE reviewer_groups (
    tenant   TEXT NOT NULL,
    workflow TEXT NOT NULL,
    name     TEXT NOT NULL,
    PRIMARY KEY (tenant, workflow, name),
    FOREIGN KEY (tenant, workflow) REFERENCES workflows (tenant, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- The switch that stood for all stands for each who was there. Who has none of their own has it off.
CREATE TABLE control_before AS SELECT * FROM control;
DROP TABLE control;
CREATE TABLE control (
    tenant TEXT PRIMARY KEY,
    epoch  INTEGER NOT NULL,
    kill   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO control (tenant, epoch, kill)
    SELECT t.tenant, c.epoch, c.kill
    FROM control_before c CROSS JOIN (SELECT tenant FROM holds UNION SELECT 'default') t;
DROP TABLE control_before;

DROP INDEX holds_by_state;
CREATE INDEX holds_by_state ON holds (tenant, state, id);

-- Whose a record is, for those who may read only theirs; the record itself says it too.
ALTER TABLE audit ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
DROP TRIGGER audit_is_never_changed;
UPDATE audit SET tenant = json_extract(body, '$.details.tenant') WHERE json_extract(body, '$.details.tenant') IS NOT NULL;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE (ABORT, 'audit records are final'); END;
CREATE INDEX audit_of_tenant ON audit (tenant, seq);

CREATE VIEW standing_holds AS
SELECT holds.*,
    max(holds.quorum, coalesce(w.quorum, holds.quorum)) AS needed,
    coalesce(w.require_reason, 0) AS require_reason,
    (SELECT json_group_array(json_object('by', v.person, 'at_ms', v.at_ms, 'reason', v.reason) ORDER BY v.at_ms)
        FROM votes v WHERE v.hold = holds.id) AS votes,
    (SELECT json_group_array(json_object('by', q.by, 'at_ms', q.at_ms, 'question', q.question,
            'answered_ms', q.answered_ms, 'answer', q.answer) ORDER BY q.number)
        FROM questions q WHERE q.hold = holds.id) AS questions
FROM holds LEFT JOIN workflows w ON w.tenant = holds.tenant AND w.name = holds.workflow;
