-- What the database layer itself says to the engine: transactions, the
-- bookkeeping of migrations.

-- name: db_begin_read
-- engine: sqlite
BEGIN DEFERRED;
-- engine: pgsql
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- name: db_begin_write
-- A writer takes its lock first: a reader that becomes a writer fails at
-- once when somebody else has written since.
-- engine: sqlite
BEGIN IMMEDIATE;
-- engine: pgsql
BEGIN;

-- name: db_commit
COMMIT;

-- name: db_rollback
ROLLBACK;

-- name: db_savepoint
SAVEPOINT op;

-- name: db_savepoint_rollback
ROLLBACK TO SAVEPOINT op;

-- name: db_savepoint_release
RELEASE SAVEPOINT op;

-- name: db_ping
-- engine: sqlite
SELECT count(*) FROM sqlite_schema;
-- engine: pgsql
SELECT 1;

-- name: db_size
-- Bytes, as of now; what is in the log but not yet in the file is counted.
-- engine: sqlite
SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size();
-- engine: pgsql
SELECT pg_database_size(current_database());

-- name: db_data_version
-- engine: sqlite
PRAGMA data_version;

-- name: db_table_count
-- Tables that are not the engine's own nor the one of migrations.
-- engine: sqlite
SELECT count(*) FROM sqlite_schema
WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'
    AND name <> 'schema_migration';
-- engine: pgsql
SELECT count(*) FROM information_schema.tables
WHERE table_schema = current_schema() AND table_name <> 'schema_migration';

-- name: db_migration_table_exists
-- engine: sqlite
SELECT 1 FROM sqlite_schema
WHERE type = 'table' AND name = 'schema_migration';
-- engine: pgsql
SELECT 1 FROM information_schema.tables
WHERE table_schema = current_schema() AND table_name = 'schema_migration';

-- name: db_migration_table_create
-- engine: sqlite
CREATE TABLE IF NOT EXISTS schema_migration (
    version         INTEGER NOT NULL PRIMARY KEY,
    name            TEXT NOT NULL,
    compatible_from INTEGER NOT NULL,
    applied_at      INTEGER NOT NULL
) STRICT;
-- engine: pgsql
CREATE TABLE IF NOT EXISTS schema_migration (
    version         BIGINT NOT NULL PRIMARY KEY,
    name            TEXT NOT NULL,
    compatible_from BIGINT NOT NULL,
    applied_at      BIGINT NOT NULL
);

-- name: db_migration_last
SELECT version, compatible_from
FROM schema_migration
ORDER BY version DESC
LIMIT 1;

-- name: db_migration_add
INSERT INTO schema_migration (version, name, compatible_from, applied_at)
VALUES ($1, $2, $3, $4);

-- name: db_sync_full
-- Each commit reaches the disk before it is acknowledged.
-- engine: sqlite
PRAGMA synchronous = FULL;
-- engine: pgsql
SET synchronous_commit TO on;

-- name: db_sync_normal
-- A commit survives the end of the process, not of the machine.
-- engine: sqlite
PRAGMA synchronous = NORMAL;
-- engine: pgsql
SET synchronous_commit TO off;

-- name: db_journal_wal
-- engine: sqlite
PRAGMA journal_mode = WAL;

-- name: db_journal_delete
-- A single file without a log beside it (a backup).
-- engine: sqlite
PRAGMA journal_mode = DELETE;

-- name: db_foreign_keys
-- engine: sqlite
PRAGMA foreign_keys = ON;

-- name: db_wal_autocheckpoint
-- Pages.  A fallback: the job runner moves the log much sooner.
-- engine: sqlite
PRAGMA wal_autocheckpoint = 10000;

-- name: db_journal_size_limit
-- Bytes that a log may keep on disk once it was moved.
-- engine: sqlite
PRAGMA journal_size_limit = 67108864;

-- name: db_temp_store
-- Sorting needs no folder for temporary files.
-- engine: sqlite
PRAGMA temp_store = MEMORY;

-- name: db_quick_check
-- engine: sqlite
PRAGMA quick_check(1);

-- name: db_integrity_check
-- As the quick one, and each index against its table.
-- engine: sqlite
PRAGMA integrity_check(1);
