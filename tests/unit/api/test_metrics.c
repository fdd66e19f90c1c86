/* api/metrics.c: what the transport, the store and the database say. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
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

static int64_t later;

static int64_t
clock_us(void)
{
    return cr_sys_default.now_us() + later;
}

static int
no_statvfs(int fd, struct statvfs *ret_st)
{
    (void) fd;
    (void) ret_st;
    errno = EIO;

    return -1;
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

/* Numbers of garbage collection and of the queue; odd kinds of work. */
static void
test_metrics_values(void **state)
{
    int        n = 7;
    cr_drive_t m;
    cr_reply_t r;

    (void) state;
    cr_drive_init(&m);
    m.conf.metrics = metrics;
    m.conf.metrics_arg = &n;
    cr_drive_start(&m);
    later = 0;
    m.sys.now_us = clock_us;
    r = cr_get(&m, "/metrics");
    assert_true(has(&m, &r, "registry_job_queue_oldest_age_seconds 0.000000"));
    assert_true(holds(&m, &r, "# TYPE registry_gc_freed_bytes_total counter"));
    assert_true(holds(&m, &r, "# TYPE registry_job_queue_length gauge"));
    cr_reply_done(&r);

    cr_drive_sql(&m, "INSERT INTO counter VALUES ('metric_gc_files', 4), "
                     "('metric_gc_bytes', 9007199254740993), "
                     "('metric_backups', 5)");
    cr_drive_sql(&m, cr_text(&m,
                             "INSERT INTO job (kind, unique_key, state, "
                             "run_at, interval_us, error, ended_at, "
                             "created_at) VALUES ('a' || char(10) || 'b', "
                             "'x', 'pending', %lld, 60, NULL, NULL, 1)",
                             (long long) clock_us() - 90000000));
    r = cr_get(&m, "/metrics");
    assert_true(has(&m, &r, "registry_gc_deleted_files_total 4"));
    assert_true(has(&m, &r, "registry_gc_freed_bytes_total 9007199254740993"));
    assert_true(has(&m, &r, "registry_backups_total 5"));
    assert_true(has(&m, &r, "registry_job_failed{type=\"a\\nb\"} 0"));
    assert_true(holds(&m, &r, "registry_job_queue_oldest_age_seconds 90."));
    /* it has not run yet: no end to tell of */
    assert_false(holds(&m, &r, "last_end_timestamp_seconds{"));
    cr_reply_done(&r);

    /* the clock went back: no negative age */
    later = -200 * INT64_C(1000000);
    cr_drive_sql(&m, cr_text(&m, "UPDATE job SET run_at = %lld",
                             (long long) clock_us() - 1));
    later -= 200 * INT64_C(1000000);
    r = cr_get(&m, "/metrics");
    assert_false(holds(&m, &r, "oldest_age_seconds -"));
    cr_reply_done(&r);
    cr_drive_close(&m);
}

/* A store that cannot tell has no numbers, and the rest is there. */
static void
test_metrics_storage(void **state)
{
    int        n = 7;
    cr_drive_t m;
    cr_reply_t r;

    (void) state;
    cr_drive_init(&m);
    m.conf.metrics = metrics;
    m.conf.metrics_arg = &n;
    cr_drive_start(&m);
    r = cr_get(&m, "/metrics");
    assert_true(holds(&m, &r, "\nregistry_storage_filesystem_free_bytes "));
    assert_true(holds(&m, &r, "\nregistry_storage_filesystem_size_bytes "));
    assert_true(has(&m, &r, "registry_storage_min_free_bytes 0"));
    cr_reply_done(&r);
    m.sys.fstatvfs = no_statvfs;
    r = cr_get(&m, "/metrics");
    cr_expect(&r, 200, "");
    assert_false(holds(&m, &r, "registry_storage"));
    assert_true(has(&m, &r, "registry_db_up 1"));
    assert_true(has(&m, &r, "registry_job_queue_length 0"));
    cr_reply_done(&r);
    cr_drive_close(&m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_metrics, setup, teardown),
        cmocka_unit_test(test_metrics_of_jobs),
        cmocka_unit_test(test_metrics_values),
        cmocka_unit_test(test_metrics_storage),
        cmocka_unit_test(test_metrics_database_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
