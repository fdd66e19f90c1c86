-- Token keys.

-- name: key_list
SELECT kid, alg, secret, created_at, retired_at
FROM token_key
ORDER BY created_at DESC, kid DESC;

-- name: key_any
SELECT 1 FROM token_key WHERE retired_at IS NULL AND alg = 'HS256' LIMIT 1;

-- name: key_add
INSERT INTO token_key (kid, alg, secret, created_at) VALUES ($1, $2, $3, $4);

-- name: key_has
SELECT 1 FROM token_key WHERE kid = $1;

-- name: key_put
INSERT INTO token_key (kid, alg, secret, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING;

-- name: key_retire
UPDATE token_key SET retired_at = $1 WHERE retired_at IS NULL AND alg = 'HS256';

-- name: key_delete
DELETE FROM token_key WHERE kid = $1;
