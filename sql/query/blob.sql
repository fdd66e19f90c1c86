-- Blobs and their links into repositories.

-- name: blob_find recalled
SELECT b.id, b.size, b.locator, l.unreferenced_at, l.protected_until
FROM repository r
JOIN blob b ON b.digest = $1
JOIN repository_blob l
    ON l.repository_id = r.id AND l.blob_id = b.id AND l.deleted_at IS NULL
WHERE r.name = $2;

-- name: blob_find_in
-- The same by the repository's id.
SELECT b.id, b.size, l.unreferenced_at
FROM blob b
JOIN repository_blob l ON l.repository_id = $1 AND l.blob_id = b.id
WHERE b.digest = $2 AND l.deleted_at IS NULL;

-- name: blob_find_visible
-- Is the blob linked in any repository that everybody may read?  Looks at
-- no more than $2 links, so that a layer shared by very many private
-- repositories cannot make it slow.
SELECT s.blob_id
FROM (
    SELECT l.blob_id, l.repository_id
    FROM blob b
    JOIN repository_blob l ON l.blob_id = b.id
    WHERE b.digest = $1 AND l.deleted_at IS NULL
    LIMIT $2
) s
JOIN repository r ON r.id = s.repository_id
WHERE r.public = 1
LIMIT 1;

-- name: blob_find_anywhere
SELECT l.blob_id
FROM blob b
JOIN repository_blob l ON l.blob_id = b.id
WHERE b.digest = $1 AND l.deleted_at IS NULL
LIMIT 1;

-- name: blob_get
SELECT id, size, locator FROM blob WHERE digest = $1;

-- name: blob_add
INSERT INTO blob (digest, size, locator, created_at) VALUES ($1, $2, $3, $4)
RETURNING id;

-- name: blob_move
UPDATE blob SET locator = $1 WHERE id = $2 AND locator = $3;

-- name: blob_link
-- A link that is new, or was deleted, is live from now on and protected for
-- a grace.  It counts as referenced when a manifest here names the digest
-- already (a layer that may be missing and came later).
INSERT INTO repository_blob
    (repository_id, blob_id, linked_at, unreferenced_at, protected_until)
VALUES ($1, $2, $3,
    CASE WHEN EXISTS (SELECT 1 FROM manifest_reference m
                      WHERE m.repository_id = $1 AND m.digest = $4)
         THEN NULL ELSE $3 END,
    $5)
ON CONFLICT (repository_id, blob_id) DO UPDATE
SET deleted_at = NULL,
    protected_until = CASE
        WHEN repository_blob.protected_until > excluded.protected_until
        THEN repository_blob.protected_until
        ELSE excluded.protected_until END;

-- name: blob_protect
UPDATE repository_blob
SET protected_until = CASE WHEN protected_until > $1 THEN protected_until
                           ELSE $1 END
WHERE repository_id = $2 AND blob_id = $3 AND deleted_at IS NULL;

-- name: blob_reference
UPDATE repository_blob
SET unreferenced_at = NULL
WHERE repository_id = $1 AND blob_id = $2;

-- name: blob_delete
UPDATE repository_blob
SET deleted_at = $1
WHERE repository_id = $2 AND blob_id = $3 AND deleted_at IS NULL;
