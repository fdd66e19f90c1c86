/*
 * api/health.c and api/metrics.c: health, readiness, metrics.
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

static void
metrics(void *arg, cr_buf_t *b)
{
    cr_buf_printf(b, "registry_test %d\n", *(int *) arg);
}

static bool
has(cr_drive_t *d, const cr_reply_t *r, const char *line)
{
    return strstr(cr_text(d, "\n%.*s", CR_STR_ARG(r->body)),
                  cr_text(d, "\n%s\n", line))
           != NULL;
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
    m.conf.min_free = 4096;
    cr_drive_start(&m);
    r = cr_get(&m, "/metrics");
    cr_expect(&r, 200, "");
    assert_true(cr_str_starts(r.body, CR_STR("registry_test 7\n")));
    assert_true(cr_str_eq_z(r.x->response.content_type,
                            "text/plain; version=0.0.4; charset=utf-8"));
    assert_true(has(&m, &r, "registry_db_up 1"));
    assert_true(has(&m, &r, "registry_backups_total 0"));
    assert_true(has(&m, &r, "registry_storage_min_free_bytes 4096"));
    assert_true(has(&m, &r, "registry_job_queue_length 0"));
    assert_false(holds(&m, &r, "registry_backup_last_success"));
    cr_reply_done(&r);

    /* Once it is open: nothing that could wait behind writers. */
    r = cr_get(&m, "/metrics");
    assert_int_equal(r.steps[CR_STEP_DB], 0);
    assert_true(has(&m, &r, "registry_db_up 1"));
    cr_reply_done(&r);
    cr_drive_close(&m);
}

static void
test_metrics_of_jobs(void **state)
{
    int        n = 7;
    cr_drive_t m;
    cr_reply_t r;

    (void) state;
    cr_drive_init(&m);
    m.conf.metrics = metrics;
    m.conf.metrics_arg = &n;
    cr_drive_start(&m);
    cr_expect_done(cr_get(&m, "/metrics"), 200, "");
    cr_drive_sql(&m, "INSERT INTO counter VALUES ('metric_backups_skipped', 3),"
                     " ('metric_backup_at', 1700000000500000)");
    cr_drive_sql(&m, "INSERT INTO job (kind, unique_key, state, run_at, "
                     "interval_us, error, ended_at, created_at) VALUES "
                     "('a\"b\\c', 'x', 'pending', 1, 60, 'no', "
                     "1700000000000001, 1),"
                     "('reclaim', 'y', 'running', 1, 60, NULL, NULL, 1),"
                     "('once', NULL, 'pending', 1, NULL, NULL, NULL, 1)");
    r = cr_get(&m, "/metrics");
    assert_true(has(&m, &r, "registry_backups_skipped_total 3"));
    assert_true(has(&m, &r,
                    "registry_backup_last_success_timestamp_seconds "
                    "1700000000.500000"));
    assert_true(has(&m, &r, "registry_job_queue_length 2"));
    assert_true(has(&m, &r, "registry_jobs_running 1"));
    assert_true(has(&m, &r, "registry_job_failed{type=\"a\\\"b\\\\c\"} 1"));
    assert_true(has(&m, &r, "registry_job_failed{type=\"reclaim\"} 0"));
    assert_true(has(&m, &r,
                    "registry_job_last_end_timestamp_seconds"
                    "{type=\"a\\\"b\\\\c\"} 1700000000.000001"));
    assert_false(holds(&m, &r, "type=\"once\""));
    cr_reply_done(&r);
    cr_drive_close(&m);
}

/* The one who watches learns it from a number. */
static void
test_metrics_database_down(void **state)
{
    int         n = 7;
    cr_drive_t  m;
    cr_reply_t  r;
    const char *path, *away;

    (void) state;
    cr_drive_init(&m);
    m.conf.metrics = metrics;
    m.conf.metrics_arg = &n;
    cr_drive_start(&m);
    path = cr_text(&m, "%s/registry.db", m.dir);
    away = cr_text(&m, "%s/away", m.dir);

    /* never opened, and after it was */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rename(path, away), 0);
        r = cr_get(&m, "/metrics");
        cr_expect(&r, 200, "");
        assert_true(has(&m, &r, "registry_test 7"));
        assert_true(has(&m, &r, "registry_db_up 0"));
        assert_false(holds(&m, &r, "registry_job"));
        cr_reply_done(&r);
        assert_int_equal(rename(away, path), 0);

        if (i == 0) {
            later = 2000000;
            m.sys.now_us = clock_us;
            r = cr_get(&m, "/metrics");
            assert_true(has(&m, &r, "registry_db_up 1"));
            cr_reply_done(&r);
        }
    }

    cr_drive_close(&m);
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
        cmocka_unit_test_setup_teardown(test_metrics, setup, teardown),
        cmocka_unit_test(test_metrics_of_jobs),
        cmocka_unit_test(test_metrics_database_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
