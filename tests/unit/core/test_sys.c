/*
 * core/sys.c: the table is complete and each slot is its call.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "core/sys.h"


static const cr_sys_t *sys = &cr_sys_default;


static void
test_file_calls(void **state)
{
    int            dir, fd;
    char           data[8] = { 0 };
    char           z_dir[] = "/tmp/cr-test-sys-XXXXXX";
    struct stat    st;
    struct statvfs vfs;

    (void) state;

    assert_non_null(mkdtemp(z_dir));
    dir = sys->openat(AT_FDCWD, z_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    assert_true(dir >= 0);

    assert_int_equal(sys->mkdirat(dir, "sub", 0700), 0);
    assert_int_equal(sys->mkdirat(dir, "sub", 0700), -1);
    assert_int_equal(errno, EEXIST);

    fd = sys->openat(dir, "sub/f", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(sys->openat(dir, "sub/f", O_RDWR | O_CREAT | O_EXCL, 0600),
                     -1);
    assert_int_equal(errno, EEXIST);

    assert_int_equal(sys->pwrite(fd, "hello", 5, 2), 5);
    assert_int_equal(sys->pread(fd, data, sizeof(data), 0), 7);
    assert_memory_equal(data, "\0\0hello", 7);
    assert_int_equal(sys->fsync(fd), 0);
    assert_int_equal(sys->fdatasync(fd), 0);
    assert_int_equal(sys->ftruncate(fd, 4), 0);
    assert_int_equal(sys->fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 4);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(sys->fstatvfs(fd, &vfs), 0);
    assert_true(vfs.f_bsize > 0);
    assert_int_equal(sys->close(fd), 0);

    assert_int_equal(sys->unlinkat(dir, "sub/f", 0), 0);
    assert_int_equal(sys->unlinkat(dir, "sub/f", 0), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(sys->unlinkat(dir, "sub", AT_REMOVEDIR), 0);
    assert_int_equal(sys->close(dir), 0);
    assert_int_equal(rmdir(z_dir), 0);
}


static void
test_clock(void **state)
{
    time_t  before = time(NULL);
    int64_t now = sys->now_us();
    time_t  after = time(NULL);

    (void) state;

    /* time() may lag behind the clock by a tick. */
    assert_true(now / 1000000 >= before);
    assert_true(now / 1000000 <= after + 1);
}


static void
test_random(void **state)
{
    uint8_t a[300] = { 0 };
    uint8_t b[300] = { 0 };

    (void) state;

    assert_int_equal(sys->random(a, sizeof(a)), 0);
    assert_int_equal(sys->random(b, sizeof(b)), 0);
    assert_memory_not_equal(a, b, sizeof(a));
    /* The end is filled too. */
    assert_memory_not_equal(a + 284, b + 284, 16);
    assert_int_equal(sys->random(a, 0), 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_calls),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
