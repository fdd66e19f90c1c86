-- Robot accounts.  project_id of a robot NULL: system level.

-- name: robot_by_name
SELECT r.id, r.name, r.project_id, r.secret_hash, r.description,
       r.replication, r.disabled, r.epoch, r.duration, r.expires_at,
       r.declared, r.created_at, r.updated_at, r.created_by, p.name
FROM robot r
LEFT JOIN project p ON p.id = r.project_id
WHERE r.name = $1;

-- name: robot_by_id
SELECT r.id, r.name, r.project_id, r.secret_hash, r.description,
       r.replication, r.disabled, r.epoch, r.duration, r.expires_at,
       r.declared, r.created_at, r.updated_at, r.created_by, p.name
FROM robot r
LEFT JOIN project p ON p.id = r.project_id
WHERE r.id = $1;

-- name: robot_page
-- Of the project $1; 0: of the system level.  By id.  Where it begins: $2
-- after $3 from the first, $4 after $5 from the last.
SELECT r.id, r.name, r.project_id, NULL, r.description,
       r.replication, r.disabled, r.epoch, r.duration, r.expires_at,
       r.declared, r.created_at, r.updated_at, r.created_by, p.name
FROM robot r
LEFT JOIN project p ON p.id = r.project_id
WHERE coalesce(r.project_id, 0) = $1
  AND r.id >= coalesce((SELECT f.id FROM robot f
                        WHERE coalesce(f.project_id, 0) = $1
                        ORDER BY f.id LIMIT $2 OFFSET $3),
                       (SELECT l.id FROM robot l
                        WHERE coalesce(l.project_id, 0) = $1
                        ORDER BY l.id DESC LIMIT $4 OFFSET $5))
ORDER BY r.id
LIMIT $6;

-- name: robot_find
-- Ids of those with $4 in the name, behind the prefix $3, of the first $2;
-- by name ($6 1) or by id.
SELECT t.id
FROM (SELECT s.id, s.name
      FROM (SELECT id, name
            FROM robot
            WHERE coalesce(project_id, 0) = $1
            ORDER BY id
            LIMIT $2) s
      WHERE instr(substr(s.name, length($3) + 1), $4) > 0
      LIMIT $5) t
ORDER BY CASE WHEN $6 = 1 THEN t.name END, t.id;

-- name: robot_find_exact
-- The name $1 whole, or without the prefix $2, or without the project $3 too.
SELECT r.id
FROM robot r
WHERE r.name IN ($1, $2 || $1,
                 $2 || (SELECT p.name FROM project p WHERE p.id = $3)
                 || '+' || $1)
  AND coalesce(r.project_id, 0) = $3
ORDER BY r.id;

-- name: robot_rows
-- In the order of a JSON array of ids.
SELECT r.id, r.name, r.project_id, NULL, r.description,
       r.replication, r.disabled, r.epoch, r.duration, r.expires_at,
       r.declared, r.created_at, r.updated_at, r.created_by, p.name
FROM json_each($1) i
JOIN robot r ON r.id = i.value
LEFT JOIN project p ON p.id = r.project_id
ORDER BY i.key;

-- name: robot_list
-- Of every level.
SELECT r.id, r.name, r.project_id, NULL, r.description,
       r.replication, r.disabled, r.epoch, r.duration, r.expires_at,
       r.declared, r.created_at, r.updated_at, r.created_by, p.name
FROM robot r
LEFT JOIN project p ON p.id = r.project_id
WHERE r.id > $1
ORDER BY r.id
LIMIT $2;

-- name: robot_permissions
-- Of the robots of a JSON array of ids, in its order.
SELECT rp.project_id, rp.resource, rp.action, p.name, rp.robot_id
FROM json_each($1) i
JOIN robot_permission rp ON rp.robot_id = i.value
LEFT JOIN project p ON p.id = rp.project_id
ORDER BY i.key, rp.project_id, rp.resource, rp.action;

-- name: robot_has
-- What a robot may hand on: only what it has itself.
SELECT 1
FROM robot_permission
WHERE robot_id = $1 AND resource = $2 AND action = $3
  AND (project_id = $4 OR (project_id = 0 AND $4 > 0))
LIMIT 1;

-- name: robot_exceeds
-- Has robot $1 a right that robot $2 has not?
SELECT 1
FROM robot_permission t
WHERE t.robot_id = $1
  AND NOT EXISTS (SELECT 1 FROM robot_permission g
                  WHERE g.robot_id = $2 AND g.resource = t.resource
                    AND g.action = t.action
                    AND (g.project_id = t.project_id
                         OR (g.project_id = 0 AND t.project_id > 0)))
LIMIT 1;

-- name: robot_add
INSERT INTO robot (name, project_id, secret_hash, description, replication,
                   disabled, duration, expires_at, created_by, created_at,
                   updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
RETURNING id;

-- name: robot_add_permission
INSERT INTO robot_permission (robot_id, project_id, resource, action)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING;

-- name: robot_drop_permissions
DELETE FROM robot_permission WHERE robot_id = $1;

-- name: robot_set
UPDATE robot
SET description = $1, disabled = $2, duration = $3, expires_at = $4,
    replication = $5,
    epoch = epoch + CASE WHEN disabled <> $2 THEN 1 ELSE 0 END,
    updated_at = $6
WHERE id = $7;

-- name: robot_set_secret
UPDATE robot
SET secret_hash = $1, epoch = epoch + 1, updated_at = $2
WHERE id = $3;

-- name: robot_delete
DELETE FROM robot WHERE id = $1;
