/* Space comes back when nothing needs it, and never before. */

#include <errno.h>
#include "../fixture.h"

#define NOTHING                                                                \
    "{\"purged\":0,\"unlinked\":0,\"files\":0,\"bytes\":0,\"failed\":0}"

static const cr_audit_who_t who = {
    .actor = { sizeof("user:1") - 1, "user:1" },
    .username = { sizeof("admin") - 1, "admin" },
};


/* A blob without manifest: gone after grace, its bytes a minute later. */
static void
test_unreferenced(void **state)
{
    fixture_t   f;
    cr_str_t    locator;
    cr_digest_t d;

    (void) state;

    fixture_init(&f);
    locator = fixture_blob(&f, "library/app", "layer", &d);

    fixture_run_ok(&f, "reclaim", NOTHING);
    fixture_jump(CR_HOUR - CR_MINUTE);
    fixture_run_ok(&f, "reclaim", NOTHING);
    assert_true(fixture_stored(&f, locator));

    fixture_jump(2 * CR_MINUTE);
    fixture_run_ok(&f, "reclaim",
                   "{\"purged\":0,\"unlinked\":1,\"files\":0,\"bytes\":0,"
                   "\"failed\":0}");
    assert_true(fixture_stored(&f, locator));

    fixture_jump(2 * CR_MINUTE);
    fixture_run_ok(&f, "reclaim",
                   "{\"purged\":0,\"unlinked\":0,\"files\":1,\"bytes\":5,"
                   "\"failed\":0}");
    assert_false(fixture_stored(&f, locator));
    fixture_run_ok(&f, "reclaim", NOTHING);
    fixture_done(&f);
}


static void
push_image(fixture_t *f, const cr_digest_t *config, const cr_digest_t *layer)
{
    cr_str_t          body, tag;
    cr_name_t         name;
    cr_manifest_t     m;
    cr_manifest_put_t put;

    body = cr_printf(&f->cx,
                     "{\"schemaVersion\":2,\"mediaType\":"
                     "\"application/vnd.oci.image.manifest.v1+json\","
                     "\"config\":{\"mediaType\":"
                     "\"application/vnd.oci.image.config.v1+json\","
                     "\"digest\":\"%s\",\"size\":6},"
                     "\"layers\":[{\"mediaType\":"
                     "\"application/vnd.oci.image.layer.v1.tar\","
                     "\"digest\":\"%s\",\"size\":5}]}",
                     config->text, layer->text);
    name = fixture_name(f, "library/app");
    tag = CR_STR("v1");
    FIXTURE_OK(f,
               cr_manifest_parse(
                   &f->cx, body,
                   CR_STR("application/vnd.oci.image.manifest.v1+json"), &m));
    memset(&put, 0, sizeof(put));
    put.name = &name;
    put.manifest = &m;
    put.body = body;
    put.tags = &tag;
    put.ntags = 1;
    put.who = &who;
    cr_digest_of(CR_HASH_SHA256, body, &put.digest);
    FIXTURE_OK(f, cr_manifest_put(&f->cx, f->runner.meta, &put));
}


static void
delete_image(fixture_t *f)
{
    cr_str_t          repository;
    cr_reference_t    ref;
    cr_manifest_row_t row;

    repository = CR_STR("library/app");
    FIXTURE_OK(f, cr_reference_parse(&f->cx, CR_STR("v1"), &ref));
    FIXTURE_OK(f, cr_manifest_find(&f->cx, f->runner.meta, repository, &ref,
                                   false, &row));
    FIXTURE_OK(f, cr_reference_parse(&f->cx, row.digest, &ref));
    FIXTURE_OK(f, cr_manifest_delete(&f->cx, f->runner.meta, repository, &ref,
                                     &who));
}


/* A live image keeps its content for ever; a deleted one until trash ends. */
static void
test_image(void **state)
{
    int         i;
    fixture_t   f;
    cr_str_t    config, layer;
    cr_stats_t  s;
    cr_digest_t dc, dl;

    (void) state;

    fixture_init(&f);
    config = fixture_blob(&f, "library/app", "config", &dc);
    layer = fixture_blob(&f, "library/app", "layer", &dl);
    push_image(&f, &dc, &dl);

    fixture_jump(365 * CR_DAY);
    fixture_run_ok(&f, "reclaim", NOTHING);
    assert_true(fixture_stored(&f, config));

    delete_image(&f);
    fixture_jump(CR_HOUR);
    fixture_run_ok(&f, "reclaim", NOTHING);
    assert_true(fixture_stored(&f, layer));

    /* Trash (2 h), then grace (1 h), then the files' own minute. */
    for (i = 0; i < 5; i++) {
        cr_job_run_t run;

        memset(&run, 0, sizeof(run));
        fixture_jump(CR_HOUR + CR_SECOND);
        FIXTURE_OK(&f, fixture_run(&f, "reclaim", &run));
    }

    assert_false(fixture_stored(&f, config));
    assert_false(fixture_stored(&f, layer));
    FIXTURE_OK(&f, cr_stats_get(&f.cx, f.runner.meta, &s));
    assert_int_equal(s.manifests, 0);
    assert_int_equal(s.blobs, 0);
    assert_int_equal(s.orphans, 0);
    fixture_done(&f);
}


/* Files that exist and whose name ends in 0 to 7 cannot be removed. */
static int
unlink_half(int dirfd, const char *z_path, int flags)
{
    size_t len;

    len = strlen(z_path);

    if (len != 0 && z_path[len - 1] >= '0' && z_path[len - 1] <= '7'
        && faccessat(dirfd, z_path, F_OK, 0) == 0)
    {
        errno = EROFS;
        return -1;
    }

    return cr_sys_default.unlinkat(dirfd, z_path, flags);
}


/* What cannot be removed stops nothing, is counted, and is tried again. */
static void
test_failing_files(void **state)
{
    int          i, bad;
    bool         orphaned;
    char         last;
    fixture_t    f;
    cr_str_t     locator;
    cr_stats_t   s;
    cr_job_run_t run;

    (void) state;

    fixture_init(&f);

    /* Every third has no file: that is no failure. */
    for (i = 0, bad = 0; i < 300; i++) {
        if (i % 3 == 0) {
            FIXTURE_OK(&f,
                       cr_storage_locator(&f.cx, f.runner.storage, &locator));

        } else {
            locator = fixture_store(&f, "x");
            last = locator.data[locator.len - 1];
            bad += last >= '0' && last <= '7';
        }

        FIXTURE_OK(&f, cr_orphan_check(&f.cx, f.runner.meta, locator, 1,
                                       &orphaned));
        assert_true(orphaned);
    }

    assert_true(bad > 50 && bad < 150);
    fixture_jump(2 * CR_HOUR);
    f.sys.unlinkat = unlink_half;
    memset(&run, 0, sizeof(run));
    FIXTURE_OK(&f, fixture_run(&f, "reclaim", &run));
    assert_int_equal(run.failed, bad);
    FIXTURE_OK(&f, cr_stats_get(&f.cx, f.runner.meta, &s));
    assert_int_equal(s.orphans, bad);

    f.sys.unlinkat = cr_sys_default.unlinkat;
    memset(&run, 0, sizeof(run));
    FIXTURE_OK(&f, fixture_run(&f, "reclaim", &run));
    assert_int_equal(run.failed, 0);
    FIXTURE_OK(&f, cr_stats_get(&f.cx, f.runner.meta, &s));
    assert_int_equal(s.orphans, 0);
    fixture_done(&f);
}


static int
unlink_never(int dirfd, const char *z_path, int flags)
{
    (void) dirfd;
    (void) z_path;
    (void) flags;

    errno = EIO;
    return -1;
}


/* A store that removes nothing fails the job; nothing is forgotten. */
static void
test_broken_store(void **state)
{
    int          i;
    bool         orphaned;
    fixture_t    f;
    cr_str_t     locator;
    cr_stats_t   s;
    cr_job_run_t run;

    (void) state;

    fixture_init(&f);

    for (i = 0; i < 400; i++) {
        locator = fixture_store(&f, "x");
        FIXTURE_OK(&f, cr_orphan_check(&f.cx, f.runner.meta, locator, 1,
                                       &orphaned));
    }

    fixture_jump(2 * CR_HOUR);
    f.sys.unlinkat = unlink_never;
    memset(&run, 0, sizeof(run));
    assert_int_equal(fixture_run(&f, "reclaim", &run), CR_ERR_IO);
    FIXTURE_OK(&f, cr_stats_get(&f.cx, f.runner.meta, &s));
    assert_int_equal(s.orphans, 400);
    fixture_done(&f);
}


/* Without a store there is nothing to remove from. */
static void
test_no_store(void **state)
{
    fixture_t    f;
    cr_job_run_t run;

    (void) state;

    fixture_init_bare(&f);
    memset(&run, 0, sizeof(run));
    assert_int_equal(fixture_run(&f, "reclaim", &run), CR_ERR_UNAVAILABLE);
    fixture_done(&f);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unreferenced),
        cmocka_unit_test(test_image),
        cmocka_unit_test(test_failing_files),
        cmocka_unit_test(test_broken_store),
        cmocka_unit_test(test_no_store),
    };

    return cmocka_run_group_tests_name("jobrunner/jobs/reclaim", tests, NULL,
                                       NULL);
}
