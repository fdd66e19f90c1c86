/* Settings follow what nginx writes; the store moves with them. */

#include "fixture.h"


static void
test_url(void **state)
{
    cr_cli_t cli;

    (void) state;

    memset(&cli, 0, sizeof(cli));
    assert_int_equal(unsetenv(CR_DATABASE_ENVIRONMENT), 0);
    assert_true(cr_str_eq_z(cr_runner_url(&cli), CR_DATABASE_DEFAULT));

    assert_int_equal(setenv(CR_DATABASE_ENVIRONMENT, "", 1), 0);
    assert_true(cr_str_eq_z(cr_runner_url(&cli), CR_DATABASE_DEFAULT));

    assert_int_equal(setenv(CR_DATABASE_ENVIRONMENT, "sqlite:/e.db", 1), 0);
    assert_true(cr_str_eq_z(cr_runner_url(&cli), "sqlite:/e.db"));

    cli.globals[0] = "sqlite:/f.db";
    assert_non_null(cr_cli_global(&cli, "database"));
    assert_true(cr_str_eq_z(cr_runner_url(&cli), "sqlite:/f.db"));
    assert_int_equal(unsetenv(CR_DATABASE_ENVIRONMENT), 0);
}


static void
test_waits_for_storage(void **state)
{
    fixture_t f;
    cr_str_t  url;

    (void) state;

    fixture_init_bare(&f);
    assert_false(cr_runner_has_storage(&f.runner));
    assert_int_equal(cr_runner_storage(&f.cx, &f.runner), CR_ERR_UNAVAILABLE);
    cr_clear(&f.cx);

    url = cr_printf(&f.cx, "filesystem:%s/blobs", f.z_dir);
    fixture_set(&f, CR_SETTING_STORAGE_URL, url.data);
    FIXTURE_OK(&f, cr_runner_refresh(&f.cx, &f.runner));
    assert_true(cr_runner_has_storage(&f.runner));
    FIXTURE_OK(&f, cr_runner_storage(&f.cx, &f.runner));
    FIXTURE_OK(&f, cr_runner_storage(&f.cx, &f.runner));
    fixture_done(&f);
}


static void
test_storage_moves(void **state)
{
    fixture_t     f;
    cr_str_t      url, locator;
    cr_storage_t *before;

    (void) state;

    fixture_init(&f);
    locator = fixture_store(&f, "x");
    before = f.runner.storage;

    /* The same again: the store stays open. */
    FIXTURE_OK(&f, cr_runner_refresh(&f.cx, &f.runner));
    assert_ptr_equal(f.runner.storage, before);

    url = cr_printf(&f.cx, "filesystem:%s/elsewhere", f.z_dir);
    fixture_set(&f, CR_SETTING_STORAGE_URL, url.data);
    FIXTURE_OK(&f, cr_runner_refresh(&f.cx, &f.runner));
    FIXTURE_OK(&f, cr_runner_storage(&f.cx, &f.runner));
    assert_false(fixture_stored(&f, locator));

    fixture_set(&f, CR_SETTING_STORAGE_URL, "nonsense:/x");
    FIXTURE_OK(&f, cr_runner_refresh(&f.cx, &f.runner));
    assert_int_equal(cr_runner_storage(&f.cx, &f.runner), CR_ERR_CONFIG);
    fixture_done(&f);
}


static void
test_conf(void **state)
{
    fixture_t f;

    (void) state;

    fixture_init_bare(&f);
    assert_int_equal(f.runner.conf.grace_us, cr_meta_conf_default.grace_us);
    assert_int_equal(f.runner.conf.trash_us, cr_meta_conf_default.trash_us);

    fixture_set(&f, CR_SETTING_GRACE_US, "5");
    fixture_set(&f, CR_SETTING_UPLOAD_EXPIRES, "7");
    FIXTURE_OK(&f, cr_runner_refresh(&f.cx, &f.runner));
    assert_int_equal(f.runner.conf.grace_us, 5);
    assert_int_equal(f.runner.conf.upload_expires_us, 7);
    assert_int_equal(f.runner.conf.trash_us, cr_meta_conf_default.trash_us);
    assert_int_equal(cr_meta_conf(f.runner.meta)->grace_us, 5);
    fixture_done(&f);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url),
        cmocka_unit_test(test_waits_for_storage),
        cmocka_unit_test(test_storage_moves),
        cmocka_unit_test(test_conf),
    };

    return cmocka_run_group_tests_name("jobrunner/runner", tests, NULL, NULL);
}
