-- Tags and their history.

-- name: tag_state
-- Also when deleted.
SELECT id, manifest_id, deleted_at
FROM tag
WHERE repository_id = $1 AND name = $2;

-- name: tag_add
INSERT INTO tag
    (repository_id, name, manifest_id, pushed_by, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $5);

-- name: tag_set
UPDATE tag
SET manifest_id = $1, pushed_by = $2, updated_at = $3, deleted_at = NULL,
    trash_until = NULL
WHERE id = $4;

-- name: tag_delete
UPDATE tag
SET deleted_at = $1, updated_at = $1, trash_until = $2
WHERE id = $3;

-- name: tag_of_manifest
SELECT id, name
FROM tag
WHERE manifest_id = $1 AND deleted_at IS NULL;

-- name: tag_list
-- At least one row when the repository exists.
SELECT t.name
FROM repository r
LEFT JOIN tag t
    ON t.repository_id = r.id AND t.name > $1 AND t.deleted_at IS NULL
WHERE r.name = $2
ORDER BY t.name
LIMIT $3;

-- name: tag_history_add
INSERT INTO tag_history (repository_id, tag, digest, actor, at)
VALUES ($1, $2, $3, $4, $5);
