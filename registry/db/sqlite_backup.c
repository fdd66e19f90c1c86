/*
 * Checkpoint and backup of the SQLite engine; the copy and the check are also
 * those of a restore (sqlite_restore.c).  A link belongs to one thread at a
 * time.
 */

#include <string.h>
#include <sys/stat.h>
#include <sqlite3.h>
#include "db/sqlite.h"

/* Pages between two beats: 8 MiB of pages of 4 KiB. */
#define CR_SQLITE_COPY_PAGES  2048
/* Steps of the library's machine between two beats: some milliseconds. */
#define CR_SQLITE_WATCH_STEPS 100000

static cr_err_t cr_sqlite_copy_pages(cr_ctx_t *cx, cr_sqlite_link_t *link,
                                     cr_sqlite_link_t *to, cr_db_beat_pt beat,
                                     void *arg);


cr_err_t
cr_sqlite_checkpoint(cr_ctx_t *cx, void *arg, bool truncate,
                     int64_t *ret_wal_pages)
{
    int               rc, log, moved;
    cr_sqlite_link_t *link = arg;

    link->wait_us = truncate ? CR_SQLITE_TRUNCATE_WAIT_US : 0;

    rc = sqlite3_wal_checkpoint_v2(link->db, NULL,
                                   truncate ? SQLITE_CHECKPOINT_TRUNCATE
                                            : SQLITE_CHECKPOINT_PASSIVE,
                                   &log, &moved);

    /* Busy: somebody still reads or writes; the next call goes on. */
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY) {
        return cr_sqlite_fail(cx, link, rc, "checkpoint");
    }

    *ret_wal_pages = (log < 0) ? 0 : log;

    return CR_OK;
}


/*
 * Copied into a file with another name, checked, and only then given its
 * name: what has the name is a whole backup, whatever happens meanwhile.
 */
cr_err_t
cr_sqlite_backup(cr_ctx_t *cx, void *arg, const char *z_path,
                 cr_db_beat_pt beat, void *beat_arg)
{
    cr_err_t          err;
    struct stat       st;
    cr_sqlite_link_t *link = arg;
    cr_sqlite_part_t  part;

    cr_sqlite_may_wait(cx, link);

    if (lstat(z_path, &st) == 0) {
        return cr_fail_detail(cx, CR_ERR_EXISTS, "\"%s\" exists already",
                              z_path);
    }

    CR_TRY(cr_sqlite_part_make(cx, z_path, "part", &part));

    err = cr_sqlite_copy(cx, link, part.z_path, beat, beat_arg);

    if (err == CR_OK) {
        err = cr_sqlite_verify(cx, part.z_path, CR_SQL_DB_QUICK_CHECK, beat,
                               beat_arg);
    }

    if (err == CR_OK) {
        err = cr_sqlite_place_publish(cx, part.z_path, z_path);
    }

    cr_sqlite_part_done(cx, &part);

    return err;
}


/* --- the copy --- */

/*
 * The source is held in one read transaction, so that the pages of all steps
 * are of one state: without it a step would begin again whenever somebody
 * has written.  Writers go on meanwhile.
 */
cr_err_t
cr_sqlite_copy(cr_ctx_t *cx, cr_sqlite_link_t *link, const char *z_path,
               cr_db_beat_pt beat, void *arg)
{
    int              rc;
    cr_err_t         err;
    cr_sqlite_link_t to;

    memset(&to, 0, sizeof(to));

    rc = sqlite3_open_v2(z_path, &to.db,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX
                             | SQLITE_OPEN_EXRESCODE,
                         NULL);

    if (rc != SQLITE_OK) {
        err = cr_sqlite_fail(cx, &to, rc, z_path);
        goto out;
    }

    err = cr_sqlite_pragma(cx, link, CR_SQL_DB_BEGIN_READ, NULL);

    if (err == CR_OK) {
        err = cr_sqlite_pragma(cx, link, CR_SQL_DB_PING, NULL);
    }

    if (err == CR_OK) {
        err = cr_sqlite_copy_pages(cx, link, &to, beat, arg);
    }

    if (sqlite3_get_autocommit(link->db) == 0) {
        (void) sqlite3_exec(link->db, cr_sql_texts[CR_SQL_DB_ROLLBACK].sqlite,
                            NULL, NULL, NULL);
    }

    /* The copy says "write-ahead log" as its source does. */
    if (err == CR_OK) {
        err = cr_sqlite_pragma(cx, &to, CR_SQL_DB_JOURNAL_DELETE, "delete");
    }

out:
    (void) sqlite3_close(to.db);

    return err;
}


static cr_err_t
cr_sqlite_copy_pages(cr_ctx_t *cx, cr_sqlite_link_t *link, cr_sqlite_link_t *to,
                     cr_db_beat_pt beat, void *arg)
{
    int             rc;
    cr_err_t        err;
    sqlite3_backup *backup;

    backup = sqlite3_backup_init(to->db, "main", link->db, "main");

    if (backup == NULL) {
        return cr_sqlite_fail(cx, to, sqlite3_extended_errcode(to->db),
                              "backup");
    }

    err = CR_OK;

    do {
        rc = sqlite3_backup_step(backup, CR_SQLITE_COPY_PAGES);

        if (rc == SQLITE_OK && beat != NULL) {
            err = beat(cx, arg);
        }
    } while (
        err == CR_OK
        && (rc == SQLITE_OK
            || (((rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED)
                && cr_sqlite_busy(link, 1))));

    (void) sqlite3_backup_finish(backup);

    if (err != CR_OK || rc == SQLITE_DONE) {
        return err;
    }

    return cr_sqlite_fail(cx, to, rc, "backup");
}


/* --- the check --- */

typedef struct cr_sqlite_watch_s {
    cr_ctx_t     *cx;
    cr_db_beat_pt beat;
    void         *arg;
    cr_err_t      err;
} cr_sqlite_watch_t;


/* Called by the library; not 0 interrupts it. */
static int
cr_sqlite_watch(void *arg)
{
    cr_sqlite_watch_t *w = arg;

    if (w->err == CR_OK) {
        w->err = w->beat(w->cx, w->arg);
    }

    return w->err != CR_OK;
}


cr_err_t
cr_sqlite_verify(cr_ctx_t *cx, const char *z_path, cr_sql_e check,
                 cr_db_beat_pt beat, void *arg)
{
    int               rc;
    cr_err_t          err;
    cr_sqlite_link_t  link;
    cr_sqlite_watch_t watch;

    memset(&link, 0, sizeof(link));
    watch = (cr_sqlite_watch_t){ cx, beat, arg, CR_OK };

    rc = sqlite3_open_v2(z_path, &link.db,
                         SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX
                             | SQLITE_OPEN_EXRESCODE,
                         NULL);

    if (rc != SQLITE_OK) {
        err = cr_sqlite_fail(cx, &link, rc, z_path);
        goto out;
    }

    if (beat != NULL) {
        sqlite3_progress_handler(link.db, CR_SQLITE_WATCH_STEPS,
                                 cr_sqlite_watch, &watch);
    }

    err = cr_sqlite_pragma(cx, &link, check, "ok");

    if (watch.err != CR_OK) {
        err = watch.err;

    } else if (err == CR_ERR_CONFIG) {
        err = cr_fail_detail(cx, CR_ERR_CORRUPT,
                             "sqlite: the copy \"%s\" is damaged, and so "
                             "may be the database",
                             z_path);
    }

out:
    (void) sqlite3_close(link.db);

    return err;
}
