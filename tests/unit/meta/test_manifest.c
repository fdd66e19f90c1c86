/*
 * meta/manifest.c and tag.c: put, find, delete, tags, history.
 */

#include "meta_fixture.h"

#include <stdio.h>
#include <string.h>

#define REPO  CR_STR("library/a")
#define Z_ALL "SELECT COUNT(*) FROM "


static cr_err_t
find(meta_fixture_t *fx, const char *z_repository, const char *z_ref,
     cr_manifest_row_t *ret_row)
{
    cr_reference_t ref = meta_ref(fx, z_ref);

    return cr_manifest_find(&fx->cx, fx->m, cr_str_z(z_repository), &ref, true,
                            ret_row);
}


static cr_err_t
drop(meta_fixture_t *fx, const char *z_ref)
{
    cr_reference_t ref = meta_ref(fx, z_ref);

    return cr_manifest_delete(&fx->cx, fx->m, REPO, &ref, &WHO);
}


static void
test_put_and_find(void **state)
{
    meta_fixture_t   *fx = *state;
    meta_image_t      im = { .config = "c", .layer = "l", .push = true };
    cr_digest_t       d = meta_image(fx, "library/a", "v1", &im);
    cr_str_t          body = meta_image_body(fx, &im);
    cr_manifest_row_t row = { 0 };
    cr_reference_t    ref = meta_ref(fx, "v1");

    fx->cx.may_block = false;
    OK(fx, find(fx, "library/a", "v1", &row));
    assert_text(row.digest, d.text);
    assert_text(row.media_type, CR_MT_OCI_MANIFEST);
    assert_int_equal(row.size, body.len);
    assert_true(cr_str_eq(row.body, body));
    OK(fx, find(fx, "library/a", d.text, &row));
    assert_true(cr_str_eq(row.body, body));
    OK(fx, cr_manifest_find(&fx->cx, fx->m, REPO, &ref, false, &row));
    assert_int_equal(row.body.len, 0);
    assert_int_equal(row.size, body.len);
    ref = meta_ref(fx, d.text);
    OK(fx, cr_manifest_find(&fx->cx, fx->m, REPO, &ref, false, &row));
    assert_int_equal(row.body.len, 0);

    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, find(fx, "library/a", "V1", &row));
    FAILS(fx, CR_ERR_NAME_UNKNOWN, find(fx, "library/b", "v1", &row));
    FAILS(fx, CR_ERR_NAME_UNKNOWN, find(fx, "library/b", d.text, &row));
    d = meta_digest("x");
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, find(fx, "library/a", d.text, &row));
    /* A blob is no manifest. */
    d = meta_digest("c");
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, find(fx, "library/a", d.text, &row));
}


static void
test_put_checks_blobs(void **state)
{
    meta_fixture_t *fx = *state;
    meta_image_t    im = { .config = "c", .layer = "layer" };
    cr_str_t        body = meta_image_body(fx, &im);
    cr_digest_t     d, config = meta_digest("c"), layer = meta_digest("layer");

    FAILS(fx, CR_ERR_MANIFEST_BLOB_UNKNOWN,
          meta_put(fx, "library/a", "v1", body, false, &d));
    (void) meta_blob(fx, "library/a", "c");
    /* A link of another repository does not count. */
    (void) meta_blob(fx, "library/b", "layer");
    assert_int_equal(meta_put(fx, "library/a", "v1", body, false, &d),
                     CR_ERR_MANIFEST_BLOB_UNKNOWN);
    /* The text names what is missing. */
    assert_true(fx->cx.message.len > layer.text_len);
    assert_non_null(memmem(fx->cx.message.data, fx->cx.message.len, layer.text,
                           layer.text_len));
    cr_clear(&fx->cx);
    (void) meta_blob(fx, "library/a", "layer");
    OK(fx, cr_blob_delete(&fx->cx, fx->m, REPO, &config));
    FAILS(fx, CR_ERR_MANIFEST_BLOB_UNKNOWN,
          meta_put(fx, "library/a", "v1", body, false, &d));

    /* Nothing of a refused put is left, references of blobs included. */
    assert_int_equal(meta_int(fx, Z_ALL "manifest"), 0);
    assert_int_equal(meta_int(fx, Z_ALL "tag"), 0);
    assert_int_equal(meta_int(fx, Z_ALL "change"), 0);
    assert_int_equal(meta_int(fx, Z_ALL "repository_blob WHERE "
                                        "unreferenced_at IS NULL"),
                     0);

    (void) meta_blob(fx, "library/a", "c");
    OK(fx, meta_put(fx, "library/a", "v1", body, false, &d));
    assert_int_equal(meta_int(fx, Z_ALL "repository_blob WHERE "
                                        "unreferenced_at IS NULL"),
                     2);
}


static void
test_put_checks_sizes(void **state)
{
    meta_fixture_t *fx = *state;
    meta_image_t    im = { .config = "c", .layer = "l", .push = true };
    cr_digest_t     d = meta_image(fx, "library/a", "v1", &im), index;
    size_t          size = meta_image_body(fx, &im).len;

    meta_exec(fx, "UPDATE blob SET size = 7 WHERE locator = 'l/2'");
    FAILS(fx, CR_ERR_MANIFEST_INVALID,
          meta_put(fx, "library/a", "v2", meta_image_body(fx, &im), false,
                   &index));
    size++;
    FAILS(fx, CR_ERR_MANIFEST_INVALID,
          meta_put(fx, "library/a", "v2", meta_index_body(fx, &d, &size, 1),
                   true, &index));
}


static void
test_put_needs_project_and_thread(void **state)
{
    meta_fixture_t *fx = *state;
    meta_image_t    im = { .config = "c", .layer = "l" };
    cr_digest_t     d;

    FAILS(fx, CR_ERR_NAME_UNKNOWN,
          meta_put(fx, "nope/a", "v1", meta_image_body(fx, &im), false, &d));
    (void) meta_push(fx, "library/a", "v1", "l");
    fx->cx.may_block = false;
    FAILS(fx, CR_ERR_AGAIN,
          meta_put(fx, "library/a", "v1", meta_image_body(fx, &im), false, &d));
    FAILS(fx, CR_ERR_AGAIN, drop(fx, "v1"));
}


static void
test_index(void **state)
{
    meta_fixture_t   *fx = *state;
    meta_image_t      im = { .config = "c", .layer = "l", .push = true };
    cr_digest_t       child[2], index;
    size_t            size[2] = { meta_image_body(fx, &im).len, 3 };
    cr_str_t          body;
    cr_manifest_row_t row;

    child[0] = meta_image(fx, "library/a", NULL, &im);
    child[1] = meta_digest("not here");
    body = meta_index_body(fx, child, size, 2);
    FAILS(fx, CR_ERR_MANIFEST_BLOB_UNKNOWN,
          meta_put(fx, "library/a", "multi", body, false, &index));
    OK(fx, meta_put(fx, "library/a", "multi", body, true, &index));
    OK(fx, find(fx, "library/a", "multi", &row));
    assert_text(row.media_type, CR_MT_OCI_INDEX);

    /* A child that was deleted, or is a blob only, is missing. */
    OK(fx, drop(fx, child[0].text));
    body = meta_index_body(fx, child, size, 1);
    FAILS(fx, CR_ERR_MANIFEST_BLOB_UNKNOWN,
          meta_put(fx, "library/a", "one", body, false, &index));
    child[0] = meta_blob(fx, "library/a", "abc");
    size[0] = 3;
    body = meta_index_body(fx, child, size, 1);
    FAILS(fx, CR_ERR_MANIFEST_BLOB_UNKNOWN,
          meta_put(fx, "library/a", "one", body, false, &index));
}


/* What builders push as their cache: an index that lists layers. */
static void
test_index_of_blobs(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     d = meta_digest("layer"), index;
    cr_str_t        body;

    body = cr_printf(&fx->cx,
                     "{\"schemaVersion\":2,\"mediaType\":\"%s\","
                     "\"manifests\":[{\"mediaType\":\"application/"
                     "vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"%s\","
                     "\"size\":5}]}",
                     CR_MT_OCI_INDEX, d.text);
    FAILS(fx, CR_ERR_MANIFEST_BLOB_UNKNOWN,
          meta_put(fx, "library/a", "cache", body, false, &index));
    (void) meta_blob(fx, "library/a", "layer");
    OK(fx, meta_put(fx, "library/a", "cache", body, false, &index));
    assert_int_equal(meta_int(fx, Z_ALL "repository_blob WHERE "
                                        "unreferenced_at IS NULL"),
                     1);
}


/* A layer that may be missing is referenced when it comes later. */
static void
test_foreign_layer(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     c = meta_blob(fx, "library/a", "c"), d;
    cr_digest_t     l = meta_digest("windows");
    cr_str_t        body;

    body = cr_printf(&fx->cx,
                     "{\"schemaVersion\":2,\"mediaType\":\"%s\","
                     "\"config\":{\"mediaType\":\"application/"
                     "vnd.oci.image.config.v1+json\",\"digest\":\"%s\","
                     "\"size\":1},\"layers\":[{\"mediaType\":\"application/"
                     "vnd.oci.image.layer.nondistributable.v1.tar+gzip\","
                     "\"digest\":\"%s\",\"size\":7}]}",
                     CR_MT_OCI_MANIFEST, c.text, l.text);
    OK(fx, meta_put(fx, "library/a", "win", body, false, &d));
    (void) meta_blob(fx, "library/a", "windows");
    assert_int_equal(meta_int(fx, Z_ALL "repository_blob WHERE "
                                        "unreferenced_at IS NULL"),
                     2);
}


static void
test_put_again_changes_nothing(void **state)
{
    meta_fixture_t *fx = *state;
    cr_stats_t      before, after;
    int64_t         at, history;

    (void) meta_push(fx, "library/a", "v1", "l");
    OK(fx, cr_stats_get(&fx->cx, fx->m, &before));
    at = meta_int(fx, "SELECT updated_at FROM tag");
    meta_clock_add(CR_SECOND);
    (void) meta_push(fx, "library/a", "v1", "l");
    (void) meta_push(fx, "library/a", NULL, "l");
    OK(fx, cr_stats_get(&fx->cx, fx->m, &after));
    assert_int_equal(after.change_seq, before.change_seq);
    assert_int_equal(after.manifests, 1);
    assert_int_equal(meta_int(fx, "SELECT updated_at FROM tag"), at);
    assert_int_equal(meta_int(fx, Z_ALL "tag_history"), 1);

    /* Another value, and back: each is a change. */
    (void) meta_push(fx, "library/a", "v1", "l2");
    (void) meta_push(fx, "library/a", "v1", "l");
    history = meta_int(fx, Z_ALL "tag_history WHERE tag = 'v1'");
    assert_int_equal(history, 3);
    OK(fx, cr_stats_get(&fx->cx, fx->m, &after));
    assert_int_equal(after.change_seq, before.change_seq + 2);
    assert_int_equal(after.tags, 1);
    assert_int_equal(after.manifests, 2);
}


static void
test_many_tags_at_once(void **state)
{
    meta_fixture_t   *fx = *state;
    meta_image_t      im = { .config = "c", .layer = "l", .push = true };
    cr_str_t          tags[] = { CR_STR("v1"), CR_STR("v1.0"), CR_STR("v1") };
    cr_name_t         name = meta_name(fx, "library/a");
    cr_manifest_t     mf;
    cr_manifest_row_t row;
    cr_manifest_put_t put = {
        .name = &name,
        .manifest = &mf,
        .tags = tags,
        .ntags = CR_NELTS(tags),
        .who = &WHO,
    };

    (void) meta_image(fx, "library/a", NULL, &im);
    put.body = meta_image_body(fx, &im);
    cr_digest_of(CR_HASH_SHA256, put.body, &put.digest);
    OK(fx, cr_manifest_parse(&fx->cx, put.body, CR_STR_NULL, &mf));
    OK(fx, cr_manifest_put(&fx->cx, fx->m, &put));
    OK(fx, find(fx, "library/a", "v1", &row));
    OK(fx, find(fx, "library/a", "v1.0", &row));
    assert_int_equal(meta_int(fx, Z_ALL "tag"), 2);
    assert_int_equal(meta_int(fx, Z_ALL "tag_history"), 2);
}


static void
test_sha512(void **state)
{
    meta_fixture_t   *fx = *state;
    meta_image_t      im = { .config = "c", .layer = "l", .push = true };
    cr_name_t         name = meta_name(fx, "library/a");
    cr_manifest_t     mf;
    cr_manifest_row_t row;
    cr_manifest_put_t put = { .name = &name, .manifest = &mf, .who = &WHO };

    (void) meta_image(fx, "library/a", "v1", &im);
    put.body = meta_image_body(fx, &im);
    cr_digest_of(CR_HASH_SHA512, put.body, &put.digest);
    OK(fx, cr_manifest_parse(&fx->cx, put.body, CR_STR_NULL, &mf));
    OK(fx, cr_manifest_put(&fx->cx, fx->m, &put));
    OK(fx, find(fx, "library/a", put.digest.text, &row));
    assert_text(row.digest, put.digest.text);
    assert_int_equal(meta_int(fx, Z_ALL "manifest"), 2);
}


static void
test_delete_tag(void **state)
{
    meta_fixture_t   *fx = *state;
    cr_digest_t       d = meta_push(fx, "library/a", "v1", "l");
    cr_manifest_row_t row;

    (void) meta_push(fx, "library/a", "v2", "l");
    OK(fx, drop(fx, "v1"));
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, find(fx, "library/a", "v1", &row));
    OK(fx, find(fx, "library/a", "v2", &row));
    OK(fx, find(fx, "library/a", d.text, &row));
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, drop(fx, "v1"));
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, drop(fx, "v3"));
    assert_int_equal(meta_int(fx, Z_ALL "tag_history WHERE tag = 'v1' "
                                        "AND digest IS NULL"),
                     1);
    assert_int_equal(meta_int(fx, Z_ALL "manifest WHERE "
                                        "deleted_at IS NOT NULL"),
                     0);

    /* Pushed again. */
    (void) meta_push(fx, "library/a", "v1", "l");
    OK(fx, find(fx, "library/a", "v1", &row));
    assert_int_equal(meta_int(fx, Z_ALL "tag WHERE trash_until IS NOT NULL"),
                     0);
    assert_int_equal(meta_int(fx, Z_ALL "tag"), 2);
    assert_int_equal(meta_int(fx, Z_ALL "tag_history WHERE tag = 'v1'"), 3);
}


static void
test_delete_digest(void **state)
{
    meta_fixture_t   *fx = *state;
    cr_digest_t       d = meta_push(fx, "library/a", "v1", "l"), other;
    cr_manifest_row_t row;
    cr_reference_t    ref = meta_ref(fx, "v1");

    (void) meta_push(fx, "library/a", "v2", "l");
    other = meta_push(fx, "library/a", "v3", "l3");
    OK(fx, drop(fx, d.text));
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, find(fx, "library/a", "v1", &row));
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, find(fx, "library/a", "v2", &row));
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, find(fx, "library/a", d.text, &row));
    OK(fx, find(fx, "library/a", "v3", &row));
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, drop(fx, d.text));
    FAILS(fx, CR_ERR_NAME_UNKNOWN,
          cr_manifest_delete(&fx->cx, fx->m, CR_STR("library/x"), &ref, &WHO));
    assert_int_equal(meta_int(fx, "SELECT live_manifests FROM repository"), 1);

    /* Revived by a push: the tag that is pushed, and no other. */
    (void) meta_push(fx, "library/a", "v2", "l");
    OK(fx, find(fx, "library/a", "v2", &row));
    OK(fx, find(fx, "library/a", d.text, &row));
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, find(fx, "library/a", "v1", &row));
    assert_int_equal(meta_int(fx, Z_ALL "manifest"), 2);
    assert_int_equal(meta_int(fx, Z_ALL "manifest WHERE "
                                        "trash_until IS NOT NULL"),
                     0);
    assert_int_equal(meta_int(fx, "SELECT live_manifests FROM repository"), 2);
    OK(fx, drop(fx, other.text));
}


static void
test_tag_list(void **state)
{
    meta_fixture_t *fx = *state;
    cr_str_t       *names, last;
    size_t          n;

    FAILS(fx, CR_ERR_NAME_UNKNOWN,
          cr_tag_list(&fx->cx, fx->m, REPO, CR_STR(""), 10, &names, &n));
    (void) meta_blob(fx, "library/a", "x");
    OK(fx, cr_tag_list(&fx->cx, fx->m, REPO, CR_STR(""), 10, &names, &n));
    assert_int_equal(n, 0);

    (void) meta_push(fx, "library/a", "b", "l");
    (void) meta_push(fx, "library/a", "B", "l");
    (void) meta_push(fx, "library/a", "a", "l");
    (void) meta_push(fx, "library/a", "_", "l");
    (void) meta_push(fx, "library/b", "other", "l");
    OK(fx, cr_tag_list(&fx->cx, fx->m, REPO, CR_STR(""), 10, &names, &n));
    assert_int_equal(n, 4);
    assert_text(names[0], "B");
    assert_text(names[1], "_");
    assert_text(names[2], "a");
    assert_text(names[3], "b");
    OK(fx, cr_tag_list(&fx->cx, fx->m, REPO, CR_STR(""), 0, &names, &n));
    assert_int_equal(n, 0);
    OK(fx, cr_tag_list(&fx->cx, fx->m, REPO, CR_STR("_"), 1, &names, &n));
    assert_int_equal(n, 1);
    last = names[0];
    assert_text(last, "a");
    OK(fx, drop(fx, "b"));
    OK(fx, cr_tag_list(&fx->cx, fx->m, REPO, last, 1, &names, &n));
    assert_int_equal(n, 0);
    /* A bound that is no tag. */
    OK(fx, cr_tag_list(&fx->cx, fx->m, REPO, CR_STR("C"), 1, &names, &n));
    assert_text(names[0], "_");
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_put_and_find),
        TEST(test_put_checks_blobs),
        TEST(test_put_checks_sizes),
        TEST(test_put_needs_project_and_thread),
        TEST(test_index),
        TEST(test_index_of_blobs),
        TEST(test_foreign_layer),
        TEST(test_put_again_changes_nothing),
        TEST(test_many_tags_at_once),
        TEST(test_sha512),
        TEST(test_delete_tag),
        TEST(test_delete_digest),
        TEST(test_tag_list),
    };

    return cmocka_run_group_tests_name("meta/manifest", tests, NULL, NULL);
}
