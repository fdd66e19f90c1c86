/*
 * meta/setting.c, user.c, access.c, project.c: the small ones.
 */

#include "meta_fixture.h"

#include <string.h>
#include "meta/access.h"
#include "meta/project.h"
#include "meta/setting.h"
#include "meta/user.h"


static void
test_setting(void **state)
{
    meta_fixture_t *fx = *state;
    cr_str_t        s;
    int64_t         n = 7, at;

    OK(fx, cr_setting_get(&fx->cx, fx->m, "grace_us", &s));
    assert_null(s.data);
    OK(fx, cr_setting_get_int(&fx->cx, fx->m, "grace_us", &n));
    assert_int_equal(n, 7);

    OK(fx, cr_setting_put(&fx->cx, fx->m, "grace_us", CR_STR("42")));
    OK(fx, cr_setting_get_int(&fx->cx, fx->m, "grace_us", &n));
    assert_int_equal(n, 42);
    at = meta_int(fx, "SELECT updated_at FROM setting WHERE name="
                      "'grace_us'");

    /* The same value: no row changes, and no writer is needed. */
    meta_clock_add(CR_SECOND);
    fx->cx.may_block = false;
    OK(fx, cr_setting_put(&fx->cx, fx->m, "grace_us", CR_STR("42")));
    assert_int_equal(meta_int(fx, "SELECT updated_at FROM setting WHERE "
                                  "name='grace_us'"),
                     at);
    FAILS(fx, CR_ERR_AGAIN,
          cr_setting_put(&fx->cx, fx->m, "grace_us", CR_STR("43")));
    fx->cx.may_block = true;
    OK(fx, cr_setting_put(&fx->cx, fx->m, "grace_us", CR_STR("43")));
    assert_true(meta_int(fx, "SELECT updated_at FROM setting WHERE name="
                             "'grace_us'")
                > at);

    OK(fx, cr_setting_put(&fx->cx, fx->m, "empty", CR_STR("")));
    OK(fx, cr_setting_get(&fx->cx, fx->m, "empty", &s));
    assert_non_null(s.data);
    assert_int_equal(s.len, 0);

    OK(fx, cr_setting_put(&fx->cx, fx->m, "grace_us", CR_STR("-1")));
    OK(fx, cr_setting_get_int(&fx->cx, fx->m, "grace_us", &n));
    assert_int_equal(n, -1);
    n = 42;
    OK(fx, cr_setting_put(&fx->cx, fx->m, "grace_us", CR_STR("-")));
    FAILS(fx, CR_ERR_CORRUPT,
          cr_setting_get_int(&fx->cx, fx->m, "grace_us", &n));
    OK(fx, cr_setting_put(&fx->cx, fx->m, "grace_us", CR_STR("4x")));
    FAILS(fx, CR_ERR_CORRUPT,
          cr_setting_get_int(&fx->cx, fx->m, "grace_us", &n));
    assert_int_equal(n, 42);
}


/* All or none, and one row of the log for each that changed. */
static void
test_change(void **state)
{
    meta_fixture_t     *fx = *state;
    cr_audit_who_t      who = { CR_STR("user:1"), CR_STR("admin"),
                                CR_STR("192.0.2.1") };
    cr_setting_change_t list[] = { { "read_only", CR_STR("true") },
                                   { "banner_message", CR_STR("hello") } };
    bool                on = false;
    int64_t             rows;

    OK(fx, cr_setting_get_bool(&fx->cx, fx->m, "read_only", &on));
    assert_false(on);
    rows = meta_int(fx, "SELECT count(*) FROM audit");
    OK(fx, cr_setting_change(&fx->cx, fx->m, list, 2, &who));
    OK(fx, cr_setting_get_bool(&fx->cx, fx->m, "read_only", &on));
    assert_true(on);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit"), rows + 2);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit WHERE resource "
                                  "= 'read_only' AND description = 'true' AND "
                                  "actor = 'user:1'"),
                     1);

    list[0].value = CR_STR("false");
    OK(fx, cr_setting_change(&fx->cx, fx->m, list, 2, &who));
    OK(fx, cr_setting_get_bool(&fx->cx, fx->m, "read_only", &on));
    assert_false(on);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit"), rows + 3);

    fx->cx.may_block = false;
    FAILS(fx, CR_ERR_AGAIN,
          cr_setting_change(&fx->cx, fx->m, list, 1, &who));
    fx->cx.may_block = true;
}


static void
test_user(void **state)
{
    meta_fixture_t *fx = *state;
    cr_user_t       u;
    int64_t         epoch;

    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_user_by_name(&fx->cx, fx->m, CR_STR("Admin"), &u));
    FAILS(fx, CR_ERR_NOT_FOUND, cr_user_by_id(&fx->cx, fx->m, 2, &u));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_user_set_password(&fx->cx, fx->m, 2, CR_STR("h"), &WHO));

    OK(fx, cr_user_by_id(&fx->cx, fx->m, 1, &u));
    epoch = u.epoch;
    OK(fx, cr_user_set_password(&fx->cx, fx->m, 1, CR_STR("$y$1"), &WHO));
    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("admin"), &u));
    assert_int_equal(u.epoch, epoch + 1);
    assert_text(u.password_hash, "$y$1");

    meta_exec(fx, "UPDATE users SET deleted_at = 1");
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_user_by_name(&fx->cx, fx->m, CR_STR("admin"), &u));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_user_set_password(&fx->cx, fx->m, 1, CR_STR("h"), &WHO));
}


static cr_err_t
get_access(meta_fixture_t *fx, int64_t user, cr_str_t project,
           cr_access_row_t *a)
{
    cr_access_ask_t ask = { .id = user, .project = project };

    return cr_access_get(&fx->cx, fx->m, &ask, a);
}


static void
test_access(void **state)
{
    meta_fixture_t *fx = *state;
    cr_access_row_t a;

    /* A point read: allowed on an event loop. */
    fx->cx.may_block = false;
    OK(fx, get_access(fx, 1, CR_STR("library"), &a));
    assert_true(a.found);
    assert_true(a.admin);
    assert_false(a.disabled);
    assert_int_equal(a.epoch, 1);
    assert_true(a.project_found);
    assert_int_equal(a.project_id, 1);
    assert_true(a.project_public);
    assert_int_equal(a.role, 0);

    OK(fx, get_access(fx, 0, CR_STR("library"), &a));
    assert_false(a.found);
    assert_false(a.admin);
    assert_true(a.project_found);
    OK(fx, get_access(fx, 1, CR_STR_NULL, &a));
    assert_true(a.found);
    assert_false(a.project_found);
    OK(fx, get_access(fx, 9, CR_STR("nope"), &a));
    assert_false(a.found);
    assert_false(a.project_found);

    meta_exec(fx, "UPDATE users SET disabled = 1, epoch = 5");
    meta_exec(fx, "UPDATE project SET public = 0");
    OK(fx, get_access(fx, 1, CR_STR("library"), &a));
    assert_true(a.disabled);
    assert_int_equal(a.epoch, 5);
    assert_false(a.project_public);
    meta_exec(fx, "UPDATE users SET deleted_at = 1");
    meta_exec(fx, "UPDATE project SET deleted_at = 1");
    OK(fx, get_access(fx, 1, CR_STR("library"), &a));
    assert_false(a.found);
    assert_false(a.project_found);
}


static void
test_project(void **state)
{
    meta_fixture_t  *fx = *state;
    cr_project_t     p, *rows;
    cr_project_new_t zz = { .name = CR_STR("zz"), .is_public = true };
    cr_audit_who_t   robot = { .actor = CR_STR("robot:4") };
    int64_t          id;
    size_t           n;

    OK(fx, meta_project(fx, CR_STR("team-a"), false, &p));
    assert_int_equal(p.id, 2);
    assert_int_equal(p.created_at, meta_now());
    assert_int_equal(meta_int(fx, "SELECT owner_id FROM project "
                                  "WHERE id = 2"),
                     1);
    FAILS(fx, CR_ERR_EXISTS, meta_project(fx, CR_STR("team-a"), true, &p));
    FAILS(fx, CR_ERR_BAD_REQUEST, meta_project(fx, CR_STR("Team"), true, &p));
    FAILS(fx, CR_ERR_BAD_REQUEST, meta_project(fx, CR_STR("a/b"), true, &p));
    OK(fx, cr_project_create(&fx->cx, fx->m, &zz, &robot, &id));
    assert_int_equal(meta_int(fx, "SELECT owner_id IS NULL FROM project "
                                  "WHERE name = 'zz'"),
                     1);

    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_project_by_name(&fx->cx, fx->m, CR_STR("team"), &p));
    FAILS(fx, CR_ERR_NOT_FOUND, meta_set_public(fx, CR_STR("team"), true));
    OK(fx, meta_set_public(fx, CR_STR("team-a"), true));
    OK(fx, cr_project_by_name(&fx->cx, fx->m, CR_STR("team-a"), &p));
    assert_true(p.is_public);

    OK(fx, cr_project_list(&fx->cx, fx->m, CR_STR(""), 2, &rows, &n));
    assert_int_equal(n, 2);
    assert_text(rows[0].name, "library");
    assert_text(rows[1].name, "team-a");
    OK(fx, cr_project_list(&fx->cx, fx->m, rows[1].name, 2, &rows, &n));
    assert_int_equal(n, 1);
    assert_text(rows[0].name, "zz");
    OK(fx, cr_project_list(&fx->cx, fx->m, rows[0].name, 2, &rows, &n));
    assert_int_equal(n, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_change, meta_setup,
                                        meta_teardown),
        cmocka_unit_test_setup_teardown(test_setting, meta_setup,
                                        meta_teardown),
        cmocka_unit_test_setup_teardown(test_user, meta_setup, meta_teardown),
        cmocka_unit_test_setup_teardown(test_access, meta_setup, meta_teardown),
        cmocka_unit_test_setup_teardown(test_project, meta_setup,
                                        meta_teardown),
    };

    return cmocka_run_group_tests_name("meta/setting", tests, NULL, NULL);
}
