-- What a project may hold.  A row only where there is a limit that is kept.

-- name: quota_of_repository
SELECT p.storage_used, p.storage_limit
FROM repository r
JOIN project p ON p.id = r.project_id
WHERE r.id = $1 AND p.storage_limit >= 0
    AND NOT EXISTS (SELECT 1 FROM setting s
                    WHERE s.name = 'quota_per_project_enable'
                        AND s.value = 'false');

-- name: quota_of_project
SELECT p.storage_used, p.storage_limit
FROM project p
WHERE p.name = $1 AND p.deleted_at IS NULL AND p.storage_limit >= 0
    AND NOT EXISTS (SELECT 1 FROM setting s
                    WHERE s.name = 'quota_per_project_enable'
                        AND s.value = 'false');
