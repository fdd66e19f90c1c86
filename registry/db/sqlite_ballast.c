/*
 * The ballast of a database: a file of real blocks beside it that holds
 * nothing.  On a full disk the first write that fails gives it up and is
 * tried again, so deletions, and the jobs that give space back, still have
 * room to be recorded.  The job runner makes it again when there is space.
 *
 * No lock: of two that give it up one removes the file, and tries again.
 * Calls no SQLite.  Any thread, any process.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "db/sqlite.h"

/* Hundreds of deletions; smaller on a small disk. */
#define CR_SQLITE_BALLAST_MAX   ((uint64_t) 16 * 1024 * 1024)
#define CR_SQLITE_BALLAST_SHARE 64
/* It is made when so many times its size is free. */
#define CR_SQLITE_BALLAST_ROOM  4

static cr_err_t cr_sqlite_ballast_make(cr_ctx_t *cx, const char *z_path,
                                       uint64_t size);


static cr_err_t
cr_sqlite_ballast_path(cr_ctx_t *cx, const char *z_database, cr_str_t *ret_path)
{
    *ret_path = cr_printf(cx, "%s.ballast", z_database);

    return ret_path->data == NULL ? CR_ERR_NO_MEMORY : CR_OK;
}


bool
cr_sqlite_ballast_drop(cr_ctx_t *cx, const char *z_database)
{
    cr_str_t path;

    return cr_sqlite_ballast_path(cx, z_database, &path) == CR_OK
           && unlink(path.data) == 0;
}


cr_err_t
cr_sqlite_ballast_hold(cr_ctx_t *cx, const char *z_database, bool *ret_held)
{
    cr_str_t       path;
    uint64_t       size;
    struct stat    st;
    struct statvfs vfs;

    *ret_held = false;
    CR_TRY(cr_sqlite_ballast_path(cx, z_database, &path));

    if (statvfs(z_database, &vfs) != 0) {
        return cr_fail_errno(cx, errno, "sqlite: statvfs of \"%s\"",
                             z_database);
    }

    size = (uint64_t) vfs.f_blocks * vfs.f_frsize / CR_SQLITE_BALLAST_SHARE;
    size = size < CR_SQLITE_BALLAST_MAX ? size : CR_SQLITE_BALLAST_MAX;

    /* One that is shorter was cut off while it was made. */
    if (lstat(path.data, &st) == 0) {
        if (S_ISREG(st.st_mode) && (uint64_t) st.st_size >= size) {
            *ret_held = true;
            return CR_OK;
        }
        (void) unlink(path.data);
    }

    if (size == 0
        || (uint64_t) vfs.f_bavail * vfs.f_frsize
               < size * CR_SQLITE_BALLAST_ROOM)
    {
        return CR_OK;
    }

    CR_TRY(cr_sqlite_ballast_make(cx, path.data, size));
    *ret_held = true;

    return CR_OK;
}


/* Not by the length alone: blocks that do not exist hold no place. */
static cr_err_t
cr_sqlite_ballast_make(cr_ctx_t *cx, const char *z_path, uint64_t size)
{
    int fd, errnum;

    fd = open(z_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
              0640);

    if (fd == -1) {
        return cr_fail_errno(cx, errno, "sqlite: cannot create \"%s\"", z_path);
    }

    errnum = posix_fallocate(fd, 0, (off_t) size);
    (void) close(fd);

    if (errnum != 0) {
        (void) unlink(z_path);
        return cr_fail_errno(cx, errnum, "sqlite: no space for \"%s\"", z_path);
    }

    return CR_OK;
}
