-- Labels: global, or of a project; attached to manifests.

-- name: label_get
SELECT id, coalesce(project_id, 0), name, description, color, created_at,
    updated_at
FROM label
WHERE id = $1;

-- name: label_page
-- $1: the project; 0: global ones.  Where it begins: $2 after $3 from the
-- first, $4 after $5 from the last.
SELECT id, coalesce(project_id, 0), name, description, color, created_at,
    updated_at
FROM label
WHERE coalesce(project_id, 0) = $1
    AND name >= coalesce((SELECT f.name FROM label f
                          WHERE coalesce(f.project_id, 0) = $1
                          ORDER BY f.name LIMIT $2 OFFSET $3),
                         (SELECT l.name FROM label l
                          WHERE coalesce(l.project_id, 0) = $1
                          ORDER BY l.name DESC LIMIT $4 OFFSET $5))
ORDER BY name
LIMIT $6;

-- name: label_find
-- Ids by name of those that match, of the first $2.
SELECT s.id
FROM (SELECT id, name
      FROM label
      WHERE coalesce(project_id, 0) = $1
      ORDER BY name
      LIMIT $2) s
WHERE instr(s.name, $3) > 0
LIMIT $4;

-- name: label_find_exact
SELECT id FROM label WHERE coalesce(project_id, 0) = $1 AND name = $2;

-- name: label_rows
-- In the order of a JSON array of ids.
SELECT l.id, coalesce(l.project_id, 0), l.name, l.description, l.color,
    l.created_at, l.updated_at
FROM json_each($1) i
JOIN label l ON l.id = i.value
ORDER BY i.key;

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
