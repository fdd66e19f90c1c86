/*
 * meta/meta.c: first start, opening, the boot id.
 */

#include "meta_fixture.h"

#include <stdio.h>
#include <string.h>
#include "meta/key.h"
#include "meta/project.h"
#include "meta/setting.h"
#include "meta/user.h"


static void
test_bootstrap(void **state)
{
    meta_fixture_t *fx = *state;
    cr_key_row_t   *keys;
    cr_user_t       u;
    cr_project_t    p;
    cr_str_t        incarnation, secret;
    size_t          n;

    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("admin"), &u));
    assert_int_equal(u.id, 1);
    assert_true(u.admin);
    assert_int_equal(u.password_hash.len, 0);
    OK(fx, cr_project_by_name(&fx->cx, fx->m, CR_STR("library"), &p));
    assert_int_equal(p.id, 1);
    assert_true(p.is_public);
    OK(fx, cr_key_list(&fx->cx, fx->m, &keys, &n));
    assert_int_equal(n, 1);
    assert_text(keys[0].alg, "HS256");
    assert_int_equal(keys[0].secret.len, 32);
    assert_false(keys[0].retired);
    secret = keys[0].secret;
    OK(fx,
       cr_setting_get(&fx->cx, fx->m, CR_SETTING_INCARNATION, &incarnation));
    assert_int_equal(incarnation.len, 36);

    /* Once more: nothing is made anew, and what was set stays. */
    OK(fx, cr_user_set_password(&fx->cx, fx->m, 1, CR_STR("$y$hash"), &WHO));
    OK(fx, meta_set_public(fx, CR_STR("library"), false));
    OK(fx, cr_meta_bootstrap(&fx->cx, fx->db));
    OK(fx, cr_user_by_id(&fx->cx, fx->m, 1, &u));
    assert_text(u.password_hash, "$y$hash");
    OK(fx, cr_project_by_name(&fx->cx, fx->m, CR_STR("library"), &p));
    assert_false(p.is_public);
    OK(fx, cr_key_list(&fx->cx, fx->m, &keys, &n));
    assert_int_equal(n, 1);
    assert_true(cr_str_eq(keys[0].secret, secret));
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM users"), 1);
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM setting"), 2);
}


static void
test_bootstrap_needs_a_thread(void **state)
{
    meta_fixture_t *fx = *state;

    fx->cx.may_block = false;
    FAILS(fx, CR_ERR_AGAIN, cr_meta_bootstrap(&fx->cx, fx->db));
}


static void
test_keys_sign_newest_first(void **state)
{
    meta_fixture_t *fx = *state;
    cr_key_row_t   *keys;
    size_t          n;

    meta_exec(fx, "INSERT INTO token_key VALUES"
                  " ('old', 'HS256', x'01', 5, 9)");
    meta_exec(fx, "INSERT INTO token_key VALUES"
                  " ('new', 'HS256', x'0203', 9000000000000000, NULL)");
    OK(fx, cr_key_list(&fx->cx, fx->m, &keys, &n));
    assert_int_equal(n, 3);
    assert_text(keys[0].kid, "new");
    assert_false(keys[0].retired);
    assert_int_equal(keys[0].secret.len, 2);
    assert_text(keys[2].kid, "old");
    assert_true(keys[2].retired);
}


static void
test_open_not_bootstrapped(void **state)
{
    meta_fixture_t *fx = *state;
    cr_meta_t      *m = NULL;
    int             applied;

    OK(fx, cr_db_migrate(&fx->cx, fx->db, &applied));
    FAILS(fx, CR_ERR_DB_MISSING,
          cr_meta_open(&fx->cx, fx->db, &cr_meta_conf_default, &m));
    assert_null(m);

    meta_exec(fx, "INSERT INTO setting VALUES ('installation_id', 'x', 1)");
    FAILS(fx, CR_ERR_CORRUPT,
          cr_meta_open(&fx->cx, fx->db, &cr_meta_conf_default, &m));
    cr_meta_close(NULL);
}


static void
test_open(void **state)
{
    meta_fixture_t *fx = *state;
    cr_meta_conf_t  conf = cr_meta_conf_default;
    cr_str_t        id;

    id = cr_dup(&fx->cx, cr_meta_installation_id(fx->m));
    assert_int_equal(id.len, 36);
    conf.grace_us = 5;
    meta_reopen(fx, &conf);
    assert_true(cr_str_eq(id, cr_meta_installation_id(fx->m)));
    assert_int_equal(cr_meta_conf(fx->m)->grace_us, 5);
    assert_ptr_equal(cr_meta_db(fx->m), fx->db);
}


/*
 * With ever more memory: an error until it is enough, then the whole answer.
 * A list that lost a text on the way must not pass for a good one.
 */
static void
test_out_of_memory(void **state)
{
    meta_fixture_t *fx = *state;
    cr_ctx_t        cx;
    cr_str_t       *names;
    char            tag[64];
    size_t          i, n, limit, failed = 0;
    cr_err_t        err = CR_ERR_NO_MEMORY;

    for (i = 0; i < 40; i++) {
        (void) snprintf(tag, sizeof(tag),
                        "a-tag-with-a-long-name-so-that-memory-counts-%03zu",
                        i);
        (void) meta_push(fx, "library/a", tag, "l");
    }

    for (limit = 64; err != CR_OK; limit += 64) {
        assert_true(limit < 100000);
        assert_int_equal(cr_ctx_init(&cx, limit), CR_OK);
        cx.sys = fx->cx.sys;
        err = cr_tag_list(&cx, fx->m, CR_STR("library/a"), CR_STR(""), 100,
                          &names, &n);
        if (err == CR_OK) {
            assert_int_equal(n, 40);
            for (i = 0; i < n; i++) {
                assert_int_equal(names[i].len, 48);
            }
        } else {
            assert_int_equal(err, CR_ERR_NO_MEMORY);
            failed++;
        }
        cr_ctx_done(&cx);
    }
    assert_true(failed > 3);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bootstrap, meta_setup,
                                        meta_teardown),
        cmocka_unit_test_setup_teardown(test_bootstrap_needs_a_thread,
                                        meta_setup, meta_teardown),
        cmocka_unit_test_setup_teardown(test_keys_sign_newest_first, meta_setup,
                                        meta_teardown),
        cmocka_unit_test_setup_teardown(test_open_not_bootstrapped,
                                        meta_setup_empty, meta_teardown),
        cmocka_unit_test_setup_teardown(test_open, meta_setup, meta_teardown),
        cmocka_unit_test_setup_teardown(test_out_of_memory, meta_setup,
                                        meta_teardown),
    };

    return cmocka_run_group_tests_name("meta/meta", tests, NULL, NULL);
}
