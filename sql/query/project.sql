-- Projects.

-- name: project_by_name
SELECT p.id, p.name, p.public, p.created_at, p.updated_at, p.owner_id,
       u.name, p.write_mode, p.declared, p.repository_count, p.storage_used,
       p.storage_limit, 0
FROM project p
LEFT JOIN users u ON u.id = p.owner_id
WHERE p.name = $1 AND p.deleted_at IS NULL;

-- name: project_by_id
SELECT p.id, p.name, p.public, p.created_at, p.updated_at, p.owner_id,
       u.name, p.write_mode, p.declared, p.repository_count, p.storage_used,
       p.storage_limit, 0
FROM project p
LEFT JOIN users u ON u.id = p.owner_id
WHERE p.id = $1 AND p.deleted_at IS NULL;

-- name: project_list
SELECT p.id, p.name, p.public, p.created_at, p.updated_at, p.owner_id,
       u.name, p.write_mode, p.declared, p.repository_count, p.storage_used,
       p.storage_limit, 0
FROM project p
LEFT JOIN users u ON u.id = p.owner_id
WHERE p.name > $1 AND p.deleted_at IS NULL
ORDER BY p.name
LIMIT $2;

-- name: project_page
-- All, by name, with the role of user $1.  Where it begins: $2 after $3 from
-- the first, $4 after $5 from the last.
SELECT p.id, p.name, p.public, p.created_at, p.updated_at, p.owner_id,
       u.name, p.write_mode, p.declared, p.repository_count, p.storage_used,
       p.storage_limit, coalesce(m.role, 0)
FROM project p
LEFT JOIN users u ON u.id = p.owner_id
LEFT JOIN member m ON m.project_id = p.id AND m.user_id = $1
WHERE p.deleted_at IS NULL
  AND p.name >= coalesce((SELECT f.name FROM project f
                          WHERE f.deleted_at IS NULL
                          ORDER BY f.name LIMIT $2 OFFSET $3),
                         (SELECT l.name FROM project l
                          WHERE l.deleted_at IS NULL
                          ORDER BY l.name DESC LIMIT $4 OFFSET $5))
ORDER BY p.name
LIMIT $6;

-- name: project_page_id
-- The same by id, which is the order of creation.
SELECT p.id, p.name, p.public, p.created_at, p.updated_at, p.owner_id,
       u.name, p.write_mode, p.declared, p.repository_count, p.storage_used,
       p.storage_limit, coalesce(m.role, 0)
FROM project p
LEFT JOIN users u ON u.id = p.owner_id
LEFT JOIN member m ON m.project_id = p.id AND m.user_id = $1
WHERE p.deleted_at IS NULL
  AND p.id >= coalesce((SELECT f.id FROM project f
                        WHERE f.deleted_at IS NULL
                        ORDER BY f.id LIMIT $2 OFFSET $3),
                       (SELECT l.id FROM project l
                        WHERE l.deleted_at IS NULL
                        ORDER BY l.id DESC LIMIT $4 OFFSET $5))
ORDER BY p.id
LIMIT $6;

-- name: project_page_updated
-- The same by the time of change.
SELECT p.id, p.name, p.public, p.created_at, p.updated_at, p.owner_id,
       u.name, p.write_mode, p.declared, p.repository_count, p.storage_used,
       p.storage_limit, coalesce(m.role, 0)
FROM project p
LEFT JOIN users u ON u.id = p.owner_id
LEFT JOIN member m ON m.project_id = p.id AND m.user_id = $1
WHERE p.id IN (SELECT f.id FROM project f
               WHERE f.deleted_at IS NULL
               ORDER BY f.updated_at, f.id LIMIT $2 OFFSET $3)
ORDER BY p.updated_at, p.id;

-- name: project_page_seen
-- What user $1 or robot $3 sees, by name: the public ones, those private ones
-- where the user is a member, and those where the robot has a right.  $2:
-- offset and length of the page together.
SELECT p.id, p.name, p.public, p.created_at, p.updated_at, p.owner_id,
       u.name, p.write_mode, p.declared, p.repository_count, p.storage_used,
       p.storage_limit, coalesce(m.role, 0)
FROM project p
LEFT JOIN users u ON u.id = p.owner_id
LEFT JOIN member m ON m.project_id = p.id AND m.user_id = $1
WHERE p.id IN (
    SELECT s.id
    FROM (SELECT id, name
          FROM (SELECT a.id, a.name
                FROM project a
                WHERE a.deleted_at IS NULL AND a.public = 1
                ORDER BY a.name
                LIMIT $2) b
          UNION ALL
          SELECT id, name
          FROM (SELECT c.project_id AS id, c.project_name AS name
                FROM member c
                WHERE c.user_id = $1 AND c.private = 1
                ORDER BY c.project_name
                LIMIT $2) d
          UNION ALL
          SELECT id, name
          FROM (SELECT e.id, e.name
                FROM project e
                WHERE e.public = 0 AND e.deleted_at IS NULL
                  AND e.id IN (SELECT r.project_id
                               FROM robot_permission r
                               WHERE r.robot_id = $3)
                ORDER BY e.name
                LIMIT $2) g
          ORDER BY name
          LIMIT $4 OFFSET $5) s)
ORDER BY p.name;

-- name: project_count_seen
SELECT (SELECT value FROM total WHERE kind = 'project' AND scope = 1)
    + (SELECT count(*)
       FROM member
       WHERE user_id = $1 AND private = 1 AND project_path > '')
    + (SELECT count(*)
       FROM project e
       WHERE e.public = 0 AND e.deleted_at IS NULL
         AND e.id IN (SELECT r.project_id
                      FROM robot_permission r
                      WHERE r.robot_id = $2));

-- name: project_robot_all
-- Has the robot a right in every project?
SELECT 1 FROM robot_permission WHERE robot_id = $1 AND project_id = 0 LIMIT 1;

-- name: project_find
-- Ids by name of those that match, of the first $1 by name.
SELECT s.id
FROM (SELECT id, name, public, owner_id
      FROM project
      WHERE deleted_at IS NULL
      ORDER BY name
      LIMIT $1) s
WHERE ($2 = '' OR instr(s.name, $2) > 0)
  AND ($3 < 0 OR s.public = $3)
  AND ($4 = '' OR s.owner_id = (SELECT u.id FROM users u WHERE u.name = $4))
  AND ($5 = 0 OR s.owner_id = $5)
LIMIT $6;

-- name: project_find_seen
-- The same of what user $2 or robot $3 sees.
SELECT s.id
FROM (SELECT id, name, public, owner_id
      FROM (SELECT a.id, a.name, 1 AS public, a.owner_id
            FROM project a
            WHERE a.deleted_at IS NULL AND a.public = 1
            ORDER BY a.name
            LIMIT $1) b
      UNION ALL
      SELECT id, name, public, owner_id
      FROM (SELECT c.project_id AS id, c.project_name AS name, 0 AS public,
                (SELECT p.owner_id FROM project p
                 WHERE p.id = c.project_id) AS owner_id
            FROM member c
            WHERE c.user_id = $2 AND c.private = 1
            ORDER BY c.project_name
            LIMIT $1) d
      UNION ALL
      SELECT id, name, public, owner_id
      FROM (SELECT e.id, e.name, 0 AS public, e.owner_id
            FROM project e
            WHERE e.public = 0 AND e.deleted_at IS NULL
              AND e.id IN (SELECT r.project_id
                           FROM robot_permission r
                           WHERE r.robot_id = $3)
            ORDER BY e.name
            LIMIT $1) g) s
WHERE ($4 = '' OR instr(s.name, $4) > 0)
  AND ($5 < 0 OR s.public = $5)
  AND ($6 = '' OR s.owner_id = (SELECT u.id FROM users u WHERE u.name = $6))
  AND ($7 = 0 OR s.owner_id = $7)
ORDER BY s.name
LIMIT $8;

-- name: project_find_names
-- The one of an id ($1; 0: any), out of a JSON array of names ('[]': any), or
-- all of these: all of them ($3 1), or what user $4 or robot $5 sees.
SELECT p.id
FROM (SELECT $1 AS id WHERE $1 <> 0
      UNION
      SELECT n.id
      FROM json_each($2) j
      JOIN project n ON n.name = j.value
      WHERE $1 = 0) x
JOIN project p ON p.id = x.id AND p.deleted_at IS NULL
WHERE ($2 = '[]' OR p.name IN (SELECT value FROM json_each($2)))
  AND ($3 = 1 OR p.public = 1
       OR EXISTS (SELECT 1 FROM member m
                  WHERE m.project_id = p.id AND m.user_id = $4)
       OR EXISTS (SELECT 1 FROM robot_permission r
                  WHERE r.robot_id = $5 AND r.project_id = p.id))
  AND ($6 = '' OR instr(p.name, $6) > 0)
  AND ($7 < 0 OR p.public = $7)
  AND ($8 = '' OR p.owner_id = (SELECT u.id FROM users u WHERE u.name = $8))
  AND ($9 = 0 OR p.owner_id = $9)
ORDER BY p.name;

-- name: project_rows
-- In the order of a JSON array of ids, with the role of user $2.
SELECT p.id, p.name, p.public, p.created_at, p.updated_at, p.owner_id,
       u.name, p.write_mode, p.declared, p.repository_count, p.storage_used,
       p.storage_limit, coalesce(m.role, 0)
FROM json_each($1) i
JOIN project p ON p.id = i.value
LEFT JOIN users u ON u.id = p.owner_id
LEFT JOIN member m ON m.project_id = p.id AND m.user_id = $2
ORDER BY i.key;

-- name: project_add
INSERT INTO project (name, public, owner_id, created_at, updated_at,
                     storage_limit)
VALUES ($1, $2, $3, $4, $4, $5)
RETURNING id;

-- name: project_add_first
INSERT INTO project (id, name, public, owner_id, created_at, updated_at)
VALUES (1, 'library', 1, 1, $1, $1)
ON CONFLICT DO NOTHING;

-- name: project_set
-- NULL leaves a column as it is.
UPDATE project
SET public = coalesce($1, public),
    storage_limit = coalesce($2, storage_limit),
    write_mode = coalesce($3, write_mode),
    updated_at = $4
WHERE id = $5 AND deleted_at IS NULL;

-- name: project_set_public_repositories
UPDATE repository SET public = $1 WHERE project_id = $2 AND public <> $1;

-- name: project_has_content
SELECT 1 FROM repository WHERE project_id = $1 AND live_manifests > 0 LIMIT 1;

-- name: project_delete
-- The row stays, for ids in the past; its name is free again.
UPDATE project
SET name = name || '#' || id, public = 0, updated_at = $1, deleted_at = $1
WHERE id = $2 AND deleted_at IS NULL;

-- name: project_delete_repositories
-- Empty ones, with what is in the trash: their names are free again.
UPDATE repository
SET name = $1 || '#' || project_id || substr(name, length($1) + 1),
    public = 0, updated_at = $2
WHERE project_id = $3;

-- name: project_delete_members
DELETE FROM member WHERE project_id = $1;

-- name: project_delete_robot_permissions
DELETE FROM robot_permission WHERE project_id = $1;

-- name: project_delete_robot_rights
DELETE FROM robot_permission
WHERE robot_id IN (SELECT id FROM robot WHERE coalesce(project_id, 0) = $1);

-- name: project_delete_robots
DELETE FROM robot WHERE coalesce(project_id, 0) = $1;

-- name: project_delete_metadata
DELETE FROM project_metadata WHERE project_id = $1;

-- name: project_delete_labels
DELETE FROM label WHERE coalesce(project_id, 0) = $1;

-- name: project_metadata_list
SELECT name, value FROM project_metadata WHERE project_id = $1 ORDER BY name;

-- name: project_metadata_put
INSERT INTO project_metadata (project_id, name, value) VALUES ($1, $2, $3)
ON CONFLICT (project_id, name) DO UPDATE SET value = excluded.value;

-- name: project_metadata_delete
DELETE FROM project_metadata WHERE project_id = $1 AND name = $2;
