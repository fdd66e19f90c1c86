/* Upload sessions end when their time is over, and not before. */

#include "../fixture.h"


static cr_upload_t
session(fixture_t *f, cr_str_t *ret_locator)
{
    cr_upload_t  u;
    cr_name_t    name;
    cr_segment_t segment;

    name = fixture_name(f, "library/app");
    FIXTURE_OK(f, cr_upload_create(&f->cx, f->runner.meta, &name,
                                   CR_STR("user:1"), CR_HASH_SHA256, &u));

    if (ret_locator == NULL) {
        return u;
    }

    *ret_locator = fixture_store(f, "bytes");
    segment = (cr_segment_t){ *ret_locator, 5 };
    u.segments = &segment;
    u.nsegments = 1;
    u.size = 5;
    cr_hash_update(&u.hash, "bytes", 5);
    FIXTURE_OK(f, cr_upload_advance(&f->cx, f->runner.meta, &u, 0, false));
    return u;
}


static cr_err_t
get(fixture_t *f, const cr_upload_t *u)
{
    cr_err_t    err;
    cr_upload_t found;

    err = cr_upload_get(&f->cx, f->runner.meta, CR_STR("library/app"),
                        CR_STR("user:1"), cr_str_z(u->id), &found);
    cr_clear(&f->cx);
    return err;
}


static void
test_expire(void **state)
{
    fixture_t   f;
    cr_str_t    locator;
    cr_upload_t old, young;

    (void) state;

    fixture_init(&f);
    old = session(&f, &locator);
    fixture_jump(2 * CR_HOUR);
    young = session(&f, NULL);

    fixture_run_ok(&f, "upload-expire", "{\"expired\":0}");
    assert_int_equal(get(&f, &old), CR_OK);

    /* Three hours after its last byte (fixture_init). */
    fixture_jump(CR_HOUR + CR_SECOND);
    fixture_run_ok(&f, "upload-expire", "{\"expired\":1}");
    assert_int_equal(get(&f, &old), CR_ERR_BLOB_UPLOAD_UNKNOWN);
    assert_int_equal(get(&f, &young), CR_OK);
    fixture_run_ok(&f, "upload-expire", "{\"expired\":0}");

    /* Its bytes wait for the reclaim job. */
    assert_true(fixture_stored(&f, locator));
    fixture_run_ok(&f, "reclaim",
                   "{\"purged\":0,\"unlinked\":0,\"files\":1,\"bytes\":5,"
                   "\"failed\":0}");
    assert_false(fixture_stored(&f, locator));
    fixture_done(&f);
}


/* More than one transaction takes. */
static void
test_many(void **state)
{
    int       i;
    fixture_t f;

    (void) state;

    fixture_init(&f);

    for (i = 0; i < 250; i++) {
        (void) session(&f, NULL);
    }

    fixture_jump(4 * CR_HOUR);
    fixture_run_ok(&f, "upload-expire", "{\"expired\":250}");
    fixture_done(&f);
}


static void
test_interrupted(void **state)
{
    fixture_t    f;
    atomic_bool  stop;
    cr_job_run_t run;

    (void) state;

    fixture_init(&f);
    (void) session(&f, NULL);
    fixture_jump(4 * CR_HOUR);
    atomic_init(&stop, true);
    memset(&run, 0, sizeof(run));
    run.stop = &stop;
    assert_int_equal(fixture_run(&f, "upload-expire", &run), CR_ERR_AGAIN);
    assert_true(run.interrupted);
    fixture_run_ok(&f, "upload-expire", "{\"expired\":1}");
    fixture_done(&f);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expire),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_interrupted),
    };

    return cmocka_run_group_tests_name("jobrunner/jobs/upload_expire", tests,
                                       NULL, NULL);
}
