-- The gateways that ask, and what they said of themselves when they last did.
CREATE TABLE gateways (
    tenant      TEXT NOT NULL,
    environment TEXT NOT NULL,
    gateway     TEXT NOT NULL,
    version     TEXT NOT NULL,
    policy      TEXT NOT NULL,
    mode        TEXT NOT NULL,
    seen_ms     BIGINT NOT NULL,
    PRIMARY KEY (tenant, environment, gateway)
);
