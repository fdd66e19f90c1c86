-- Who did what to what, when, from where, with which result.

-- name: audit_add
INSERT INTO audit (at, actor, username, client, operation, resource_type,
                   resource, project_id, success, description)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- The order of ids is that of time; "+ 0" keeps to it.

-- name: audit_page
-- Newest first, below the id $10 (0: from the newest).  $1: 0 all projects.
-- $11: not 0: only of projects where this user is an administrator.
SELECT a.id, a.at, a.actor, a.username, a.client, a.operation,
       a.resource_type, a.resource, a.project_id, a.success, a.description
FROM audit a
WHERE a.id > 0
  AND ($1 = 0 OR a.project_id = $1)
  AND ($2 = '' OR a.username = $2)
  AND ($3 = '' OR instr(a.username, $3) > 0)
  AND ($4 = '' OR a.operation = $4)
  AND ($5 = '' OR a.resource_type = $5)
  AND ($6 = '' OR a.resource = $6)
  AND ($7 = '' OR instr(a.resource, $7) > 0)
  AND a.at + 0 >= $8 AND a.at + 0 <= $9
  AND ($10 = 0 OR a.id < $10)
  AND ($11 = 0 OR EXISTS (SELECT 1 FROM member m
                          WHERE m.project_id = a.project_id
                            AND m.user_id = $11 AND m.role = 1))
ORDER BY a.id DESC
LIMIT $12 OFFSET $13;

-- name: audit_page_project
SELECT a.id, a.at, a.actor, a.username, a.client, a.operation,
       a.resource_type, a.resource, a.project_id, a.success, a.description
FROM audit a
WHERE a.project_id = $1
  AND ($2 = '' OR a.username = $2)
  AND ($3 = '' OR instr(a.username, $3) > 0)
  AND ($4 = '' OR a.operation = $4)
  AND ($5 = '' OR a.resource_type = $5)
  AND ($6 = '' OR a.resource = $6)
  AND ($7 = '' OR instr(a.resource, $7) > 0)
  AND a.at >= $8 AND a.at <= $9
  AND ($10 = 0 OR a.id < $10)
ORDER BY a.id DESC
LIMIT $11 OFFSET $12;

-- name: audit_count_fast
-- Ids are given out in order and purged from the oldest on.
SELECT coalesce((SELECT max(id) FROM audit) - (SELECT min(id) FROM audit) + 1,
                0);

-- name: audit_count
SELECT count(*)
FROM (SELECT 1
      FROM audit a
      WHERE a.id > 0
        AND ($1 = 0 OR a.project_id = $1)
        AND ($2 = '' OR a.username = $2)
        AND ($3 = '' OR instr(a.username, $3) > 0)
        AND ($4 = '' OR a.operation = $4)
        AND ($5 = '' OR a.resource_type = $5)
        AND ($6 = '' OR a.resource = $6)
        AND ($7 = '' OR instr(a.resource, $7) > 0)
        AND a.at + 0 >= $8 AND a.at + 0 <= $9
        AND ($10 = 0 OR EXISTS (SELECT 1 FROM member m
                                WHERE m.project_id = a.project_id
                                  AND m.user_id = $10 AND m.role = 1))
      LIMIT $11) x;

-- name: audit_count_project
SELECT count(*)
FROM (SELECT 1
      FROM audit a
      WHERE a.project_id = $1
        AND ($2 = '' OR a.username = $2)
        AND ($3 = '' OR instr(a.username, $3) > 0)
        AND ($4 = '' OR a.operation = $4)
        AND ($5 = '' OR a.resource_type = $5)
        AND ($6 = '' OR a.resource = $6)
        AND ($7 = '' OR instr(a.resource, $7) > 0)
        AND a.at >= $8 AND a.at <= $9
      LIMIT $10) x;

-- name: audit_purge
DELETE FROM audit
WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2);
