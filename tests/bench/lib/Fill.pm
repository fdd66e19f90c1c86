package Fill;

# Rows straight into a server's database, for `make bench`: making each of
# them by a request would take an hour, and a page reads rows however they
# came.

use warnings;
use strict;

use base qw/ Exporter /;
our @EXPORT = qw/ fill_tags fill_repositories fill_referrers fill_users
    fill_projects fill_members fill_memberships fill_artifacts fill_audit
    fill_labels fill_robots /;

# "INSERT ..." for each n from 1 to N, which it calls i.n.
sub _insert {
    my ($s, $n, $insert) = @_;
    $s->sql(<<"END");
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < $n)
$insert;
END
    return;
}

sub fill_tags {
    my ($s, $repository, $n) = @_;
    _insert($s, $n, <<"END");
INSERT INTO tag (repository_id, name, manifest_id, pushed_by, created_at,
    updated_at)
SELECT r.id, printf('t%07d', i.n), m.id, 'user:1', 1, 1
FROM i, repository r JOIN manifest m ON m.repository_id = r.id
WHERE r.name = '$repository'
END
    return;
}

sub fill_repositories {
    my ($s, $n) = @_;
    _insert($s, $n, <<"END");
INSERT INTO repository (project_id, name, public, live_manifests, created_at,
    updated_at)
SELECT p.id, printf('library/r%07d', i.n), 1, 1, 1, 1
FROM i, project p WHERE p.name = 'library'
END
    return;
}

sub fill_referrers {
    my ($s, $repository, $subject, $n) = @_;
    _insert($s, $n, <<"END");
INSERT INTO manifest (repository_id, digest, kind, media_type, artifact_type,
    config_media_type, subject_digest, annotations, size, pushed_by,
    pushed_at, body)
SELECT r.id, printf('sha256:%064x', i.n), 1,
    'application/vnd.oci.image.manifest.v1+json', 'application/x.sbom',
    'application/vnd.oci.empty.v1+json', '$subject', '{"n":"' || i.n || '"}',
    1000, 'user:1', 1, zeroblob(1000)
FROM i, repository r WHERE r.name = '$repository'
END
    return;
}

# u0000000, u0000001 and so on, with the password of the administrator.
sub fill_users {
    my ($s, $n) = @_;
    _insert($s, $n, <<"END");
INSERT INTO users (name, password_hash, created_at, updated_at)
SELECT printf('u%07d', i.n - 1), u.password_hash, 1, 1
FROM i, users u WHERE u.id = 1
END
    return;
}

# Private ones.
sub fill_projects {
    my ($s, $n) = @_;
    _insert($s, $n, <<"END");
INSERT INTO project (name, public, owner_id, created_at, updated_at)
SELECT printf('p%07d', i.n), 0, 1, i.n, i.n FROM i
END
    return;
}

# The first N of fill_users() as guests of a project.
sub fill_members {
    my ($s, $project, $n) = @_;
    $s->sql(<<"END");
INSERT INTO member (project_id, user_id, role, created_at, updated_at)
SELECT p.id, u.id, 3, 1, 1
FROM project p,
    (SELECT id FROM users WHERE name LIKE 'u00%' ORDER BY name LIMIT $n) u
WHERE p.name = '$project';
END
    return;
}

# A user as a guest of the first N of fill_projects().
sub fill_memberships {
    my ($s, $user, $n) = @_;
    $s->sql(<<"END");
INSERT INTO member (project_id, user_id, role, created_at, updated_at)
SELECT p.id, u.id, 3, 1, 1
FROM users u,
    (SELECT id FROM project WHERE name LIKE 'p00%' ORDER BY name LIMIT $n) p
WHERE u.name = '$user';
END
    return;
}

# Images of a repository, each with a tag, as if they had been pushed.
sub fill_artifacts {
    my ($s, $repository, $n) = @_;
    _insert($s, $n, <<"END");
INSERT INTO manifest (repository_id, digest, kind, media_type,
    config_media_type, size, pushed_by, pushed_at, body)
SELECT r.id, printf('sha256:%064x', i.n), 1,
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.oci.image.config.v1+json', 500, 'user:1', i.n,
    zeroblob(500)
FROM i, repository r WHERE r.name = '$repository'
END
    $s->sql(<<"END");
INSERT INTO tag (repository_id, name, manifest_id, pushed_by, created_at,
    updated_at)
SELECT m.repository_id, printf('t%07d', m.pushed_at), m.id, 'user:1',
    m.pushed_at, m.pushed_at
FROM repository r JOIN manifest m ON m.repository_id = r.id
WHERE r.name = '$repository' AND m.size = 500;
INSERT INTO artifact (repository_id, pushed_at, manifest_id)
SELECT m.repository_id, m.pushed_at, m.id
FROM repository r JOIN manifest m ON m.repository_id = r.id
WHERE r.name = '$repository' AND m.size = 500
ON CONFLICT DO NOTHING;
END
    return;
}

sub fill_audit {
    my ($s, $project, $n) = @_;
    _insert($s, $n, <<"END");
INSERT INTO audit (at, actor, username, client, operation, resource_type,
    resource, project_id, success)
SELECT i.n, 'user:1', 'admin', '127.0.0.1', 'create', 'artifact',
    p.name || '/app:' || i.n, p.id, 1
FROM i, project p WHERE p.name = '$project'
END
    return;
}

sub fill_labels {
    my ($s, $n) = @_;
    _insert($s, $n, <<"END");
INSERT INTO label (name, color, created_at, updated_at)
SELECT printf('l%07d', i.n), '#0065AB', 1, 1 FROM i
END
    return;
}

# Of the whole registry, with a right each.
sub fill_robots {
    my ($s, $n) = @_;
    _insert($s, $n, <<"END");
INSERT INTO robot (name, secret_hash, created_by, created_at, updated_at)
SELECT printf('robot\$r%07d', i.n), zeroblob(32), 'user:1', 1, 1 FROM i
END
    $s->sql(<<"END");
INSERT INTO robot_permission (robot_id, project_id, resource, action)
SELECT id, 0, 'repository', 'pull' FROM robot;
END
    return;
}

1;
