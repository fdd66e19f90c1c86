-- Settings, and the first rows of a new database.

-- name: setting_get recalled
SELECT value FROM setting WHERE name = $1;

-- name: setting_put
INSERT INTO setting (name, value, updated_at) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE
SET value = excluded.value, updated_at = excluded.updated_at
WHERE setting.value <> excluded.value;

-- name: setting_add
INSERT INTO setting (name, value, updated_at) VALUES ($1, $2, $3)
ON CONFLICT (name) DO NOTHING;
