-- Manifests that have a subject.

-- name: referrer_list
SELECT id, digest, media_type, size, artifact_type, annotations
FROM manifest
WHERE repository_id = $1 AND subject_digest = $2 AND deleted_at IS NULL
    AND id > $3
ORDER BY id
LIMIT $4;

-- name: referrer_list_type
SELECT id, digest, media_type, size, artifact_type, annotations
FROM manifest
WHERE repository_id = $1 AND subject_digest = $2 AND artifact_type = $3
    AND deleted_at IS NULL AND id > $4
ORDER BY id
LIMIT $5;
