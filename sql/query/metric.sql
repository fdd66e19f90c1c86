-- What /metrics tells of the database: counters that the job runner keeps,
-- and the state of its queue.  Each is a read by an index, or of a few rows:
-- nginx does it on its event loop.

-- name: metric_add
INSERT INTO counter (name, value) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value;

-- name: metric_set
INSERT INTO counter (name, value) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: metric_get
SELECT value FROM counter WHERE name = $1;

-- name: metric_queue
SELECT
    (SELECT COUNT(*) FROM job WHERE state = 'pending' AND run_at <= $1),
    (SELECT COALESCE(MIN(run_at), 0) FROM job
     WHERE state = 'pending' AND run_at <= $1),
    (SELECT COUNT(*) FROM job WHERE state = 'running' AND lease_until >= 0);

-- name: metric_job_list
-- Periodic work: those rows alone have a key.
SELECT kind, COALESCE(ended_at, 0), CASE WHEN error IS NULL THEN 0 ELSE 1 END
FROM job
WHERE unique_key > ''
ORDER BY unique_key
LIMIT $1;
