/*
 * api/health.c: health, readiness, metrics.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include "drive.h"
#include <stdio.h>

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

static void
expect_parts(cr_drive_t *d, int status, const char *database,
             const char *storage)
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
    expect_parts(d, 200, "healthy", "healthy");
    expect_parts(d, 200, "healthy", "healthy");
}

static int
failing_openat(int dirfd, const char *path, int flags, mode_t mode)
{
    (void) dirfd;
    (void) path;
    (void) flags;
    (void) mode;
    errno = EROFS;

    return -1;
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
    d->sys.now_us = clock_us;
    expect_parts(d, 200, "healthy", "healthy");
    d->sys.openat = failing_openat;
    later = 2000000;
    r = cr_get(d, "/readyz");
    cr_expect(&r, 503, "");
    assert_true(r.x->info.log_error);
    assert_true(r.x->info.detail.len != 0);
    cr_reply_done(&r);
    d->sys.openat = cr_sys_default.openat;
    later = 2000001;
    r = cr_get(d, "/readyz");
    cr_expect(&r, 503, "");
    assert_false(r.x->info.log_error);
    cr_reply_done(&r);
    expect_parts(d, 503, "healthy", "unhealthy");
    later = 4000000;
    expect_parts(d, 200, "healthy", "healthy");
}

static void
test_database_down(void **state)
{
    cr_drive_t *d = *state;
    const char *path = cr_text(d, "%s/registry.db", d->dir);
    const char *away = cr_text(d, "%s/away", d->dir);

    assert_int_equal(rename(path, away), 0);
    expect_parts(d, 503, "unhealthy", "unhealthy");
    cr_expect_done(cr_get(d, "/healthz"), 200, "");
}

static void
metrics(void *arg, cr_buf_t *b)
{
    cr_buf_printf(b, "registry_test %d\n", *(int *) arg);
}

static void
test_metrics(void **state)
{
    int         n = 7;
    cr_drive_t *d = *state;
    cr_drive_t  m;
    cr_reply_t  r;

    cr_expect_done(cr_get(d, "/metrics"), 404, "NOT_FOUND");

    cr_drive_init(&m);
    m.conf.metrics = metrics;
    m.conf.metrics_arg = &n;
    cr_drive_start(&m);
    r = cr_get(&m, "/metrics");
    cr_expect(&r, 200, "");
    assert_true(cr_str_eq_z(r.body, "registry_test 7\n"));
    assert_true(cr_str_eq_z(r.x->response.content_type,
                            "text/plain; version=0.0.4; charset=utf-8"));
    /* also when the database is gone: it was not asked */
    assert_int_equal(r.steps[CR_STEP_DB], 0);
    cr_reply_done(&r);
    cr_drive_close(&m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(test_storage_down, setup, teardown),
        cmocka_unit_test_setup_teardown(test_database_down, setup, teardown),
        cmocka_unit_test_setup_teardown(test_metrics, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
