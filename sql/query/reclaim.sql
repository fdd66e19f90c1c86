-- Giving space back.

-- name: reclaim_tags
DELETE FROM tag
WHERE id IN (SELECT id FROM tag
             WHERE trash_until IS NOT NULL AND trash_until <= $1
             ORDER BY trash_until
             LIMIT $2);

-- name: reclaim_manifests
SELECT id, repository_id, digest, kind
FROM manifest
WHERE trash_until IS NOT NULL AND trash_until <= $1
ORDER BY trash_until, id
LIMIT $2;

-- name: reclaim_is_referenced
-- Does a manifest of the repository, live or in the trash, refer to it?
SELECT 1
FROM manifest_reference
WHERE repository_id = $1 AND digest = $2
LIMIT 1;

-- name: reclaim_postpone
UPDATE manifest SET trash_until = $1 WHERE id = $2;

-- name: reclaim_children
-- Deleted children that had to wait for this index wait no longer than
-- their own time in the trash.
UPDATE manifest
SET trash_until = deleted_at + $1
WHERE repository_id = $2
    AND digest IN (SELECT digest FROM manifest_reference
                   WHERE manifest_id = $3)
    AND deleted_at IS NOT NULL
    AND trash_until > deleted_at + $1;

-- name: reclaim_unreference
-- Links that lose their last manifest with manifest $4.
UPDATE repository_blob
SET unreferenced_at = $1,
    protected_until = CASE WHEN protected_until > $2 THEN protected_until
                           ELSE $2 END
WHERE repository_id = $3
    AND unreferenced_at IS NULL
    AND blob_id IN (
        SELECT b.id
        FROM manifest_reference m
        JOIN blob b ON b.digest = m.digest
        WHERE m.manifest_id = $4
            AND NOT EXISTS (SELECT 1
                            FROM manifest_reference o
                            WHERE o.repository_id = $3
                                AND o.digest = m.digest
                                AND o.manifest_id <> $4));

-- name: reclaim_drop_references
DELETE FROM manifest_reference WHERE manifest_id = $1;

-- name: reclaim_drop_tags
DELETE FROM tag WHERE manifest_id = $1;

-- name: reclaim_drop_manifest
DELETE FROM manifest WHERE id = $1;

-- name: reclaim_links
SELECT l.repository_id, l.blob_id, b.digest
FROM repository_blob l
JOIN blob b ON b.id = l.blob_id
WHERE l.unreferenced_at IS NOT NULL AND l.protected_until <= $1
ORDER BY l.protected_until
LIMIT $2;

-- name: reclaim_drop_link
DELETE FROM repository_blob WHERE repository_id = $1 AND blob_id = $2;

-- name: reclaim_drop_blob
-- No row while a repository links the blob.
DELETE FROM blob
WHERE id = $1
    AND NOT EXISTS (SELECT 1 FROM repository_blob WHERE blob_id = $1)
RETURNING locator, size;

-- name: orphan_add
INSERT INTO orphan (locator, size, not_before, reason)
VALUES ($1, $2, $3, $4)
ON CONFLICT (locator) DO NOTHING;

-- name: orphan_find
SELECT 1 FROM orphan WHERE locator = $1;

-- name: orphan_due
SELECT locator, size
FROM orphan
WHERE not_before <= $1
ORDER BY not_before
LIMIT $2;

-- name: orphan_forget
DELETE FROM orphan WHERE locator = $1;

-- name: orphan_is_blob
SELECT 1 FROM blob WHERE locator = $1;

-- name: orphan_is_segment
-- For the sweep alone: it reads the sessions that hold bytes, once for each
-- file that no blob names.  "_" in a locator matches any character, which
-- errs on the side of keeping the file.
SELECT 1
FROM upload
WHERE segments <> '' AND segments LIKE '%' || $1 || ':%'
LIMIT 1;

-- name: stats_get
-- For `jobrunner status` alone: it counts rows.
SELECT
    (SELECT COUNT(*) FROM project WHERE deleted_at IS NULL),
    (SELECT COUNT(*) FROM repository),
    (SELECT COUNT(*) FROM manifest WHERE deleted_at IS NULL),
    (SELECT COUNT(*) FROM tag WHERE deleted_at IS NULL),
    (SELECT COUNT(*) FROM blob),
    (SELECT COALESCE(SUM(size), 0) FROM blob),
    (SELECT COUNT(*) FROM upload),
    (SELECT COUNT(*) FROM orphan),
    (SELECT COALESCE(SUM(size), 0) FROM orphan),
    (SELECT COUNT(*) FROM job WHERE state = 'pending' AND run_at <= $1),
    (SELECT COALESCE(MAX(seq), 0) FROM change);
