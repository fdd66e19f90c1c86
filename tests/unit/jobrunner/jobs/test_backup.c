/* The scheduled backup: interrupted, beside writes, by its interval, held. */

#include <sys/stat.h>
#include "../fixture.h"
#include "jobs/jobs.h"
#include "meta/job.h"

/* More than one step of the copy. */
#define LARGE (24u * 1024 * 1024)


static void
write_large(fixture_t *f)
{
    char *data;

    data = malloc(LARGE);
    assert_non_null(data);
    memset(data, 'x', LARGE);
    FIXTURE_OK(f, cr_setting_put(&f->cx, f->runner.meta, "large",
                                 (cr_str_t){ LARGE, data }));
    free(data);
}


/* A lease that is renewed between the steps writes to the database. */
typedef struct beats_s {
    fixture_t *f;
    int        n;
    cr_err_t   err; /* of the third */
} beats_t;


static cr_err_t
beat(cr_ctx_t *cx, void *arg)
{
    beats_t *b = arg;

    b->n++;

    if (b->n == 3 && b->err != CR_OK) {
        return cr_fail(cx, b->err, "enough");
    }

    return cr_setting_put(cx, b->f->runner.meta, "beat",
                          cr_printf(cx, "%d", b->n));
}


static void
test_beat(void **state)
{
    beats_t    b;
    cr_str_t   path, url, value;
    cr_db_t   *copy;
    fixture_t  f;
    cr_meta_t *m;

    (void) state;

    fixture_init(&f);
    write_large(&f);
    fixture_set(&f, "beat", "0");
    b = (beats_t){ &f, 0, CR_OK };
    path = cr_printf(&f.cx, "%s/copy", f.z_dir);
    FIXTURE_OK(&f, cr_db_backup_beat(&f.cx, f.db, path.data, beat, &b));
    assert_true(b.n > 2);

    /* One state, that of the beginning. */
    url = cr_printf(&f.cx, "sqlite:%.*s", CR_STR_ARG(path));
    FIXTURE_OK(&f, cr_db_open(&f.cx, url, 0, &copy));
    FIXTURE_OK(&f, cr_meta_open(&f.cx, copy, &f.runner.conf, &m));
    FIXTURE_OK(&f, cr_setting_get(&f.cx, m, "beat", &value));
    assert_true(cr_str_eq_z(value, "0"));
    cr_meta_close(m);
    cr_db_close(copy);
    fixture_done(&f);
}


static void
test_ended(void **state)
{
    beats_t   b;
    cr_str_t  path;
    fixture_t f;

    (void) state;

    fixture_init(&f);
    write_large(&f);
    b = (beats_t){ &f, 0, CR_ERR_CONFLICT };
    path = cr_printf(&f.cx, "%s/copies", f.z_dir);
    assert_int_equal(mkdir(path.data, 0700), 0);
    path = cr_printf(&f.cx, "%s/copies/copy", f.z_dir);
    assert_int_equal(cr_db_backup_beat(&f.cx, f.db, path.data, beat, &b),
                     CR_ERR_CONFLICT);
    assert_true(cr_str_eq_z(f.cx.message, "enough"));
    assert_int_equal(b.n, 3);

    /* Nothing is left: the folder is empty. */
    path = cr_printf(&f.cx, "%s/copies", f.z_dir);
    assert_int_equal(rmdir(path.data), 0);
    fixture_done(&f);
}


static void
test_stopped(void **state)
{
    fixture_t    f;
    atomic_bool  stop;
    cr_job_run_t run;

    (void) state;

    fixture_init(&f);
    write_large(&f);
    atomic_init(&stop, true);
    memset(&run, 0, sizeof(run));
    run.stop = &stop;
    assert_int_equal(fixture_run(&f, "backup", &run), CR_ERR_AGAIN);
    assert_true(run.interrupted);
    fixture_done(&f);
}


static void
test_interval(void **state)
{
    int64_t              us;
    fixture_t            f;
    const cr_job_kind_t *k;

    (void) state;

    fixture_init(&f);
    k = cr_job_kind_find(CR_STR("backup"));
    FIXTURE_OK(&f, cr_job_interval(&f.cx, f.runner.meta, k, &us));
    assert_int_equal(us, CR_HOUR);
    fixture_set(&f, CR_SETTING_BACKUP_INTERVAL, "90000000");
    FIXTURE_OK(&f, cr_job_interval(&f.cx, f.runner.meta, k, &us));
    assert_int_equal(us, 90 * CR_SECOND);
    fixture_set(&f, CR_SETTING_BACKUP_INTERVAL, "0");
    FIXTURE_OK(&f, cr_job_interval(&f.cx, f.runner.meta, k, &us));
    assert_int_equal(us, CR_HOUR);
    k = cr_job_kind_find(CR_STR("reclaim"));
    FIXTURE_OK(&f, cr_job_interval(&f.cx, f.runner.meta, k, &us));
    assert_int_equal(us, CR_MINUTE);
    fixture_done(&f);
}


/* After a restore: another incarnation, nothing deleted, no sessions. */
static void
test_restored(void **state)
{
    cr_str_t  before, after;
    fixture_t f;

    (void) state;

    fixture_init(&f);
    FIXTURE_OK(&f, cr_setting_get(&f.cx, f.runner.meta, CR_SETTING_INCARNATION,
                                  &before));
    fixture_run_ok(&f, "reclaim",
                   "{\"purged\":0,\"unlinked\":0,\"files\":0,\"bytes\":0,"
                   "\"failed\":0}");
    FIXTURE_OK(&f, cr_meta_restored(&f.cx, f.db));
    FIXTURE_OK(&f, cr_runner_refresh(&f.cx, &f.runner));
    assert_true(f.runner.held);
    fixture_run_ok(&f, "reclaim", "{\"held\":true}");
    fixture_run_ok(&f, "orphan-sweep", "{\"held\":true}");
    FIXTURE_OK(&f, cr_setting_get(&f.cx, f.runner.meta, CR_SETTING_INCARNATION,
                                  &after));
    assert_int_equal(after.len, CR_UUID_LEN);
    assert_false(cr_str_eq(before, after));

    fixture_set(&f, CR_SETTING_SWEEP_HELD, "0");
    FIXTURE_OK(&f, cr_runner_refresh(&f.cx, &f.runner));
    assert_false(f.runner.held);
    fixture_done(&f);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beat),     cmocka_unit_test(test_ended),
        cmocka_unit_test(test_stopped),  cmocka_unit_test(test_interval),
        cmocka_unit_test(test_restored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
