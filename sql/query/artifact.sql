-- Artifacts: manifests as the management API shows them.  Which of them are
-- listed is table artifact.

-- name: artifact_add
-- When the manifest is one to be listed and is not yet.
INSERT INTO artifact (repository_id, pushed_at, manifest_id)
SELECT m.repository_id, m.pushed_at, m.id
FROM manifest m
WHERE m.id = $1 AND m.deleted_at IS NULL AND m.subject_digest IS NULL
    AND (EXISTS (SELECT 1 FROM tag t
                 WHERE t.manifest_id = m.id AND t.deleted_at IS NULL)
         OR NOT EXISTS (SELECT 1
                        FROM manifest_reference f
                        JOIN manifest p ON p.id = f.manifest_id
                        WHERE f.repository_id = m.repository_id
                            AND f.digest = m.digest AND f.kind = 3
                            AND p.deleted_at IS NULL))
ON CONFLICT DO NOTHING
RETURNING repository_id;

-- name: artifact_drop
-- When it is listed and is not one to be listed any more.
DELETE FROM artifact
WHERE manifest_id = $1
    AND NOT EXISTS (
        SELECT 1
        FROM manifest m
        WHERE m.id = $1 AND m.deleted_at IS NULL AND m.subject_digest IS NULL
            AND (EXISTS (SELECT 1 FROM tag t
                         WHERE t.manifest_id = m.id AND t.deleted_at IS NULL)
                 OR NOT EXISTS (SELECT 1
                                FROM manifest_reference f
                                JOIN manifest p ON p.id = f.manifest_id
                                WHERE f.repository_id = m.repository_id
                                    AND f.digest = m.digest AND f.kind = 3
                                    AND p.deleted_at IS NULL)))
RETURNING repository_id;

-- name: artifact_count_add
UPDATE repository SET artifact_count = artifact_count + $1 WHERE id = $2;

-- name: artifact_children
-- Live manifests that this one refers to.
SELECT c.id
FROM manifest_reference f
JOIN manifest c ON c.repository_id = f.repository_id AND c.digest = f.digest
WHERE f.manifest_id = $1 AND f.kind = 3 AND c.deleted_at IS NULL;

-- name: artifact_parents
-- Is it a child of a live index here?
SELECT p.digest
FROM manifest m
JOIN manifest_reference f
    ON f.repository_id = m.repository_id AND f.digest = m.digest
        AND f.kind = 3
JOIN manifest p ON p.id = f.manifest_id
WHERE m.id = $1 AND p.deleted_at IS NULL
LIMIT 1;

-- name: artifact_is_tagged
SELECT 1 FROM tag WHERE manifest_id = $1 AND deleted_at IS NULL LIMIT 1;

-- name: artifact_accessories
-- Live manifests whose subject this is.
SELECT a.id
FROM manifest m
JOIN manifest a
    ON a.repository_id = m.repository_id AND a.subject_digest = m.digest
        AND a.deleted_at IS NULL
WHERE m.id = $1
ORDER BY a.id;

-- name: artifact_find_tag
SELECT m.id, r.id
FROM repository r
JOIN tag t ON t.repository_id = r.id AND t.name = $1 AND t.deleted_at IS NULL
JOIN manifest m ON m.id = t.manifest_id AND m.deleted_at IS NULL
WHERE r.name = $2;

-- name: artifact_find_digest
SELECT m.id, r.id
FROM repository r
JOIN manifest m
    ON m.repository_id = r.id AND m.digest = $1 AND m.deleted_at IS NULL
WHERE r.name = $2;

-- name: artifact_page
-- The ids of a page, newest first, and the total.
SELECT a.manifest_id, r.artifact_count
FROM repository r
JOIN artifact a ON a.repository_id = r.id
WHERE r.id = $1
ORDER BY a.pushed_at DESC, a.manifest_id DESC
LIMIT $2 OFFSET $3;

-- name: artifact_page_up
-- Oldest first.
SELECT a.manifest_id, r.artifact_count
FROM repository r
JOIN artifact a ON a.repository_id = r.id
WHERE r.id = $1
ORDER BY a.pushed_at, a.manifest_id
LIMIT $2 OFFSET $3;

-- name: artifact_count
SELECT artifact_count FROM repository WHERE id = $1;

-- name: artifact_search
-- With filters, or in another order.  What is looked at, by $1: 0 the newest
-- $5 that are listed and were pushed from $3 to $4; 1 any $5 manifests; 2
-- those that $5 tags name, of the first $6 tags by name, with $7 in the name;
-- 3 the one of id $8.  $9 1: also what is not listed.  $13: 1 tagged, 0
-- untagged.
SELECT m.id, count(*) OVER ()
FROM (SELECT id
      FROM (SELECT w.manifest_id AS id
            FROM artifact w
            WHERE $1 = 0 AND w.repository_id = $2
                AND w.pushed_at BETWEEN $3 AND $4
            ORDER BY w.pushed_at DESC, w.manifest_id DESC
            LIMIT $5) a
      UNION ALL
      SELECT id
      FROM (SELECT b.id
            FROM manifest b
            WHERE $1 = 1 AND b.repository_id = $2 AND b.deleted_at IS NULL
            LIMIT $5) c
      UNION ALL
      SELECT DISTINCT t.manifest_id
      FROM tag t
      WHERE $1 = 2
          AND t.id IN (SELECT s.id
                       FROM (SELECT n.id, n.name
                             FROM tag n
                             WHERE n.repository_id = $2
                                 AND n.deleted_at IS NULL
                             ORDER BY n.name
                             LIMIT $6) s
                       WHERE instr(s.name, $7) > 0
                       LIMIT $5)
      UNION ALL
      SELECT id
      FROM manifest
      WHERE $1 = 3 AND id = $8 AND repository_id = $2) x
JOIN manifest m ON m.id = x.id
WHERE m.deleted_at IS NULL AND m.pushed_at BETWEEN $3 AND $4
    AND ($9 = 1 OR $1 = 0 OR EXISTS (SELECT 1 FROM artifact l
                                     WHERE l.manifest_id = m.id))
    AND ($10 IS NULL OR m.digest = $10)
    AND ($11 IS NULL OR m.media_type = $11 OR m.config_media_type = $11)
    AND ($12 IS NULL
         OR EXISTS (SELECT 1 FROM tag t
                    WHERE t.manifest_id = m.id AND t.deleted_at IS NULL
                        AND t.name = $12))
    AND ($13 IS NULL
         OR $13 = EXISTS (SELECT 1 FROM tag t
                          WHERE t.manifest_id = m.id
                              AND t.deleted_at IS NULL))
    AND ($14 IS NULL
         OR CASE $14
            WHEN 'IMAGE' THEN m.kind = 2 OR m.config_media_type IN
                ('application/vnd.oci.image.config.v1+json',
                 'application/vnd.docker.container.image.v1+json')
            WHEN 'CHART' THEN coalesce(m.config_media_type, '')
                = 'application/vnd.cncf.helm.config.v1+json'
            ELSE instr(coalesce(m.config_media_type, ''), $15) > 0
            END)
    AND NOT EXISTS (SELECT 1 FROM json_each($16) j
                    WHERE NOT EXISTS (
                        SELECT 1 FROM manifest_label l
                        WHERE l.manifest_id = m.id
                            AND l.label_id = CAST(j.value AS INTEGER)))
ORDER BY CASE WHEN $17 = 5 AND $18 > 0 THEN m.digest END ASC,
    CASE WHEN $17 = 5 AND $18 < 0 THEN m.digest END DESC,
    $18 * CASE $17
          WHEN 1 THEN m.pushed_at
          WHEN 2 THEN coalesce(m.pulled_at, 0)
          WHEN 3 THEN m.size + coalesce((SELECT sum(f.size)
                                         FROM manifest_reference f
                                         WHERE f.manifest_id = m.id), 0)
          ELSE 0 END,
    $18 * m.id
LIMIT $19 OFFSET $20;

-- name: artifact_rows
-- What is known of manifests, in the order of a JSON array of ids.  $2, $3,
-- $5: with tags, labels, accessories, each an array of arrays, of the last two
-- $4 at most.  A manifest of more than $1 bytes comes without annotations and
-- children: its texts are not even read.
SELECT m.id, m.digest, m.kind, m.media_type, m.artifact_type,
    m.config_media_type, CASE WHEN m.size <= $1 THEN m.annotations END,
    m.subject_digest,
    m.size + coalesce((SELECT sum(f.size) FROM manifest_reference f
                       WHERE f.manifest_id = m.id), 0),
    m.pushed_at, coalesce(m.pulled_at, 0), r.id, r.project_id, r.name,
    CASE WHEN $2 = 1 THEN (
        SELECT json_group_array(json_array(s.id, s.name, s.updated_at,
                                           coalesce(s.pulled_at, 0)))
        FROM (SELECT t.id, t.name, t.updated_at, t.pulled_at
              FROM tag t
              WHERE t.manifest_id = m.id AND t.deleted_at IS NULL
              ORDER BY t.updated_at DESC, t.name
              LIMIT 1000) s) END,
    CASE WHEN $3 = 1 THEN (
        SELECT json_group_array(json_array(s.id, s.name, s.description,
                                           s.color, s.project_id,
                                           s.created_at, s.updated_at))
        FROM (SELECT l.id, l.name, l.description, l.color, l.project_id,
                  l.created_at, l.updated_at
              FROM manifest_label ml
              JOIN label l ON l.id = ml.label_id
              WHERE ml.manifest_id = m.id
              ORDER BY l.name
              LIMIT $4) s) END,
    CASE WHEN $5 = 1 THEN (
        SELECT json_group_array(json_array(s.id, s.digest, s.size,
                                           s.artifact_type, s.pushed_at))
        FROM (SELECT a.id, a.digest, a.size, a.artifact_type, a.pushed_at
              FROM manifest a
              WHERE a.repository_id = m.repository_id
                  AND a.subject_digest = m.digest AND a.deleted_at IS NULL
              ORDER BY a.id
              LIMIT $4) s) END,
    CASE WHEN m.kind = 2 AND m.size <= $1 THEN (
        SELECT json_group_array(json_array(s.id, s.digest))
        FROM (SELECT c.id, f.digest
              FROM manifest_reference f
              JOIN manifest c ON c.repository_id = f.repository_id
                  AND c.digest = f.digest
              WHERE f.manifest_id = m.id AND f.kind = 3
              ORDER BY f.position) s) END,
    CASE WHEN m.kind = 2 AND m.size <= $1 THEN m.body END,
    m.size > $1
FROM json_each($6) i
JOIN manifest m ON m.id = i.value
JOIN repository r ON r.id = m.repository_id
ORDER BY i.key;

-- name: artifact_accessory_page
SELECT a.id
FROM manifest m
JOIN manifest a
    ON a.repository_id = m.repository_id AND a.subject_digest = m.digest
        AND a.deleted_at IS NULL
WHERE m.id = $1
ORDER BY a.id
LIMIT $2 OFFSET $3;

-- name: artifact_accessory_count
-- No further than $2.
SELECT count(*)
FROM (SELECT 1
      FROM manifest m
      JOIN manifest a
          ON a.repository_id = m.repository_id
              AND a.subject_digest = m.digest AND a.deleted_at IS NULL
      WHERE m.id = $1
      LIMIT $2) s;

-- name: artifact_tag_page
SELECT t.id, t.name, t.updated_at, coalesce(t.pulled_at, 0)
FROM tag t
WHERE t.manifest_id = $1 AND t.deleted_at IS NULL
    AND t.name >= (SELECT f.name
                   FROM tag f
                   WHERE f.manifest_id = $1 AND f.deleted_at IS NULL
                   ORDER BY f.name
                   LIMIT 1 OFFSET $2)
ORDER BY t.name
LIMIT $3;

-- name: artifact_tag_page_down
-- Turned round.
SELECT t.id, t.name, t.updated_at, coalesce(t.pulled_at, 0)
FROM tag t
WHERE t.manifest_id = $1 AND t.deleted_at IS NULL
    AND t.name <= (SELECT f.name
                   FROM tag f
                   WHERE f.manifest_id = $1 AND f.deleted_at IS NULL
                   ORDER BY f.name DESC
                   LIMIT 1 OFFSET $2)
ORDER BY t.name DESC
LIMIT $3;

-- name: artifact_tag_count
-- No further than $2.
SELECT count(*)
FROM (SELECT 1
      FROM tag
      WHERE manifest_id = $1 AND deleted_at IS NULL
      LIMIT $2) s;

-- name: artifact_tag_find
-- Ids by name of the tag of that name ($2), or of those with $4 in the name,
-- of the first $3.
SELECT s.id
FROM (SELECT id, name
      FROM (SELECT e.id, e.name
            FROM tag e
            WHERE e.manifest_id = $1 AND e.deleted_at IS NULL AND e.name = $2
           ) a
      UNION ALL
      SELECT id, name
      FROM (SELECT t.id, t.name
            FROM tag t
            WHERE $2 IS NULL AND t.manifest_id = $1 AND t.deleted_at IS NULL
            ORDER BY t.name
            LIMIT $3) b) s
WHERE $4 IS NULL OR instr(s.name, $4) > 0
LIMIT $5;

-- name: artifact_tag_rows
-- In the order of a JSON array of ids.
SELECT t.id, t.name, t.updated_at, coalesce(t.pulled_at, 0)
FROM json_each($1) i
JOIN tag t ON t.id = i.value
ORDER BY i.key;

-- name: artifact_body
SELECT repository_id, digest, body, media_type FROM manifest WHERE id = $1;

-- name: artifact_blobs
-- The blobs that it refers to, as its repository has them.
SELECT b.id, b.digest
FROM manifest_reference f
JOIN blob b ON b.digest = f.digest
JOIN repository_blob l
    ON l.repository_id = f.repository_id AND l.blob_id = b.id
        AND l.deleted_at IS NULL
WHERE f.manifest_id = $1 AND f.kind <> 3;

-- name: artifact_state
SELECT digest, repository_id FROM manifest WHERE id = $1 AND deleted_at IS NULL;

-- name: artifact_tag_of
SELECT 1
FROM tag
WHERE manifest_id = $1 AND name = $2 AND deleted_at IS NULL;

-- name: artifact_some
-- Live manifests of a repository, those first that nothing refers to.
SELECT m.id
FROM repository r
JOIN manifest m ON m.repository_id = r.id AND m.deleted_at IS NULL
WHERE r.id = $1
LIMIT $2;

-- name: artifact_config
SELECT digest FROM manifest_reference WHERE manifest_id = $1 AND kind = 1;

-- name: artifact_seek_tag
SELECT m.id
FROM tag t
JOIN manifest m ON m.id = t.manifest_id AND m.deleted_at IS NULL
WHERE t.repository_id = $1 AND t.name = $2 AND t.deleted_at IS NULL;

-- name: artifact_seek_digest
SELECT id
FROM manifest
WHERE repository_id = $1 AND digest = $2 AND deleted_at IS NULL;

-- name: artifact_listed
SELECT 1 FROM artifact WHERE manifest_id = $1;
