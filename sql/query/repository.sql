-- Repositories.

-- name: repository_find
SELECT id FROM repository WHERE name = $1;

-- name: repository_add
-- No row when the project does not exist.
INSERT INTO repository (project_id, name, public, created_at, updated_at)
SELECT p.id, $1, p.public, $2, $2
FROM project p
WHERE p.name = $3 AND p.deleted_at IS NULL
RETURNING id;

-- name: repository_live_add
-- One manifest more, or one less, that is not deleted.
UPDATE repository
SET live_manifests = live_manifests + $1, updated_at = $2
WHERE id = $3;

-- name: repository_list_all
SELECT name
FROM repository
WHERE live_manifests > 0 AND name > $1
ORDER BY name
LIMIT $2;

-- name: repository_list_member
-- Public ones, and those of the private projects of a user: a page of each.
-- The latter come in order: by "project/", then by name.
SELECT name
FROM (SELECT name
      FROM (SELECT name
            FROM repository
            WHERE live_manifests > 0 AND public = 1 AND name > $1
            ORDER BY name
            LIMIT $2) a
      UNION ALL
      SELECT name
      FROM (SELECT r.name
            FROM member m
            JOIN repository r ON r.project_id = m.project_id
            WHERE m.user_id = $3 AND m.private = 1
              AND m.project_path >= substr($1, 1, instr($1, '/'))
              AND r.live_manifests > 0 AND r.name > $1
            ORDER BY m.project_path, m.project_id, r.name
            LIMIT $2) b) c
ORDER BY name
LIMIT $2;

-- name: repository_list_robot
SELECT name
FROM (SELECT name
      FROM (SELECT name
            FROM repository
            WHERE live_manifests > 0 AND public = 1 AND name > $1
            ORDER BY name
            LIMIT $2) a
      UNION ALL
      SELECT name
      FROM (SELECT DISTINCT r.name
            FROM robot_permission p
            JOIN repository r ON r.project_id = p.project_id
            WHERE p.robot_id = $3 AND p.resource = 'repository'
              AND p.action IN ('list', 'pull') AND r.live_manifests > 0
              AND r.public = 0 AND r.name > $1
            ORDER BY r.name
            LIMIT $2) b) c
ORDER BY name
LIMIT $2;

-- name: repository_list_robot_all
-- Does the robot see every project?
SELECT 1
FROM robot_permission
WHERE robot_id = $1 AND project_id = 0 AND resource = 'repository'
  AND action IN ('list', 'pull')
LIMIT 1;

-- name: repository_list_public
SELECT name
FROM repository
WHERE live_manifests > 0 AND public = 1 AND name > $1
ORDER BY name
LIMIT $2;

-- name: repository_forget
-- Nothing is left of it but the row.
UPDATE repository SET description = NULL WHERE id = $1;

-- name: repository_drop_unused
-- Made for an upload, of which nothing came.
DELETE FROM repository
WHERE id = $1 AND live_manifests = 0 AND pull_count = 0
    AND description IS NULL
    AND NOT EXISTS (SELECT 1 FROM upload WHERE repository_id = $1)
    AND NOT EXISTS (SELECT 1 FROM repository_blob WHERE repository_id = $1)
    AND NOT EXISTS (SELECT 1 FROM manifest WHERE repository_id = $1)
    AND NOT EXISTS (SELECT 1 FROM manifest_reference
                    WHERE repository_id = $1)
    AND NOT EXISTS (SELECT 1 FROM tag WHERE repository_id = $1)
    AND NOT EXISTS (SELECT 1 FROM tag_history WHERE repository_id = $1)
    AND NOT EXISTS (SELECT 1 FROM change WHERE repository_id = $1);

-- name: repository_row
SELECT id, project_id, name, description, artifact_count, pull_count,
    created_at, updated_at, public
FROM repository
WHERE name = $1 AND live_manifests > 0;

-- name: repository_page
-- The repositories of a project by name.  Where it begins: $2 after $3 from
-- the first, $4 after $5 from the last.
SELECT r.id, r.project_id, r.name, r.description, r.artifact_count,
    r.pull_count, r.created_at, r.updated_at, r.public
FROM repository r
WHERE r.project_id = $1 AND r.live_manifests > 0
    AND r.name >= coalesce((SELECT f.name FROM repository f
                            WHERE f.project_id = $1 AND f.live_manifests > 0
                            ORDER BY f.name LIMIT $2 OFFSET $3),
                           (SELECT l.name FROM repository l
                            WHERE l.project_id = $1 AND l.live_manifests > 0
                            ORDER BY l.name DESC LIMIT $4 OFFSET $5))
ORDER BY r.name
LIMIT $6;

-- name: repository_page_id
-- The same by id, which is the order of creation.
SELECT r.id, r.project_id, r.name, r.description, r.artifact_count,
    r.pull_count, r.created_at, r.updated_at, r.public
FROM repository r
WHERE r.project_id = $1 AND r.live_manifests > 0
    AND r.id >= coalesce((SELECT f.id FROM repository f
                          WHERE f.project_id = $1 AND f.live_manifests > 0
                          ORDER BY f.id LIMIT $2 OFFSET $3),
                         (SELECT l.id FROM repository l
                          WHERE l.project_id = $1 AND l.live_manifests > 0
                          ORDER BY l.id DESC LIMIT $4 OFFSET $5))
ORDER BY r.id
LIMIT $6;

-- name: repository_page_all
-- Of all projects, for who sees all.
SELECT r.id, r.project_id, r.name, r.description, r.artifact_count,
    r.pull_count, r.created_at, r.updated_at, r.public
FROM repository r
WHERE r.live_manifests > 0
    AND r.name >= coalesce((SELECT f.name FROM repository f
                            WHERE f.live_manifests > 0
                            ORDER BY f.name LIMIT $1 OFFSET $2),
                           (SELECT l.name FROM repository l
                            WHERE l.live_manifests > 0
                            ORDER BY l.name DESC LIMIT $3 OFFSET $4))
ORDER BY r.name
LIMIT $5;

-- name: repository_page_all_id
SELECT r.id, r.project_id, r.name, r.description, r.artifact_count,
    r.pull_count, r.created_at, r.updated_at, r.public
FROM repository r
WHERE r.live_manifests > 0
    AND r.id >= coalesce((SELECT f.id FROM repository f
                          WHERE f.live_manifests > 0
                          ORDER BY f.id LIMIT $1 OFFSET $2),
                         (SELECT l.id FROM repository l
                          WHERE l.live_manifests > 0
                          ORDER BY l.id DESC LIMIT $3 OFFSET $4))
ORDER BY r.id
LIMIT $5;

-- name: repository_page_seen
-- What user $2 or robot $3 sees: the public ones, those of the user's private
-- projects, those that the robot may read.  $1: offset and length of the page
-- together.
SELECT r.id, r.project_id, r.name, r.description, r.artifact_count,
    r.pull_count, r.created_at, r.updated_at, r.public
FROM repository r
WHERE r.id IN (
    SELECT s.id
    FROM (SELECT id, name
          FROM (SELECT a.id, a.name
                FROM repository a
                WHERE a.live_manifests > 0 AND a.public = 1
                ORDER BY a.name
                LIMIT $1) b
          UNION ALL
          SELECT id, name
          FROM (SELECT c.id, c.name
                FROM member m
                JOIN repository c ON c.project_id = m.project_id
                WHERE m.user_id = $2 AND m.private = 1
                    AND c.live_manifests > 0
                ORDER BY m.project_path, m.project_id, c.name
                LIMIT $1) d
          UNION ALL
          SELECT id, name
          FROM (SELECT e.id, e.name
                FROM repository e
                WHERE e.live_manifests > 0 AND e.public = 0
                    AND e.project_id IN (
                        SELECT rp.project_id
                        FROM robot_permission rp
                        WHERE rp.robot_id = $3
                            AND rp.resource = 'repository'
                            AND rp.action IN ('list', 'read', 'pull'))
                ORDER BY e.name
                LIMIT $1) g
          ORDER BY name
          LIMIT $4 OFFSET $5) s)
ORDER BY r.name;

-- name: repository_count_project
SELECT repository_count FROM project WHERE id = $1;

-- name: repository_count_seen
-- The counts of the private projects of user $1 and robot $2, and that of the
-- public ones.
SELECT (SELECT value FROM total WHERE kind = 'repository' AND scope = 1)
    + (SELECT coalesce(sum(p.repository_count), 0)
       FROM member m
       JOIN project p ON p.id = m.project_id
       WHERE m.user_id = $1 AND m.private = 1 AND m.project_path > '')
    + (SELECT coalesce(sum(e.repository_count), 0)
       FROM project e
       WHERE e.public = 0
           AND e.id IN (SELECT rp.project_id
                        FROM robot_permission rp
                        WHERE rp.robot_id = $2
                            AND rp.resource = 'repository'
                            AND rp.action IN ('list', 'read', 'pull')));

-- name: repository_match
-- Ids by name of those that match, of the first $2 of a project ($1; 0: of
-- all).
SELECT s.id
FROM (SELECT id, name
      FROM (SELECT a.id, a.name
            FROM repository a
            WHERE $1 = 0 AND a.live_manifests > 0
            ORDER BY a.name
            LIMIT $2) b
      UNION ALL
      SELECT id, name
      FROM (SELECT c.id, c.name
            FROM repository c
            WHERE c.project_id = $1 AND c.live_manifests > 0
            ORDER BY c.name
            LIMIT $2) d) s
WHERE $3 = '' OR instr(s.name, $3) > 0
LIMIT $4;

-- name: repository_match_seen
-- The same of what user $2 or robot $3 sees.
SELECT s.id
FROM (SELECT id, name
      FROM (SELECT a.id, a.name
            FROM repository a
            WHERE a.live_manifests > 0 AND a.public = 1
            ORDER BY a.name
            LIMIT $1) b
      UNION ALL
      SELECT id, name
      FROM (SELECT c.id, c.name
            FROM member m
            JOIN repository c ON c.project_id = m.project_id
            WHERE m.user_id = $2 AND m.private = 1 AND c.live_manifests > 0
            ORDER BY m.project_path, m.project_id, c.name
            LIMIT $1) d
      UNION ALL
      SELECT id, name
      FROM (SELECT e.id, e.name
            FROM repository e
            WHERE e.live_manifests > 0 AND e.public = 0
                AND e.project_id IN (
                    SELECT rp.project_id
                    FROM robot_permission rp
                    WHERE rp.robot_id = $3
                        AND rp.resource = 'repository'
                        AND rp.action IN ('list', 'read', 'pull'))
            ORDER BY e.name
            LIMIT $1) g) s
WHERE $4 = '' OR instr(s.name, $4) > 0
ORDER BY s.name
LIMIT $5;

-- name: repository_match_exact
-- The one of an id ($1; 0: any), out of a JSON array of names ('[]': any), or
-- all of these, or else those that hold a blob ($3; empty: any), out of $4
-- links looked at, so that a layer that very many share cannot make it slow:
-- in a project ($5; 0: any), if all are seen ($6 1) or user $7 or robot $8
-- sees it.
SELECT r.id
FROM (SELECT $1 AS id WHERE $1 <> 0
      UNION
      SELECT n.id
      FROM json_each($2) j
      JOIN repository n ON n.name = j.value
      WHERE $1 = 0
      UNION
      SELECT repository_id
      FROM (SELECT l.repository_id
            FROM blob b
            JOIN repository_blob l ON l.blob_id = b.id AND l.deleted_at IS NULL
            WHERE $1 = 0 AND $2 = '[]' AND b.digest = $3
            LIMIT $4) s) x
JOIN repository r ON r.id = x.id
WHERE r.live_manifests > 0
    AND ($5 = 0 OR r.project_id = $5)
    AND ($6 = 1 OR r.public = 1
         OR EXISTS (SELECT 1 FROM member m
                    WHERE m.project_id = r.project_id AND m.user_id = $7)
         OR EXISTS (SELECT 1 FROM robot_permission rp
                    WHERE rp.robot_id = $8
                        AND rp.project_id IN (0, r.project_id)
                        AND rp.resource = 'repository'
                        AND rp.action IN ('list', 'read', 'pull')))
    AND ($2 = '[]' OR r.name IN (SELECT value FROM json_each($2)))
    AND ($3 = '' OR EXISTS (SELECT 1
                            FROM blob h
                            JOIN repository_blob k
                                ON k.blob_id = h.id
                                    AND k.repository_id = r.id
                                    AND k.deleted_at IS NULL
                            WHERE h.digest = $3))
    AND ($9 = '' OR instr(r.name, $9) > 0)
ORDER BY r.name;

-- name: repository_rows
-- In the order of a JSON array of ids, or in another one.
SELECT r.id, r.project_id, r.name, r.description, r.artifact_count,
    r.pull_count, r.created_at, r.updated_at, r.public
FROM json_each($1) i
JOIN repository r ON r.id = i.value
ORDER BY $2 * CASE $3 WHEN 1 THEN r.id WHEN 2 THEN r.updated_at
              WHEN 3 THEN r.artifact_count WHEN 4 THEN r.pull_count
              ELSE i.key END,
    i.key
LIMIT $4 OFFSET $5;

-- name: repository_describe
UPDATE repository SET description = $1, updated_at = $2 WHERE id = $3;

-- name: repository_project
SELECT project_id FROM repository WHERE name = $1;
