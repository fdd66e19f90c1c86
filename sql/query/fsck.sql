-- Comparing the rows with what is stored (jobrunner fsck).

-- name: fsck_blobs
SELECT id, digest, size, locator
FROM blob
WHERE id > $1
ORDER BY id
LIMIT $2;

-- name: fsck_is_blob
SELECT 1 FROM blob WHERE id = $1 AND locator = $2;

-- name: fsck_images
-- What cannot be pulled without the blob: tags, and manifests without one.
SELECT r.name || COALESCE(':' || t.name, '@' || m.digest)
FROM blob b
JOIN repository_blob l ON l.blob_id = b.id
JOIN manifest_reference f
    ON f.repository_id = l.repository_id AND f.digest = b.digest
JOIN manifest m ON m.id = f.manifest_id AND m.deleted_at IS NULL
JOIN repository r ON r.id = l.repository_id
LEFT JOIN tag t ON t.manifest_id = m.id AND t.deleted_at IS NULL
WHERE b.id = $1
LIMIT $2;

-- name: fsck_unlink
DELETE FROM repository_blob WHERE blob_id = $1;

-- name: fsck_drop
DELETE FROM blob WHERE id = $1 AND locator = $2;
