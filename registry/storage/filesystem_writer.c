/*
 * Writers of blob files: made new or gone on with, written from the front to
 * the end, synced, closed.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "storage/filesystem.h"

#define FS_BEGIN_STEP  (8 * 1024 * 1024)
#define FS_BEGIN_ALIGN (1024 * 1024) /* a block is not written twice */

typedef struct fs_writer_s {
    cr_storage_writer_t base;
    int                 fd;
    bool                named; /* the entry in the folder is on disk */
    uint64_t            begun; /* the disk was told to write up to here */
    char                z_locator[CR_LOCATOR_LEN + 1];
} fs_writer_t;


static cr_err_t
fs_writer_open(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator, int flags,
               fs_writer_t **ret_w)
{
    cr_fs_name_t name;
    cr_err_t     err;
    fs_writer_t *w;

    /* Memory first: once the file exists nothing may fail. */
    w = calloc(1, sizeof(fs_writer_t));
    if (w == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }
    memcpy(w->z_locator, locator.data, CR_LOCATOR_LEN);

    cr_fs_name(locator, &name);
    w->fd =
        cr_fs_open_file(cx->sys, (cr_fs_store_t *) st, &name, O_WRONLY | flags);
    if (w->fd == -1) {
        err = cr_fs_fail(cx, errno, "open for writing", locator);
        assert(err != CR_OK);
        free(w);
        return err;
    }
    *ret_w = w;

    return CR_OK;
}


cr_err_t
cr_fs_create(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
             cr_storage_writer_t **ret_w)
{
    fs_writer_t *w;

    CR_TRY(fs_writer_open(cx, st, locator, O_CREAT | O_EXCL, &w));
    *ret_w = &w->base;

    return CR_OK;
}


/* Is it ours to write to, and how long is it? */
static cr_err_t
fs_resume_check(cr_ctx_t *cx, fs_writer_t *w, uint64_t size, bool cut)
{
    struct stat st;
    int         rc;

    if (cx->sys->fstat(w->fd, &st) == -1) {
        return cr_fail_errno(cx, errno, "fstat \"%s\"", w->z_locator);
    }
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
        return cr_fail_detail(cx, CR_ERR_CORRUPT,
                              "\"%s\" is not a file of one name", w->z_locator);
    }
    if ((uint64_t) st.st_size < size) {
        return cr_fail_detail(cx, CR_ERR_CORRUPT,
                              "\"%s\" is shorter than acknowledged",
                              w->z_locator);
    }
    if ((uint64_t) st.st_size == size) {
        return CR_OK;
    }
    if (!cut) {
        return cr_fail(cx, CR_ERR_RANGE_INVALID, NULL);
    }
    CR_FS_AGAIN(rc, cx->sys->ftruncate(w->fd, (off_t) size));
    return rc == 0 ? CR_OK
                   : cr_fail_errno(cx, errno, "truncate \"%s\"", w->z_locator);
}


cr_err_t
cr_fs_resume(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator, uint64_t size,
             bool cut, cr_storage_writer_t **ret_w)
{
    fs_writer_t *w;
    cr_err_t     err;

    CR_TRY(fs_writer_open(cx, st, locator, 0, &w));
    err = fs_resume_check(cx, w, size, cut);
    if (err != CR_OK) {
        cr_fs_close(cx->sys, w->fd);
        free(w);
        return err;
    }
    w->begun = size;
    *ret_w = &w->base;

    return CR_OK;
}


/*
 * Let the disk write while the rest of a large file is on its way, so that
 * the sync at the end has little left to wait for.  Waits only when the
 * disk's queue is full.  No promise, and no failure: what could not be
 * written is told by the sync.
 */
static void
fs_begin_writing(cr_ctx_t *cx, fs_writer_t *w, uint64_t end)
{
    end -= end % FS_BEGIN_ALIGN;

    if (end < w->begun + FS_BEGIN_STEP) {
        return;
    }

    (void) cx->sys->sync_file_range(w->fd, (off_t) w->begun,
                                    (off_t) (end - w->begun),
                                    SYNC_FILE_RANGE_WRITE);
    w->begun = end;
}


cr_err_t
cr_fs_write(cr_ctx_t *cx, cr_storage_writer_t *base, const void *data,
            size_t len)
{
    fs_writer_t *w = (fs_writer_t *) base;
    const char  *p = data;
    off_t        offset = (off_t) base->size;
    ssize_t      n;

    while (len > 0) {
        n = cx->sys->pwrite(w->fd, p, len, offset);
        if (n == -1 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return cr_fail_errno(cx, n == 0 ? EIO : errno, "write \"%s\"",
                                 w->z_locator);
        }
        p += n;
        offset += n;
        len -= (size_t) n;
    }
    fs_begin_writing(cx, w, (uint64_t) offset);

    return CR_OK;
}


/* The entry of the file in its folder, and of the folder in the root. */
static cr_err_t
fs_sync_names(cr_ctx_t *cx, cr_fs_store_t *fs, const cr_fs_name_t *name)
{
    int fd, errnum;

    fd = cr_fs_open_folder(cx->sys, fs->root, name->z_shard);
    if (fd == -1) {
        return cr_fail_errno(cx, errno, "open folder \"%s\"", name->z_shard);
    }
    errnum = cr_fs_fsync(cx->sys->fsync, fd);
    cr_fs_close(cx->sys, fd);

    if (errnum != 0) {
        return cr_fail_errno(cx, errnum, "sync folder \"%s\"", name->z_shard);
    }

    if (atomic_load(&fs->durable[name->shard])) {
        return CR_OK;
    }
    errnum = cr_fs_fsync(cx->sys->fsync, fs->root);
    if (errnum != 0) {
        return cr_fail_errno(cx, errnum, "sync folder \"%s\"", fs->z_path);
    }
    atomic_store(&fs->durable[name->shard], true);

    return CR_OK;
}


cr_err_t
cr_fs_sync(cr_ctx_t *cx, cr_storage_writer_t *base)
{
    fs_writer_t *w = (fs_writer_t *) base;
    cr_fs_name_t name;
    int          errnum;
    struct stat  st;

    /* fdatasync also writes the new size: reading needs it. */
    errnum = cr_fs_fsync(cx->sys->fdatasync, w->fd);
    if (errnum != 0) {
        return cr_fail_errno(cx, errnum, "sync \"%s\"", w->z_locator);
    }

    /* Once per writer: one that was resumed may come from a PATCH, which
     * synced nothing. */
    if (!w->named) {
        cr_fs_name((cr_str_t){ CR_LOCATOR_LEN, w->z_locator }, &name);
        CR_TRY(fs_sync_names(cx, (cr_fs_store_t *) base->st, &name));
        w->named = true;
    }

    /* What took weeks to write may have been swept. */
    if (cx->sys->fstat(w->fd, &st) == -1) {
        return cr_fail_errno(cx, errno, "fstat \"%s\"", w->z_locator);
    }
    if (st.st_nlink == 0) {
        return cr_fail_detail(cx, CR_ERR_NOT_FOUND,
                              "\"%s\" was removed while it was written",
                              w->z_locator);
    }

    return CR_OK;
}


cr_err_t
cr_fs_writer_close(cr_ctx_t *cx, cr_storage_writer_t *base)
{
    fs_writer_t *w = (fs_writer_t *) base;
    cr_err_t     err = CR_OK;

    /* NFS and quotas tell of lost bytes here. */
    if (cx->sys->close(w->fd) == -1) {
        err = cr_fail_errno(cx, errno, "close \"%s\"", w->z_locator);
    }
    free(w);

    return err;
}


void
cr_fs_writer_abort(cr_storage_writer_t *base)
{
    fs_writer_t *w = (fs_writer_t *) base;

    cr_fs_close(base->sys, w->fd);
    free(w);
}
