/*
 * meta/repository.c: the catalog.
 */

#include "meta_fixture.h"

#include <stdio.h>
#include <string.h>
#include "meta/project.h"

static const cr_visibility_t anyone = { 0 };
static const cr_visibility_t admin = { .all = true };


static size_t
count(meta_fixture_t *fx, const cr_visibility_t *vis)
{
    cr_str_t *names;
    size_t    n;

    OK(fx,
       cr_repository_list(&fx->cx, fx->m, vis, CR_STR(""), 100, &names, &n));
    return n;
}


static void
test_find(void **state)
{
    meta_fixture_t *fx = *state;
    int64_t         id = 0;

    FAILS(fx, CR_ERR_NAME_UNKNOWN,
          cr_repository_find(&fx->cx, fx->m, CR_STR("library/a"), &id));
    assert_int_equal(id, 0);
    (void) meta_blob(fx, "library/a", "x");
    fx->cx.may_block = false;
    OK(fx, cr_repository_find(&fx->cx, fx->m, CR_STR("library/a"), &id));
    assert_true(id > 0);
    FAILS(fx, CR_ERR_NAME_UNKNOWN,
          cr_repository_find(&fx->cx, fx->m, CR_STR("library/A"), &id));
}


static void
test_order_and_pages(void **state)
{
    static const char *const names[] = { "library/a", "library/a-b",
                                         "library/a/b", "library/ab",
                                         "library/b" };
    static const char *const order[] = { "library/a", "library/a-b",
                                         "library/a/b", "library/ab",
                                         "library/b" };

    meta_fixture_t *fx = *state;
    cr_str_t       *page, last = CR_STR("");
    size_t          i, n;

    for (i = CR_NELTS(names); i-- > 0;) {
        (void) meta_push(fx, names[i], "v1", "layer");
    }
    for (i = 0; i < CR_NELTS(order); i++) {
        OK(fx, cr_repository_list(&fx->cx, fx->m, &anyone, last, 1, &page, &n));
        assert_int_equal(n, 1);
        assert_text(page[0], order[i]);
        last = page[0];
    }
    OK(fx, cr_repository_list(&fx->cx, fx->m, &anyone, last, 1, &page, &n));
    assert_int_equal(n, 0);
    /* A bound that is no repository is a bound. */
    OK(fx, cr_repository_list(&fx->cx, fx->m, &admin, CR_STR("library/aa"), 2,
                              &page, &n));
    assert_int_equal(n, 2);
    assert_text(page[0], "library/ab");
    OK(fx,
       cr_repository_list(&fx->cx, fx->m, &admin, CR_STR(""), 0, &page, &n));
    assert_int_equal(n, 0);
}


static void
test_only_with_live_manifests(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     d;
    cr_reference_t  ref;

    (void) meta_blob(fx, "library/only-blobs", "x");
    assert_int_equal(count(fx, &admin), 0);
    d = meta_push(fx, "library/a", "v1", "layer");
    (void) meta_push(fx, "library/a", "v2", "layer");
    assert_int_equal(count(fx, &anyone), 1);

    /* Without a tag, but with a manifest. */
    ref = meta_ref(fx, "v1");
    OK(fx,
       cr_manifest_delete(&fx->cx, fx->m, CR_STR("library/a"), &ref, &WHO));
    ref = meta_ref(fx, "v2");
    OK(fx,
       cr_manifest_delete(&fx->cx, fx->m, CR_STR("library/a"), &ref, &WHO));
    assert_int_equal(count(fx, &anyone), 1);

    ref = meta_ref(fx, d.text);
    OK(fx,
       cr_manifest_delete(&fx->cx, fx->m, CR_STR("library/a"), &ref, &WHO));
    assert_int_equal(count(fx, &anyone), 0);
    assert_int_equal(count(fx, &admin), 0);
    (void) meta_push(fx, "library/a", "v1", "layer");
    assert_int_equal(count(fx, &anyone), 1);
    assert_int_equal(meta_int(fx, "SELECT live_manifests FROM repository "
                                  "WHERE name = 'library/a'"),
                     1);
}


static void
test_visibility(void **state)
{
    meta_fixture_t *fx = *state;
    cr_visibility_t user = { .user_id = 7 };
    cr_project_t    p;

    OK(fx,
       meta_project(fx, CR_STR("secret"), false, &p));
    (void) meta_push(fx, "secret/a", "v1", "layer");
    (void) meta_push(fx, "library/a", "v1", "layer");
    assert_int_equal(count(fx, &admin), 2);
    assert_int_equal(count(fx, &anyone), 1);
    assert_int_equal(count(fx, &user), 1);

    OK(fx, meta_set_public(fx, CR_STR("secret"), true));
    assert_int_equal(count(fx, &anyone), 2);
    OK(fx, meta_set_public(fx, CR_STR("library"), false));
    assert_int_equal(count(fx, &anyone), 1);
    (void) meta_push(fx, "library/b", "v1", "layer");
    (void) meta_push(fx, "secret/b", "v1", "layer");
    assert_int_equal(count(fx, &anyone), 2);
    assert_int_equal(count(fx, &admin), 4);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_find, meta_setup, meta_teardown),
        cmocka_unit_test_setup_teardown(test_order_and_pages, meta_setup,
                                        meta_teardown),
        cmocka_unit_test_setup_teardown(test_only_with_live_manifests,
                                        meta_setup, meta_teardown),
        cmocka_unit_test_setup_teardown(test_visibility, meta_setup,
                                        meta_teardown),
    };

    return cmocka_run_group_tests_name("meta/repository", tests, NULL, NULL);
}
