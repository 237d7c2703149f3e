-- What was answered under an idempotency key, for a day; without a status as long as nobody has answered.
CREATE TABLE answers (
    tenant  TEXT NOT NULL,
    caller  TEXT NOT NULL,
    key     TEXT NOT NULL,
    request TEXT NOT NULL,
    at_ms   BIGINT NOT NULL,
    status  BIGINT,
    body    TEXT,
    PRIMARY KEY (tenant, caller, key)
);

CREATE INDEX answers_by_age ON answers (at_ms);
