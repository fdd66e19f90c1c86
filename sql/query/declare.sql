-- What nginx.conf declares, and its reconciliation.

-- name: declare_get
SELECT instance, mode, coalesce(serial, 0), hash, body, state, reason,
       loaded_at, changed_at
FROM declaration
WHERE slot = $1;

-- name: declare_put
INSERT INTO declaration (slot, instance, mode, place, serial, hash, body,
                         state, reason, loaded_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (slot) DO UPDATE
SET instance = excluded.instance, mode = excluded.mode,
    place = excluded.place, serial = excluded.serial, hash = excluded.hash,
    body = excluded.body, state = excluded.state, reason = excluded.reason,
    loaded_at = excluded.loaded_at, changed_at = excluded.changed_at;

-- name: declare_drop
DELETE FROM declaration WHERE slot = $1;

-- name: declare_exclusive
-- Where "declared exclusive" stands; no row when it does not.
SELECT place FROM declaration WHERE slot = 'applied' AND mode = 'exclusive';

-- name: declare_lease
-- No row: somebody else has it.
INSERT INTO lease (name, owner, epoch, until_at)
VALUES ('declare', $1, 1, $2)
ON CONFLICT (name) DO UPDATE
SET owner = excluded.owner, epoch = lease.epoch + 1,
    until_at = excluded.until_at
WHERE lease.until_at <= $3 OR lease.owner = excluded.owner
RETURNING epoch;

-- name: declare_lease_end
-- Changes a row when the lease was still ours.
UPDATE lease SET until_at = 0
WHERE name = 'declare' AND owner = $1 AND epoch = $2;

-- name: declare_user
SELECT id, admin, disabled, coalesce(declared, ''),
       coalesce(declared_epoch, ''), password_hash
FROM users
WHERE name = $1 AND deleted_at IS NULL;

-- name: declare_users
SELECT id, name, declared, admin
FROM users
WHERE declared IS NOT NULL AND deleted_at IS NULL;

-- name: declare_admins
-- Who can act as an administrator.
SELECT count(*) FROM users
WHERE admin = 1 AND disabled = 0 AND deleted_at IS NULL;

-- name: declare_user_add
INSERT INTO users (name, password_hash, admin, declared, declared_epoch,
                   created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $6);

-- name: declare_user_set
UPDATE users
SET admin = $1, disabled = 0, declared = $2, declared_epoch = $3,
    updated_at = $4
WHERE id = $5;

-- name: declare_user_mark
UPDATE users SET declared = $1 WHERE id = $2;

-- name: declare_user_password
-- The same hash again: the tokens stay good.
UPDATE users SET password_hash = $1, epoch = epoch + 1
WHERE id = $2 AND coalesce(password_hash, '') <> coalesce($1, '');

-- name: declare_user_fingerprint
UPDATE users SET declared_epoch = $1 WHERE id = $2 AND declared IS NOT NULL;

-- name: declare_user_gone
UPDATE users
SET admin = 0, disabled = 1, declared = NULL, declared_epoch = 'gone',
    epoch = epoch + 1, updated_at = $1
WHERE id = $2;

-- name: declare_users_gone
-- Disabled because their declaration went, and nobody enabled them since.
SELECT id, name
FROM users
WHERE declared_epoch = 'gone' AND disabled = 1 AND id <> 1
  AND deleted_at IS NULL
ORDER BY name;

-- name: declare_project
SELECT id, public, storage_limit, write_mode, coalesce(declared, '')
FROM project
WHERE name = $1 AND deleted_at IS NULL;

-- name: declare_projects
SELECT id, name, declared
FROM project
WHERE declared IS NOT NULL AND deleted_at IS NULL;

-- name: declare_project_add
INSERT INTO project (name, public, storage_limit, write_mode, declared,
                     created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $6);

-- name: declare_project_set
UPDATE project
SET public = $1, storage_limit = $2, write_mode = $3, declared = $4,
    updated_at = $5
WHERE id = $6;

-- name: declare_project_mark
-- NULL: released to the API.
UPDATE project SET declared = $1 WHERE id = $2;

-- name: declare_member
SELECT m.id, m.role, coalesce(m.declared, '')
FROM member m
JOIN users u ON u.id = m.user_id
WHERE m.project_id = $1 AND u.name = $2 AND u.deleted_at IS NULL;

-- name: declare_members
SELECT m.id, m.project_id, p.name, u.name, m.declared
FROM member m
JOIN project p ON p.id = m.project_id
JOIN users u ON u.id = m.user_id
WHERE m.declared IS NOT NULL;

-- name: declare_members_beside
-- Members of declared projects that are not declared.
SELECT m.id, m.project_id, p.name, u.name, m.role
FROM member m
JOIN project p ON p.id = m.project_id
JOIN users u ON u.id = m.user_id
WHERE p.declared IS NOT NULL AND p.deleted_at IS NULL AND m.declared IS NULL
ORDER BY p.name, u.name;

-- name: declare_member_add
INSERT INTO member (project_id, user_id, role, declared, created_at,
                    updated_at)
SELECT p.id, u.id, $1, $2, $3, $3
FROM project p, users u
WHERE p.name = $4 AND p.deleted_at IS NULL
  AND u.name = $5 AND u.deleted_at IS NULL;

-- name: declare_member_set
UPDATE member SET role = $1, declared = $2, updated_at = $3 WHERE id = $4;

-- name: declare_member_mark
UPDATE member SET declared = $1 WHERE id = $2;

-- name: declare_member_remove
DELETE FROM member WHERE id = $1;

-- name: declare_robot
SELECT id, secret_hash, replication, disabled, coalesce(expires_at, 0),
       coalesce(declared, '')
FROM robot
WHERE name = $1;

-- name: declare_robots
SELECT r.id, coalesce(r.project_id, 0), coalesce(p.name, ''), r.name,
       r.declared
FROM robot r
LEFT JOIN project p ON p.id = r.project_id
WHERE r.declared IS NOT NULL;

-- name: declare_robots_beside
-- Robots of declared projects that are not declared.
SELECT r.id, r.project_id, p.name, r.name
FROM robot r
JOIN project p ON p.id = r.project_id
WHERE p.declared IS NOT NULL AND p.deleted_at IS NULL AND r.declared IS NULL
ORDER BY r.name;

-- name: declare_robot_rights
SELECT resource, action, project_id = $1
FROM robot_permission
WHERE robot_id = $2;

-- name: declare_robot_add
INSERT INTO robot (name, project_id, secret_hash, replication, declared,
                   created_by, created_at, updated_at)
SELECT $1, p.id, $2, $3, $4, 'config', $5, $5
FROM project p
WHERE p.name = $6 AND p.deleted_at IS NULL;

-- name: declare_robot_set
UPDATE robot
SET secret_hash = $1, replication = $2, disabled = 0, duration = -1,
    expires_at = NULL, epoch = epoch + $3, declared = $4, updated_at = $5
WHERE id = $6;

-- name: declare_robot_mark
UPDATE robot SET declared = $1 WHERE id = $2;

-- name: declare_robot_rights_clear
DELETE FROM robot_permission WHERE robot_id = $1;

-- name: declare_robot_right_add
INSERT INTO robot_permission (robot_id, project_id, resource, action)
SELECT r.id, r.project_id, $1, $2
FROM robot r
WHERE r.name = $3;

-- name: declare_robot_remove
DELETE FROM robot WHERE id = $1;
