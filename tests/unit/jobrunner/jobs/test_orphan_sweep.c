/* Files without a row are found; young ones and those in use are not. */

#include <fcntl.h>
#include "../fixture.h"
#include "jobs/jobs.h"


static void
test_sweep(void **state)
{
    fixture_t    f;
    cr_str_t     lost, blob, segment;
    cr_name_t    name;
    cr_upload_t  u;
    cr_digest_t  d;
    cr_segment_t s;

    (void) state;

    fixture_init(&f);
    lost = fixture_store(&f, "lost bytes");
    blob = fixture_blob(&f, "library/app", "layer", &d);

    segment = fixture_store(&f, "half");
    name = fixture_name(&f, "library/app");
    FIXTURE_OK(&f, cr_upload_create(&f.cx, f.runner.meta, &name,
                                    CR_STR("user:1"), CR_HASH_SHA256, &u));
    s = (cr_segment_t){ segment, 4 };
    u.segments = &s;
    u.nsegments = 1;
    u.size = 4;
    cr_hash_update(&u.hash, "half", 4);
    FIXTURE_OK(&f, cr_upload_advance(&f.cx, f.runner.meta, &u, 0, false));

    fixture_run_ok(&f, "orphan-sweep",
                   "{\"files\":3,\"orphaned\":0,\"bytes\":0}");

    /* A request may be writing it, until a day has gone. */
    fixture_jump(CR_SWEEP_AGE_MIN - CR_MINUTE);
    fixture_run_ok(&f, "orphan-sweep",
                   "{\"files\":3,\"orphaned\":0,\"bytes\":0}");

    fixture_jump(2 * CR_MINUTE);
    fixture_run_ok(&f, "orphan-sweep",
                   "{\"files\":3,\"orphaned\":1,\"bytes\":10}");
    fixture_run_ok(&f, "orphan-sweep",
                   "{\"files\":3,\"orphaned\":0,\"bytes\":0}");

    /* It stays for a grace: whoever writes it learns by its row. */
    assert_true(fixture_stored(&f, lost));
    fixture_jump(2 * CR_HOUR);
    {
        cr_job_run_t run;

        memset(&run, 0, sizeof(run));
        FIXTURE_OK(&f, fixture_run(&f, "reclaim", &run));
        fixture_jump(CR_HOUR);
        FIXTURE_OK(&f, fixture_run(&f, "reclaim", &run));
    }
    assert_false(fixture_stored(&f, lost));
    assert_false(fixture_stored(&f, blob)); /* no manifest names it */
    assert_true(fixture_stored(&f, segment));
    fixture_done(&f);
}


/* An upload that may take three days is not swept after one. */
static void
test_long_uploads(void **state)
{
    fixture_t f;

    (void) state;

    fixture_init(&f);
    fixture_set(&f, CR_SETTING_UPLOAD_EXPIRES, "259200000000");
    FIXTURE_OK(&f, cr_runner_refresh(&f.cx, &f.runner));
    (void) fixture_store(&f, "x");

    fixture_jump(2 * CR_DAY);
    fixture_run_ok(&f, "orphan-sweep",
                   "{\"files\":1,\"orphaned\":0,\"bytes\":0}");
    fixture_jump(CR_DAY + CR_MINUTE);
    fixture_run_ok(&f, "orphan-sweep",
                   "{\"files\":1,\"orphaned\":1,\"bytes\":1}");
    fixture_done(&f);
}


/* What somebody else put into the folder is left alone. */
static void
test_foreign(void **state)
{
    int       fd;
    cr_str_t  path;
    fixture_t f;

    (void) state;

    fixture_init(&f);
    (void) fixture_store(&f, "x");
    path = cr_printf(&f.cx, "%s/blobs/lost+found", f.z_dir);
    assert_int_equal(mkdir(path.data, 0700), 0);
    path = cr_printf(&f.cx, "%s/blobs/README", f.z_dir);
    fd = open(path.data, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);

    fixture_jump(30 * CR_DAY);
    fixture_run_ok(&f, "orphan-sweep",
                   "{\"files\":1,\"orphaned\":1,\"bytes\":1}");
    assert_int_equal(access(path.data, F_OK), 0);
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
    (void) fixture_store(&f, "x");
    fixture_jump(30 * CR_DAY);
    atomic_init(&stop, true);
    memset(&run, 0, sizeof(run));
    run.stop = &stop;
    assert_int_equal(fixture_run(&f, "orphan-sweep", &run), CR_ERR_AGAIN);
    assert_true(run.interrupted);
    fixture_done(&f);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_long_uploads),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_interrupted),
    };

    return cmocka_run_group_tests_name("jobrunner/jobs/orphan_sweep", tests,
                                       NULL, NULL);
}
