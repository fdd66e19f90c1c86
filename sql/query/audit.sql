-- Who did what to what, when, from where, with which result.

-- name: audit_add
INSERT INTO audit (at, actor, username, client, operation, resource_type,
                   resource, project_id, success, description)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- The order of ids is that of time, as long as the clock goes forward: without
-- an end (the largest number) it is not asked.

-- name: audit_page
-- Newest first, from the id $1 down.
SELECT a.id, a.at, a.actor, a.username, a.client, a.operation,
       a.resource_type, a.resource, a.project_id, a.success, a.description
FROM audit a
WHERE a.id <= $1
ORDER BY a.id DESC
LIMIT $2;

-- name: audit_range
-- Ids are given out in order, without a gap, and purged from the oldest on.
SELECT coalesce((SELECT min(id) FROM audit), 1),
       coalesce((SELECT max(id) FROM audit), 0);

-- name: audit_page_project
-- Of the project $1, newest first.  Where it begins: $2 after $3 from the
-- newest, $4 after $5 from the oldest.
SELECT a.id, a.at, a.actor, a.username, a.client, a.operation,
       a.resource_type, a.resource, a.project_id, a.success, a.description
FROM audit a
WHERE a.project_id = $1
  AND a.id <= coalesce((SELECT n.id FROM audit n WHERE n.project_id = $1
                        ORDER BY n.id DESC LIMIT $2 OFFSET $3),
                       (SELECT o.id FROM audit o WHERE o.project_id = $1
                        ORDER BY o.id LIMIT $4 OFFSET $5))
ORDER BY a.id DESC
LIMIT $6;

-- name: audit_find
-- With filters (JSON arrays, of which any), of the newest $2 until $1; $11:
-- since then.  $12: 1 oldest first, -1 newest first.
SELECT a.id, a.at, a.actor, a.username, a.client, a.operation,
       a.resource_type, a.resource, a.project_id, a.success, a.description,
       count(*) OVER ()
FROM (SELECT *
      FROM audit b
      WHERE b.id <= CASE WHEN $1 = 9223372036854775807 THEN $1
                    ELSE (SELECT c.id FROM audit c WHERE c.at <= $1
                          ORDER BY c.at DESC, c.id DESC LIMIT 1) END
      ORDER BY b.id DESC
      LIMIT $2) a
WHERE ($3 = '[]' OR a.username IN (SELECT value FROM json_each($3)))
  AND ($4 = '' OR instr(a.username, $4) > 0)
  AND ($5 = '[]' OR a.operation IN (SELECT value FROM json_each($5)))
  AND ($6 = '' OR instr(a.operation, $6) > 0)
  AND ($7 = '[]' OR a.resource_type IN (SELECT value FROM json_each($7)))
  AND ($8 = '' OR instr(a.resource_type, $8) > 0)
  AND ($9 = '[]' OR a.resource IN (SELECT value FROM json_each($9)))
  AND ($10 = '' OR instr(a.resource, $10) > 0)
  AND a.at BETWEEN $11 AND $1
ORDER BY $12 * a.id
LIMIT $13 OFFSET $14;

-- name: audit_find_project
-- With filters, of the newest $3 of the project $1 until $2; $12: since then.
SELECT a.id, a.at, a.actor, a.username, a.client, a.operation,
       a.resource_type, a.resource, a.project_id, a.success, a.description,
       count(*) OVER ()
FROM (SELECT *
      FROM audit b
      WHERE b.project_id = $1
        AND b.id <= CASE WHEN $2 = 9223372036854775807 THEN $2
                    ELSE (SELECT c.id FROM audit c WHERE c.at <= $2
                          ORDER BY c.at DESC, c.id DESC LIMIT 1) END
      ORDER BY b.id DESC
      LIMIT $3) a
WHERE ($4 = '[]' OR a.username IN (SELECT value FROM json_each($4)))
  AND ($5 = '' OR instr(a.username, $5) > 0)
  AND ($6 = '[]' OR a.operation IN (SELECT value FROM json_each($6)))
  AND ($7 = '' OR instr(a.operation, $7) > 0)
  AND ($8 = '[]' OR a.resource_type IN (SELECT value FROM json_each($8)))
  AND ($9 = '' OR instr(a.resource_type, $9) > 0)
  AND ($10 = '[]' OR a.resource IN (SELECT value FROM json_each($10)))
  AND ($11 = '' OR instr(a.resource, $11) > 0)
  AND a.at BETWEEN $12 AND $2
ORDER BY $13 * a.id
LIMIT $14 OFFSET $15;

-- name: audit_find_admin
-- The same of the projects that user $1 administers: $3 of each.
SELECT a.id, a.at, a.actor, a.username, a.client, a.operation,
       a.resource_type, a.resource, a.project_id, a.success, a.description,
       count(*) OVER ()
FROM (SELECT project_id FROM member WHERE user_id = $1 AND role = 1) m
JOIN audit a
    ON a.id IN (SELECT b.id
                FROM audit b
                WHERE b.project_id = m.project_id
                  AND b.id <= CASE WHEN $2 = 9223372036854775807 THEN $2
                              ELSE (SELECT c.id FROM audit c WHERE c.at <= $2
                                    ORDER BY c.at DESC, c.id DESC LIMIT 1) END
                ORDER BY b.id DESC
                LIMIT $3)
WHERE ($4 = '[]' OR a.username IN (SELECT value FROM json_each($4)))
  AND ($5 = '' OR instr(a.username, $5) > 0)
  AND ($6 = '[]' OR a.operation IN (SELECT value FROM json_each($6)))
  AND ($7 = '' OR instr(a.operation, $7) > 0)
  AND ($8 = '[]' OR a.resource_type IN (SELECT value FROM json_each($8)))
  AND ($9 = '' OR instr(a.resource_type, $9) > 0)
  AND ($10 = '[]' OR a.resource IN (SELECT value FROM json_each($10)))
  AND ($11 = '' OR instr(a.resource, $11) > 0)
  AND a.at BETWEEN $12 AND $2
ORDER BY $13 * a.id
LIMIT $14 OFFSET $15;

-- name: audit_count_admin
-- All of the projects that user $1 administers.
SELECT coalesce(sum(t.value), 0)
FROM member m
JOIN total t ON t.kind = 'audit' AND t.scope = m.project_id
WHERE m.user_id = $1 AND m.role = 1;

-- name: audit_purge
DELETE FROM audit
WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2);
