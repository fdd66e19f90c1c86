-- Who may do what: members, robots, refresh tokens, labels, audit, project
-- metadata, and what nginx.conf declares.  Times are microseconds UTC.
-- compatible_from: 2

-- Declared rows come from nginx.conf: "file:line"; NULL: made by the API or
-- the command line.  Declared rows are read-only for both.
ALTER TABLE users ADD COLUMN declared TEXT;
ALTER TABLE users ADD COLUMN declared_epoch TEXT; -- of its password; 'gone'
CREATE UNIQUE INDEX users_email ON users (email) WHERE email IS NOT NULL;
CREATE INDEX users_admin ON users (id) WHERE admin = 1;
CREATE INDEX users_live ON users (name, email) WHERE deleted_at IS NULL;
CREATE INDEX users_live_id ON users (id) WHERE deleted_at IS NULL;
ALTER TABLE project ADD COLUMN declared TEXT;
-- 'all': who has the right may push; 'replication': replication robots only.
ALTER TABLE project ADD COLUMN write_mode TEXT NOT NULL DEFAULT 'all';
-- Counters, kept by the triggers at the end of this file.  storage_used: the
-- bytes of its blobs, each once, until their space is got back.
ALTER TABLE project ADD COLUMN repository_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE project ADD COLUMN member_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE project ADD COLUMN storage_used INTEGER NOT NULL DEFAULT 0;
ALTER TABLE project ADD COLUMN storage_limit INTEGER NOT NULL DEFAULT -1;
CREATE INDEX project_live ON project (name, public, owner_id)
    WHERE deleted_at IS NULL;
CREATE INDEX project_public ON project (name, owner_id)
    WHERE deleted_at IS NULL AND public = 1;
CREATE INDEX project_live_id ON project (id) WHERE deleted_at IS NULL;
CREATE INDEX project_live_updated ON project (updated_at, id)
    WHERE deleted_at IS NULL;
-- Who holds the lease (core/process.h); empty: not known.
ALTER TABLE upload ADD COLUMN holder TEXT NOT NULL DEFAULT '';
-- How many sessions somebody has open.
CREATE INDEX upload_owner ON upload (owner, expires_at);
ALTER TABLE repository ADD COLUMN description TEXT;
ALTER TABLE repository ADD COLUMN pull_count INTEGER NOT NULL DEFAULT 0;

-- Harbor's project metadata; "public" is the column of project.
CREATE TABLE project_metadata (
    project_id INTEGER NOT NULL REFERENCES project (id),
    name       TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (project_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE member (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL REFERENCES project (id),
    user_id    INTEGER NOT NULL REFERENCES users (id),
    role       INTEGER NOT NULL,         -- Harbor's number, 1 to 5
    declared   TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- Copies, so that the members of a project and the private projects of a
    -- user are in order in an index.  Names do not change.
    user_name    TEXT NOT NULL DEFAULT '',
    project_name TEXT NOT NULL DEFAULT '',
    project_path TEXT NOT NULL DEFAULT '', -- with "/"
    private      INTEGER NOT NULL DEFAULT 0,
    UNIQUE (project_id, user_id)
) STRICT;
CREATE INDEX member_user ON member (user_id, project_id);
CREATE INDEX member_name ON member (project_id, user_name);
CREATE INDEX member_role ON member (project_id, role);
CREATE INDEX member_private ON member (user_id, project_name, project_id)
    WHERE private = 1;
-- In the order of the names of repositories: "a-b/" stands before "a/".
CREATE UNIQUE INDEX member_private_path
    ON member (user_id, project_path, project_id) WHERE private = 1;

CREATE TABLE robot (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL UNIQUE,    -- full: robot$project+name
    project_id  INTEGER REFERENCES project (id), -- NULL: system level
    secret_hash BLOB NOT NULL,           -- SHA-256 of a random secret
    description TEXT,
    replication INTEGER NOT NULL DEFAULT 0, -- may push where write_mode asks
    disabled    INTEGER NOT NULL DEFAULT 0,
    epoch       INTEGER NOT NULL DEFAULT 1,
    duration    INTEGER NOT NULL DEFAULT -1, -- days; -1: never
    expires_at  INTEGER,                 -- NULL: never
    declared    TEXT,
    created_by  TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX robot_project ON robot (coalesce(project_id, 0), id, name);

-- What a robot may do: permission set (auth/rbac) per project; project_id 0
-- is every project ("*"), -1 the system level.
CREATE TABLE robot_permission (
    robot_id   INTEGER NOT NULL REFERENCES robot (id),
    project_id INTEGER NOT NULL,
    resource   TEXT NOT NULL,
    action     TEXT NOT NULL,
    PRIMARY KEY (robot_id, project_id, resource, action)
) STRICT, WITHOUT ROWID;

CREATE INDEX robot_permission_project ON robot_permission (project_id);

CREATE TABLE refresh_token (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    hash       BLOB NOT NULL UNIQUE,     -- SHA-256 of the token
    subject    TEXT NOT NULL,            -- user:ID
    epoch      INTEGER NOT NULL,
    client_id  TEXT,
    created_at INTEGER NOT NULL,
    used_at    INTEGER,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX refresh_token_expires ON refresh_token (expires_at);
CREATE INDEX refresh_token_subject ON refresh_token (subject);

CREATE TABLE label (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id  INTEGER REFERENCES project (id), -- NULL: global
    name        TEXT NOT NULL,
    description TEXT,
    color       TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX label_name ON label (coalesce(project_id, 0), name);

CREATE TABLE manifest_label (
    manifest_id INTEGER NOT NULL REFERENCES manifest (id) ON DELETE CASCADE,
    label_id    INTEGER NOT NULL REFERENCES label (id) ON DELETE CASCADE,
    PRIMARY KEY (manifest_id, label_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_label_label ON manifest_label (label_id, manifest_id);

-- Who did what to what, when, from where, with which result.
CREATE TABLE audit (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    at            INTEGER NOT NULL,
    actor         TEXT NOT NULL,         -- user:ID robot:ID cli config ''
    username      TEXT NOT NULL,         -- as it was then
    client        TEXT NOT NULL,         -- address
    operation     TEXT NOT NULL,         -- create delete update pull login ...
    resource_type TEXT NOT NULL,         -- artifact tag project member ...
    resource      TEXT NOT NULL,
    project_id    INTEGER,
    success       INTEGER NOT NULL,
    description   TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX audit_project ON audit (project_id, id);
CREATE INDEX audit_at ON audit (at);

-- The sets that nginx.conf declared: the one in force, and a newer one that
-- waits for the operator or failed.  Bodies are normalised JSON without
-- secrets.
CREATE TABLE declaration (
    slot       TEXT NOT NULL PRIMARY KEY, -- applied next
    instance   TEXT NOT NULL,
    mode       TEXT NOT NULL,            -- additive exclusive
    place      TEXT NOT NULL,            -- of the mode: file:line
    serial     INTEGER,
    hash       TEXT NOT NULL,            -- of the body without places
    body       TEXT NOT NULL,
    state      TEXT NOT NULL,            -- applied held failed
    reason     TEXT NOT NULL DEFAULT '',
    loaded_at  INTEGER NOT NULL,         -- when nginx read the file
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX users_declared ON users (id) WHERE declared IS NOT NULL;
CREATE INDEX project_declared ON project (id) WHERE declared IS NOT NULL;
CREATE INDEX member_declared ON member (id) WHERE declared IS NOT NULL;
CREATE INDEX robot_declared ON robot (id) WHERE declared IS NOT NULL;

-- Who does what alone, and until when: the holder's epoch fences it.
CREATE TABLE lease (
    name     TEXT NOT NULL PRIMARY KEY,
    owner    TEXT NOT NULL,
    epoch    INTEGER NOT NULL,
    until_at INTEGER NOT NULL
) STRICT;

-- The manifests that a list of artifacts shows: live, without a subject, and
-- tagged or no child of a live index here.  A row is made and dropped in the
-- transaction that changes one of these, and repository.artifact_count with
-- it, so a page and its total are cheap however many manifests there are.
CREATE TABLE artifact (
    repository_id INTEGER NOT NULL REFERENCES repository (id),
    pushed_at     INTEGER NOT NULL,      -- of the manifest
    manifest_id   INTEGER NOT NULL UNIQUE
                  REFERENCES manifest (id) ON DELETE CASCADE,
    PRIMARY KEY (repository_id, pushed_at, manifest_id)
) STRICT, WITHOUT ROWID;

ALTER TABLE repository ADD COLUMN artifact_count INTEGER NOT NULL DEFAULT 0;
CREATE INDEX repository_project_live ON repository (project_id, name)
    WHERE live_manifests > 0;
CREATE INDEX repository_live_id ON repository (id) WHERE live_manifests > 0;
CREATE INDEX repository_project_live_id ON repository (project_id, id)
    WHERE live_manifests > 0;

-- The live tags of a manifest by name, without a look at their rows.
DROP INDEX tag_manifest;
CREATE INDEX tag_manifest ON tag (manifest_id, deleted_at, name);

INSERT INTO artifact (repository_id, pushed_at, manifest_id)
SELECT m.repository_id, m.pushed_at, m.id
FROM manifest m
WHERE m.deleted_at IS NULL AND m.subject_digest IS NULL
    AND (EXISTS (SELECT 1 FROM tag t
                 WHERE t.manifest_id = m.id AND t.deleted_at IS NULL)
         OR NOT EXISTS (SELECT 1
                        FROM manifest_reference f
                        JOIN manifest p ON p.id = f.manifest_id
                        WHERE f.repository_id = m.repository_id
                            AND f.digest = m.digest AND f.kind = 3
                            AND p.deleted_at IS NULL));
UPDATE repository
SET artifact_count = (SELECT count(*) FROM artifact a
                      WHERE a.repository_id = repository.id);

-- How many there are, so that a list need not count: by kind, and scope.
-- user, storage: scope 0.  project, repository: 1 of the public ones, 0 of
-- the others.  artifact: the project.  robot, label: the project, 0 those of the registry.  audit:
-- the project.
CREATE TABLE total (
    kind  TEXT NOT NULL,
    scope INTEGER NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (kind, scope)
) STRICT, WITHOUT ROWID;

-- The blobs of a project, and from how many of its repositories.
CREATE TABLE project_blob (
    project_id INTEGER NOT NULL REFERENCES project (id),
    blob_id    INTEGER NOT NULL REFERENCES blob (id),
    links      INTEGER NOT NULL,
    PRIMARY KEY (project_id, blob_id)
) STRICT, WITHOUT ROWID;

INSERT INTO project_blob (project_id, blob_id, links)
SELECT r.project_id, l.blob_id, count(*)
FROM repository_blob l
JOIN repository r ON r.id = l.repository_id
GROUP BY r.project_id, l.blob_id;
UPDATE project
SET repository_count = (SELECT count(*) FROM repository r
                        WHERE r.project_id = project.id
                            AND r.live_manifests > 0),
    storage_used = (SELECT coalesce(sum(b.size), 0)
                    FROM project_blob pb
                    JOIN blob b ON b.id = pb.blob_id
                    WHERE pb.project_id = project.id);
-- The same rows as in artifact, in the order of a project.
CREATE TABLE project_artifact (
    project_id  INTEGER NOT NULL REFERENCES project (id),
    pushed_at   INTEGER NOT NULL,
    manifest_id INTEGER NOT NULL,
    PRIMARY KEY (project_id, pushed_at, manifest_id)
) STRICT, WITHOUT ROWID;
INSERT INTO project_artifact (project_id, pushed_at, manifest_id)
SELECT r.project_id, a.pushed_at, a.manifest_id
FROM artifact a
JOIN repository r ON r.id = a.repository_id;
INSERT INTO total (kind, scope, value)
SELECT 'artifact', project_id, count(*) FROM project_artifact
GROUP BY project_id;

INSERT INTO total (kind, scope, value)
SELECT 'user', 0, count(*) FROM users WHERE deleted_at IS NULL;
INSERT INTO total (kind, scope, value)
SELECT 'project', s.n, (SELECT count(*) FROM project p
                        WHERE p.deleted_at IS NULL AND p.public = s.n)
FROM (SELECT 0 AS n UNION ALL SELECT 1) s;
INSERT INTO total (kind, scope, value)
SELECT 'repository', s.n, (SELECT count(*) FROM repository r
                           WHERE r.live_manifests > 0 AND r.public = s.n)
FROM (SELECT 0 AS n UNION ALL SELECT 1) s;
INSERT INTO total (kind, scope, value)
SELECT 'storage', 0, coalesce(sum(storage_used), 0)
FROM project WHERE deleted_at IS NULL;

-- What counts and copies, in the transaction that changes what is counted,
-- whoever writes.  Triggers: a new way to add a row cannot forget them.

CREATE TRIGGER users_added AFTER INSERT ON users
WHEN new.deleted_at IS NULL
BEGIN
    UPDATE total SET value = value + 1 WHERE kind = 'user' AND scope = 0;
END;
CREATE TRIGGER users_deleted AFTER UPDATE OF deleted_at ON users
WHEN (old.deleted_at IS NULL) <> (new.deleted_at IS NULL)
BEGIN
    UPDATE total
    SET value = value + (new.deleted_at IS NULL) - (old.deleted_at IS NULL)
    WHERE kind = 'user' AND scope = 0;
END;

CREATE TRIGGER project_added AFTER INSERT ON project
WHEN new.deleted_at IS NULL
BEGIN
    UPDATE total SET value = value + 1
    WHERE kind = 'project' AND scope = new.public;
END;
CREATE TRIGGER project_changed AFTER UPDATE OF public, deleted_at ON project
WHEN old.public <> new.public
    OR (old.deleted_at IS NULL) <> (new.deleted_at IS NULL)
BEGIN
    UPDATE total SET value = value - (old.deleted_at IS NULL)
    WHERE kind = 'project' AND scope = old.public;
    UPDATE total SET value = value + (new.deleted_at IS NULL)
    WHERE kind = 'project' AND scope = new.public;
    UPDATE total
    SET value = value
        + CASE WHEN new.deleted_at IS NULL THEN new.storage_used ELSE 0 END
        - CASE WHEN old.deleted_at IS NULL THEN old.storage_used ELSE 0 END
    WHERE kind = 'storage' AND scope = 0;
    UPDATE member SET private = 1 - new.public
    WHERE project_id = new.id AND old.public <> new.public;
    DELETE FROM total
    WHERE kind IN ('robot', 'label') AND scope = new.id
        AND new.deleted_at IS NOT NULL;
END;
CREATE TRIGGER project_grown AFTER UPDATE OF storage_used ON project
WHEN new.deleted_at IS NULL AND old.deleted_at IS NULL
    AND old.storage_used <> new.storage_used
BEGIN
    UPDATE total SET value = value + new.storage_used - old.storage_used
    WHERE kind = 'storage' AND scope = 0;
END;

CREATE TRIGGER repository_added AFTER INSERT ON repository
WHEN new.live_manifests > 0
BEGIN
    UPDATE total SET value = value + 1
    WHERE kind = 'repository' AND scope = new.public;
    UPDATE project SET repository_count = repository_count + 1
    WHERE id = new.project_id;
END;
CREATE TRIGGER repository_changed
AFTER UPDATE OF live_manifests, public ON repository
WHEN (old.live_manifests > 0) <> (new.live_manifests > 0)
    OR (new.live_manifests > 0 AND old.public <> new.public)
BEGIN
    UPDATE total SET value = value - (old.live_manifests > 0)
    WHERE kind = 'repository' AND scope = old.public;
    UPDATE total SET value = value + (new.live_manifests > 0)
    WHERE kind = 'repository' AND scope = new.public;
    UPDATE project
    SET repository_count = repository_count + (new.live_manifests > 0)
                           - (old.live_manifests > 0)
    WHERE id = new.project_id;
END;

CREATE TRIGGER member_added AFTER INSERT ON member
BEGIN
    UPDATE member
    SET user_name = (SELECT u.name FROM users u WHERE u.id = new.user_id),
        (project_name, project_path, private)
        = (SELECT p.name, p.name || '/', 1 - p.public
           FROM project p
           WHERE p.id = new.project_id)
    WHERE id = new.id;
    UPDATE project SET member_count = member_count + 1
    WHERE id = new.project_id;
END;
CREATE TRIGGER member_gone AFTER DELETE ON member
BEGIN
    UPDATE project SET member_count = member_count - 1
    WHERE id = old.project_id;
END;

CREATE TRIGGER robot_added AFTER INSERT ON robot
BEGIN
    INSERT INTO total (kind, scope, value)
    VALUES ('robot', coalesce(new.project_id, 0), 1)
    ON CONFLICT (kind, scope) DO UPDATE SET value = value + 1;
END;
CREATE TRIGGER robot_gone AFTER DELETE ON robot
BEGIN
    UPDATE total SET value = value - 1
    WHERE kind = 'robot' AND scope = coalesce(old.project_id, 0);
END;

CREATE TRIGGER label_added AFTER INSERT ON label
BEGIN
    INSERT INTO total (kind, scope, value)
    VALUES ('label', coalesce(new.project_id, 0), 1)
    ON CONFLICT (kind, scope) DO UPDATE SET value = value + 1;
END;
CREATE TRIGGER label_gone AFTER DELETE ON label
BEGIN
    UPDATE total SET value = value - 1
    WHERE kind = 'label' AND scope = coalesce(old.project_id, 0);
END;

CREATE TRIGGER audit_added AFTER INSERT ON audit
WHEN new.project_id IS NOT NULL
BEGIN
    INSERT INTO total (kind, scope, value)
    VALUES ('audit', new.project_id, 1)
    ON CONFLICT (kind, scope) DO UPDATE SET value = value + 1;
END;
CREATE TRIGGER audit_gone AFTER DELETE ON audit
WHEN old.project_id IS NOT NULL
BEGIN
    UPDATE total SET value = value - 1
    WHERE kind = 'audit' AND scope = old.project_id;
END;

CREATE TRIGGER artifact_added AFTER INSERT ON artifact
BEGIN
    INSERT INTO project_artifact (project_id, pushed_at, manifest_id)
    SELECT r.project_id, new.pushed_at, new.manifest_id
    FROM repository r
    WHERE r.id = new.repository_id;
    INSERT INTO total (kind, scope, value)
    SELECT 'artifact', r.project_id, 1
    FROM repository r
    WHERE r.id = new.repository_id
    ON CONFLICT (kind, scope) DO UPDATE SET value = value + 1;
END;
CREATE TRIGGER artifact_gone AFTER DELETE ON artifact
BEGIN
    DELETE FROM project_artifact
    WHERE project_id = (SELECT r.project_id FROM repository r
                        WHERE r.id = old.repository_id)
        AND pushed_at = old.pushed_at AND manifest_id = old.manifest_id;
    UPDATE total SET value = value - 1
    WHERE kind = 'artifact'
        AND scope = (SELECT r.project_id FROM repository r
                     WHERE r.id = old.repository_id);
END;

CREATE TRIGGER repository_blob_added AFTER INSERT ON repository_blob
BEGIN
    INSERT INTO project_blob (project_id, blob_id, links)
    SELECT r.project_id, new.blob_id, 1
    FROM repository r
    WHERE r.id = new.repository_id
    ON CONFLICT (project_id, blob_id) DO UPDATE SET links = links + 1;
END;
CREATE TRIGGER repository_blob_gone AFTER DELETE ON repository_blob
BEGIN
    UPDATE project_blob SET links = links - 1
    WHERE project_id = (SELECT r.project_id FROM repository r
                        WHERE r.id = old.repository_id)
        AND blob_id = old.blob_id;
    DELETE FROM project_blob
    WHERE project_id = (SELECT r.project_id FROM repository r
                        WHERE r.id = old.repository_id)
        AND blob_id = old.blob_id AND links = 0;
END;
CREATE TRIGGER project_blob_added AFTER INSERT ON project_blob
BEGIN
    UPDATE project
    SET storage_used = storage_used
        + (SELECT b.size FROM blob b WHERE b.id = new.blob_id)
    WHERE id = new.project_id;
END;
CREATE TRIGGER project_blob_gone AFTER DELETE ON project_blob
BEGIN
    UPDATE project
    SET storage_used = storage_used
        - (SELECT b.size FROM blob b WHERE b.id = old.blob_id)
    WHERE id = old.project_id;
END;
