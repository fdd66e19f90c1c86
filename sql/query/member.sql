-- Members of projects.

-- name: member_get
SELECT m.id, m.project_id, m.user_id, u.name, m.role, m.declared,
       m.created_at, m.updated_at
FROM member m
JOIN users u ON u.id = m.user_id
WHERE m.id = $1 AND m.project_id = $2;

-- name: member_of
SELECT m.id, m.project_id, m.user_id, u.name, m.role, m.declared,
       m.created_at, m.updated_at
FROM member m
JOIN users u ON u.id = m.user_id
WHERE m.project_id = $1 AND m.user_id = $2;

-- name: member_page
-- By name.  Where it begins: $2 after $3 from the first, $4 after $5 from the
-- last.
SELECT m.id, m.project_id, m.user_id, m.user_name, m.role, m.declared,
       m.created_at, m.updated_at
FROM member m
WHERE m.project_id = $1
  AND m.user_name >= coalesce((SELECT f.user_name FROM member f
                               WHERE f.project_id = $1
                               ORDER BY f.user_name LIMIT $2 OFFSET $3),
                              (SELECT l.user_name FROM member l
                               WHERE l.project_id = $1
                               ORDER BY l.user_name DESC
                               LIMIT $4 OFFSET $5))
ORDER BY m.user_name
LIMIT $6;

-- name: member_find
-- Ids by name of those that match, of the first $2.
SELECT s.id
FROM (SELECT id, user_name
      FROM member
      WHERE project_id = $1
      ORDER BY user_name
      LIMIT $2) s
WHERE instr(s.user_name, $3) > 0
LIMIT $4;

-- name: member_rows
-- In the order of a JSON array of ids.
SELECT m.id, m.project_id, m.user_id, m.user_name, m.role, m.declared,
       m.created_at, m.updated_at
FROM json_each($1) i
JOIN member m ON m.id = i.value
ORDER BY i.key;

-- name: member_count_all
SELECT member_count FROM project WHERE id = $1;

-- name: member_count_roles
SELECT role, count(*) FROM member WHERE project_id = $1 GROUP BY role;

-- name: member_add
INSERT INTO member (project_id, user_id, role, created_at, updated_at)
SELECT p.id, u.id, $1, $2, $2
FROM project p, users u
WHERE p.id = $3 AND p.deleted_at IS NULL
  AND u.id = $4 AND u.deleted_at IS NULL
RETURNING id;

-- name: member_set_role
UPDATE member SET role = $1, updated_at = $2 WHERE id = $3;

-- name: member_delete
DELETE FROM member WHERE id = $1;
