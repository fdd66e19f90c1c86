-- Repositories.

-- name: repository_find
SELECT id FROM repository WHERE name = $1;

-- name: repository_add
-- No row when the project does not exist.
INSERT INTO repository (project_id, name, public, created_at, updated_at)
SELECT p.id, $1, p.public, $2, $2
FROM project p
WHERE p.name = $3 AND p.deleted_at IS NULL
RETURNING id;

-- name: repository_live_add
-- One manifest more, or one less, that is not deleted.
UPDATE repository
SET live_manifests = live_manifests + $1, updated_at = $2
WHERE id = $3;

-- name: repository_list_all
SELECT name
FROM repository
WHERE live_manifests > 0 AND name > $1
ORDER BY name
LIMIT $2;

-- name: repository_list_member
-- Public ones, and those of the private projects of a user: a page of each.
SELECT name
FROM (SELECT name
      FROM (SELECT name
            FROM repository
            WHERE live_manifests > 0 AND public = 1 AND name > $1
            ORDER BY name
            LIMIT $2) a
      UNION ALL
      SELECT name
      FROM (SELECT r.name
            FROM member m
            JOIN repository r ON r.project_id = m.project_id
            WHERE m.user_id = $3 AND r.live_manifests > 0 AND r.public = 0
              AND r.name > $1
            ORDER BY r.name
            LIMIT $2) b) c
ORDER BY name
LIMIT $2;

-- name: repository_list_robot
SELECT name
FROM (SELECT name
      FROM (SELECT name
            FROM repository
            WHERE live_manifests > 0 AND public = 1 AND name > $1
            ORDER BY name
            LIMIT $2) a
      UNION ALL
      SELECT name
      FROM (SELECT DISTINCT r.name
            FROM robot_permission p
            JOIN repository r ON r.project_id = p.project_id
            WHERE p.robot_id = $3 AND p.resource = 'repository'
              AND p.action IN ('list', 'pull') AND r.live_manifests > 0
              AND r.public = 0 AND r.name > $1
            ORDER BY r.name
            LIMIT $2) b) c
ORDER BY name
LIMIT $2;

-- name: repository_list_robot_all
-- Does the robot see every project?
SELECT 1
FROM robot_permission
WHERE robot_id = $1 AND project_id = 0 AND resource = 'repository'
  AND action IN ('list', 'pull')
LIMIT 1;

-- name: repository_list_public
SELECT name
FROM repository
WHERE live_manifests > 0 AND public = 1 AND name > $1
ORDER BY name
LIMIT $2;

-- name: repository_forget
-- Nothing is left of it but the row.
UPDATE repository SET description = NULL WHERE id = $1;

-- name: repository_row
SELECT id, project_id, name, description, artifact_count, pull_count,
    created_at, updated_at, public, 1
FROM repository
WHERE name = $1 AND live_manifests > 0;

-- name: repository_page
-- The repositories of a project by name, and how many there are.
SELECT r.id, r.project_id, r.name, r.description, r.artifact_count,
    r.pull_count, r.created_at, r.updated_at, r.public,
    p.repository_count
FROM project p
JOIN repository r ON r.project_id = p.id AND r.live_manifests > 0
WHERE p.id = $1
ORDER BY r.name
LIMIT $2 OFFSET $3;

-- name: repository_page_all
-- Of all projects, for who sees all.
SELECT r.id, r.project_id, r.name, r.description, r.artifact_count,
    r.pull_count, r.created_at, r.updated_at, r.public,
    (SELECT coalesce(sum(p.repository_count), 0)
     FROM project p
     WHERE p.deleted_at IS NULL)
FROM repository r
WHERE r.live_manifests > 0
ORDER BY r.name
LIMIT $1 OFFSET $2;

-- name: repository_search
-- The same with filters and another order; $1 NULL: of all projects that
-- the caller may see: $2 1: all; else the public ones, those where user $3 is
-- a member, and those that robot $4 may read.
SELECT r.id, r.project_id, r.name, r.description, r.artifact_count,
    r.pull_count, r.created_at, r.updated_at, r.public,
    count(*) OVER ()
FROM repository r
WHERE r.live_manifests > 0
    AND ($1 IS NULL OR r.project_id = $1)
    AND ($2 = 1 OR r.public = 1
         OR EXISTS (SELECT 1 FROM member m
                    WHERE m.project_id = r.project_id AND m.user_id = $3)
         OR EXISTS (SELECT 1 FROM robot_permission rp
                    WHERE rp.robot_id = $4
                        AND rp.project_id IN (0, r.project_id)
                        AND rp.resource = 'repository'
                        AND rp.action IN ('list', 'read', 'pull')))
    AND ($5 IS NULL OR r.name = $5)
    AND ($6 IS NULL OR instr(r.name, $6) > 0)
ORDER BY CASE WHEN $7 = 0 AND $8 > 0 THEN r.name END ASC,
    CASE WHEN $7 = 0 AND $8 < 0 THEN r.name END DESC,
    $8 * CASE $7 WHEN 1 THEN r.created_at WHEN 2 THEN r.updated_at
         WHEN 3 THEN r.artifact_count WHEN 4 THEN r.pull_count
         WHEN 5 THEN r.id ELSE 0 END,
    r.name
LIMIT $9 OFFSET $10;

-- name: repository_with_blob
-- Visible repositories that hold this content, out of $2 links looked at, so
-- that a layer that very many share cannot make it slow.
SELECT r.id, r.project_id, r.name, r.description, r.artifact_count,
    r.pull_count, r.created_at, r.updated_at, r.public,
    count(*) OVER ()
FROM (SELECT l.repository_id
      FROM blob b
      JOIN repository_blob l ON l.blob_id = b.id AND l.deleted_at IS NULL
      WHERE b.digest = $1
      LIMIT $2) s
JOIN repository r ON r.id = s.repository_id
WHERE r.live_manifests > 0
    AND ($3 = 1 OR r.public = 1
         OR EXISTS (SELECT 1 FROM member m
                    WHERE m.project_id = r.project_id AND m.user_id = $4)
         OR EXISTS (SELECT 1 FROM robot_permission rp
                    WHERE rp.robot_id = $5
                        AND rp.project_id IN (0, r.project_id)
                        AND rp.resource = 'repository'
                        AND rp.action IN ('list', 'read', 'pull')))
ORDER BY r.name
LIMIT $6 OFFSET $7;

-- name: repository_describe
UPDATE repository SET description = $1, updated_at = $2 WHERE id = $3;

-- name: repository_project
SELECT project_id FROM repository WHERE name = $1;
