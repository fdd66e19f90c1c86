/*
 * The SQL engine behind a few functions (DESIGN section 2, section 3 rules
 * 9 and 10, section 6 "Metadata").  Statements are named blocks of
 * sql/query/, embedded at build (sql_gen.h: enum cr_sql_e); no SQL text in
 * C.  meta/ is the only caller besides migrations and tools.
 *
 * A cr_db_t may be used by any thread; each thread gets a connection of its
 * own at its first call (open after fork only).  A cr_conn_t and the
 * statements on it belong to the thread that got it; the one that an operation
 * of cr_db_write gets is only lent to it.
 */

#ifndef CR_DB_DB_H
#define CR_DB_DB_H

#include "core/ctx.h"
#include "db/gate.h"
#include "sql_gen.h"

typedef struct cr_db_s   cr_db_t;
typedef struct cr_conn_s cr_conn_t;
typedef struct cr_stmt_s cr_stmt_t;

/* Flags of cr_db_open. */
#define CR_DB_CREATE     0x01u /* create the file when missing */
#define CR_DB_ANY_SCHEMA 0x02u /* no schema check (migrate, status) */

/*
 * url: "sqlite:/path/registry.db".  Opens one connection to check: DB_MISSING
 * (no file), DB_SCHEMA (another version, see cr_db_schema), CONFIG (unknown
 * scheme, network file system: detail says which), DB.  Heap object.
 */
cr_err_t cr_db_open(cr_ctx_t *cx, cr_str_t url, unsigned flags,
                    cr_db_t **ret_db);
/*
 * Line up with other processes before a write (db/gate.h); before the first
 * one, and the memory outlives db.  NULL: do not.
 */
void cr_db_line_up(cr_db_t *db, cr_db_gate_t *gate);
/* Closes the connections of all threads; no call may be under way. */
void cr_db_close(cr_db_t *db);
/* May a bounded point read be done on an event loop (SQLite: yes)? */
bool cr_db_reads_inline(const cr_db_t *db);

/* A value to bind.  Text and blobs must live until the call returns. */
typedef struct cr_val_s {
    enum {
        CR_VAL_NULL,
        CR_VAL_INT,
        CR_VAL_TEXT,
        CR_VAL_BLOB
    } type;
    int64_t  n;
    cr_str_t s;
} cr_val_t;

#define CR_V_NULL    ((cr_val_t){ CR_VAL_NULL, 0, { 0, NULL } })
#define CR_V_INT(x)  ((cr_val_t){ CR_VAL_INT, (int64_t) (x), { 0, NULL } })
#define CR_V_TEXT(x) ((cr_val_t){ CR_VAL_TEXT, 0, (x) })
#define CR_V_BLOB(x) ((cr_val_t){ CR_VAL_BLOB, 0, (x) })
/* NULL when the text is empty. */
#define CR_V_OPT(x)                                                            \
    ((cr_val_t){ (x).len == 0 ? CR_VAL_NULL : CR_VAL_TEXT, 0, (x) })

/* The connection of this thread; inside of an operation of cr_db_write that
 * of the transaction. */
cr_err_t cr_db_conn(cr_ctx_t *cx, cr_db_t *db, cr_conn_t **ret_c);

/*
 * Start a named statement with n values bound in order ($1..$n).  Step with
 * cr_stmt_next until *ret_row is false or call cr_stmt_done: a statement
 * left open holds a snapshot.  CR_ERR_BUSY, CR_ERR_EXISTS (unique
 * constraint), CR_ERR_DB.
 */
cr_err_t cr_db_query(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql,
                     const cr_val_t *vals, size_t n, cr_stmt_t **ret_st);
cr_err_t cr_stmt_next(cr_ctx_t *cx, cr_stmt_t *st, bool *ret_row);
void     cr_stmt_done(cr_stmt_t *st); /* takes NULL; twice is harmless */
/* Columns of the current row from 0.  Text is copied into cx's arena;
 * NULL gives CR_STR_NULL, 0. */
int64_t  cr_stmt_int(cr_stmt_t *st, int col);
cr_str_t cr_stmt_text(cr_ctx_t *cx, cr_stmt_t *st, int col);
cr_str_t cr_stmt_blob(cr_ctx_t *cx, cr_stmt_t *st, int col);
bool     cr_stmt_is_null(cr_stmt_t *st, int col);

/* Run a statement that returns no row (or whose rows do not matter). */
cr_err_t cr_db_run(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql,
                   const cr_val_t *vals, size_t n);
/* The same; *ret_n: how many rows it changed. */
cr_err_t cr_db_run_count(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql,
                         const cr_val_t *vals, size_t n, int64_t *ret_n);
/* First column of the first row as integer; *ret_found false: no row. */
cr_err_t cr_db_get_int(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql,
                       const cr_val_t *vals, size_t n, bool *ret_found,
                       int64_t *ret_v);

/*
 * A write transaction.  Callers queue; the first leads: one BEGIN IMMEDIATE,
 * a savepoint per caller, one COMMIT, so that many share one sync (DESIGN
 * section 6).  fn may run on another thread than the caller's while the
 * caller waits; it uses only cx, c and arg, does no I/O of its own, and may be
 * run a second time when the disk was full (what it did is undone by then).  An
 * error of fn rolls back its savepoint only and is returned to its caller.
 * After a failure cx->unsure tells whether it was that of the commit: another
 * write that succeeds then sees what counts, and makes it count.
 * Returns after the commit.  CR_DB_SYNC: durable against power loss then;
 * CR_DB_NOSYNC: against kill -9 only; CR_DB_SPARE: the same, and on a full
 * disk the ballast is not given up for it (NO_SPACE).  With cx->may_block false
 * returns CR_ERR_AGAIN at once.
 */
typedef enum {
    CR_DB_NOSYNC = 0,
    CR_DB_SYNC = 1,
    CR_DB_SPARE = 2
} cr_db_sync_e;
typedef cr_err_t (*cr_db_write_pt)(cr_ctx_t *cx, cr_conn_t *c, void *arg);
cr_err_t cr_db_write(cr_ctx_t *cx, cr_db_t *db, cr_db_sync_e sync,
                     cr_db_write_pt fn, void *arg);
/* A read transaction: all statements of fn see one snapshot. */
cr_err_t cr_db_read(cr_ctx_t *cx, cr_db_t *db, cr_db_write_pt fn, void *arg);

/* A number that changes when another thread or process has committed, and may
 * change when this thread has (~1 us). */
cr_err_t cr_db_data_version(cr_ctx_t *cx, cr_db_t *db, int64_t *ret_v);
/* Bytes of the database: what a backup of it takes. */
cr_err_t cr_db_size(cr_ctx_t *cx, cr_db_t *db, uint64_t *ret_size);
/* Move the write-ahead log into the database; truncate the log when full. */
cr_err_t cr_db_checkpoint(cr_ctx_t *cx, cr_db_t *db, bool truncate,
                          int64_t *ret_wal_pages);
/*
 * Keep a reserve of disk space for the database.  A write that finds the disk
 * full gives it up and is run once more, so that deletions still work; this
 * makes it again.  *ret_held false: there is no room for it now.
 */
cr_err_t cr_db_ballast(cr_ctx_t *cx, cr_db_t *db, bool *ret_held);
/* SELECT 1 on this thread's connection, for /readyz. */
cr_err_t cr_db_ping(cr_ctx_t *cx, cr_db_t *db);

/* Write operations so far, and the transactions they shared (metrics). */
void cr_db_counts(cr_db_t *db, uint64_t *ret_writes, uint64_t *ret_commits);

/*
 * Schema.  version: highest applied (0: empty); compatible_from: the oldest
 * program schema that may run on it; program: what this build has.
 */
typedef struct cr_db_schema_s {
    int64_t version;
    int64_t compatible_from;
    int64_t program;
} cr_db_schema_t;

cr_err_t cr_db_schema(cr_ctx_t *cx, cr_db_t *db, cr_db_schema_t *ret_s);
/*
 * Apply the missing migrations, each in its transaction.  Idempotent; safe
 * to run twice at once.  *ret_applied counts.  DB_SCHEMA when the database
 * is newer than this program understands.
 */
cr_err_t cr_db_migrate(cr_ctx_t *cx, cr_db_t *db, int *ret_applied);

/* Called now and then by what takes long, between steps that may be repeated:
 * it may use the database.  An error ends the work and is returned. */
typedef cr_err_t (*cr_db_beat_pt)(cr_ctx_t *cx, void *arg);

/* Online copy of a consistent state into a new file (CR_ERR_EXISTS: refuses to
 * overwrite), verified by opening it. */
cr_err_t cr_db_backup(cr_ctx_t *cx, cr_db_t *db, const char *z_path);
/* The same with a beat; NULL: none. */
cr_err_t cr_db_backup_beat(cr_ctx_t *cx, cr_db_t *db, const char *z_path,
                           cr_db_beat_pt beat, void *arg);
/* Where a backup beside the database goes (a path without suffix); NULL when
 * the engine takes none. */
const char *cr_db_backup_base(const cr_db_t *db);

/*
 * Put a copy of the backup z_file in the place of the database at url, which
 * nobody may have open (CONFLICT) and which may be missing or damaged.  The
 * copy is checked (CORRUPT), given to prepare, and only then takes the name,
 * at once: a failure at any point before leaves everything as it was.
 * *ret_replaced: the path that the former database has now; empty: there was
 * none.
 */
typedef cr_err_t (*cr_db_prepare_pt)(cr_ctx_t *cx, cr_db_t *copy, void *arg);
cr_err_t cr_db_restore(cr_ctx_t *cx, cr_str_t url, const char *z_file,
                       cr_db_prepare_pt prepare, void *arg,
                       cr_str_t *ret_replaced);

#endif
