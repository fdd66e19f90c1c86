/*
 * A file in the making: a copy of a database that has another name until it
 * is whole, TARGET.WORD-XXXXXXXX.  Its maker holds a lock on it, so that what
 * a killed program left is known for sure, and removed by the next that makes
 * one of that name.
 *
 * The lock is one of the open file and not of the process, on a byte that the
 * library does not lock.  Nobody may close another descriptor of the file
 * while the library has it open, so it is closed last.  Calls no SQLite.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "db/sqlite.h"

/* Behind the bytes of the library, 0x40000000 to 0x400001ff. */
#define CR_SQLITE_PART_LOCK   0x40000400
#define CR_SQLITE_PART_DIGITS 8

static const char *const cr_sqlite_part_suffixes[] = { "-journal", "-wal",
                                                       "-shm", "" };


static bool
cr_sqlite_part_lock(int fd)
{
    struct flock lock;

    memset(&lock, 0, sizeof(lock));
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = CR_SQLITE_PART_LOCK;
    lock.l_len = 1;

    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}


/* The file itself last: as long as it is there, the others are found by it. */
static void
cr_sqlite_part_unlink(cr_ctx_t *cx, const char *z_path)
{
    size_t   i;
    cr_str_t path;

    for (i = 0; i < CR_NELTS(cr_sqlite_part_suffixes); i++) {
        path = cr_arena_printf(cx->arena, "%s%s", z_path,
                               cr_sqlite_part_suffixes[i]);

        if (path.data != NULL) {
            (void) unlink(path.data);
        }
    }
}


/* --- what was left --- */

/* Is this PREFIX and the digits, with a suffix of the library or not?
 * *ret_len: how long it is without. */
static bool
cr_sqlite_part_name(const char *z_name, cr_str_t prefix, size_t *ret_len)
{
    size_t i, len = prefix.len + CR_SQLITE_PART_DIGITS;

    if (strncmp(z_name, prefix.data, prefix.len) != 0
        || strspn(z_name + prefix.len, "0123456789abcdef")
               != CR_SQLITE_PART_DIGITS)
    {
        return false;
    }

    for (i = 0; i < CR_NELTS(cr_sqlite_part_suffixes); i++) {
        if (strcmp(z_name + len, cr_sqlite_part_suffixes[i]) == 0) {
            *ret_len = len;
            return true;
        }
    }

    return false;
}


/* Removed, unless its maker is there. */
static void
cr_sqlite_part_take(cr_ctx_t *cx, const char *z_path)
{
    int         fd;
    struct stat st;

    fd = open(z_path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd == -1) {
        if (errno == ENOENT) {
            cr_sqlite_part_unlink(cx, z_path);
        }
        return;
    }

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && cr_sqlite_part_lock(fd)) {
        cr_debug(cx, "sqlite: \"%s\" was left, and is removed", z_path);
        cr_sqlite_part_unlink(cx, z_path);
    }

    (void) close(fd);
}


/* What cannot be removed now is no reason not to go on. */
static void
cr_sqlite_part_sweep(cr_ctx_t *cx, cr_str_t target, const char *z_word)
{
    DIR           *dir;
    size_t         len;
    cr_str_t       folder, prefix, path;
    ptrdiff_t      slash = cr_str_rchr(target, '/');
    struct dirent *entry;

    folder =
        slash < 0 ? CR_STR("./") : cr_str_slice(target, 0, (size_t) slash + 1);
    prefix = cr_printf(cx, "%.*s.%s-",
                       CR_STR_ARG(cr_str_slice(target, (size_t) (slash + 1),
                                               target.len)),
                       z_word);
    path = cr_printf(cx, "%.*s", CR_STR_ARG(folder));
    dir = path.data == NULL || prefix.data == NULL ? NULL : opendir(path.data);

    if (dir == NULL) {
        return;
    }

    while ((entry = readdir(dir)) != NULL) {
        if (!cr_sqlite_part_name(entry->d_name, prefix, &len)) {
            continue;
        }

        path = cr_printf(cx, "%.*s%.*s", CR_STR_ARG(folder), (int) len,
                         entry->d_name);

        if (path.data != NULL) {
            cr_sqlite_part_take(cx, path.data);
        }
    }

    (void) closedir(dir);
}


/* --- making one --- */

cr_err_t
cr_sqlite_part_make(cr_ctx_t *cx, const char *z_target, const char *z_word,
                    cr_sqlite_part_t *ret_part)
{
    uint32_t         unique;
    cr_str_t         path;
    cr_sqlite_part_t part;

    cr_sqlite_part_sweep(cx, cr_str_z(z_target), z_word);

    if (cx->sys->random(&unique, sizeof(unique)) != 0) {
        return cr_fail_errno(cx, errno, "no random number");
    }

    path = cr_printf(cx, "%s.%s-%08" PRIx32, z_target, z_word, unique);

    if (path.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    part.z_path = path.data;
    part.fd = open(part.z_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

    if (part.fd == -1) {
        return cr_fail_errno(cx, errno, "cannot create \"%s\"", part.z_path);
    }

    /* Without a lock it may be taken for left: then it fails, and no more. */
    if (!cr_sqlite_part_lock(part.fd)) {
        cr_debug(cx, "sqlite: no lock on \"%s\"", part.z_path);
    }

    *ret_part = part;

    return CR_OK;
}


void
cr_sqlite_part_done(cr_ctx_t *cx, const cr_sqlite_part_t *part)
{
    cr_sqlite_part_unlink(cx, part->z_path);
    (void) close(part->fd);
}
