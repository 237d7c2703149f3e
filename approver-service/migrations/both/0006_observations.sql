-- What gateways in observe mode have counted, by the hour.
CREATE TABLE observations (
    tenant      TEXT NOT NULL,
    environment TEXT NOT NULL,
    gateway     TEXT NOT NULL,
    hour_ms     BIGINT NOT NULL,
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    category    TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    count       BIGINT NOT NULL,
    PRIMARY KEY (tenant, environment, gateway, hour_ms, kind, name, category, outcome)
);
