-- What the authoriser asks, once for each request.  A project is named by id,
-- or, where that is 0, by name.  A row is left out when there is no such
-- thing.

-- name: access_user recalled
-- Row 1: the user.  Row 2: the project, with the user's role in it (0: none).
SELECT 1, u.id, u.admin, u.disabled, u.epoch, 0, u.name, ''
FROM users u
WHERE u.id = $1 AND u.deleted_at IS NULL
UNION ALL
SELECT 2, p.id, p.public, coalesce(m.role, 0), p.write_mode = 'replication',
       0, p.name, ''
FROM project p
LEFT JOIN member m ON m.project_id = p.id AND m.user_id = $1
WHERE p.id = coalesce(nullif(CAST($2 AS BIGINT), 0),
                      (SELECT q.id FROM project q WHERE q.name = $3))
  AND p.deleted_at IS NULL;

-- name: access_robot recalled
-- Row 1: the robot.  Row 2: the project.  Rows 3: what the robot may do there
-- (for every project: 0) and in the registry as a whole (-1).
SELECT 1, r.id, r.replication, r.disabled, r.epoch, coalesce(r.expires_at, 0),
       r.name, ''
FROM robot r
WHERE r.id = $1
UNION ALL
SELECT 2, p.id, p.public, 0, p.write_mode = 'replication', 0, p.name, ''
FROM project p
WHERE p.id = coalesce(nullif(CAST($2 AS BIGINT), 0),
                      (SELECT q.id FROM project q WHERE q.name = $3))
  AND p.deleted_at IS NULL
UNION ALL
SELECT 3, rp.project_id, 0, 0, 0, 0, rp.resource, rp.action
FROM robot_permission rp
WHERE rp.robot_id = $1
  AND rp.project_id IN (-1, 0,
      coalesce(nullif(CAST($2 AS BIGINT), 0),
               (SELECT q.id FROM project q
                WHERE q.name = $3 AND q.deleted_at IS NULL)));
