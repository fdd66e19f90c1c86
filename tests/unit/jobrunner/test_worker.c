/* Claiming and running: every way in which a run may end. */

#include "fixture.h"
#include "scheduler.h"
#include "worker.h"


/* The row of a kind. */
static cr_job_t
row(fixture_t *f, const char *kind)
{
    size_t    i, n;
    cr_job_t *rows;

    FIXTURE_OK(f, cr_job_list(&f->cx, f->runner.meta, &rows, &n));

    for (i = 0; i < n; i++) {
        if (cr_str_eq_z(rows[i].kind, kind)) {
            return rows[i];
        }
    }

    fail_msg("no row of %s", kind);
    return (cr_job_t){ 0 };
}


static int
steps(fixture_t *f, cr_worker_t *w)
{
    int  n;
    bool ran;

    for (n = 0;; n++) {
        FIXTURE_OK(f, cr_worker_step(&f->cx, w, &ran));

        if (!ran) {
            return n;
        }

        assert_true(n < 100);
    }
}


static void
test_periodic(void **state)
{
    cr_job_t    job;
    fixture_t   f;
    cr_worker_t w;

    (void) state;

    fixture_init(&f);
    FIXTURE_OK(&f, cr_scheduler_put(&f.cx, f.runner.meta));
    FIXTURE_OK(&f, cr_worker_init(&f.cx, &w, f.db, &f.log));
    assert_int_equal(steps(&f, &w), 0);

    fixture_jump(2 * CR_MINUTE);
    assert_int_equal(steps(&f, &w), 2);
    job = row(&f, "upload-expire");
    assert_true(cr_str_eq_z(job.state, "pending"));
    assert_true(cr_str_eq_z(job.result, "{\"expired\":0}"));
    assert_int_equal(job.error.len, 0);
    assert_true(job.ended_at != 0);
    assert_true(job.run_at > cr_now(&f.cx) + CR_MINUTE - CR_SECOND);

    fixture_jump(CR_DAY);
    assert_int_equal(steps(&f, &w), 5);
    cr_worker_done(&w);
    fixture_done(&f);
}


/* nginx has not said where the content is: nothing is claimed. */
static void
test_waits(void **state)
{
    cr_str_t    url;
    fixture_t   f;
    cr_worker_t w;

    (void) state;

    fixture_init_bare(&f);
    FIXTURE_OK(&f, cr_scheduler_put(&f.cx, f.runner.meta));
    FIXTURE_OK(&f, cr_worker_init(&f.cx, &w, f.db, &f.log));
    fixture_jump(CR_HOUR);
    assert_int_equal(steps(&f, &w), 0);
    assert_int_equal(row(&f, "reclaim").started_at, 0);

    url = cr_printf(&f.cx, "filesystem:%s/blobs", f.z_dir);
    fixture_set(&f, CR_SETTING_STORAGE_URL, url.data);
    assert_int_equal(steps(&f, &w), 3);
    cr_worker_done(&w);
    fixture_done(&f);
}


/* A job that fails is tried again, later and later; the others go on. */
static void
test_fails(void **state)
{
    cr_job_t    job;
    fixture_t   f;
    cr_worker_t w;

    (void) state;

    fixture_init(&f);
    FIXTURE_OK(&f, cr_scheduler_put(&f.cx, f.runner.meta));
    fixture_set(&f, CR_SETTING_STORAGE_URL, "filesystem:/dev/null/blobs");
    FIXTURE_OK(&f, cr_worker_init(&f.cx, &w, f.db, &f.log));
    fixture_jump(2 * CR_MINUTE);
    assert_int_equal(steps(&f, &w), 2);

    job = row(&f, "upload-expire");
    assert_int_equal(job.error.len, 0);
    job = row(&f, "reclaim");
    assert_true(job.error.len != 0);
    assert_true(cr_str_eq_z(job.state, "pending"));
    assert_true(job.run_at > cr_now(&f.cx));
    assert_int_equal(job.attempts, 1);

    fixture_jump(job.run_at - cr_now(&f.cx));
    assert_true(steps(&f, &w) >= 1);
    assert_int_equal(row(&f, "reclaim").attempts, 2);
    cr_worker_done(&w);
    fixture_done(&f);
}


/* A row of a newer program is left to it, and does not end this one. */
static void
test_unknown_kind(void **state)
{
    int64_t     id;
    cr_job_t    job;
    fixture_t   f;
    cr_worker_t w;

    (void) state;

    fixture_init(&f);
    FIXTURE_OK(&f, cr_job_put(&f.cx, f.runner.meta, CR_STR("teleport"),
                              CR_STR_NULL, CR_STR("{}"), 0, true, &id));
    FIXTURE_OK(&f, cr_worker_init(&f.cx, &w, f.db, &f.log));
    assert_int_equal(steps(&f, &w), 1);
    job = row(&f, "teleport");
    assert_true(job.error.len != 0);
    assert_true(job.run_at > cr_now(&f.cx));
    cr_worker_done(&w);
    fixture_done(&f);
}


/* The program ends in the middle: the job is due at once for the next. */
static void
test_interrupted(void **state)
{
    bool        ran;
    cr_job_t    job;
    fixture_t   f;
    cr_worker_t w;

    (void) state;

    fixture_init(&f);
    FIXTURE_OK(&f, cr_scheduler_put(&f.cx, f.runner.meta));
    FIXTURE_OK(&f, cr_worker_init(&f.cx, &w, f.db, &f.log));
    fixture_jump(CR_MINUTE + CR_SECOND);
    atomic_store(&w.stop, true);
    FIXTURE_OK(&f, cr_worker_step(&f.cx, &w, &ran));
    assert_true(ran);
    job = row(&f, "upload-expire");
    assert_true(cr_str_eq_z(job.state, "pending"));
    assert_int_equal(job.error.len, 0);
    assert_true(job.run_at <= cr_now(&f.cx));

    atomic_store(&w.stop, false);
    assert_int_equal(steps(&f, &w), 2);
    cr_worker_done(&w);
    fixture_done(&f);
}


/* kill -9 in the middle: claimed again when the lease has run out. */
static void
test_killed(void **state)
{
    bool        found;
    cr_job_t    job;
    fixture_t   f;
    cr_worker_t w;

    (void) state;

    fixture_init(&f);
    FIXTURE_OK(&f, cr_scheduler_put(&f.cx, f.runner.meta));
    fixture_jump(CR_MINUTE + CR_SECOND);
    FIXTURE_OK(&f, cr_job_claim(&f.cx, f.runner.meta, CR_STR("the killed"),
                                CR_JOB_LEASE, &found, &job));
    assert_true(found);

    FIXTURE_OK(&f, cr_worker_init(&f.cx, &w, f.db, &f.log));
    assert_int_equal(steps(&f, &w), 1); /* the other one */
    fixture_jump(CR_JOB_LEASE - CR_SECOND);
    assert_int_equal(steps(&f, &w), 0);
    fixture_jump(2 * CR_SECOND);
    assert_int_equal(steps(&f, &w), 1);
    assert_int_equal(row(&f, "upload-expire").error.len, 0);
    cr_worker_done(&w);
    fixture_done(&f);
}


/* A run that outlives its lease learns that another one has the job. */
static void
test_taken_over(void **state)
{
    bool         found;
    cr_job_t     mine, other;
    fixture_t    f;
    cr_job_run_t run;

    (void) state;

    fixture_init(&f);
    FIXTURE_OK(&f, cr_scheduler_put(&f.cx, f.runner.meta));
    fixture_jump(CR_MINUTE + CR_SECOND);
    FIXTURE_OK(&f, cr_job_claim(&f.cx, f.runner.meta, CR_STR("a"), CR_JOB_LEASE,
                                &found, &mine));
    memset(&run, 0, sizeof(run));
    run.runner = &f.runner;
    run.job = &mine;
    run.renewed_at = cr_now(&f.cx);

    /* Renewed in time, it stays ours beyond the first lease. */
    fixture_jump(CR_JOB_LEASE - CR_SECOND);
    FIXTURE_OK(&f, cr_job_beat(&f.cx, &run));
    fixture_jump(2 * CR_SECOND);
    FIXTURE_OK(&f, cr_job_claim(&f.cx, f.runner.meta, CR_STR("b"), CR_JOB_LEASE,
                                &found, &other));
    assert_true(!found || other.id != mine.id);

    fixture_jump(CR_JOB_LEASE);
    do {
        FIXTURE_OK(&f, cr_job_claim(&f.cx, f.runner.meta, CR_STR("b"),
                                    CR_JOB_LEASE, &found, &other));
        assert_true(found);
    } while (other.id != mine.id);

    assert_int_equal(cr_job_beat(&f.cx, &run), CR_ERR_CONFLICT);
    assert_false(run.interrupted);
    assert_int_equal(cr_job_finish(&f.cx, f.runner.meta, &mine, CR_STR("{}"),
                                   CR_STR_NULL),
                     CR_ERR_CONFLICT);
    cr_clear(&f.cx);
    fixture_done(&f);
}


/* The thread: woken it works, stopped it ends.  The log is the event. */
static void
test_thread(void **state)
{
    int         i, fds[2];
    char        text[4096];
    ssize_t     n;
    size_t      len;
    fixture_t   f;
    cr_worker_t w;

    (void) state;

    fixture_init(&f);
    assert_int_equal(pipe(fds), 0);
    f.log.fd = fds[1];
    FIXTURE_OK(&f, cr_scheduler_put(&f.cx, f.runner.meta));
    FIXTURE_OK(&f, cr_worker_init(&f.cx, &w, f.db, &f.log));
    FIXTURE_OK(&f, cr_worker_start(&f.cx, &w));

    for (i = 0; i < 2; i++) {
        fixture_jump(2 * CR_MINUTE);
        cr_worker_wake(&w);
        len = 0;

        /* Debug lines say when a job that changed nothing is done. */
        do {
            n = read(fds[0], text + len, sizeof(text) - 1 - len);
            assert_true(n > 0);
            len += (size_t) n;
            text[len] = '\0';
        } while (strstr(text, "kind=reclaim") == NULL
                 || strstr(text, "kind=upload-expire") == NULL);

        assert_null(strstr(text, "level=error"));
    }

    cr_worker_stop(&w);
    cr_worker_done(&w);
    close(fds[0]);
    close(fds[1]);
    fixture_done(&f);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_periodic),    cmocka_unit_test(test_waits),
        cmocka_unit_test(test_fails),       cmocka_unit_test(test_unknown_kind),
        cmocka_unit_test(test_interrupted), cmocka_unit_test(test_killed),
        cmocka_unit_test(test_taken_over),  cmocka_unit_test(test_thread),
    };

    return cmocka_run_group_tests_name("jobrunner/worker", tests, NULL, NULL);
}
