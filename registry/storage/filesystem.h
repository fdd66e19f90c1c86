/*
 * What the files of the filesystem driver share.  A store may be used by many
 * threads, a writer by one at a time.
 */

#ifndef CR_STORAGE_FILESYSTEM_H
#define CR_STORAGE_FILESYSTEM_H

#include <stdatomic.h>
#include "storage/storage_driver.h"

#define CR_FS_SHARDS      256
#define CR_FS_SHARD_LEN   2 /* "xx" */
#define CR_FS_FILE_MODE   0640
#define CR_FS_FOLDER_MODE 0750

/* Call again after a signal. */
#define CR_FS_AGAIN(ret, call)                                                 \
    do {                                                                       \
        (ret) = (call);                                                        \
    } while ((ret) == -1 && errno == EINTR)

typedef struct cr_fs_store_s {
    cr_storage_t base;
    int          root;
    /*
     * The root's entry of this folder is on disk, as far as this process
     * knows.  Another one may have made the folder and died before it synced
     * the root, so finding it there proves nothing.
     */
    atomic_bool durable[CR_FS_SHARDS];
    char        z_path[]; /* absolute, no slash at the end */
} cr_fs_store_t;

/* A locator cut into what openat takes. */
typedef struct cr_fs_name_s {
    char     z_shard[CR_FS_SHARD_LEN + 1];
    char     z_file[CR_LOCATOR_LEN - CR_FS_SHARD_LEN];
    unsigned shard; /* index of durable */
} cr_fs_name_t;

/* locator has been found valid: its length is CR_LOCATOR_LEN. */
void cr_fs_name(cr_str_t locator, cr_fs_name_t *ret_name);

/* A folder, or a file below the root: a descriptor, or -1 with errno. */
int cr_fs_open_folder(const cr_sys_t *sys, int dirfd, const char *z_name);
int cr_fs_open_file(const cr_sys_t *sys, cr_fs_store_t *fs,
                    const cr_fs_name_t *name, int flags);

/* fsync or fdatasync, again after a signal: 0 or an errno. */
int cr_fs_fsync(int (*call)(int fd), int fd);

/* Close what was only read, or is given up; errno stays. */
void cr_fs_close(const cr_sys_t *sys, int fd);

/* Fail with the error that an errno of opening or reading stands for. */
cr_err_t cr_fs_fail(cr_ctx_t *cx, int errnum, const char *z_what,
                    cr_str_t locator);

/* --- filesystem_root.c -------------------------------------------------- */

/*
 * Open the root of a store; it is made when its parent exists.  IO: it is not
 * there, a link, or not ours to write to.  One that is read-only, or full, is
 * opened: pulls go on.
 */
cr_err_t cr_fs_root_open(cr_ctx_t *cx, const char *z_path, int *ret_fd);
/* IO: the path does not lead to the folder any more that fd was opened by. */
cr_err_t cr_fs_root_look(cr_ctx_t *cx, const char *z_path, int fd);

/* --- filesystem_writer.c: as in storage_driver.h ------------------------ */

cr_err_t cr_fs_create(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                      cr_storage_writer_t **ret_w);
cr_err_t cr_fs_resume(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                      uint64_t size, bool cut, cr_storage_writer_t **ret_w);
cr_err_t cr_fs_write(cr_ctx_t *cx, cr_storage_writer_t *base, const void *data,
                     size_t len);
cr_err_t cr_fs_sync(cr_ctx_t *cx, cr_storage_writer_t *base);
cr_err_t cr_fs_writer_close(cr_ctx_t *cx, cr_storage_writer_t *base);
void     cr_fs_writer_abort(cr_storage_writer_t *base);

#endif
