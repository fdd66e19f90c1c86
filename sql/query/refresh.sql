-- Refresh tokens: what is stored is the SHA-256 of the token.

-- name: refresh_find
SELECT id, subject, epoch, client_id, created_at, used_at, expires_at
FROM refresh_token
WHERE hash = $1 AND expires_at > $2;

-- name: refresh_list
SELECT id, subject, epoch, client_id, created_at, used_at, expires_at
FROM refresh_token
WHERE subject = $1 AND expires_at > $2
ORDER BY id;

-- name: refresh_add
INSERT INTO refresh_token (hash, subject, epoch, client_id, created_at,
                           expires_at)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: refresh_used
UPDATE refresh_token SET used_at = $1 WHERE id = $2;

-- name: refresh_trim
-- Of one subject the newest $2 stay.
DELETE FROM refresh_token
WHERE subject = $1 AND id NOT IN (SELECT id FROM refresh_token
                                  WHERE subject = $1
                                  ORDER BY id DESC LIMIT $2);

-- name: refresh_delete
DELETE FROM refresh_token WHERE id = $1 AND subject = $2;

-- name: refresh_delete_subject
DELETE FROM refresh_token WHERE subject = $1;

-- name: refresh_purge
DELETE FROM refresh_token
WHERE id IN (SELECT id FROM refresh_token WHERE expires_at <= $1
             ORDER BY expires_at LIMIT $2);
