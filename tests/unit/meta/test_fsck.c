/*
 * meta/fsck.c: the rows that `jobrunner fsck` holds against the files.
 */

#include "meta_fixture.h"

#include <string.h>
#include "meta/fsck.h"


static void
test_blobs(void **state)
{
    meta_fixture_t *fx = *state;
    cr_fsck_blob_t *rows;
    cr_digest_t     a, b;
    size_t          n;
    int64_t         last;

    OK(fx, cr_fsck_blobs(&fx->cx, fx->m, 0, 10, &rows, &n));
    assert_int_equal(n, 0);
    a = meta_blob(fx, "library/a", "one");
    b = meta_blob(fx, "library/a", "three");
    (void) meta_blob(fx, "library/a", "7 bytes");
    OK(fx, cr_fsck_blobs(&fx->cx, fx->m, 0, 2, &rows, &n));
    assert_int_equal(n, 2);
    assert_text(rows[0].digest, a.text);
    assert_text(rows[0].locator, "l/1");
    assert_int_equal(rows[0].size, 3);
    assert_text(rows[1].digest, b.text);
    last = rows[1].id;
    OK(fx, cr_fsck_blobs(&fx->cx, fx->m, last, 2, &rows, &n));
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].size, 7);
    assert_true(rows[0].id > last);
    OK(fx, cr_fsck_blobs(&fx->cx, fx->m, rows[0].id, 2, &rows, &n));
    assert_int_equal(n, 0);
}


static bool
is_named(meta_fixture_t *fx, const char *z_locator)
{
    bool is;

    OK(fx, cr_fsck_is_named(&fx->cx, fx->m, cr_str_z(z_locator), &is));
    return is;
}


static void
test_is_named(void **state)
{
    meta_fixture_t *fx = *state;

    assert_false(is_named(fx, "l/1"));
    (void) meta_blob(fx, "library/a", "one");
    assert_true(is_named(fx, "l/1"));
    assert_false(is_named(fx, "l/"));
    assert_false(is_named(fx, "l/12"));

    meta_exec(fx, "INSERT INTO orphan VALUES ('o/1', 1, 1, 'test')");
    assert_true(is_named(fx, "o/1"));

    /* Any of the files of an open session. */
    meta_exec(fx, "INSERT INTO upload (id, repository_id, owner, size, "
                  "hash_alg, segments, boot_id, created_at, updated_at, "
                  "expires_at) SELECT 'u', id, 'user:1', 9, 1, "
                  "'s/1:5' || char(10) || 's/2:4', 'b', 1, 1, 1 "
                  "FROM repository");
    assert_true(is_named(fx, "s/1"));
    assert_true(is_named(fx, "s/2"));
    assert_false(is_named(fx, "s/"));
    assert_false(is_named(fx, "s/3"));
}


static void
test_images(void **state)
{
    meta_fixture_t *fx = *state;
    cr_fsck_blob_t *rows;
    cr_digest_t     untagged;
    cr_str_t       *images;
    size_t          n, blobs;
    int             tags = 0, digests = 0;

    (void) meta_push(fx, "library/a", "v1", "layer");
    (void) meta_push(fx, "library/a", "v2", "layer");
    (void) meta_push(fx, "library/b", "v1", "other");
    untagged = meta_push(fx, "library/b", NULL, "layer");
    OK(fx, cr_fsck_blobs(&fx->cx, fx->m, 0, 10, &rows, &blobs));
    assert_int_equal(blobs, 3);
    for (size_t i = 0; i < blobs; i++) {
        if (rows[i].size == strlen("layer")
            && cr_str_eq_z(rows[i].digest, meta_digest("layer").text))
        {
            OK(fx, cr_fsck_images(&fx->cx, fx->m, rows[i].id, 10, &images, &n));
            assert_int_equal(n, 3);
            for (size_t k = 0; k < n; k++) {
                tags += cr_str_eq_z(images[k], "library/a:v1")
                        || cr_str_eq_z(images[k], "library/a:v2");
                digests +=
                    cr_str_eq(images[k], cr_printf(&fx->cx, "library/b@%s",
                                                   untagged.text));
            }
            OK(fx, cr_fsck_images(&fx->cx, fx->m, rows[i].id, 2, &images, &n));
            assert_int_equal(n, 2);
        }
    }
    assert_int_equal(tags, 2);
    assert_int_equal(digests, 1);
    OK(fx, cr_fsck_images(&fx->cx, fx->m, 999, 10, &images, &n));
    assert_int_equal(n, 0);
}


static void
test_drop(void **state)
{
    meta_fixture_t *fx = *state;
    cr_fsck_blob_t *rows, other;
    cr_digest_t     d = meta_digest("layer");
    size_t          n;
    bool            is;

    (void) meta_push(fx, "library/a", "v1", "layer");
    OK(fx, cr_fsck_blobs(&fx->cx, fx->m, 1, 10, &rows, &n));
    assert_int_equal(n, 1);
    assert_text(rows[0].digest, d.text);
    OK(fx, cr_fsck_is_blob(&fx->cx, fx->m, &rows[0], &is));
    assert_true(is);

    /* Another file under the same id is another blob: it stays. */
    other = rows[0];
    other.locator = CR_STR("l/other");
    OK(fx, cr_fsck_is_blob(&fx->cx, fx->m, &other, &is));
    assert_false(is);
    OK(fx, cr_fsck_drop(&fx->cx, fx->m, &other));
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM blob"), 2);
    fx->cx.may_block = false;
    FAILS(fx, CR_ERR_AGAIN, cr_fsck_drop(&fx->cx, fx->m, &rows[0]));
    fx->cx.may_block = true;

    OK(fx, cr_fsck_drop(&fx->cx, fx->m, &rows[0]));
    OK(fx, cr_fsck_is_blob(&fx->cx, fx->m, &rows[0], &is));
    assert_false(is);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM repository_blob"), 1);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM manifest WHERE "
                                  "deleted_at IS NULL"),
                     1);
    assert_int_equal(meta_int(fx, "SELECT not_before FROM orphan WHERE "
                                  "locator = 'l/2' AND size = 5 AND "
                                  "reason = 'damaged'"),
                     meta_now() + cr_meta_conf_default.grace_us);
    assert_true(is_named(fx, "l/2"));
    OK(fx, cr_fsck_drop(&fx->cx, fx->m, &rows[0])); /* twice is harmless */

    /* The same bytes can be pushed again. */
    (void) meta_blob(fx, "library/a", "layer");
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM blob"), 2);
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_blobs),
        TEST(test_is_named),
        TEST(test_images),
        TEST(test_drop),
    };

    return cmocka_run_group_tests_name("meta/fsck", tests, NULL, NULL);
}
