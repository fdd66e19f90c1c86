/* Noticing work: by the database's version and by the clock. */

#include "fixture.h"
#include "scheduler.h"


static size_t
periodic_kinds(void)
{
    size_t               n;
    const cr_job_kind_t *k;

    for (k = cr_job_kinds, n = 0; k->kind != NULL; k++) {
        n += k->interval_us != 0;
    }

    return n;
}


static void
test_put(void **state)
{
    int       i;
    size_t    j, n;
    cr_job_t *rows;
    fixture_t f;

    (void) state;

    fixture_init(&f);

    /* Each start of a daemon does it: there is one row a kind all the same. */
    for (i = 0; i < 3; i++) {
        FIXTURE_OK(&f, cr_scheduler_put(&f.cx, f.runner.meta));
        FIXTURE_OK(&f, cr_job_list(&f.cx, f.runner.meta, &rows, &n));
        assert_int_equal(n, periodic_kinds());
        fixture_jump(CR_SECOND);
    }

    for (j = 0; j < n; j++) {
        assert_non_null(cr_job_kind_find(rows[j].kind));
        assert_int_equal(rows[j].interval_us,
                         cr_job_kind_find(rows[j].kind)->interval_us);
        assert_true(cr_str_eq_z(rows[j].state, "pending"));
    }

    fixture_done(&f);
}


static void
tick(fixture_t *f, cr_scheduler_t *s, bool due, bool moved)
{
    bool is_due, is_moved;

    FIXTURE_OK(f, cr_scheduler_tick(&f->cx, s, f->runner.meta, &is_due,
                                    &is_moved));
    assert_int_equal(is_due, due);
    assert_int_equal(is_moved, moved);
}


static void
test_tick(void **state)
{
    int64_t        id;
    cr_db_t       *other_db;
    cr_meta_t     *other;
    fixture_t      f;
    cr_scheduler_t s;

    (void) state;

    fixture_init(&f);
    memset(&s, 0, sizeof(s));
    tick(&f, &s, false, true); /* the first look */
    tick(&f, &s, false, false);

    /* nginx, in another process, queues work: seen at the next look. */
    FIXTURE_OK(&f, cr_db_open(&f.cx, cr_str_z(f.z_url), 0, &other_db));
    FIXTURE_OK(&f,
               cr_meta_open(&f.cx, other_db, &cr_meta_conf_default, &other));
    FIXTURE_OK(&f,
               cr_job_put(&f.cx, other, CR_STR("reclaim"), CR_STR("reclaim"),
                          CR_STR("{}"), CR_MINUTE, true, &id));
    tick(&f, &s, true, true);

    /* Offered once; again after a while; at once when something moves. */
    tick(&f, &s, false, false);
    fixture_jump(CR_SCHEDULER_HOLD + 1);
    tick(&f, &s, true, false);
    tick(&f, &s, false, false);
    FIXTURE_OK(&f, cr_setting_put(&f.cx, other, "moved", CR_STR("1")));
    tick(&f, &s, true, true);

    cr_meta_close(other);
    cr_db_close(other_db);
    fixture_done(&f);
}


static void
test_clock(void **state)
{
    fixture_t      f;
    cr_scheduler_t s;

    (void) state;

    fixture_init(&f);
    FIXTURE_OK(&f, cr_scheduler_put(&f.cx, f.runner.meta));
    memset(&s, 0, sizeof(s));
    tick(&f, &s, false, true);
    fixture_jump(CR_MINUTE - CR_SECOND);
    tick(&f, &s, false, false);
    fixture_jump(2 * CR_SECOND);
    tick(&f, &s, true, false);

    /* A clock that is set back does not hold work for ever. */
    fixture_jump(CR_DAY);
    tick(&f, &s, true, false);
    fixture_jump(-CR_DAY + CR_SECOND / 2);
    tick(&f, &s, true, false);
    fixture_done(&f);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_tick),
        cmocka_unit_test(test_clock),
    };

    return cmocka_run_group_tests_name("jobrunner/scheduler", tests, NULL,
                                       NULL);
}
