-- What the authoriser asks, once for each request.

-- name: access_get
-- Row 1: the user.  Row 2: the project, with the user's role in it (0: none;
-- memberships join here).  A row is left out when there is no such thing.
SELECT 1, u.id, u.admin, u.disabled, u.epoch, u.name
FROM users u
WHERE u.id = $1 AND u.deleted_at IS NULL
UNION ALL
SELECT 2, p.id, p.public, 0, 0, ''
FROM project p
WHERE p.name = $2 AND p.deleted_at IS NULL;
