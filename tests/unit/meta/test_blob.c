/*
 * meta/blob.c: links, protection, mount, deletion.
 */

#include "meta_fixture.h"

#include <string.h>
#include "meta/project.h"


static void
test_find(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     d, other = meta_digest("other");
    cr_blob_t       b = { 0 };

    d = meta_blob(fx, "library/a", "hello");
    (void) meta_blob(fx, "library/b", "world");

    fx->cx.may_block = false;
    OK(fx, cr_blob_find(&fx->cx, fx->m, CR_STR("library/a"), &d, &b));
    assert_int_equal(b.size, 5);
    assert_text(b.locator, "l/1");
    assert_false(b.expiring);

    /* Only through a link of the repository that is asked. */
    FAILS(fx, CR_ERR_BLOB_UNKNOWN,
          cr_blob_find(&fx->cx, fx->m, CR_STR("library/b"), &d, &b));
    FAILS(fx, CR_ERR_BLOB_UNKNOWN,
          cr_blob_find(&fx->cx, fx->m, CR_STR("library/c"), &d, &b));
    FAILS(fx, CR_ERR_BLOB_UNKNOWN,
          cr_blob_find(&fx->cx, fx->m, CR_STR("library/a"), &other, &b));
    /* Nothing was written to the result. */
    assert_text(b.locator, "l/1");
}


static void
test_manifest_is_no_blob(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     d = meta_push(fx, "library/a", "v1", "layer");
    cr_blob_t       b;

    FAILS(fx, CR_ERR_BLOB_UNKNOWN,
          cr_blob_find(&fx->cx, fx->m, CR_STR("library/a"), &d, &b));
}


static void
test_protect(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     d = meta_blob(fx, "library/a", "hello");
    cr_digest_t     other = meta_digest("other");
    cr_blob_t       b;
    int64_t         half = cr_meta_conf_default.grace_us / 2;

    meta_clock_add(half);
    OK(fx, cr_blob_find(&fx->cx, fx->m, CR_STR("library/a"), &d, &b));
    assert_false(b.expiring);
    meta_clock_add(1);
    OK(fx, cr_blob_find(&fx->cx, fx->m, CR_STR("library/a"), &d, &b));
    assert_true(b.expiring);

    fx->cx.may_block = false;
    FAILS(fx, CR_ERR_AGAIN,
          cr_blob_protect(&fx->cx, fx->m, CR_STR("library/a"), &d));
    fx->cx.may_block = true;
    OK(fx, cr_blob_protect(&fx->cx, fx->m, CR_STR("library/a"), &d));
    OK(fx, cr_blob_find(&fx->cx, fx->m, CR_STR("library/a"), &d, &b));
    assert_false(b.expiring);

    /* Never shorter. */
    meta_clock_add(-CR_HOUR);
    OK(fx, cr_blob_protect(&fx->cx, fx->m, CR_STR("library/a"), &d));
    assert_int_equal(meta_int(fx, "SELECT protected_until FROM "
                                  "repository_blob"),
                     meta_now() + CR_HOUR + 2 * half);

    FAILS(fx, CR_ERR_BLOB_UNKNOWN,
          cr_blob_protect(&fx->cx, fx->m, CR_STR("library/a"), &other));
    FAILS(fx, CR_ERR_BLOB_UNKNOWN,
          cr_blob_protect(&fx->cx, fx->m, CR_STR("library/x"), &d));
}


static void
test_referenced_never_expires(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     d = meta_digest("layer");
    cr_blob_t       b;

    (void) meta_push(fx, "library/a", "v1", "layer");
    meta_clock_add(365 * CR_DAY);
    OK(fx, cr_blob_find(&fx->cx, fx->m, CR_STR("library/a"), &d, &b));
    assert_false(b.expiring);
}


static void
test_mount(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     d = meta_blob(fx, "library/a", "hello");
    cr_digest_t     other = meta_digest("other");
    cr_name_t       to = meta_name(fx, "library/new/b");
    cr_name_t       nowhere = meta_name(fx, "nope/b");
    cr_visibility_t anyone = { 0 };
    cr_blob_t       b;

    FAILS(fx, CR_ERR_BLOB_UNKNOWN,
          cr_blob_mount(&fx->cx, fx->m, &to, CR_STR("library/x"), &anyone, &d));
    FAILS(fx, CR_ERR_BLOB_UNKNOWN,
          cr_blob_mount(&fx->cx, fx->m, &to, CR_STR("library/a"), &anyone,
                        &other));
    FAILS(fx, CR_ERR_NAME_UNKNOWN,
          cr_blob_mount(&fx->cx, fx->m, &nowhere, CR_STR("library/a"), &anyone,
                        &d));
    /* A failure leaves no repository behind. */
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM repository"), 1);

    meta_clock_add(20 * CR_HOUR);
    OK(fx,
       cr_blob_mount(&fx->cx, fx->m, &to, CR_STR("library/a"), &anyone, &d));
    OK(fx, cr_blob_find(&fx->cx, fx->m, CR_STR("library/new/b"), &d, &b));
    assert_text(b.locator, "l/1");
    assert_false(b.expiring);
    /* The source's protection is its own. */
    OK(fx, cr_blob_find(&fx->cx, fx->m, CR_STR("library/a"), &d, &b));
    assert_true(b.expiring);

    /* Twice is once. */
    OK(fx,
       cr_blob_mount(&fx->cx, fx->m, &to, CR_STR("library/a"), &anyone, &d));
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM repository_blob"), 2);
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM blob"), 1);

    /* Deleted at the source: not there. */
    OK(fx, cr_blob_delete(&fx->cx, fx->m, CR_STR("library/a"), &d));
    to = meta_name(fx, "library/c");
    FAILS(fx, CR_ERR_BLOB_UNKNOWN,
          cr_blob_mount(&fx->cx, fx->m, &to, CR_STR("library/a"), &anyone, &d));
}


static void
test_mount_from_anywhere(void **state)
{
    meta_fixture_t *fx = *state;
    cr_project_t    p;
    cr_digest_t     d;
    cr_name_t       to = meta_name(fx, "library/b");
    cr_visibility_t anyone = { 0 }, admin = { .all = true };
    cr_blob_t       b;

    OK(fx,
       meta_project(fx, CR_STR("secret"), false, &p));
    d = meta_blob(fx, "secret/a", "hello");

    /* What the caller may not read is not found. */
    FAILS(fx, CR_ERR_BLOB_UNKNOWN,
          cr_blob_mount(&fx->cx, fx->m, &to, CR_STR_NULL, &anyone, &d));
    OK(fx, meta_set_public(fx, CR_STR("secret"), true));
    OK(fx, cr_blob_mount(&fx->cx, fx->m, &to, CR_STR_NULL, &anyone, &d));
    OK(fx, cr_blob_find(&fx->cx, fx->m, CR_STR("library/b"), &d, &b));

    OK(fx, meta_set_public(fx, CR_STR("secret"), false));
    OK(fx, meta_set_public(fx, CR_STR("library"), false));
    to = meta_name(fx, "library/c");
    FAILS(fx, CR_ERR_BLOB_UNKNOWN,
          cr_blob_mount(&fx->cx, fx->m, &to, CR_STR_NULL, &anyone, &d));
    OK(fx, cr_blob_mount(&fx->cx, fx->m, &to, CR_STR_NULL, &admin, &d));
    d = meta_digest("other");
    FAILS(fx, CR_ERR_BLOB_UNKNOWN,
          cr_blob_mount(&fx->cx, fx->m, &to, CR_STR_NULL, &admin, &d));
}


static void
test_delete(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     d = meta_blob(fx, "library/a", "hello");
    cr_blob_t       b;

    (void) meta_blob(fx, "library/b", "hello");
    OK(fx, cr_blob_delete(&fx->cx, fx->m, CR_STR("library/a"), &d));
    FAILS(fx, CR_ERR_BLOB_UNKNOWN,
          cr_blob_find(&fx->cx, fx->m, CR_STR("library/a"), &d, &b));
    FAILS(fx, CR_ERR_BLOB_UNKNOWN,
          cr_blob_protect(&fx->cx, fx->m, CR_STR("library/a"), &d));
    FAILS(fx, CR_ERR_BLOB_UNKNOWN,
          cr_blob_delete(&fx->cx, fx->m, CR_STR("library/a"), &d));
    FAILS(fx, CR_ERR_BLOB_UNKNOWN,
          cr_blob_delete(&fx->cx, fx->m, CR_STR("library/x"), &d));
    /* Another repository keeps it. */
    OK(fx, cr_blob_find(&fx->cx, fx->m, CR_STR("library/b"), &d, &b));

    /* Pushed again: there again, with the bytes that are stored. */
    (void) meta_blob(fx, "library/a", "hello");
    OK(fx, cr_blob_find(&fx->cx, fx->m, CR_STR("library/a"), &d, &b));
    assert_text(b.locator, "l/1");
    assert_false(b.expiring);
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM orphan"), 2);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_find, meta_setup, meta_teardown),
        cmocka_unit_test_setup_teardown(test_manifest_is_no_blob, meta_setup,
                                        meta_teardown),
        cmocka_unit_test_setup_teardown(test_protect, meta_setup,
                                        meta_teardown),
        cmocka_unit_test_setup_teardown(test_referenced_never_expires,
                                        meta_setup, meta_teardown),
        cmocka_unit_test_setup_teardown(test_mount, meta_setup, meta_teardown),
        cmocka_unit_test_setup_teardown(test_mount_from_anywhere, meta_setup,
                                        meta_teardown),
        cmocka_unit_test_setup_teardown(test_delete, meta_setup, meta_teardown),
    };

    return cmocka_run_group_tests_name("meta/blob", tests, NULL, NULL);
}
