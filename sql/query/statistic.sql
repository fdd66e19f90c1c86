-- Numbers of what a caller may see.

-- name: statistic_get
-- $1 1: all; else public projects, those of user $2, those of robot $3.
SELECT coalesce(sum(CASE WHEN p.public = 0 THEN 1 ELSE 0 END), 0),
    coalesce(sum(CASE WHEN p.public = 0 THEN p.repository_count ELSE 0 END),
             0),
    coalesce(sum(CASE WHEN p.public = 1 THEN 1 ELSE 0 END), 0),
    coalesce(sum(CASE WHEN p.public = 1 THEN p.repository_count ELSE 0 END),
             0),
    coalesce(sum(p.storage_used), 0)
FROM project p
WHERE p.deleted_at IS NULL
    AND ($1 = 1 OR p.public = 1
         OR EXISTS (SELECT 1 FROM member m
                    WHERE m.project_id = p.id AND m.user_id = $2)
         OR EXISTS (SELECT 1 FROM robot_permission rp
                    WHERE rp.robot_id = $3 AND rp.project_id IN (0, p.id)));
