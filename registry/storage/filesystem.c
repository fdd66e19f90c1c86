/*
 * Blob files in a folder: ROOT/xx/UUIDv7.  A file gets its name when it is
 * made, has one writer, is never renamed or overwritten; what makes it a blob
 * is a row of the database.  So nothing here locks, renames, or looks at
 * times, and local disk, NFS and CephFS serve alike.
 *
 * Every access goes from the root's descriptor through openat without
 * following links: what somebody plants below the root leads nowhere else.
 * All calls go through cr_sys_t.  A store may be used by many threads.
 *
 * Sections: calls, folders, the store, readers, the walk.  Writers are in
 * filesystem_writer.c, the root itself in filesystem_root.c.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "storage/filesystem.h"


/* --- calls: again after a signal --------------------------------------- */

static int
fs_openat(const cr_sys_t *sys, int dirfd, const char *z_name, int flags)
{
    int fd;

    CR_FS_AGAIN(fd, sys->openat(dirfd, z_name, flags | O_NOFOLLOW | O_CLOEXEC,
                                CR_FS_FILE_MODE));

    return fd;
}


int
cr_fs_open_folder(const cr_sys_t *sys, int dirfd, const char *z_name)
{
    return fs_openat(sys, dirfd, z_name, O_RDONLY | O_DIRECTORY);
}


/* 0 or an errno. */
int
cr_fs_fsync(int (*call)(int fd), int fd)
{
    int rc;

    CR_FS_AGAIN(rc, call(fd));
    return rc == -1 ? errno : 0;
}


/*
 * Close what was only read, or is given up: nothing can be lost.  Not again
 * after EINTR: the descriptor is gone on Linux, and may be another's.
 */
void
cr_fs_close(const cr_sys_t *sys, int fd)
{
    int saved = errno;

    (void) sys->close(fd);
    errno = saved;
}


/* --- folders ----------------------------------------------------------- */

static unsigned
fs_hex(char c)
{
    return (unsigned) (c <= '9' ? c - '0' : c - 'a' + 10);
}


/* locator has been found valid: its length is CR_LOCATOR_LEN. */
void
cr_fs_name(cr_str_t locator, cr_fs_name_t *ret_name)
{
    memcpy(ret_name->z_shard, locator.data, CR_FS_SHARD_LEN);
    ret_name->z_shard[CR_FS_SHARD_LEN] = '\0';
    memcpy(ret_name->z_file, locator.data + CR_FS_SHARD_LEN + 1,
           CR_LOCATOR_LEN - CR_FS_SHARD_LEN - 1);
    ret_name->z_file[CR_LOCATOR_LEN - CR_FS_SHARD_LEN - 1] = '\0';
    ret_name->shard = fs_hex(locator.data[0]) * 16 + fs_hex(locator.data[1]);
}


/* The folder of a file: a descriptor, or -1 with errno. */
static int
fs_shard(const cr_sys_t *sys, cr_fs_store_t *fs, const cr_fs_name_t *name,
         bool create)
{
    int fd, rc;

    fd = cr_fs_open_folder(sys, fs->root, name->z_shard);
    if (fd != -1 || errno != ENOENT || !create) {
        return fd;
    }

    atomic_store(&fs->durable[name->shard], false);

    CR_FS_AGAIN(rc, sys->mkdirat(fs->root, name->z_shard, CR_FS_FOLDER_MODE));

    if (rc == -1 && errno != EEXIST) {
        return -1;
    }

    return cr_fs_open_folder(sys, fs->root, name->z_shard);
}


/* A file below the root: a descriptor, or -1 with errno. */
int
cr_fs_open_file(const cr_sys_t *sys, cr_fs_store_t *fs,
                const cr_fs_name_t *name, int flags)
{
    int dirfd, fd;

    dirfd = fs_shard(sys, fs, name, (flags & O_CREAT) != 0);
    if (dirfd == -1) {
        return -1;
    }

    /* Without O_NONBLOCK a planted FIFO would hold the thread for ever. */
    fd = fs_openat(sys, dirfd, name->z_file, flags | O_NONBLOCK);
    cr_fs_close(sys, dirfd);

    return fd;
}


/*
 * Why a file could not be opened or read.  NFS says ESTALE for one that
 * another machine removed; the third group comes from links, FIFOs and plain
 * files in the wrong place, which this driver never makes.
 */
cr_err_t
cr_fs_fail(cr_ctx_t *cx, int errnum, const char *z_what, cr_str_t locator)
{
    switch (errnum) {
    case ENOENT:
    case ESTALE:
        return cr_fail_detail(cx, CR_ERR_NOT_FOUND, "%s \"%.*s\": no such file",
                              z_what, CR_STR_ARG(locator));

    case EEXIST:
        return cr_fail_detail(cx, CR_ERR_EXISTS, "%s \"%.*s\": exists", z_what,
                              CR_STR_ARG(locator));

    case ELOOP:
    case ENOTDIR:
    case ENXIO:
    case EISDIR:
    case ESPIPE:
        return cr_fail_detail(cx, CR_ERR_CORRUPT,
                              "%s \"%.*s\": not a file in a folder", z_what,
                              CR_STR_ARG(locator));

    default:
        return cr_fail_errno(cx, errnum, "%s \"%.*s\"", z_what,
                             CR_STR_ARG(locator));
    }
}


/* --- the store --------------------------------------------------------- */

static cr_err_t
fs_open(cr_ctx_t *cx, cr_str_t where, cr_storage_t **ret_st)
{
    size_t         i;
    cr_err_t       err;
    cr_fs_store_t *fs;

    /* A slash at the end would make open follow a link. */
    while (where.len > 1 && where.data[where.len - 1] == '/') {
        where.len--;
    }

    if (where.len < 2 || where.data[0] != '/'
        || where.len + CR_LOCATOR_LEN + 2 > PATH_MAX
        || memchr(where.data, '\0', where.len) != NULL)
    {
        return cr_fail_detail(cx, CR_ERR_CONFIG,
                              "storage \"filesystem:%.*s\": must name an "
                              "absolute folder",
                              CR_STR_ARG(where));
    }

    fs = calloc(1, sizeof(cr_fs_store_t) + where.len + 1);
    if (fs == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }
    memcpy(fs->z_path, where.data, where.len);
    for (i = 0; i < CR_FS_SHARDS; i++) {
        atomic_init(&fs->durable[i], false);
    }

    err = cr_fs_root_open(cx, fs->z_path, &fs->root);
    if (err != CR_OK) {
        free(fs);
        return err;
    }
    *ret_st = &fs->base;

    return CR_OK;
}


static void
fs_close_store(cr_storage_t *st)
{
    cr_fs_store_t *fs = (cr_fs_store_t *) st;

    cr_fs_close(st->sys, fs->root);
    free(fs);
}


static cr_err_t
fs_info(cr_ctx_t *cx, cr_storage_t *st, cr_storage_info_t *ret_info)
{
    cr_fs_store_t *fs = (cr_fs_store_t *) st;
    struct statvfs vfs;
    int            rc;

    CR_FS_AGAIN(rc, cx->sys->fstatvfs(fs->root, &vfs));
    if (rc == -1) {
        return cr_fail_errno(cx, errno, "statvfs of \"%s\"", fs->z_path);
    }
    ret_info->total_size = (uint64_t) vfs.f_blocks * vfs.f_frsize;
    ret_info->free_size = (uint64_t) vfs.f_bavail * vfs.f_frsize;

    return CR_OK;
}


static cr_err_t
fs_look(cr_ctx_t *cx, cr_storage_t *st)
{
    cr_fs_store_t *fs = (cr_fs_store_t *) st;

    return cr_fs_root_look(cx, fs->z_path, fs->root);
}


static cr_err_t
fs_path(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator, cr_str_t *ret_path)
{
    cr_fs_store_t *fs = (cr_fs_store_t *) st;
    cr_str_t       path;

    path = cr_printf(cx, "%s/%.*s", fs->z_path, CR_STR_ARG(locator));
    if (path.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }
    *ret_path = path;

    return CR_OK;
}


/* --- readers ----------------------------------------------------------- */

static cr_err_t
fs_read(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator, uint64_t offset,
        void *data, size_t len, size_t *ret_n)
{
    cr_fs_name_t name;
    ssize_t      n;
    size_t       got = 0;
    int          fd, errnum = 0;

    cr_fs_name(locator, &name);
    fd = cr_fs_open_file(cx->sys, (cr_fs_store_t *) st, &name, O_RDONLY);
    if (fd == -1) {
        return cr_fs_fail(cx, errno, "read", locator);
    }

    while (got < len && offset <= (uint64_t) INT64_MAX - got) {
        n = cx->sys->pread(fd, (char *) data + got, len - got,
                           (off_t) (offset + got));
        if (n == -1 && errno == EINTR) {
            continue;
        }
        if (n == -1) {
            errnum = errno;
            break;
        }
        if (n == 0) {
            break;
        }
        got += (size_t) n;
    }
    cr_fs_close(cx->sys, fd);

    if (errnum != 0) {
        return cr_fs_fail(cx, errnum, "read", locator);
    }
    *ret_n = got;

    return CR_OK;
}


static cr_err_t
fs_stat(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator, uint64_t *ret_size)
{
    struct stat  sb;
    cr_fs_name_t name;
    int          fd, rc, errnum;

    cr_fs_name(locator, &name);
    fd = cr_fs_open_file(cx->sys, (cr_fs_store_t *) st, &name, O_RDONLY);
    if (fd == -1) {
        return cr_fs_fail(cx, errno, "stat", locator);
    }
    rc = cx->sys->fstat(fd, &sb);
    errnum = errno;
    cr_fs_close(cx->sys, fd);

    if (rc == -1) {
        return cr_fs_fail(cx, errnum, "stat", locator);
    }
    if (!S_ISREG(sb.st_mode)) {
        return cr_fail_detail(cx, CR_ERR_CORRUPT, "\"%.*s\" is not a file",
                              CR_STR_ARG(locator));
    }
    *ret_size = (uint64_t) sb.st_size;

    return CR_OK;
}


/* No sync: a file that power loss brings back is an orphan to the sweep. */
static cr_err_t
fs_remove(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator)
{
    cr_fs_name_t name;
    int          dirfd, rc, errnum;

    cr_fs_name(locator, &name);
    dirfd = fs_shard(cx->sys, (cr_fs_store_t *) st, &name, false);
    if (dirfd == -1 && errno == ENOENT) {
        return CR_OK;
    }
    if (dirfd == -1) {
        return cr_fs_fail(cx, errno, "remove", locator);
    }

    CR_FS_AGAIN(rc, cx->sys->unlinkat(dirfd, name.z_file, 0));
    errnum = errno;
    cr_fs_close(cx->sys, dirfd);

    if (rc == -1 && errnum != ENOENT && errnum != ESTALE) {
        return cr_fs_fail(cx, errnum, "remove", locator);
    }

    return CR_OK;
}


/* --- the walk ---------------------------------------------------------- */

/* One entry of a folder; what is not a file of ours is passed over. */
static cr_err_t
fs_list_entry(cr_ctx_t *cx, cr_storage_t *st, const char *z_shard,
              const char *z_file, cr_storage_list_pt fn, void *arg)
{
    char     z_locator[CR_LOCATOR_LEN + 1];
    cr_str_t locator = { CR_LOCATOR_LEN, z_locator };
    cr_err_t err;
    uint64_t size = 0;
    int      n;

    n = snprintf(z_locator, sizeof(z_locator), "%s/%s", z_shard, z_file);
    if (n != CR_LOCATOR_LEN || !cr_storage_locator_valid(locator)) {
        return CR_OK;
    }

    err = fs_stat(cx, st, locator, &size);
    if (err == CR_ERR_NOT_FOUND || err == CR_ERR_CORRUPT) {
        cr_clear(cx);
        return CR_OK;
    }
    if (err != CR_OK) {
        return err;
    }

    return fn(cx, arg, locator, size);
}


static cr_err_t
fs_list_folder(cr_ctx_t *cx, cr_storage_t *st, const char *z_shard,
               cr_storage_list_pt fn, void *arg)
{
    cr_fs_store_t *fs = (cr_fs_store_t *) st;
    DIR           *dir;
    struct dirent *entry;
    cr_err_t       err = CR_OK;
    int            fd;

    fd = cr_fs_open_folder(cx->sys, fs->root, z_shard);
    if (fd == -1) {
        return errno == ENOENT
                   ? CR_OK
                   : cr_fail_errno(cx, errno, "open folder \"%s\"", z_shard);
    }
    dir = fdopendir(fd);
    if (dir == NULL) {
        err = cr_fail_errno(cx, errno, "read folder \"%s\"", z_shard);
        cr_fs_close(cx->sys, fd);
        return err;
    }

    while (err == CR_OK) {
        errno = 0;
        entry = readdir(dir);
        if (entry == NULL) {
            if (errno != 0) {
                err = cr_fail_errno(cx, errno, "read folder \"%s\"", z_shard);
            }
            break;
        }
        err = fs_list_entry(cx, st, z_shard, entry->d_name, fn, arg);
    }
    (void) closedir(dir);

    return err;
}


static cr_err_t
fs_list(cr_ctx_t *cx, cr_storage_t *st, cr_storage_list_pt fn, void *arg)
{
    char     z_shard[CR_FS_SHARD_LEN + 1];
    unsigned i;

    for (i = 0; i < CR_FS_SHARDS; i++) {
        (void) snprintf(z_shard, sizeof(z_shard), "%02x", i & 0xff);
        CR_TRY(fs_list_folder(cx, st, z_shard, fn, arg));
    }

    return CR_OK;
}


const cr_storage_driver_t cr_storage_filesystem = {
    .scheme = "filesystem",
    .features = CR_STORAGE_APPEND | CR_STORAGE_FILES,
    .open = fs_open,
    .close = fs_close_store,
    .valid = cr_storage_locator_valid,
    .create = cr_fs_create,
    .write = cr_fs_write,
    .sync = cr_fs_sync,
    .writer_close = cr_fs_writer_close,
    .writer_abort = cr_fs_writer_abort,
    .read = fs_read,
    .stat = fs_stat,
    .remove = fs_remove,
    .list = fs_list,
    .info = fs_info,
    .look = fs_look,
    .resume = cr_fs_resume,
    .path = fs_path,
};
