/*
 * meta/change.c: the change log, and what writes to it.
 */

#include "meta_fixture.h"

#include <stdio.h>
#include <string.h>

#define REPO CR_STR("library/a")


static size_t
list(meta_fixture_t *fx, int64_t after, cr_change_t **ret_rows)
{
    size_t n;

    OK(fx, cr_change_list(&fx->cx, fx->m, after, 100, ret_rows, &n));
    return n;
}


static void
drop(meta_fixture_t *fx, const char *z_ref)
{
    cr_reference_t ref = meta_ref(fx, z_ref);

    OK(fx, cr_manifest_delete(&fx->cx, fx->m, REPO, &ref, &WHO));
}


static void
test_tag_rows(void **state)
{
    meta_fixture_t *fx = *state;
    cr_change_t    *c;
    cr_digest_t     d;
    int64_t         hlc;

    assert_int_equal(list(fx, 0, &c), 0);
    (void) meta_push(fx, "library/a", "v1", "l");
    d = meta_push(fx, "library/a", "v1", "l2");

    /* One row a reference: the newest. */
    assert_int_equal(list(fx, 0, &c), 1);
    assert_int_equal(c[0].seq, 2);
    assert_text(c[0].repository, "library/a");
    assert_text(c[0].reference, "v1");
    assert_text(c[0].digest, d.text);
    assert_true(cr_str_eq(c[0].origin, cr_meta_installation_id(fx->m)));
    assert_int_equal(c[0].changed_at, meta_now());
    hlc = c[0].hlc;

    drop(fx, "v1");
    assert_int_equal(list(fx, 2, &c), 1);
    assert_int_equal(c[0].seq, 3);
    assert_int_equal(c[0].digest.len, 0);
    assert_true(c[0].hlc > hlc);
    assert_int_equal(list(fx, 3, &c), 0);

    (void) meta_push(fx, "library/a", "v1", "l2");
    assert_int_equal(list(fx, 3, &c), 1);
    assert_text(c[0].digest, d.text);
}


static void
test_digest_rows(void **state)
{
    meta_fixture_t *fx = *state;
    cr_change_t    *c;
    cr_digest_t     d, s;
    meta_image_t    im = {
           .config = "c",
           .layer = "sig",
           .push = true,
           .artifact_type = "application/x.sig",
    };

    /* Pushed without a tag: under its digest. */
    d = meta_push(fx, "library/a", NULL, "l");
    assert_int_equal(list(fx, 0, &c), 1);
    assert_text(c[0].reference, d.text);
    assert_text(c[0].digest, d.text);
    (void) meta_push(fx, "library/a", NULL, "l");
    assert_int_equal(list(fx, 1, &c), 0);
    /* A tag on what is there: the tag alone. */
    (void) meta_push(fx, "library/a", "v1", "l");
    assert_int_equal(list(fx, 1, &c), 1);
    assert_text(c[0].reference, "v1");

    /* A referrer: under its digest, also when it has a tag. */
    im.subject = &d;
    s = meta_image(fx, "library/a", "sig", &im);
    assert_int_equal(list(fx, 2, &c), 2);
    assert_text(c[0].reference, s.text);
    assert_text(c[1].reference, "sig");

    /* By digest: a tombstone for it and for each of its tags. */
    drop(fx, d.text);
    assert_int_equal(list(fx, 4, &c), 2);
    assert_text(c[0].reference, "v1");
    assert_int_equal(c[0].digest.len, 0);
    assert_text(c[1].reference, d.text);
    assert_int_equal(c[1].digest.len, 0);

    /* Pushed by tag: the tombstone of the digest is undone, too. */
    (void) meta_push(fx, "library/a", "v9", "l");
    assert_int_equal(list(fx, 6, &c), 2);
    assert_text(c[0].reference, d.text);
    assert_text(c[0].digest, d.text);
    assert_text(c[1].reference, "v9");
}


static void
test_seq_has_no_gaps_for_failures(void **state)
{
    meta_fixture_t *fx = *state;
    meta_image_t    im = { .config = "c", .layer = "missing" };
    cr_change_t    *c;
    cr_digest_t     d;

    (void) meta_push(fx, "library/a", "v1", "l");
    FAILS(fx, CR_ERR_MANIFEST_BLOB_UNKNOWN,
          meta_put(fx, "library/a", "v1", meta_image_body(fx, &im), false, &d));
    (void) meta_push(fx, "library/a", "v1", "l2");
    assert_int_equal(list(fx, 0, &c), 1);
    assert_int_equal(c[0].seq, 2);
}


static void
test_clock_never_goes_back(void **state)
{
    meta_fixture_t *fx = *state;
    cr_change_t    *c;
    int64_t         i, last = 0;
    char            tag[16];

    for (i = 0; i < 6; i++) {
        (void) snprintf(tag, sizeof(tag), "t%d", (int) i);
        (void) meta_push(fx, "library/a", tag, "l");
        assert_int_equal(list(fx, i, &c), 1);
        assert_true(c[0].hlc > last);
        last = c[0].hlc;
        /* Still, back, and forward. */
        meta_clock_add(i == 2 ? -CR_DAY : i == 4 ? 2 * CR_DAY : 0);
    }
    assert_int_equal(last >> 16, meta_now() / 1000);
}


static void
test_pages(void **state)
{
    meta_fixture_t *fx = *state;
    cr_change_t    *c;
    size_t          n;

    (void) meta_push(fx, "library/a", "v1", "l");
    (void) meta_push(fx, "library/a", "v2", "l");
    (void) meta_push(fx, "library/b", "v1", "l");
    (void) meta_push(fx, "library/a", "v1", "l2");
    OK(fx, cr_change_list(&fx->cx, fx->m, 0, 2, &c, &n));
    assert_int_equal(n, 2);
    assert_int_equal(c[0].seq, 2);
    assert_text(c[1].repository, "library/b");
    OK(fx, cr_change_list(&fx->cx, fx->m, c[1].seq, 2, &c, &n));
    assert_int_equal(n, 1);
    assert_int_equal(c[0].seq, 4);
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tag_rows),
        TEST(test_digest_rows),
        TEST(test_seq_has_no_gaps_for_failures),
        TEST(test_clock_never_goes_back),
        TEST(test_pages),
    };

    return cmocka_run_group_tests_name("meta/change", tests, NULL, NULL);
}
