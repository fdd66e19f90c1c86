/*
 * The failing system calls.  A failed close closes the descriptor all the
 * same, as Linux does: else the test would see leaks that are none.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "sys_fault.h"

typedef struct fault_s {
    unsigned    count;
    unsigned    fail_at; /* 0: never */
    int         errnum;
    size_t      bound;
    const char *z_only; /* NULL: all slots */
    const char *z_failed;
    char        path[256];
    char        trace[8192];
    size_t      trace_len;
} fault_t;

static fault_t fault;


/* Count a call; true, with errno, when it is the one to fail. */
static bool
fault_hit(const char *z_slot, const char *z_path)
{
    size_t len = strlen(z_slot);

    if (fault.trace_len + len + 2 < sizeof(fault.trace)) {
        memcpy(fault.trace + fault.trace_len, z_slot, len);
        fault.trace[fault.trace_len + len] = ' ';
        fault.trace_len += len + 1;
    }

    if (fault.z_only != NULL && strcmp(fault.z_only, z_slot) != 0) {
        return false;
    }
    if (++fault.count != fault.fail_at) {
        return false;
    }

    fault.z_failed = z_slot;
    (void) snprintf(fault.path, sizeof(fault.path), "%s", z_path);
    errno = fault.errnum;

    return true;
}


static size_t
fault_size(size_t size)
{
    return fault.bound != 0 && size > fault.bound ? fault.bound : size;
}


static int
fault_openat(int dirfd, const char *z_path, int flags, mode_t mode)
{
    return fault_hit("openat", z_path)
               ? -1
               : cr_sys_default.openat(dirfd, z_path, flags, mode);
}


static int
fault_close(int fd)
{
    int  rc = cr_sys_default.close(fd);
    bool hit = fault_hit("close", "");

    return hit ? -1 : rc;
}


static ssize_t
fault_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return fault_hit("pwrite", "")
               ? -1
               : cr_sys_default.pwrite(fd, data, fault_size(size), offset);
}


static ssize_t
fault_pread(int fd, void *data, size_t size, off_t offset)
{
    return fault_hit("pread", "")
               ? -1
               : cr_sys_default.pread(fd, data, fault_size(size), offset);
}


/* The disk is not waited for: no test can see the difference. */
static int
fault_fsync(int fd)
{
    return fault_hit("fsync", "") || fcntl(fd, F_GETFD) == -1 ? -1 : 0;
}


static int
fault_fdatasync(int fd)
{
    return fault_hit("fdatasync", "") || fcntl(fd, F_GETFD) == -1 ? -1 : 0;
}


static int
fault_sync_file_range(int fd, off_t offset, off_t size, unsigned flags)
{
    return fault_hit("sync_file_range", "")
               ? -1
               : cr_sys_default.sync_file_range(fd, offset, size, flags);
}


static int
fault_ftruncate(int fd, off_t size)
{
    return fault_hit("ftruncate", "") ? -1 : cr_sys_default.ftruncate(fd, size);
}


static int
fault_fstat(int fd, struct stat *ret_st)
{
    return fault_hit("fstat", "") ? -1 : cr_sys_default.fstat(fd, ret_st);
}


static int
fault_unlinkat(int dirfd, const char *z_path, int flags)
{
    return fault_hit("unlinkat", z_path)
               ? -1
               : cr_sys_default.unlinkat(dirfd, z_path, flags);
}


static int
fault_mkdirat(int dirfd, const char *z_path, mode_t mode)
{
    return fault_hit("mkdirat", z_path)
               ? -1
               : cr_sys_default.mkdirat(dirfd, z_path, mode);
}


static int
fault_fstatvfs(int fd, struct statvfs *ret_st)
{
    return fault_hit("fstatvfs", "") ? -1 : cr_sys_default.fstatvfs(fd, ret_st);
}


static int64_t
fault_now_us(void)
{
    return cr_sys_default.now_us();
}


static int
fault_random(void *data, size_t size)
{
    return cr_sys_default.random(data, size);
}


const cr_sys_t test_sys_fault = {
    .openat = fault_openat,
    .close = fault_close,
    .pwrite = fault_pwrite,
    .pread = fault_pread,
    .fsync = fault_fsync,
    .fdatasync = fault_fdatasync,
    .sync_file_range = fault_sync_file_range,
    .ftruncate = fault_ftruncate,
    .fstat = fault_fstat,
    .unlinkat = fault_unlinkat,
    .mkdirat = fault_mkdirat,
    .fstatvfs = fault_fstatvfs,
    .now_us = fault_now_us,
    .random = fault_random,
};


void
test_sys_fault_reset(void)
{
    memset(&fault, 0, sizeof(fault));
}


void
test_sys_fault_arm(unsigned n, int errnum)
{
    test_sys_fault_arm_call(NULL, n, errnum);
}


void
test_sys_fault_arm_call(const char *z_slot, unsigned n, int errnum)
{
    test_sys_fault_reset();
    fault.z_only = z_slot;
    fault.fail_at = n;
    fault.errnum = errnum;
}


void
test_sys_fault_bound(size_t size)
{
    fault.bound = size;
}


const char *
test_sys_fault_failed(void)
{
    return fault.z_failed;
}


const char *
test_sys_fault_path(void)
{
    return fault.z_failed == NULL ? NULL : fault.path;
}


const char *
test_sys_fault_trace(void)
{
    return fault.trace;
}


unsigned
test_sys_fds(void)
{
    DIR     *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    if (dir == NULL) {
        return 0;
    }
    while (readdir(dir) != NULL) {
        n++;
    }
    (void) closedir(dir);

    return n;
}
