-- The place in a trace, as a W3C `traceparent`, of the call that made a hold: a decision, hours later, is in the same trace.
CREATE TABLE hold_traces (
    hold        TEXT NOT NULL REFERENCES holds (id),
    traceparent TEXT NOT NULL,
    PRIMARY KEY (hold)
);
