-- The change log and the counters it takes its numbers from.

-- name: change_seq
INSERT INTO counter (name, value) VALUES ('change', 1)
ON CONFLICT (name) DO UPDATE SET value = counter.value + 1
RETURNING value;

-- name: change_clock
-- $1: now, as a hybrid clock.  The next value is never below the last.
INSERT INTO counter (name, value) VALUES ('hlc', $1)
ON CONFLICT (name) DO UPDATE
SET value = CASE WHEN counter.value >= excluded.value THEN counter.value + 1
                 ELSE excluded.value END
RETURNING value;

-- name: change_put
INSERT INTO change
    (repository_id, reference, seq, digest, hlc, origin, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (repository_id, reference) DO UPDATE
SET seq = excluded.seq, digest = excluded.digest, hlc = excluded.hlc,
    origin = excluded.origin, changed_at = excluded.changed_at;

-- name: change_is_tombstone
SELECT 1
FROM change
WHERE repository_id = $1 AND reference = $2 AND digest IS NULL;

-- name: change_list
SELECT c.seq, r.name, c.reference, c.digest, c.hlc, c.origin, c.changed_at
FROM change c
JOIN repository r ON r.id = c.repository_id
WHERE c.seq > $1
ORDER BY c.seq
LIMIT $2;
