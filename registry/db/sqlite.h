/*
 * What the files of the SQLite engine share; nobody else includes it.
 * Thread rule: a link belongs to one thread at a time.
 */

#ifndef CR_DB_SQLITE_H
#define CR_DB_SQLITE_H

#include "db/driver.h"

/* A writer waits this long for another one before it gives up. */
#define CR_SQLITE_WAIT_US          10000000
/* A checkpoint that wants the log for itself holds up all writers: shorter. */
#define CR_SQLITE_TRUNCATE_WAIT_US 100000

struct sqlite3;

typedef struct cr_sqlite_link_s {
    struct sqlite3 *db;
    int64_t         wait_us;   /* how long the busy handler may wait; 0: not */
    int64_t         waited_us; /* in this call of the library */
    uint64_t        random;    /* naps of equal length would meet again */
    bool            sync;      /* synchronous = FULL */
    cr_err_t        fatal;     /* see take_fatal in driver.h */
} cr_sqlite_link_t;

/*
 * Record a failure of the library.  Its text is for the log.  What spoils a
 * whole transaction is kept in link->fatal, too.
 */
cr_err_t cr_sqlite_fail(cr_ctx_t *cx, cr_sqlite_link_t *link, int rc,
                        const char *z_what);
/*
 * Nap while somebody else holds a lock; 0: waited long enough.  count: calls
 * before this one for the same lock.  The library calls it with a link.
 */
int cr_sqlite_busy(void *link, int count);
/* Let the next calls wait as the context allows. */
void cr_sqlite_may_wait(cr_ctx_t *cx, cr_sqlite_link_t *link);
/*
 * Run a PRAGMA.  Some act when they are compiled, so they are never kept; the
 * change of the journal mode does not always ask the busy handler, so it is
 * asked here.  z_expected: CONFIG unless a row says this; NULL: no matter.
 */
cr_err_t cr_sqlite_pragma(cr_ctx_t *cx, cr_sqlite_link_t *link, cr_sql_e sql,
                          const char *z_expected);

/* Slots of the driver. */
cr_err_t cr_sqlite_checkpoint(cr_ctx_t *cx, void *link, bool truncate,
                              int64_t *ret_wal_pages);
cr_err_t cr_sqlite_backup(cr_ctx_t *cx, void *arg, const char *z_path,
                          cr_db_beat_pt beat, void *beat_arg);
cr_err_t cr_sqlite_restore(cr_ctx_t *cx, cr_str_t rest, const char *z_file,
                           cr_err_t (*prepare)(cr_ctx_t *cx, cr_str_t rest,
                                               void *arg),
                           void *arg, cr_str_t *ret_replaced);

/* Copy the database of a link, in one state, into z_path: it was reserved. */
cr_err_t cr_sqlite_copy(cr_ctx_t *cx, cr_sqlite_link_t *link,
                        const char *z_path, cr_db_beat_pt beat, void *arg);
/* CORRUPT unless the check, a pragma that says "ok", finds the file sound. */
cr_err_t cr_sqlite_verify(cr_ctx_t *cx, const char *z_path, cr_sql_e check,
                          cr_db_beat_pt beat, void *arg);

/* A file in the making, sqlite_part.c. */
typedef struct cr_sqlite_part_s {
    const char *z_path;
    int         fd; /* holds the lock that says that its maker is there */
} cr_sqlite_part_t;

/*
 * An empty file TARGET.WORD-XXXXXXXX, mode 0640.  What killed programs left of
 * that target and word is removed before.
 */
cr_err_t cr_sqlite_part_make(cr_ctx_t *cx, const char *z_target,
                             const char *z_word, cr_sqlite_part_t *ret_part);
/* Remove it, unless it has another name by now, and what the library left
 * beside it.  No link to it may be open. */
void cr_sqlite_part_done(cr_ctx_t *cx, const cr_sqlite_part_t *part);

/*
 * Make the ballast unless it is there, or the disk has no room for it
 * (*ret_held false); give it up: true when it was there.  See sqlite_ballast.c.
 */
cr_err_t cr_sqlite_ballast_hold(cr_ctx_t *cx, const char *z_database,
                                bool *ret_held);
bool     cr_sqlite_ballast_drop(cr_ctx_t *cx, const char *z_database);

/*
 * The name of a file system (f_type of statfs(2)) whose locks or shared
 * memory cannot be relied on; NULL when nothing speaks against it.
 */
const char *cr_sqlite_place_refused(uint64_t f_type);
/* CONFIG when the folder of z_path is missing or on such a file system. */
cr_err_t cr_sqlite_place_check(cr_ctx_t *cx, const char *z_path);
/* Sync the folder of a file: names that were made or changed in it. */
cr_err_t cr_sqlite_place_sync_folder(cr_ctx_t *cx, const char *z_path);
/* Sync a file. */
cr_err_t cr_sqlite_place_sync_file(cr_ctx_t *cx, const char *z_path);
/*
 * Sync z_part and give it the name z_path, durably.  EXISTS when the name was
 * taken meanwhile.  No link to z_part may be open.
 */
cr_err_t cr_sqlite_place_publish(cr_ctx_t *cx, const char *z_part,
                                 const char *z_path);

#endif
