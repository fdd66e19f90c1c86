/*
 * The system calls that storage uses, in a table that tests replace to fail
 * the n-th call.  Also time and randomness.  cr_sys_default is the real one.
 * Every slot has the meaning and errno of the call it is named after.
 */

#ifndef CR_CORE_SYS_H
#define CR_CORE_SYS_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

typedef struct cr_sys_s {
    int (*openat)(int dirfd, const char *z_path, int flags, mode_t mode);
    int (*close)(int fd);
    ssize_t (*pwrite)(int fd, const void *data, size_t size, off_t offset);
    ssize_t (*pread)(int fd, void *data, size_t size, off_t offset);
    int (*fsync)(int fd);
    int (*fdatasync)(int fd);
    int (*sync_file_range)(int fd, off_t offset, off_t size, unsigned flags);
    int (*ftruncate)(int fd, off_t size);
    int (*fstat)(int fd, struct stat *ret_st);
    int (*unlinkat)(int dirfd, const char *z_path, int flags);
    int (*mkdirat)(int dirfd, const char *z_path, mode_t mode);
    int (*fstatvfs)(int fd, struct statvfs *ret_st);
    /* Wall clock, microseconds UTC since 1970. */
    int64_t (*now_us)(void);
    /* Fill with random bytes; 0, or -1 with errno. */
    int (*random)(void *data, size_t size);
} cr_sys_t;

extern const cr_sys_t cr_sys_default;

#endif
