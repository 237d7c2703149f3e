-- Who logged in through an identity provider, and what groups it said they are in; whose a token is.

-- `local`: as the settings say; `provider`: as the identity provider said at a login.
ALTER TABLE people ADD COLUMN source TEXT NOT NULL DEFAULT 'local';
ALTER TABLE person_identities ADD COLUMN source TEXT NOT NULL DEFAULT 'local';

-- Groups of the provider whose members review. `*`: everyone who logs in.
CREATE TABLE reviewer_groups (
    workflow TEXT NOT NULL REFERENCES workflows (name) ON DELETE CASCADE,
    name     TEXT NOT NULL,
    PRIMARY KEY (workflow, name)
);

-- A session's groups, as they were at its login.
CREATE TABLE session_groups (
    session TEXT NOT NULL REFERENCES sessions (hash) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    PRIMARY KEY (session, name)
);

-- The human behind a token, who decides nothing that is asked for with it.
ALTER TABLE tokens ADD COLUMN owner TEXT;
