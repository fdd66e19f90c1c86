-- Numbers of what a caller may see, and of what there is: table total.

-- name: total_get
-- The sum of those from scope $2 to scope $3.
SELECT coalesce(sum(value), 0)
FROM total
WHERE kind = $1 AND scope BETWEEN $2 AND $3;

-- name: statistic_all
SELECT coalesce(sum(CASE WHEN kind = 'project' AND scope = 0
                    THEN value END), 0),
    coalesce(sum(CASE WHEN kind = 'repository' AND scope = 0
                 THEN value END), 0),
    coalesce(sum(CASE WHEN kind = 'project' AND scope = 1 THEN value END), 0),
    coalesce(sum(CASE WHEN kind = 'repository' AND scope = 1
                 THEN value END), 0),
    coalesce(sum(CASE WHEN kind = 'storage' THEN value END), 0)
FROM total
WHERE kind IN ('project', 'repository', 'storage') AND scope IN (0, 1);

-- name: statistic_seen
-- Of user $1 and robot $2: their private projects, and all public ones.
SELECT count(*), coalesce(sum(p.repository_count), 0),
    (SELECT value FROM total WHERE kind = 'project' AND scope = 1),
    (SELECT value FROM total WHERE kind = 'repository' AND scope = 1), 0
FROM (SELECT m.project_id AS id
      FROM member m
      WHERE m.user_id = $1 AND m.private = 1
      UNION
      SELECT rp.project_id
      FROM robot_permission rp
      WHERE rp.robot_id = $2) s
JOIN project p ON p.id = s.id AND p.public = 0 AND p.deleted_at IS NULL;
