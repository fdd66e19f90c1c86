/*
 * The root folder of the filesystem driver: made, opened, and looked at when
 * somebody asks whether the store is there.  Files below it: filesystem.c.
 * Any thread.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "storage/filesystem.h"


/* Make the root and put its name on disk; its parent must exist. */
static cr_err_t
fs_root_make(cr_ctx_t *cx, const char *z_path)
{
    const cr_sys_t *sys = cx->sys;
    char           *z_parent, *slash;
    int             fd, rc, errnum;

    CR_FS_AGAIN(rc, sys->mkdirat(AT_FDCWD, z_path, CR_FS_FOLDER_MODE));

    if (rc == -1 && errno != EEXIST) {
        return cr_fail_errno(cx, errno, "cannot make folder \"%s\"", z_path);
    }

    z_parent = cr_arena_dup_z(cx->arena, cr_str_z(z_path));
    if (z_parent == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }
    slash = strrchr(z_parent, '/');
    slash[slash == z_parent ? 1 : 0] = '\0';

    /* The parent is the administrator's: it may be a link. */
    CR_FS_AGAIN(fd, sys->openat(AT_FDCWD, z_parent,
                                O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));

    if (fd == -1) {
        return cr_fail_errno(cx, errno, "cannot open folder \"%s\"", z_parent);
    }
    errnum = cr_fs_fsync(sys->fsync, fd);
    cr_fs_close(sys, fd);

    if (errnum != 0) {
        return cr_fail_errno(cx, errnum, "cannot sync folder \"%s\"", z_parent);
    }

    return CR_OK;
}


/*
 * May files be made here?  An unnamed file leaves nothing behind.  Only a
 * plain "no" counts: a full disk and one that was made read-only still serve
 * pulls, and not every file system knows unnamed files.
 */
static cr_err_t
fs_root_check(cr_ctx_t *cx, const char *z_path, int root)
{
#ifdef O_TMPFILE
    int fd;

    CR_FS_AGAIN(fd, cx->sys->openat(root, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC,
                                    CR_FS_FILE_MODE));

    if (fd != -1) {
        cr_fs_close(cx->sys, fd);
        return CR_OK;
    }
    if (errno == EACCES || errno == EPERM) {
        return cr_fail_errno(cx, errno, "cannot write to folder \"%s\"",
                             z_path);
    }
#else
    (void) cx;
    (void) z_path;
    (void) root;
#endif

    return CR_OK;
}


cr_err_t
cr_fs_root_open(cr_ctx_t *cx, const char *z_path, int *ret_fd)
{
    int      fd;
    cr_err_t err;

    fd = cr_fs_open_folder(cx->sys, AT_FDCWD, z_path);

    if (fd == -1 && errno == ENOENT) {
        CR_TRY(fs_root_make(cx, z_path));
        fd = cr_fs_open_folder(cx->sys, AT_FDCWD, z_path);
    }
    if (fd == -1) {
        return cr_fail_errno(cx, errno, "cannot open folder \"%s\"", z_path);
    }

    err = fs_root_check(cx, z_path, fd);
    if (err != CR_OK) {
        cr_fs_close(cx->sys, fd);
        return err;
    }
    *ret_fd = fd;

    return CR_OK;
}


cr_err_t
cr_fs_root_look(cr_ctx_t *cx, const char *z_path, int fd)
{
    struct stat is, was;
    int         now, rc, errnum;

    memset(&is, 0, sizeof(is));
    memset(&was, 0, sizeof(was));

    now = cr_fs_open_folder(cx->sys, AT_FDCWD, z_path);
    if (now == -1) {
        return cr_fail_errno(cx, errno, "cannot open folder \"%s\"", z_path);
    }
    rc = cx->sys->fstat(now, &is);
    errnum = errno;
    cr_fs_close(cx->sys, now);

    if (rc == 0) {
        rc = cx->sys->fstat(fd, &was);
        errnum = errno;
    }
    if (rc == -1) {
        return cr_fail_errno(cx, errnum, "cannot look at folder \"%s\"",
                             z_path);
    }
    if (is.st_dev != was.st_dev || is.st_ino != was.st_ino) {
        return cr_fail_detail(cx, CR_ERR_IO,
                              "folder \"%s\" was replaced, or its file "
                              "system is not mounted: put it back, or reload "
                              "nginx",
                              z_path);
    }

    return CR_OK;
}
