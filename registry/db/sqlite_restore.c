/*
 * Restore of the SQLite engine: a copy of a backup takes the place of a
 * database.
 *
 * Nobody may have the database open.  Whoever has it in WAL mode holds a
 * shared lock on the bytes that the library locks in the database file, for
 * as long as it is open; so a lock on all of them, taken by hand, says that
 * nobody is there and keeps everybody out, and works on a file that is too
 * damaged to be opened.  It is a lock of the open file and not of the
 * process: the library's own would be lost with any descriptor closed here.
 *
 * A write-ahead log is applied to whatever database stands beside it: that of
 * the former database must be gone before the copy has the name.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sqlite3.h>
#include "core/encode.h"
#include "db/sqlite.h"

/* The bytes that the library locks: PENDING_BYTE and what follows. */
#define CR_SQLITE_LOCK_START   0x40000000
#define CR_SQLITE_LOCK_LEN     512
/* Restores within one second. */
#define CR_SQLITE_REPLACED_MAX 99

typedef struct cr_sqlite_restore_s {
    const char      *z_path; /* the database */
    cr_sqlite_part_t part;   /* the copy, until it has that name */
    int              fd;     /* of the former database; -1: there is none */
} cr_sqlite_restore_t;


/* "/path-wal" and the like. */
static cr_err_t
cr_sqlite_beside(cr_ctx_t *cx, const char *z_path, const char *z_suffix,
                 const char **ret_path)
{
    cr_str_t path;

    path = cr_printf(cx, "%s%s", z_path, z_suffix);
    *ret_path = path.data;

    return path.data == NULL ? CR_ERR_NO_MEMORY : CR_OK;
}


/* --- is anybody there? --- */

/* Lock the former database for good, or say who has it. */
static cr_err_t
cr_sqlite_restore_lock(cr_ctx_t *cx, cr_sqlite_restore_t *r)
{
    struct flock lock, holder;

    r->fd = open(r->z_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    if (r->fd == -1) {
        return errno == ENOENT
                   ? CR_OK
                   : cr_fail_errno(cx, errno, "cannot open \"%s\"", r->z_path);
    }

    memset(&lock, 0, sizeof(lock));
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = CR_SQLITE_LOCK_START;
    lock.l_len = CR_SQLITE_LOCK_LEN;
    holder = lock;

    if (fcntl(r->fd, F_OFD_SETLK, &lock) == 0) {
        return CR_OK;
    }

    if (errno != EAGAIN && errno != EACCES) {
        return cr_fail_errno(cx, errno, "cannot lock \"%s\"", r->z_path);
    }

    if (fcntl(r->fd, F_OFD_GETLK, &holder) != 0 || holder.l_type == F_UNLCK
        || holder.l_pid <= 0)
    {
        return cr_fail(cx, CR_ERR_CONFLICT,
                       "the database is in use: stop nginx and the job "
                       "runner first");
    }

    return cr_fail(cx, CR_ERR_CONFLICT,
                   "the database is in use, by process %ld: stop nginx and "
                   "the job runner first",
                   (long) holder.l_pid);
}


static void
cr_sqlite_restore_unlock(cr_sqlite_restore_t *r)
{
    if (r->fd != -1) {
        (void) close(r->fd);
        r->fd = -1;
    }
}


/*
 * Who was killed has left a log beside the former database.  The last to
 * close the database puts it in, if it can be read at all.
 */
static void
cr_sqlite_restore_settle(const char *z_path)
{
    sqlite3 *db = NULL;

    if (sqlite3_open_v2(z_path, &db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL)
        == SQLITE_OK)
    {
        (void) sqlite3_exec(db, cr_sql_texts[CR_SQL_DB_PING].sqlite, NULL, NULL,
                            NULL);
    }

    (void) sqlite3_close(db);
}


/* --- the copy --- */

static cr_err_t
cr_sqlite_restore_copy(cr_ctx_t *cx, const char *z_file, const char *z_part)
{
    int              rc;
    cr_err_t         err;
    cr_sqlite_link_t link;

    memset(&link, 0, sizeof(link));
    cr_sqlite_may_wait(cx, &link);

    if (access(z_file, R_OK) != 0) {
        return cr_fail(cx, errno == ENOENT ? CR_ERR_NOT_FOUND : CR_ERR_CONFIG,
                       "cannot read \"%s\": %s", z_file, strerror(errno));
    }

    rc = sqlite3_open_v2(z_file, &link.db,
                         SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX
                             | SQLITE_OPEN_EXRESCODE,
                         NULL);
    err = rc == SQLITE_OK ? cr_sqlite_copy(cx, &link, z_part, NULL, NULL)
                          : cr_sqlite_fail(cx, &link, rc, z_file);

    (void) sqlite3_close(link.db);

    if (err == CR_OK) {
        err =
            cr_sqlite_verify(cx, z_part, CR_SQL_DB_INTEGRITY_CHECK, NULL, NULL);
    }

    if (err == CR_ERR_CORRUPT) {
        return cr_fail(cx, err, "\"%s\" is damaged, or no backup", z_file);
    }

    return err;
}


/* What prepare has written must be in the file itself. */
static cr_err_t
cr_sqlite_restore_whole(cr_ctx_t *cx, const char *z_part)
{
    const char *z_wal;

    CR_TRY(cr_sqlite_beside(cx, z_part, "-wal", &z_wal));

    if (access(z_wal, F_OK) == 0) {
        return cr_fail_detail(cx, CR_ERR_DB, "\"%s\" was not taken in", z_wal);
    }

    return cr_sqlite_place_sync_file(cx, z_part);
}


/* --- the change --- */

/* A second name for the former database. */
static cr_err_t
cr_sqlite_restore_keep(cr_ctx_t *cx, const cr_sqlite_restore_t *r,
                       cr_str_t *ret_replaced)
{
    int      i;
    cr_str_t path, stamp;

    stamp = cr_time_stamp(cx, cr_now(cx));

    for (i = 1; i <= CR_SQLITE_REPLACED_MAX; i++) {
        path = i == 1 ? cr_printf(cx, "%s.replaced-%.*s", r->z_path,
                                  CR_STR_ARG(stamp))
                      : cr_printf(cx, "%s.replaced-%.*s.%d", r->z_path,
                                  CR_STR_ARG(stamp), i);

        if (path.data == NULL || stamp.data == NULL) {
            return CR_ERR_NO_MEMORY;
        }

        if (link(r->z_path, path.data) == 0) {
            *ret_replaced = path;
            return CR_OK;
        }

        if (errno != EEXIST) {
            break;
        }
    }

    return cr_fail_errno(cx, errno, "cannot keep \"%s\" as \"%s\"", r->z_path,
                         path.data);
}


/* The log goes where the former database is: they belong together.  One
 * without a database is good for nothing: it goes with the copy's own. */
static cr_err_t
cr_sqlite_restore_take_log(cr_ctx_t *cx, const cr_sqlite_restore_t *r,
                           const char *z_replaced)
{
    const char *z_from, *z_to;

    CR_TRY(cr_sqlite_beside(cx, r->z_path, "-wal", &z_from));
    CR_TRY(cr_sqlite_beside(cx, z_replaced, "-wal", &z_to));

    if (rename(z_from, z_to) != 0 && errno != ENOENT) {
        return cr_fail_errno(cx, errno, "cannot rename \"%s\"", z_from);
    }

    CR_TRY(cr_sqlite_beside(cx, r->z_path, "-shm", &z_from));

    if (unlink(z_from) != 0 && errno != ENOENT) {
        return cr_fail_errno(cx, errno, "cannot remove \"%s\"", z_from);
    }

    return CR_OK;
}


static cr_err_t
cr_sqlite_restore_swap(cr_ctx_t *cx, cr_sqlite_restore_t *r,
                       cr_str_t *ret_replaced)
{
    cr_str_t replaced = CR_STR_NULL;

    if (r->fd != -1) {
        CR_TRY(cr_sqlite_restore_keep(cx, r, &replaced));
    }

    CR_TRY(cr_sqlite_restore_take_log(cx, r,
                                      replaced.len == 0 ? r->part.z_path
                                                        : replaced.data));
    CR_TRY(cr_sqlite_place_sync_folder(cx, r->z_path));

    if (rename(r->part.z_path, r->z_path) != 0) {
        return cr_fail_errno(cx, errno, "cannot rename \"%s\" to \"%s\"",
                             r->part.z_path, r->z_path);
    }

    *ret_replaced = replaced;

    return cr_sqlite_place_sync_folder(cx, r->z_path);
}


static cr_err_t
cr_sqlite_restore_run(cr_ctx_t *cx, cr_sqlite_restore_t *r, const char *z_file,
                      cr_err_t (*prepare)(cr_ctx_t *cx, cr_str_t rest,
                                          void *arg),
                      void *arg, cr_str_t *ret_replaced)
{
    CR_TRY(cr_sqlite_restore_copy(cx, z_file, r->part.z_path));
    CR_TRY(prepare(cx, cr_str_z(r->part.z_path), arg));
    CR_TRY(cr_sqlite_restore_whole(cx, r->part.z_path));

    return cr_sqlite_restore_swap(cx, r, ret_replaced);
}


cr_err_t
cr_sqlite_restore(cr_ctx_t *cx, cr_str_t rest, const char *z_file,
                  cr_err_t (*prepare)(cr_ctx_t *cx, cr_str_t rest, void *arg),
                  void *arg, cr_str_t *ret_replaced)
{
    cr_err_t            err;
    cr_str_t            path;
    cr_sqlite_restore_t r;

    if (rest.len == 0 || rest.len >= PATH_MAX
        || memchr(rest.data, '\0', rest.len) != NULL)
    {
        return cr_fail_detail(cx, CR_ERR_CONFIG,
                              "sqlite: no usable path in the URL");
    }

    path = cr_printf(cx, "%s%.*s", rest.data[0] == '/' ? "" : "./",
                     CR_STR_ARG(rest));

    if (path.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    CR_TRY(cr_sqlite_place_check(cx, path.data));

    r = (cr_sqlite_restore_t){ path.data, { NULL, -1 }, -1 };

    /* In use?  Then not even the log is touched. */
    err = cr_sqlite_restore_lock(cx, &r);

    if (err == CR_OK && r.fd != -1) {
        cr_sqlite_restore_unlock(&r);
        cr_sqlite_restore_settle(r.z_path);
        err = cr_sqlite_restore_lock(cx, &r);
    }

    if (err == CR_OK) {
        err = cr_sqlite_part_make(cx, r.z_path, "restore", &r.part);
    }

    if (err == CR_OK) {
        err = cr_sqlite_restore_run(cx, &r, z_file, prepare, arg, ret_replaced);
        cr_sqlite_part_done(cx, &r.part);
    }

    cr_sqlite_restore_unlock(&r);

    return err;
}
