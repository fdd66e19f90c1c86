/*
 * The real system calls behind cr_sys_t.  No state: any thread.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include "core/sys.h"

static int cr_sys_openat(int dirfd, const char *z_path, int flags, mode_t mode);
static int64_t cr_sys_now_us(void);
static int     cr_sys_random(void *data, size_t size);

const cr_sys_t cr_sys_default = {
    .openat = cr_sys_openat,
    .close = close,
    .pwrite = pwrite,
    .pread = pread,
    .fsync = fsync,
    .fdatasync = fdatasync,
    .sync_file_range = sync_file_range,
    .ftruncate = ftruncate,
    .fstat = fstat,
    .unlinkat = unlinkat,
    .mkdirat = mkdirat,
    .fstatvfs = fstatvfs,
    .now_us = cr_sys_now_us,
    .random = cr_sys_random,
};


static int
cr_sys_openat(int dirfd, const char *z_path, int flags, mode_t mode)
{
    return openat(dirfd, z_path, flags, mode);
}


static int64_t
cr_sys_now_us(void)
{
    struct timespec ts;

    /* CLOCK_REALTIME cannot fail with a valid pointer. */
    (void) clock_gettime(CLOCK_REALTIME, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


static int
cr_sys_random(void *data, size_t size)
{
    char   *p = data;
    ssize_t n;

    while (size > 0) {
        n = getrandom(p, size, 0);

        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }

            return -1;
        }

        p += n;
        size -= (size_t) n;
    }

    return 0;
}
