-- The job queue.

-- name: job_by_key
SELECT id, state FROM job WHERE unique_key = $1;

-- name: job_add
INSERT INTO job
    (kind, unique_key, payload, state, run_at, interval_us, created_at)
VALUES ($1, $2, $3, 'pending', $4, $5, $6)
RETURNING id;

-- name: job_set
-- A job that has ended is armed again; one that waits comes forward when the
-- new interval is shorter.
UPDATE job
SET kind = $1, payload = $2, interval_us = $3,
    run_at = CASE WHEN state = 'running' THEN run_at
                  WHEN state = 'pending' AND run_at < $4 THEN run_at
                  ELSE $4 END,
    state = CASE WHEN state = 'running' THEN state ELSE 'pending' END
WHERE id = $5;

-- name: job_run_now
-- While it runs: it runs once more after that (job_finish).
UPDATE job
SET run_at = CASE WHEN state = 'running' AND started_at >= $1
                  THEN started_at + 1 ELSE $1 END
WHERE id = $2;

-- name: job_due_pending
SELECT id
FROM job
WHERE state = 'pending' AND run_at <= $1
ORDER BY run_at
LIMIT 1;

-- name: job_due_lost
SELECT id
FROM job
WHERE state = 'running' AND lease_until <= $1
ORDER BY lease_until
LIMIT 1;

-- name: job_claim
UPDATE job
SET state = 'running', epoch = epoch + 1, attempts = attempts + 1,
    worker = $1, lease_until = $2, started_at = $3, ended_at = NULL
WHERE id = $4
RETURNING id, kind, payload, state, run_at, interval_us, attempts, epoch,
    result, error, started_at, ended_at;

-- name: job_renew
UPDATE job
SET lease_until = $1
WHERE id = $2 AND epoch = $3 AND state = 'running';

-- name: job_row
SELECT run_at, started_at, interval_us, attempts
FROM job
WHERE id = $1 AND epoch = $2 AND state = 'running';

-- name: job_finish
UPDATE job
SET state = $1, run_at = $2, attempts = $3, lease_until = 0, worker = NULL,
    result = $4, error = $5, ended_at = $6
WHERE id = $7;

-- name: job_next_pending
SELECT run_at
FROM job
WHERE state = 'pending' AND run_at >= 0
ORDER BY run_at
LIMIT 1;

-- name: job_next_running
SELECT lease_until
FROM job
WHERE state = 'running' AND lease_until >= 0
ORDER BY lease_until
LIMIT 1;

-- name: job_list
SELECT id, kind, payload, state, run_at, interval_us, attempts, epoch,
    result, error, started_at, ended_at
FROM job
ORDER BY id;
