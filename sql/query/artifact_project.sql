-- Artifacts of all repositories of a project.

-- name: artifact_project_page
SELECT a.manifest_id,
    (SELECT t.value FROM total t WHERE t.kind = 'artifact' AND t.scope = $1)
FROM project_artifact a
WHERE a.project_id = $1
ORDER BY a.pushed_at DESC, a.manifest_id DESC
LIMIT $2 OFFSET $3;

-- name: artifact_project_page_up
-- Oldest first.
SELECT a.manifest_id,
    (SELECT t.value FROM total t WHERE t.kind = 'artifact' AND t.scope = $1)
FROM project_artifact a
WHERE a.project_id = $1
ORDER BY a.pushed_at, a.manifest_id
LIMIT $2 OFFSET $3;

-- name: artifact_project_latest
-- The newest of each repository, by its name.
SELECT (SELECT a.manifest_id
        FROM artifact a
        WHERE a.repository_id = r.id
        ORDER BY a.pushed_at DESC, a.manifest_id DESC
        LIMIT 1),
    p.repository_count
FROM project p
JOIN repository r ON r.project_id = p.id AND r.live_manifests > 0
WHERE p.id = $1
ORDER BY r.name
LIMIT $2 OFFSET $3;
