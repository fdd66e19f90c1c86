-- Users.

-- name: user_by_name
SELECT id, name, password_hash, admin, disabled, epoch, created_at,
       updated_at, email, realname, comment, declared
FROM users
WHERE name = $1 AND deleted_at IS NULL;

-- name: user_by_id
SELECT id, name, password_hash, admin, disabled, epoch, created_at,
       updated_at, email, realname, comment, declared
FROM users
WHERE id = $1 AND deleted_at IS NULL;

-- name: user_list
SELECT id, name, password_hash, admin, disabled, epoch, created_at,
       updated_at, email, realname, comment, declared
FROM users
WHERE name > $1 AND deleted_at IS NULL
ORDER BY name
LIMIT $2;

-- name: user_page
-- By name.  The place where a page begins is found from the nearer end: $1 of
-- them after $2 from the first, or $3 after $4 from the last.
SELECT id, name, '', admin, disabled, epoch, created_at,
       updated_at, email, realname, comment, declared
FROM users
WHERE deleted_at IS NULL
  AND name >= coalesce((SELECT name FROM users WHERE deleted_at IS NULL
                        ORDER BY name LIMIT $1 OFFSET $2),
                       (SELECT name FROM users WHERE deleted_at IS NULL
                        ORDER BY name DESC LIMIT $3 OFFSET $4))
ORDER BY name
LIMIT $5;

-- name: user_page_id
-- The same by id, which is the order of creation.
SELECT id, name, '', admin, disabled, epoch, created_at,
       updated_at, email, realname, comment, declared
FROM users
WHERE deleted_at IS NULL
  AND id >= coalesce((SELECT id FROM users WHERE deleted_at IS NULL
                      ORDER BY id LIMIT $1 OFFSET $2),
                     (SELECT id FROM users WHERE deleted_at IS NULL
                      ORDER BY id DESC LIMIT $3 OFFSET $4))
ORDER BY id
LIMIT $5;

-- name: user_find
-- Ids by name of those that match, of the first $1 by name.  Empty filters
-- match all.
SELECT s.id
FROM (SELECT id, name, email
      FROM users
      WHERE deleted_at IS NULL
      ORDER BY name
      LIMIT $1) s
WHERE ($2 = '' OR instr(s.name, $2) > 0)
  AND ($3 = '' OR instr(s.email, $3) > 0)
LIMIT $4;

-- name: user_find_exact
-- The one of that id, of that name, or of that email.
SELECT id
FROM users
WHERE deleted_at IS NULL
  AND id = CASE WHEN $1 <> 0 THEN $1
           ELSE coalesce((SELECT n.id FROM users n WHERE n.name = $2),
                         (SELECT e.id FROM users e WHERE e.email = $3)) END
  AND ($2 = '' OR name = $2)
  AND ($3 = '' OR email = $3)
  AND ($4 = '' OR instr(name, $4) > 0)
  AND ($5 = '' OR instr(email, $5) > 0);

-- name: user_rows
-- In the order of a JSON array of ids.
SELECT u.id, u.name, '', u.admin, u.disabled, u.epoch, u.created_at,
       u.updated_at, u.email, u.realname, u.comment, u.declared
FROM json_each($1) i
JOIN users u ON u.id = i.value
ORDER BY i.key;

-- name: user_search
-- Names that begin so: from $1, before $2.
SELECT id, name, '', 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL
FROM users
WHERE name >= $1 AND name < $2 AND deleted_at IS NULL AND disabled = 0
ORDER BY name
LIMIT $3;

-- name: user_add_first
-- The bootstrap administrator: no password, so nobody can log in yet.
INSERT INTO users (id, name, admin, created_at, updated_at)
VALUES (1, 'admin', 1, $1, $1)
ON CONFLICT DO NOTHING;

-- name: user_add
INSERT INTO users (name, password_hash, admin, email, realname, comment,
                   created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
RETURNING id;

-- name: user_set_password
UPDATE users
SET password_hash = $1, epoch = epoch + 1, updated_at = $2
WHERE id = $3 AND deleted_at IS NULL;

-- name: user_upgrade_password
-- The same password under another scheme: tokens stay valid.
UPDATE users
SET password_hash = $1, updated_at = $2
WHERE id = $3 AND password_hash = $4 AND deleted_at IS NULL;

-- name: user_set_profile
UPDATE users
SET email = $1, realname = $2, comment = $3, updated_at = $4
WHERE id = $5 AND deleted_at IS NULL;

-- name: user_set_admin
UPDATE users
SET admin = $1, updated_at = $2
WHERE id = $3 AND deleted_at IS NULL;

-- name: user_set_disabled
UPDATE users
SET disabled = $1, epoch = epoch + 1, updated_at = $2
WHERE id = $3 AND deleted_at IS NULL;

-- name: user_other_admin
-- Somebody else who can act as administrator.
SELECT id
FROM users
WHERE admin = 1 AND disabled = 0 AND deleted_at IS NULL
  AND password_hash IS NOT NULL AND id > 0 AND id <> $1
LIMIT 1;

-- name: user_delete
-- The row stays, for ids in the past; its name is free again.
UPDATE users
SET name = name || '#' || id,
    email = CASE WHEN email IS NULL THEN NULL ELSE email || '#' || id END,
    password_hash = NULL, admin = 0, disabled = 1, epoch = epoch + 1,
    updated_at = $1, deleted_at = $1
WHERE id = $2 AND deleted_at IS NULL;

-- name: user_delete_members
DELETE FROM member WHERE user_id = $1;
