-- Upload sessions.

-- name: upload_add
INSERT INTO upload
    (id, repository_id, owner, hash_alg, boot_id, created_at, updated_at,
     expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $6, $7);

-- name: upload_count
SELECT COUNT(*)
FROM (
    SELECT 1
    FROM upload
    WHERE repository_id = $1 AND owner = $2 AND expires_at > $3
    LIMIT $4
) AS open_upload;

-- name: upload_count_owner
-- The same in all repositories.
SELECT COUNT(*)
FROM (
    SELECT 1
    FROM upload
    WHERE owner = $1 AND expires_at > $2
    LIMIT $3
) AS open_upload;

-- name: upload_get
SELECT u.repository_id, u.size, u.hash_alg, u.hash_state, u.segments,
    u.epoch, u.lease_until, u.boot_id, u.created_at, u.expires_at, u.holder
FROM upload u
JOIN repository r ON r.id = u.repository_id
WHERE u.id = $1 AND r.name = $2 AND u.owner = $3;

-- name: upload_state
SELECT epoch, size, lease_until, holder FROM upload WHERE id = $1;

-- name: upload_claim
UPDATE upload
SET epoch = epoch + 1, lease_until = $1, updated_at = $2, holder = $3
WHERE id = $4;

-- name: upload_advance
UPDATE upload
SET size = $1, hash_state = $2, segments = $3, boot_id = $4, epoch = $5,
    lease_until = $6, updated_at = $7, expires_at = $8, holder = $9
WHERE id = $10 AND epoch = $11 AND size = $12;

-- name: upload_release
UPDATE upload
SET lease_until = $1, updated_at = $2
WHERE id = $3 AND epoch = $4;

-- name: upload_drop
DELETE FROM upload WHERE id = $1;

-- name: upload_expired
SELECT id, segments, repository_id
FROM upload
WHERE expires_at <= $1 AND lease_until <= $1
ORDER BY expires_at
LIMIT $2;

-- name: upload_end_all
-- In a restored database: what the sessions name has gone on without them.
DELETE FROM upload;
