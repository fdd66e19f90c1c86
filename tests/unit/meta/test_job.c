/*
 * meta/job.c: the queue.
 */

#include "meta_fixture.h"

#include <stdio.h>
#include <string.h>
#include "meta/job.h"

#define LEASE (30 * CR_SECOND)


static int64_t
put(meta_fixture_t *fx, const char *z_key, int64_t interval, bool now)
{
    int64_t id;

    OK(fx, cr_job_put(&fx->cx, fx->m, CR_STR("gc"), cr_str_z(z_key),
                      CR_STR("{\"a\":1}"), interval, now, &id));
    return id;
}


static bool
claim(meta_fixture_t *fx, cr_job_t *ret_job)
{
    bool found;

    OK(fx, cr_job_claim(&fx->cx, fx->m, CR_STR("w1"), LEASE, &found, ret_job));
    return found;
}


static int64_t
next(meta_fixture_t *fx)
{
    int64_t at;

    OK(fx, cr_job_next(&fx->cx, fx->m, &at));
    return at;
}


static void
finish(meta_fixture_t *fx, const cr_job_t *j, const char *z_error)
{
    OK(fx, cr_job_finish(&fx->cx, fx->m, j, CR_STR("ok"), cr_str_z(z_error)));
}


static void
test_once(void **state)
{
    meta_fixture_t *fx = *state;
    cr_job_t        j, *rows;
    int64_t         id;
    size_t          n;

    assert_int_equal(next(fx), 0);
    assert_false(claim(fx, &j));
    id = put(fx, NULL, 0, false);
    assert_int_equal(next(fx), meta_now());
    assert_true(put(fx, NULL, 0, true) > id);
    assert_true(claim(fx, &j));
    assert_int_equal(j.id, id);
    assert_text(j.kind, "gc");
    assert_text(j.payload, "{\"a\":1}");
    assert_text(j.state, "running");
    assert_int_equal(j.attempts, 1);
    assert_int_equal(j.epoch, 1);
    finish(fx, &j, NULL);
    FAILS(fx, CR_ERR_CONFLICT,
          cr_job_finish(&fx->cx, fx->m, &j, CR_STR_NULL, CR_STR_NULL));

    assert_true(claim(fx, &j));
    assert_false(claim(fx, &j));
    OK(fx, cr_job_list(&fx->cx, fx->m, &rows, &n));
    assert_int_equal(n, 2);
    assert_text(rows[0].state, "done");
    assert_text(rows[0].result, "ok");
    assert_int_equal(rows[0].error.len, 0);
    assert_text(rows[1].state, "running");
}


static void
test_periodic_exists_once(void **state)
{
    meta_fixture_t *fx = *state;
    cr_job_t        j;
    int64_t         id = put(fx, "gc", CR_HOUR, false);

    assert_int_equal(next(fx), meta_now() + CR_HOUR);
    assert_int_equal(put(fx, "gc", CR_HOUR, false), id);
    assert_int_equal(next(fx), meta_now() + CR_HOUR);
    /* A shorter interval brings it forward, a longer one does not delay. */
    assert_int_equal(put(fx, "gc", CR_MINUTE, false), id);
    assert_int_equal(next(fx), meta_now() + CR_MINUTE);
    assert_int_equal(put(fx, "gc", CR_HOUR, false), id);
    assert_int_equal(next(fx), meta_now() + CR_MINUTE);
    assert_false(claim(fx, &j));

    assert_int_equal(put(fx, "gc", CR_HOUR, true), id);
    assert_true(claim(fx, &j));
    assert_int_equal(j.interval_us, CR_HOUR);
    meta_clock_add(CR_SECOND);
    finish(fx, &j, NULL);
    assert_int_equal(next(fx), meta_now() + CR_HOUR);
    meta_clock_add(CR_HOUR);
    assert_true(claim(fx, &j));
    assert_int_equal(j.attempts, 1);
    assert_int_equal(j.epoch, 2);
}


static void
test_asked_for_while_it_runs(void **state)
{
    meta_fixture_t *fx = *state;
    cr_job_t        j;

    (void) put(fx, "gc", CR_HOUR, true);
    assert_true(claim(fx, &j));
    (void) put(fx, "gc", CR_HOUR, true);
    assert_false(claim(fx, &j));
    meta_clock_add(CR_SECOND);
    finish(fx, &j, NULL);
    assert_true(claim(fx, &j));
    meta_clock_add(CR_SECOND);
    finish(fx, &j, NULL);
    assert_false(claim(fx, &j));
    assert_int_equal(next(fx), meta_now() + CR_HOUR);

    /* One that has ended is armed again. */
    (void) put(fx, "once", 0, true);
    assert_true(claim(fx, &j));
    meta_clock_add(1);
    finish(fx, &j, NULL);
    assert_false(claim(fx, &j));
    (void) put(fx, "once", 0, true);
    assert_true(claim(fx, &j));
}


static void
test_back_off(void **state)
{
    meta_fixture_t *fx = *state;
    cr_job_t        j;
    int64_t         delay = 5 * CR_SECOND;
    size_t          i;

    (void) put(fx, NULL, 0, true);
    for (i = 0; i < 14; i++) {
        assert_true(claim(fx, &j));
        assert_int_equal(j.attempts, i + 1);
        meta_clock_add(CR_SECOND);
        finish(fx, &j, "disk on fire");
        delay = delay < CR_HOUR ? delay : CR_HOUR;
        assert_int_equal(next(fx), meta_now() + delay);
        meta_clock_add(delay - 1);
        assert_false(claim(fx, &j));
        meta_clock_add(1);
        delay *= 2;
    }
    assert_true(claim(fx, &j));
    assert_text(j.error, "disk on fire");
    finish(fx, &j, NULL);
    assert_int_equal(next(fx), 0);
}


static void
test_lease(void **state)
{
    meta_fixture_t *fx = *state;
    cr_job_t        j, k;

    (void) put(fx, "gc", CR_HOUR, true);
    assert_true(claim(fx, &j));
    assert_int_equal(next(fx), meta_now() + LEASE);
    meta_clock_add(LEASE - 1);
    OK(fx, cr_job_renew(&fx->cx, fx->m, &j, LEASE));
    meta_clock_add(LEASE - 1);
    assert_false(claim(fx, &k));

    /* The runner was killed: another goes on, the old one is told. */
    meta_clock_add(1);
    assert_true(claim(fx, &k));
    assert_int_equal(k.id, j.id);
    assert_int_equal(k.epoch, j.epoch + 1);
    FAILS(fx, CR_ERR_CONFLICT, cr_job_renew(&fx->cx, fx->m, &j, LEASE));
    FAILS(fx, CR_ERR_CONFLICT,
          cr_job_finish(&fx->cx, fx->m, &j, CR_STR_NULL, CR_STR("late")));
    OK(fx, cr_job_renew(&fx->cx, fx->m, &k, LEASE));
    finish(fx, &k, NULL);
    FAILS(fx, CR_ERR_CONFLICT, cr_job_renew(&fx->cx, fx->m, &k, LEASE));
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_once),
        TEST(test_periodic_exists_once),
        TEST(test_asked_for_while_it_runs),
        TEST(test_back_off),
        TEST(test_lease),
    };

    return cmocka_run_group_tests_name("meta/job", tests, NULL, NULL);
}
