-- What each token may do. Tokens of before keep what their role allowed; a service of the version before writes no scopes
-- and goes on reading the role.
ALTER TABLE tokens ADD COLUMN scopes TEXT;
UPDATE tokens SET scopes = CASE role
    WHEN 'filter' THEN 'holds:create gateway:serve'
    WHEN 'requester' THEN 'holds:create'
    WHEN 'approver' THEN 'holds:read events:read metrics:read fleet:read observations:read'
    WHEN 'auditor' THEN 'holds:read events:read metrics:read fleet:read observations:read audit:read'
    WHEN 'operator' THEN 'holds:read events:read metrics:read fleet:read observations:read audit:read kill:write'
    WHEN 'admin' THEN 'holds:read events:read metrics:read fleet:read observations:read audit:read kill:write'
    ELSE '' END;
