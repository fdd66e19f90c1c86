/* meta/metric.c: counters, and the state of the queue. */

#include "meta_fixture.h"

#include <string.h>
#include "meta/job.h"
#include "meta/metric.h"


static void
test_counts(void **state)
{
    int64_t         n = -1;
    cr_metrics_t    s;
    meta_fixture_t *fx = *state;

    OK(fx, cr_metric_get(&fx->cx, fx->m, CR_METRIC_GC_BYTES, &n));
    assert_int_equal(n, 0);
    OK(fx, cr_metric_add(&fx->cx, fx->m, CR_METRIC_GC_BYTES, 5));
    OK(fx, cr_metric_add(&fx->cx, fx->m, CR_METRIC_GC_BYTES, 1LL << 40));
    OK(fx, cr_metric_get(&fx->cx, fx->m, CR_METRIC_GC_BYTES, &n));
    assert_int_equal(n, (1LL << 40) + 5);

    OK(fx, cr_metric_set(&fx->cx, fx->m, CR_METRIC_BACKUP_AT, 7));
    OK(fx, cr_metric_set(&fx->cx, fx->m, CR_METRIC_BACKUP_AT, 6));

    /* Nothing to write needs no writer; all is read without one. */
    fx->cx.may_block = false;
    OK(fx, cr_metric_add(&fx->cx, fx->m, CR_METRIC_GC_FILES, 0));
    FAILS(fx, CR_ERR_AGAIN,
          cr_metric_add(&fx->cx, fx->m, CR_METRIC_GC_FILES, 1));
    OK(fx, cr_metric_read(&fx->cx, fx->m, &s));
    assert_int_equal(s.counts[CR_METRIC_GC_BYTES], (1LL << 40) + 5);
    assert_int_equal(s.counts[CR_METRIC_BACKUP_AT], 6);
    assert_int_equal(s.counts[CR_METRIC_GC_FILES], 0);
}


static void
test_queue(void **state)
{
    int64_t         id, at;
    bool            found;
    cr_job_t        job;
    cr_metrics_t    s;
    meta_fixture_t *fx = *state;

    OK(fx, cr_metric_read(&fx->cx, fx->m, &s));
    assert_int_equal(s.jobs_due, 0);
    assert_int_equal(s.jobs_due_since, 0);
    assert_int_equal(s.jobs_running, 0);
    assert_int_equal(s.njobs, 0);

    at = meta_now();
    OK(fx, cr_job_put(&fx->cx, fx->m, CR_STR("one"), CR_STR("one"), CR_STR(""),
                      CR_HOUR, true, &id));
    OK(fx, cr_job_put(&fx->cx, fx->m, CR_STR("two"), CR_STR("two"), CR_STR(""),
                      CR_HOUR, false, &id));
    meta_clock_add(CR_SECOND);
    OK(fx, cr_job_put(&fx->cx, fx->m, CR_STR("three"), CR_STR(""), CR_STR(""),
                      0, true, &id));
    OK(fx, cr_metric_read(&fx->cx, fx->m, &s));
    assert_int_equal(s.jobs_due, 2);
    assert_int_equal(s.jobs_due_since, at);
    assert_int_equal(s.njobs, 2);
    assert_text(s.jobs[0].kind, "one");
    assert_text(s.jobs[1].kind, "two");
    assert_int_equal(s.jobs[0].ended_at, 0);

    OK(fx, cr_job_claim(&fx->cx, fx->m, CR_STR("w"), CR_MINUTE, &found, &job));
    assert_true(found);
    OK(fx, cr_metric_read(&fx->cx, fx->m, &s));
    assert_int_equal(s.jobs_due, 1);
    assert_int_equal(s.jobs_running, 1);
    OK(fx, cr_job_finish(&fx->cx, fx->m, &job, CR_STR_NULL, CR_STR("no")));
    OK(fx, cr_metric_read(&fx->cx, fx->m, &s));
    assert_int_equal(s.jobs_running, 0);
    assert_true(s.jobs[0].failed);
    assert_int_equal(s.jobs[0].ended_at, meta_now());
    assert_false(s.jobs[1].failed);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counts, meta_setup, meta_teardown),
        cmocka_unit_test_setup_teardown(test_queue, meta_setup, meta_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
