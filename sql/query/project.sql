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
-- By name, as seen by user $1, by robot $3, or, where $2 is 1, by those who
-- see all.
SELECT p.id, p.name, p.public, p.created_at, p.updated_at, p.owner_id,
       u.name, p.write_mode, p.declared, p.repository_count, p.storage_used,
       p.storage_limit, coalesce(m.role, 0)
FROM project p
LEFT JOIN users u ON u.id = p.owner_id
LEFT JOIN member m ON m.project_id = p.id AND m.user_id = $1
WHERE p.name > '' AND p.deleted_at IS NULL
  AND ($2 = 1 OR p.public = 1 OR m.role IS NOT NULL
       OR EXISTS (SELECT 1 FROM robot_permission r
                  WHERE r.robot_id = $3 AND r.project_id IN (0, p.id)))
  AND ($4 = '' OR instr(p.name, $4) > 0)
  AND ($5 = '' OR p.name IN (SELECT j.value FROM json_each($5) j))
  AND ($6 < 0 OR p.public = $6)
  AND ($7 = '' OR u.name = $7)
ORDER BY p.name
LIMIT $8 OFFSET $9;

-- name: project_page_sorted
-- The same, in another order: 0 name, 1 creation, 2 update, 3 id.
SELECT p.id, p.name, p.public, p.created_at, p.updated_at, p.owner_id,
       u.name, p.write_mode, p.declared, p.repository_count, p.storage_used,
       p.storage_limit, coalesce(m.role, 0)
FROM project p
LEFT JOIN users u ON u.id = p.owner_id
LEFT JOIN member m ON m.project_id = p.id AND m.user_id = $1
WHERE p.name > '' AND p.deleted_at IS NULL
  AND ($2 = 1 OR p.public = 1 OR m.role IS NOT NULL
       OR EXISTS (SELECT 1 FROM robot_permission r
                  WHERE r.robot_id = $3 AND r.project_id IN (0, p.id)))
  AND ($4 = '' OR instr(p.name, $4) > 0)
  AND ($5 = '' OR p.name IN (SELECT j.value FROM json_each($5) j))
  AND ($6 < 0 OR p.public = $6)
  AND ($7 = '' OR u.name = $7)
ORDER BY CASE WHEN $8 = 0 AND $9 = 0 THEN p.name END,
         CASE WHEN $8 = 0 AND $9 = 1 THEN p.name END DESC,
         CASE WHEN $8 = 1 AND $9 = 0 THEN p.created_at
              WHEN $8 = 1 AND $9 = 1 THEN -p.created_at
              WHEN $8 = 2 AND $9 = 0 THEN p.updated_at
              WHEN $8 = 2 AND $9 = 1 THEN -p.updated_at END,
         CASE WHEN $9 = 1 THEN -p.id ELSE p.id END
LIMIT $10 OFFSET $11;

-- name: project_count
SELECT count(*)
FROM project p
LEFT JOIN users u ON u.id = p.owner_id
LEFT JOIN member m ON m.project_id = p.id AND m.user_id = $1
WHERE p.name > '' AND p.deleted_at IS NULL
  AND ($2 = 1 OR p.public = 1 OR m.role IS NOT NULL
       OR EXISTS (SELECT 1 FROM robot_permission r
                  WHERE r.robot_id = $3 AND r.project_id IN (0, p.id)))
  AND ($4 = '' OR instr(p.name, $4) > 0)
  AND ($5 = '' OR p.name IN (SELECT j.value FROM json_each($5) j))
  AND ($6 < 0 OR p.public = $6)
  AND ($7 = '' OR u.name = $7);

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
