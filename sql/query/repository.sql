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

-- name: repository_list_public
SELECT name
FROM repository
WHERE live_manifests > 0 AND public = 1 AND name > $1
ORDER BY name
LIMIT $2;
