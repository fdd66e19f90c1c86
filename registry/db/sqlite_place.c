/*
 * Where a file of the SQLite engine may lie, and how a new one gets its
 * name.  Calls no SQLite.  Any thread.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "db/sqlite.h"

typedef struct cr_sqlite_fs_s {
    uint64_t    f_type;
    const char *name;
} cr_sqlite_fs_t;

/* clang-format off */
static const cr_sqlite_fs_t cr_sqlite_fs_refused[] = {
    { 0x00006969, "NFS" },
    { 0x0000517b, "SMB" },
    { 0xff534d42, "CIFS" },
    { 0xfe534d42, "SMB2" },
    { 0x00c36400, "CephFS" },
    { 0x65735546, "FUSE" },
    { 0x5346414f, "AFS" },
    { 0x6b414653, "kAFS" },
    { 0x73757245, "Coda" },
    { 0x01021997, "9P" },
    { 0x0bd00bd0, "Lustre" },
    { 0x19830326, "BeeGFS" },
    { 0x47504653, "GPFS" },
    { 0x20030528, "OrangeFS" },
    { 0x786f4256, "vboxsf" },
};
/* clang-format on */

static cr_err_t cr_sqlite_place_folder(cr_ctx_t *cx, const char *z_path,
                                       char **ret_folder);
static cr_err_t cr_sqlite_place_sync(cr_ctx_t *cx, const char *z_path,
                                     int flags);


const char *
cr_sqlite_place_refused(uint64_t f_type)
{
    size_t i;

    for (i = 0; i < CR_NELTS(cr_sqlite_fs_refused); i++) {
        if (cr_sqlite_fs_refused[i].f_type == f_type) {
            return cr_sqlite_fs_refused[i].name;
        }
    }

    return NULL;
}


cr_err_t
cr_sqlite_place_check(cr_ctx_t *cx, const char *z_path)
{
    char         *z_folder;
    const char   *z_name;
    struct statfs fs;

    CR_TRY(cr_sqlite_place_folder(cx, z_path, &z_folder));

    /* The file itself may be a link into another file system. */
    if (statfs(z_path, &fs) != 0 && statfs(z_folder, &fs) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) {
            return cr_fail_detail(cx, CR_ERR_CONFIG,
                                  "sqlite: there is no folder \"%s\"",
                                  z_folder);
        }
        return cr_fail_errno(cx, errno, "sqlite: cannot look at \"%s\"",
                             z_folder);
    }

    /* f_type is signed, and the magic numbers have 32 bits. */
    z_name = cr_sqlite_place_refused((uint64_t) fs.f_type & 0xffffffffu);

    if (z_name != NULL) {
        return cr_fail_detail(cx, CR_ERR_CONFIG,
                              "sqlite: \"%s\" is on %s: a database of SQLite "
                              "needs a local file system",
                              z_path, z_name);
    }

    return CR_OK;
}


cr_err_t
cr_sqlite_place_sync_file(cr_ctx_t *cx, const char *z_path)
{
    return cr_sqlite_place_sync(cx, z_path, O_RDONLY);
}


cr_err_t
cr_sqlite_place_sync_folder(cr_ctx_t *cx, const char *z_path)
{
    char *z_folder;

    CR_TRY(cr_sqlite_place_folder(cx, z_path, &z_folder));

    return cr_sqlite_place_sync(cx, z_folder, O_RDONLY | O_DIRECTORY);
}


cr_err_t
cr_sqlite_place_publish(cr_ctx_t *cx, const char *z_part, const char *z_path)
{
    char       *z_folder;
    struct stat st;

    CR_TRY(cr_sqlite_place_folder(cx, z_path, &z_folder));
    CR_TRY(cr_sqlite_place_sync(cx, z_part, O_RDONLY));

    /* A second name, because rename(2) would overwrite. */
    if (link(z_part, z_path) == 0) {
        (void) unlink(z_part);
        return cr_sqlite_place_sync(cx, z_folder, O_RDONLY | O_DIRECTORY);
    }

    if (errno == EEXIST || lstat(z_path, &st) == 0) {
        return cr_fail_detail(cx, CR_ERR_EXISTS, "\"%s\" exists already",
                              z_path);
    }

    /* Some file systems (a memory stick) know one name a file only. */
    if (rename(z_part, z_path) != 0) {
        return cr_fail_errno(cx, errno, "cannot rename \"%s\" to \"%s\"",
                             z_part, z_path);
    }

    return cr_sqlite_place_sync(cx, z_folder, O_RDONLY | O_DIRECTORY);
}


static cr_err_t
cr_sqlite_place_folder(cr_ctx_t *cx, const char *z_path, char **ret_folder)
{
    char       *z_folder;
    const char *slash;

    slash = strrchr(z_path, '/');

    if (slash == NULL) {
        z_folder = cr_alloc(cx, sizeof("."));
        if (z_folder != NULL) {
            z_folder[0] = '.';
        }

    } else {
        /* With the slash: the root folder, too. */
        z_folder = cr_alloc(cx, (size_t) (slash - z_path) + 2);
        if (z_folder != NULL) {
            memcpy(z_folder, z_path, (size_t) (slash - z_path) + 1);
        }
    }

    if (z_folder == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    *ret_folder = z_folder;

    return CR_OK;
}


static cr_err_t
cr_sqlite_place_sync(cr_ctx_t *cx, const char *z_path, int flags)
{
    int fd, rc, errnum;

    fd = open(z_path, flags | O_CLOEXEC);

    if (fd == -1) {
        return cr_fail_errno(cx, errno, "cannot open \"%s\"", z_path);
    }

    rc = fsync(fd);
    errnum = errno;

    (void) close(fd);

    if (rc != 0) {
        return cr_fail_errno(cx, errnum, "cannot sync \"%s\"", z_path);
    }

    return CR_OK;
}
