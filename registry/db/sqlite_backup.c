/*
 * Checkpoint and backup of the SQLite engine.  A link belongs to one thread
 * at a time.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include <sqlite3.h>
#include "db/sqlite.h"

static cr_err_t cr_sqlite_backup_into(cr_ctx_t *cx, cr_sqlite_link_t *link,
                                      const char *z_path);
static void     cr_sqlite_backup_remove(cr_ctx_t *cx, cr_str_t part);
static cr_err_t cr_sqlite_backup_verify(cr_ctx_t *cx, const char *z_path);


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
cr_sqlite_backup(cr_ctx_t *cx, void *arg, const char *z_path)
{
    uint32_t          unique;
    cr_err_t          err;
    cr_str_t          part;
    cr_sqlite_link_t *link = arg;

    cr_sqlite_may_wait(cx, link);

    if (cx->sys->random(&unique, sizeof(unique)) != 0) {
        return cr_fail_errno(cx, errno, "backup: no random number");
    }

    part = cr_printf(cx, "%s.part-%08" PRIx32, z_path, unique);

    if (part.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    CR_TRY(cr_sqlite_place_reserve(cx, z_path, part.data));

    err = cr_sqlite_backup_into(cx, link, part.data);

    if (err == CR_OK) {
        err = cr_sqlite_backup_verify(cx, part.data);
    }

    if (err == CR_OK) {
        err = cr_sqlite_place_publish(cx, part.data, z_path);
    }

    if (err != CR_OK) {
        cr_sqlite_backup_remove(cx, part);
    }

    return err;
}


/* A copy that failed, and what the library left beside it. */
static void
cr_sqlite_backup_remove(cr_ctx_t *cx, cr_str_t part)
{
    size_t                   i;
    cr_str_t                 path;
    static const char *const suffixes[] = { "", "-journal", "-wal", "-shm" };

    for (i = 0; i < CR_NELTS(suffixes); i++) {
        path =
            cr_arena_printf(cx->arena, "%.*s%s", CR_STR_ARG(part), suffixes[i]);

        if (path.data != NULL) {
            (void) unlink(path.data);
        }
    }
}


/* One step copies all pages of one snapshot; writers go on meanwhile. */
static cr_err_t
cr_sqlite_backup_into(cr_ctx_t *cx, cr_sqlite_link_t *link, const char *z_path)
{
    int              rc;
    cr_err_t         err;
    sqlite3_backup  *backup;
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

    backup = sqlite3_backup_init(to.db, "main", link->db, "main");

    if (backup == NULL) {
        err =
            cr_sqlite_fail(cx, &to, sqlite3_extended_errcode(to.db), "backup");
        goto out;
    }

    do {
        rc = sqlite3_backup_step(backup, -1);
    } while (((rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED)
             && cr_sqlite_busy(link, 1));

    (void) sqlite3_backup_finish(backup);

    if (rc != SQLITE_DONE) {
        err = cr_sqlite_fail(cx, &to, rc, "backup");
        goto out;
    }

    /* The copy says "write-ahead log" as its source does. */
    err = cr_sqlite_pragma(cx, &to, CR_SQL_DB_JOURNAL_DELETE, "delete");

out:
    (void) sqlite3_close(to.db);

    return err;
}


static cr_err_t
cr_sqlite_backup_verify(cr_ctx_t *cx, const char *z_path)
{
    int              rc;
    cr_err_t         err;
    cr_sqlite_link_t link;

    memset(&link, 0, sizeof(link));

    rc = sqlite3_open_v2(z_path, &link.db,
                         SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX
                             | SQLITE_OPEN_EXRESCODE,
                         NULL);

    if (rc != SQLITE_OK) {
        err = cr_sqlite_fail(cx, &link, rc, z_path);

    } else {
        err = cr_sqlite_pragma(cx, &link, CR_SQL_DB_QUICK_CHECK, "ok");

        if (err == CR_ERR_CONFIG) {
            err = cr_fail_detail(cx, CR_ERR_CORRUPT,
                                 "sqlite: the copy \"%s\" is damaged, and so "
                                 "may be the database",
                                 z_path);
        }
    }

    (void) sqlite3_close(link.db);

    return err;
}
