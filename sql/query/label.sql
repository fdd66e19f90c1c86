-- Labels: global, or of a project; attached to manifests.

-- name: label_get
SELECT id, coalesce(project_id, 0), name, description, color, created_at,
    updated_at, 1
FROM label
WHERE id = $1;

-- name: label_page
-- $1: the project; 0: global ones.
SELECT id, coalesce(project_id, 0), name, description, color, created_at,
    updated_at, count(*) OVER ()
FROM label
WHERE coalesce(project_id, 0) = $1
    AND ($2 IS NULL OR instr(name, $2) > 0)
ORDER BY name
LIMIT $3 OFFSET $4;

-- name: label_add
INSERT INTO label
    (project_id, name, description, color, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $5)
RETURNING id;

-- name: label_set
UPDATE label
SET name = $1, description = $2, color = $3, updated_at = $4
WHERE id = $5;

-- name: label_delete
DELETE FROM label WHERE id = $1;

-- name: label_attach
INSERT INTO manifest_label (manifest_id, label_id) VALUES ($1, $2);

-- name: label_detach
DELETE FROM manifest_label WHERE manifest_id = $1 AND label_id = $2
RETURNING label_id;
