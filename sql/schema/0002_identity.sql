-- Who may do what: members, robots, refresh tokens, labels, audit, project
-- metadata, and what nginx.conf declares.  Times are microseconds UTC.
-- compatible_from: 1

-- Declared rows come from nginx.conf: "file:line"; NULL: made by the API or
-- the command line.  Declared rows are read-only for both.
ALTER TABLE users ADD COLUMN declared TEXT;
ALTER TABLE users ADD COLUMN declared_epoch TEXT; -- of its password; 'gone'
CREATE UNIQUE INDEX users_email ON users (email) WHERE email IS NOT NULL;
CREATE INDEX users_admin ON users (id) WHERE admin = 1;
ALTER TABLE project ADD COLUMN declared TEXT;
-- 'all': who has the right may push; 'replication': replication robots only.
ALTER TABLE project ADD COLUMN write_mode TEXT NOT NULL DEFAULT 'all';
-- Counters, kept in the transactions that change them.
ALTER TABLE project ADD COLUMN repository_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE project ADD COLUMN member_count INTEGER NOT NULL DEFAULT 0;
-- Bytes, by a job (rule 12): never on the path of a push.
ALTER TABLE project ADD COLUMN storage_used INTEGER NOT NULL DEFAULT 0;
ALTER TABLE project ADD COLUMN storage_limit INTEGER NOT NULL DEFAULT -1;
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
    UNIQUE (project_id, user_id)
) STRICT;
CREATE INDEX member_user ON member (user_id, project_id);

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
CREATE INDEX robot_project ON robot (coalesce(project_id, 0), id);

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

-- project.repository_count: repositories with live_manifests > 0.
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
UPDATE project
SET repository_count = (SELECT count(*) FROM repository r
                        WHERE r.project_id = project.id
                            AND r.live_manifests > 0);
