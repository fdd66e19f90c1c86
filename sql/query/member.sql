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
SELECT m.id, m.project_id, m.user_id, u.name, m.role, m.declared,
       m.created_at, m.updated_at
FROM member m
JOIN users u ON u.id = m.user_id
WHERE m.project_id = $1 AND ($2 = '' OR instr(u.name, $2) > 0)
ORDER BY u.name
LIMIT $3 OFFSET $4;

-- name: member_count
SELECT count(*)
FROM member m
JOIN users u ON u.id = m.user_id
WHERE m.project_id = $1 AND ($2 = '' OR instr(u.name, $2) > 0);

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

