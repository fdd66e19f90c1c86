-- Counts of pulls, written many at once.  A pull never goes back in time: two
-- processes may write out of order.

-- name: pull_manifest
UPDATE manifest SET pulled_at = $1
WHERE id = $2 AND (pulled_at IS NULL OR pulled_at < $1);

-- name: pull_tag
UPDATE tag SET pulled_at = $1
WHERE id = $2 AND (pulled_at IS NULL OR pulled_at < $1);

-- name: pull_repository
UPDATE repository SET pull_count = pull_count + $1 WHERE id = $2;
