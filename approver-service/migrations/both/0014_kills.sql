-- The kill switch of single principals; where it is off there is no row.
CREATE TABLE kills (
    tenant    TEXT NOT NULL,
    principal TEXT NOT NULL,
    kill      TEXT NOT NULL,
    turned_by TEXT NOT NULL,
    at_ms     BIGINT NOT NULL,
    PRIMARY KEY (tenant, principal)
);
