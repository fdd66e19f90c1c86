/*
 * api/health.c: health and readiness.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "drive.h"

static int
setup(void **state)
{
    static cr_drive_t drive;

    cr_drive_open(&drive);
    drive.auth = cr_drive_basic(&drive, "admin", CR_DRIVE_ADMIN);
    *state = &drive;

    return 0;
}

static int
teardown(void **state)
{
    cr_drive_close(*state);

    return 0;
}

/* A body has no NUL behind it. */
static bool
holds(cr_drive_t *d, const cr_reply_t *r, const char *text)
{
    return strstr(cr_text(d, "%.*s", CR_STR_ARG(r->body)), text) != NULL;
}

static void
expect_parts(cr_drive_t *d, int status, const char *database,
             const char *storage, const char *all)
{
    cr_reply_t  r;
    const char *text;

    r = cr_get(d, "/readyz");
    cr_expect(&r, status, "");
    text = cr_text(d, "%.*s", CR_STR_ARG(r.body));
    assert_non_null(strstr(text, cr_text(d,
                                         "{\"name\":\"database\","
                                         "\"status\":\"%s\"",
                                         database)));
    assert_non_null(strstr(text, cr_text(d,
                                         "{\"name\":\"storage\","
                                         "\"status\":\"%s\"",
                                         storage)));
    assert_non_null(strstr(text, cr_text(d, "],\"status\":\"%s\"}", all)));
    assert_null(strstr(text, d->dir));
    cr_reply_done(&r);
}

static void
test_ready(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    d->auth = NULL;
    r = cr_get(d, "/healthz");
    cr_expect(&r, 200, "");
    assert_int_equal(r.steps[CR_STEP_INLINE], 1);
    cr_reply_done(&r);
    expect_parts(d, 200, "healthy", "healthy", "healthy");
    expect_parts(d, 200, "healthy", "healthy", "healthy");
}

/* Nothing can be opened; with create_only: nothing can be made. */
static bool create_only;
static int  failing_errno;

static int
failing_openat(int dirfd, const char *path, int flags, mode_t mode)
{
    if (create_only && (flags & O_CREAT) == 0) {
        return cr_sys_default.openat(dirfd, path, flags, mode);
    }

    errno = failing_errno;

    return -1;
}

static int
full_statvfs(int fd, struct statvfs *ret_st)
{
    int rc = cr_sys_default.fstatvfs(fd, ret_st);

    ret_st->f_bavail = 1;

    return rc;
}

static int64_t later;

static int64_t
clock_us(void)
{
    return cr_sys_default.now_us() + later;
}

/* It is looked at once a second, and a fault is logged once. */
static void
test_storage_down(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    later = 0;
    create_only = false;
    failing_errno = EIO;
    d->sys.now_us = clock_us;
    expect_parts(d, 200, "healthy", "healthy", "healthy");
    d->sys.openat = failing_openat;
    later = 2000000;
    r = cr_get(d, "/readyz");
    cr_expect(&r, 503, "");
    assert_true(r.x->info.log_error);
    assert_true(r.x->info.detail.len != 0);
    cr_reply_done(&r);

    /* Remembered for a second, and no news at the next look. */
    for (later = 2000001; later < 5000000; later += 2000000) {
        r = cr_get(d, "/readyz");
        cr_expect(&r, 503, "");
        assert_false(r.x->info.log_error);
        cr_reply_done(&r);
    }

    expect_parts(d, 503, "healthy", "unhealthy", "unhealthy");
    d->sys.openat = cr_sys_default.openat;
    later = 8000000;
    expect_parts(d, 200, "healthy", "healthy", "healthy");
}

/* Pulls go on: so must the traffic. */
static void
test_storage_read_only(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    static const struct {
        int         errnum;
        const char *status;
    } cases[] = { { ENOSPC, "full" },
                  { EDQUOT, "full" },
                  { EROFS, "read-only" },
                  { EIO, "read-only" } };

    later = 0;
    create_only = true;
    d->sys.now_us = clock_us;
    d->sys.openat = failing_openat;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        failing_errno = cases[i].errnum;
        later += 2000000;
        expect_parts(d, 200, "healthy", cases[i].status, "degraded");
    }

    /* What is new is logged. */
    failing_errno = ENOSPC;
    later += 2000000;
    r = cr_get(d, "/readyz");
    assert_true(r.x->info.log_error);
    cr_reply_done(&r);

    /* To Harbor's clients it is a part that is unwell. */
    r = cr_get(d, "/api/v2.0/health");
    cr_expect(&r, 200, "");
    assert_true(holds(d, &r,
                      "{\"name\":\"storage\","
                      "\"status\":\"unhealthy\""));
    cr_reply_done(&r);

    d->sys.openat = cr_sys_default.openat;
    later += 2000000;
    expect_parts(d, 200, "healthy", "healthy", "healthy");
}

/* min_free refuses uploads before the disk does. */
static void
test_min_free(void **state)
{
    cr_drive_t d;

    (void) state;
    cr_drive_init(&d);
    d.conf.min_free = 1024 * 1024;
    cr_drive_start(&d);
    later = 0;
    d.sys.now_us = clock_us;
    expect_parts(&d, 200, "healthy", "healthy", "healthy");
    d.sys.fstatvfs = full_statvfs;
    later = 2000000;
    expect_parts(&d, 200, "healthy", "full", "degraded");
    cr_drive_close(&d);
}

/* Another folder in its place has none of the content. */
static void
test_storage_replaced(void **state)
{
    cr_drive_t *d = *state;
    const char *path = cr_text(d, "%s/blobs", d->dir);
    const char *away = cr_text(d, "%s/away", d->dir);

    later = 0;
    d->sys.now_us = clock_us;
    expect_parts(d, 200, "healthy", "healthy", "healthy");
    assert_int_equal(rename(path, away), 0);
    later = 2000000;
    expect_parts(d, 503, "healthy", "unhealthy", "unhealthy");
    assert_int_equal(mkdir(path, 0750), 0);
    later = 4000000;
    expect_parts(d, 503, "healthy", "unhealthy", "unhealthy");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(away, path), 0);
    later = 6000000;
    expect_parts(d, 200, "healthy", "healthy", "healthy");
}

static void
test_database_down(void **state)
{
    cr_drive_t *d = *state;
    const char *path = cr_text(d, "%s/registry.db", d->dir);
    const char *away = cr_text(d, "%s/away", d->dir);

    assert_int_equal(rename(path, away), 0);
    expect_parts(d, 503, "unhealthy", "unhealthy", "unhealthy");
    cr_expect_done(cr_get(d, "/healthz"), 200, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(test_storage_down, setup, teardown),
        cmocka_unit_test_setup_teardown(test_storage_read_only, setup,
                                        teardown),
        cmocka_unit_test(test_min_free),
        cmocka_unit_test_setup_teardown(test_storage_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_database_down, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
