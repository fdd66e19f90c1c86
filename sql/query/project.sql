-- Projects.

-- name: project_by_name
SELECT id, name, public, created_at, updated_at
FROM project
WHERE name = $1 AND deleted_at IS NULL;

-- name: project_add
INSERT INTO project (name, public, owner_id, created_at, updated_at)
VALUES ($1, $2, $3, $4, $4)
RETURNING id;

-- name: project_add_first
INSERT INTO project (id, name, public, owner_id, created_at, updated_at)
VALUES (1, 'library', 1, 1, $1, $1)
ON CONFLICT DO NOTHING;

-- name: project_set_public
UPDATE project
SET public = $1, updated_at = $2
WHERE name = $3 AND deleted_at IS NULL
RETURNING id;

-- name: project_set_public_repositories
UPDATE repository SET public = $1 WHERE project_id = $2 AND public <> $1;

-- name: project_list
SELECT id, name, public, created_at, updated_at
FROM project
WHERE name > $1 AND deleted_at IS NULL
ORDER BY name
LIMIT $2;
