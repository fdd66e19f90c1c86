-- Users.

-- name: user_by_name
SELECT id, name, password_hash, admin, disabled, epoch, created_at
FROM users
WHERE name = $1 AND deleted_at IS NULL;

-- name: user_by_id
SELECT id, name, password_hash, admin, disabled, epoch, created_at
FROM users
WHERE id = $1 AND deleted_at IS NULL;

-- name: user_list
SELECT id, name, password_hash, admin, disabled, epoch, created_at
FROM users
WHERE name > $1 AND deleted_at IS NULL
ORDER BY name
LIMIT $2;

-- name: user_add_first
-- The bootstrap administrator: no password, so nobody can log in yet.
INSERT INTO users (id, name, admin, created_at, updated_at)
VALUES (1, 'admin', 1, $1, $1)
ON CONFLICT DO NOTHING;

-- name: user_set_password
UPDATE users
SET password_hash = $1, epoch = epoch + 1, updated_at = $2
WHERE id = $3 AND deleted_at IS NULL;
