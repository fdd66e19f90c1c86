-- Manifests.  Reads come as one row whenever the repository exists; the
-- manifest's columns are NULL when it has no such manifest.

-- name: manifest_find_tag recalled
SELECT m.id, m.digest, m.media_type, m.size
FROM repository r
LEFT JOIN tag t
    ON t.repository_id = r.id AND t.name = $1 AND t.deleted_at IS NULL
LEFT JOIN manifest m ON m.id = t.manifest_id AND m.deleted_at IS NULL
WHERE r.name = $2;

-- name: manifest_get_tag recalled
SELECT m.id, m.digest, m.media_type, m.size, m.body, r.id, t.id
FROM repository r
LEFT JOIN tag t
    ON t.repository_id = r.id AND t.name = $1 AND t.deleted_at IS NULL
LEFT JOIN manifest m ON m.id = t.manifest_id AND m.deleted_at IS NULL
WHERE r.name = $2;

-- name: manifest_find_digest recalled
SELECT m.id, m.digest, m.media_type, m.size
FROM repository r
LEFT JOIN manifest m
    ON m.repository_id = r.id AND m.digest = $1 AND m.deleted_at IS NULL
WHERE r.name = $2;

-- name: manifest_get_digest recalled
SELECT m.id, m.digest, m.media_type, m.size, m.body, r.id, NULL
FROM repository r
LEFT JOIN manifest m
    ON m.repository_id = r.id AND m.digest = $1 AND m.deleted_at IS NULL
WHERE r.name = $2;

-- name: manifest_state
-- Also when deleted.
SELECT id, size, deleted_at, subject_digest, artifact_type
FROM manifest
WHERE repository_id = $1 AND digest = $2;

-- name: manifest_add
INSERT INTO manifest
    (repository_id, digest, kind, media_type, artifact_type,
     config_media_type, subject_digest, annotations, size, pushed_by,
     pushed_at, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
RETURNING id;

-- name: manifest_revive
UPDATE manifest
SET deleted_at = NULL, trash_until = NULL, pushed_by = $1, pushed_at = $2
WHERE id = $3;

-- name: manifest_reference_add
INSERT INTO manifest_reference
    (manifest_id, position, repository_id, kind, digest, size)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: manifest_delete
UPDATE manifest
SET deleted_at = $1, trash_until = $2
WHERE id = $3;
