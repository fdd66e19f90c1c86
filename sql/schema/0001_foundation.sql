-- The foundation: everything of DESIGN sections 3 and 4 that later work
-- stands on.  Forward only.  Times are microseconds UTC (int64); ids shown by
-- the API are integers that are never used again; text keys compare by byte.
-- compatible_from: 1

-- Facts about this installation, written at load or made once:
-- installation_id, incarnation, storage_url, boot ...  Also node settings
-- the job runner needs (trash_us, grace_us, upload_expires_us ...).
CREATE TABLE setting (
    name       TEXT NOT NULL PRIMARY KEY,
    value      TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- One row per sequence; bumped in the transaction that uses the number, so
-- readers never miss a late commit.  name 'change': seq of the change log;
-- 'hlc': last hybrid logical clock given out.
CREATE TABLE counter (
    name  TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL UNIQUE,
    password_hash TEXT,              -- crypt(3) string; NULL: cannot log in
    admin         INTEGER NOT NULL DEFAULT 0,
    disabled      INTEGER NOT NULL DEFAULT 0,
    epoch         INTEGER NOT NULL DEFAULT 1, -- bumped: older tokens are void
    email         TEXT,
    realname      TEXT,
    comment       TEXT,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    deleted_at    INTEGER
) STRICT;

CREATE TABLE token_key (
    kid        TEXT NOT NULL PRIMARY KEY,
    alg        TEXT NOT NULL,        -- HS256; pinned per key
    secret     BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER               -- verifies, signs no more
) STRICT;

CREATE TABLE project (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT NOT NULL UNIQUE,
    public       INTEGER NOT NULL DEFAULT 0,
    owner_id     INTEGER REFERENCES users (id),
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    deleted_at   INTEGER
) STRICT;

-- public is a copy of project.public, and live_manifests a count of manifests
-- that are not deleted; both are kept in the transaction that changes what
-- they stand for, so that a page of the catalog is one index seek however
-- many private or empty repositories lie in between.
CREATE TABLE repository (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id     INTEGER NOT NULL REFERENCES project (id),
    name           TEXT NOT NULL UNIQUE, -- full name, project included
    public         INTEGER NOT NULL,
    live_manifests INTEGER NOT NULL DEFAULT 0,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX repository_project ON repository (project_id, name);
CREATE INDEX repository_live ON repository (name) WHERE live_manifests > 0;
CREATE INDEX repository_public ON repository (name)
    WHERE live_manifests > 0 AND public = 1;

-- Content that was published: the row is the publication.
CREATE TABLE blob (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    digest     TEXT NOT NULL UNIQUE,
    size       INTEGER NOT NULL,
    locator    TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

-- A blob is reachable only through a repository that links it.
CREATE TABLE repository_blob (
    repository_id   INTEGER NOT NULL REFERENCES repository (id),
    blob_id         INTEGER NOT NULL REFERENCES blob (id),
    linked_at       INTEGER NOT NULL,
    unreferenced_at INTEGER,         -- NULL: a manifest here refers to it
    protected_until INTEGER NOT NULL,
    deleted_at      INTEGER,         -- DELETE of the blob: gone for readers
    PRIMARY KEY (repository_id, blob_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX repository_blob_blob ON repository_blob (blob_id, repository_id);
CREATE INDEX repository_blob_due ON repository_blob (protected_until)
    WHERE unreferenced_at IS NOT NULL;

-- Locators that no row names any more; the job runner removes the bytes.
CREATE TABLE orphan (
    locator    TEXT NOT NULL PRIMARY KEY,
    size       INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    reason     TEXT NOT NULL
) STRICT;
CREATE INDEX orphan_due ON orphan (not_before);

-- body stands last: a column behind a large value costs a walk over its pages.
CREATE TABLE manifest (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id     INTEGER NOT NULL REFERENCES repository (id),
    digest            TEXT NOT NULL,
    kind              INTEGER NOT NULL,  -- 1 image, 2 index
    media_type        TEXT NOT NULL,
    artifact_type     TEXT,              -- as referrers show it
    config_media_type TEXT,
    subject_digest    TEXT,
    annotations       TEXT,              -- JSON object
    size              INTEGER NOT NULL,
    pushed_by         TEXT NOT NULL,     -- user:ID, robot:ID
    pushed_at         INTEGER NOT NULL,
    pulled_at         INTEGER,
    deleted_at        INTEGER,
    trash_until       INTEGER,           -- purged after that
    body              BLOB NOT NULL,     -- the exact bytes
    UNIQUE (repository_id, digest)
) STRICT;
CREATE INDEX manifest_subject
    ON manifest (repository_id, subject_digest, id)
    WHERE subject_digest IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX manifest_subject_type
    ON manifest (repository_id, subject_digest, artifact_type, id)
    WHERE subject_digest IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX manifest_trash ON manifest (trash_until)
    WHERE trash_until IS NOT NULL;

-- What a manifest refers to: config, layers, children.  repository_id is
-- that of the manifest: "does anything here refer to this digest" is one
-- seek, also for a layer that thousands of repositories share.
CREATE TABLE manifest_reference (
    manifest_id   INTEGER NOT NULL REFERENCES manifest (id),
    position      INTEGER NOT NULL,
    repository_id INTEGER NOT NULL REFERENCES repository (id),
    kind          INTEGER NOT NULL,      -- 1 config, 2 layer, 3 child
    digest        TEXT NOT NULL,
    size          INTEGER NOT NULL,
    PRIMARY KEY (manifest_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_reference_digest
    ON manifest_reference (repository_id, digest, manifest_id);

CREATE TABLE tag (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repository (id),
    name          TEXT NOT NULL,
    manifest_id   INTEGER NOT NULL REFERENCES manifest (id),
    pushed_by     TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    pulled_at     INTEGER,
    deleted_at    INTEGER,
    trash_until   INTEGER,
    UNIQUE (repository_id, name)
) STRICT;
CREATE INDEX tag_manifest ON tag (manifest_id);
CREATE INDEX tag_live ON tag (repository_id, name) WHERE deleted_at IS NULL;
CREATE INDEX tag_trash ON tag (trash_until) WHERE trash_until IS NOT NULL;

-- Every value a tag ever had.  Pins nothing.
CREATE TABLE tag_history (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repository (id),
    tag           TEXT NOT NULL,
    digest        TEXT,                  -- NULL: deleted
    actor         TEXT NOT NULL,
    at            INTEGER NOT NULL
) STRICT;
CREATE INDEX tag_history_tag ON tag_history (repository_id, tag, id);

-- An upload in the making (DESIGN section 3, rule 5).
CREATE TABLE upload (
    id            TEXT NOT NULL PRIMARY KEY,  -- UUIDv7
    repository_id INTEGER NOT NULL REFERENCES repository (id),
    owner         TEXT NOT NULL,              -- user:ID, robot:ID
    size          INTEGER NOT NULL DEFAULT 0, -- acknowledged offset
    hash_alg      INTEGER NOT NULL,
    hash_state    BLOB,
    segments      TEXT NOT NULL DEFAULT '',   -- "locator:size" by line
    epoch         INTEGER NOT NULL DEFAULT 0,
    lease_until   INTEGER NOT NULL DEFAULT 0, -- 0: released
    boot_id       TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX upload_expires ON upload (expires_at);
CREATE INDEX upload_data ON upload (id) WHERE segments <> '';
CREATE INDEX upload_repository ON upload (repository_id);

-- The change log (DESIGN section 4): one row per (repository, reference),
-- newest wins; digest NULL is a tombstone.
CREATE TABLE change (
    repository_id INTEGER NOT NULL REFERENCES repository (id),
    reference     TEXT NOT NULL,
    seq           INTEGER NOT NULL UNIQUE,
    digest        TEXT,
    hlc           INTEGER NOT NULL,
    origin        TEXT NOT NULL,
    changed_at    INTEGER NOT NULL,
    PRIMARY KEY (repository_id, reference)
) STRICT, WITHOUT ROWID;

-- Work for the job runner.  unique_key: periodic work exists once.
CREATE TABLE job (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT NOT NULL,
    unique_key  TEXT UNIQUE,
    payload     TEXT NOT NULL DEFAULT '{}',
    state       TEXT NOT NULL,           -- pending running done failed
    run_at      INTEGER NOT NULL,
    interval_us INTEGER,                 -- periodic: armed again after a run
    attempts    INTEGER NOT NULL DEFAULT 0,
    epoch       INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER NOT NULL DEFAULT 0,
    worker      TEXT,
    result      TEXT,
    error       TEXT,
    created_at  INTEGER NOT NULL,
    started_at  INTEGER,
    ended_at    INTEGER
) STRICT;
CREATE INDEX job_pending ON job (run_at) WHERE state = 'pending';
CREATE INDEX job_running ON job (lease_until) WHERE state = 'running';
