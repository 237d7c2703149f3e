-- What a create looks up, in the order in which it asks: the newest live hold of the same request, how many the agent has
-- that live, and the newest of those. None of it may cost more the more holds others have.
DROP INDEX holds_live;
CREATE INDEX holds_live ON holds (tenant, environment, coalesce(principal, ''), digest_mac, id)
    WHERE state IN ('pending', 'info_requested', 'approved');
CREATE INDEX holds_of_agent ON holds (tenant, environment, coalesce(principal, ''), id, due_ms)
    WHERE state IN ('pending', 'info_requested', 'approved');
