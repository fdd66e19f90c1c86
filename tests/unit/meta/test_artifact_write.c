/*
 * meta/artifact_write.c: deleting, tagging and copying artifacts.  That lists
 * and counters stay right in any order of these: test_artifact.c.
 */

#include "meta_fixture.h"

#include <stdio.h>
#include "meta/artifact.h"
#include "meta/project.h"

#define APP CR_STR("library/app")


static int64_t
live(meta_fixture_t *fx, const char *z_repository)
{
    char sql[256];

    (void) snprintf(sql, sizeof(sql),
                    "SELECT count(*) FROM manifest m JOIN repository r ON "
                    "r.id = m.repository_id WHERE m.deleted_at IS NULL AND "
                    "r.name = '%s'",
                    z_repository);
    return meta_int(fx, sql);
}


static int64_t
tags(meta_fixture_t *fx, const char *z_repository)
{
    char sql[256];

    (void) snprintf(sql, sizeof(sql),
                    "SELECT count(*) FROM tag t JOIN repository r ON "
                    "r.id = t.repository_id WHERE t.deleted_at IS NULL AND "
                    "r.name = '%s'",
                    z_repository);
    return meta_int(fx, sql);
}


/* An index of these in library/app, with a tag. */
static cr_digest_t
push_index(meta_fixture_t *fx, const char *z_tag, const cr_digest_t *children,
           size_t n)
{
    size_t      sizes[4];
    char        sql[200];
    cr_digest_t d;

    assert_true(n <= CR_NELTS(sizes));
    for (size_t i = 0; i < n; i++) {
        (void) snprintf(sql, sizeof(sql),
                        "SELECT length(body) FROM manifest WHERE digest = "
                        "'%s'",
                        children[i].text);
        sizes[i] = (size_t) meta_int(fx, sql);
    }
    OK(fx, meta_put(fx, "library/app", z_tag,
                    meta_index_body(fx, children, sizes, n), false, &d));
    return d;
}


static cr_digest_t
push_signature(meta_fixture_t *fx, const cr_digest_t *subject,
               const char *z_layer)
{
    meta_image_t im = {
        .config = "c", .layer = z_layer, .push = true, .subject = subject
    };

    return meta_image(fx, "library/app", NULL, &im);
}


static cr_err_t
del(meta_fixture_t *fx, const char *z_ref)
{
    cr_reference_t ref = meta_ref(fx, z_ref);

    return cr_artifact_delete(&fx->cx, fx->m, APP, &ref, &WHO);
}


static void
test_delete(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     d;
    cr_reference_t  ref = meta_ref(fx, "v1");

    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, del(fx, "v1"));
    d = meta_push(fx, "library/app", "v1", "layer");
    (void) meta_push(fx, "library/app", "v2", "layer"); /* the same */
    (void) meta_push(fx, "library/app", "v3", "other");
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN,
          cr_artifact_delete(&fx->cx, fx->m, CR_STR("library/none"), &ref,
                             &WHO));
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, del(fx, "none"));
    fx->cx.may_block = false;
    FAILS(fx, CR_ERR_AGAIN, del(fx, "v1"));
    fx->cx.may_block = true;

    /* By one of its tags: all of them go. */
    OK(fx, del(fx, "v1"));
    assert_int_equal(live(fx, "library/app"), 1);
    assert_int_equal(tags(fx, "library/app"), 1);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit WHERE operation "
                                  "= 'delete' AND resource_type = 'artifact' "
                                  "AND project_id = 1"),
                     1);
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, del(fx, d.text));
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, del(fx, "v2"));
}


/* What stands or falls with it. */
static void
test_delete_a_tree(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     child[3], index, other, sig;

    child[0] = meta_push(fx, "library/app", NULL, "1");
    child[1] = meta_push(fx, "library/app", "tagged", "2");
    child[2] = meta_push(fx, "library/app", NULL, "3");
    index = push_index(fx, "all", child, 3);
    other = push_index(fx, "some", &child[2], 1);
    sig = push_signature(fx, &index, "sig");
    (void) push_signature(fx, &sig, "sig of sig");
    (void) push_signature(fx, &child[0], "sig of child");
    (void) push_signature(fx, &other, "stays");
    assert_int_equal(live(fx, "library/app"), 9);

    FAILS(fx, CR_ERR_REFERENCED, del(fx, child[0].text));
    FAILS(fx, CR_ERR_REFERENCED, del(fx, "tagged"));
    assert_int_equal(live(fx, "library/app"), 9);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit WHERE operation "
                                  "= 'delete'"),
                     0);

    /* Stay: what has a tag, what another index needs, its own signature. */
    OK(fx, del(fx, "all"));
    assert_int_equal(live(fx, "library/app"), 4);
    assert_int_equal(tags(fx, "library/app"), 2);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit WHERE operation "
                                  "= 'delete' AND resource_type = "
                                  "'artifact'"),
                     5);
    OK(fx, del(fx, "tagged"));
    OK(fx, del(fx, other.text));
    assert_int_equal(live(fx, "library/app"), 0);
}


static cr_err_t
tag_add(meta_fixture_t *fx, const char *z_ref, const char *z_tag)
{
    cr_name_t      name = meta_name(fx, "library/app");
    cr_reference_t ref = meta_ref(fx, z_ref);

    return cr_artifact_tag_add(&fx->cx, fx->m, &name, &ref, cr_str_z(z_tag),
                               &WHO);
}


static cr_err_t
tag_delete(meta_fixture_t *fx, const char *z_ref, const char *z_tag)
{
    cr_reference_t ref = meta_ref(fx, z_ref);

    return cr_artifact_tag_delete(&fx->cx, fx->m, APP, &ref, cr_str_z(z_tag),
                                  &WHO);
}


static void
test_tags(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     d;

    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, tag_add(fx, "v1", "v2"));
    d = meta_push(fx, "library/app", "v1", "layer");
    (void) meta_push(fx, "library/app", "other", "x");
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, tag_add(fx, "none", "v2"));
    FAILS(fx, CR_ERR_EXISTS, tag_add(fx, d.text, "v1"));
    FAILS(fx, CR_ERR_EXISTS, tag_add(fx, d.text, "other"));
    OK(fx, tag_add(fx, d.text, "v2"));
    assert_int_equal(tags(fx, "library/app"), 3);
    assert_int_equal(live(fx, "library/app"), 2);
    assert_int_equal(meta_audits(fx, "create tag library/app:v2", NULL), 1);
    /* Replication learns of it, and history has it. */
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM change WHERE "
                                  "reference = 'v2' AND digest IS NOT NULL"),
                     1);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM tag_history WHERE "
                                  "tag = 'v2'"),
                     1);

    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, tag_delete(fx, "none", "v2"));
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, tag_delete(fx, "v1", "none"));
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, tag_delete(fx, "v1", "other"));
    OK(fx, tag_delete(fx, d.text, "v2"));
    assert_int_equal(tags(fx, "library/app"), 2);
    assert_int_equal(live(fx, "library/app"), 2);
    assert_int_equal(meta_audits(fx, "delete tag library/app:v2", NULL), 1);
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN, tag_delete(fx, d.text, "v2"));
    /* A name that is free again. */
    OK(fx, tag_add(fx, "other", "v2"));
    OK(fx, tag_delete(fx, "v1", "v1"));
    assert_int_equal(live(fx, "library/app"), 2);
}


static void
test_copy(void **state)
{
    meta_fixture_t *fx = *state;
    cr_ctx_t       *cx = &fx->cx;
    cr_project_t    p;
    cr_digest_t     child[2], index;
    cr_name_t       to = meta_name(fx, "pay/app"), nowhere;
    cr_reference_t  all = meta_ref(fx, "all"), none = meta_ref(fx, "none");
    cr_str_t        digest = CR_STR_NULL;

    OK(fx, meta_project(fx, CR_STR("pay"), false, &p));
    nowhere = meta_name(fx, "no/app");
    child[0] = meta_push(fx, "library/app", NULL, "1");
    child[1] = meta_push(fx, "library/app", NULL, "2");
    index = push_index(fx, "all", child, 2);
    (void) push_signature(fx, &index, "sig");
    (void) push_signature(fx, &child[0], "sig of child");

    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN,
          cr_artifact_copy(cx, fx->m, APP, &none, &to, &WHO, &digest));
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN,
          cr_artifact_copy(cx, fx->m, CR_STR("library/none"), &all, &to, &WHO,
                           &digest));
    FAILS(fx, CR_ERR_NAME_UNKNOWN,
          cr_artifact_copy(cx, fx->m, APP, &all, &nowhere, &WHO, &digest));
    assert_null(digest.data);

    OK(fx, cr_artifact_copy(cx, fx->m, APP, &all, &to, &WHO, &digest));
    assert_text(digest, index.text);
    assert_int_equal(live(fx, "pay/app"), 5);
    assert_int_equal(tags(fx, "pay/app"), 1);
    assert_int_equal(live(fx, "library/app"), 5);
    /* Linked, not copied: the config and four layers, each once. */
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM blob"), 5);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM repository_blob l "
                                  "JOIN repository r ON r.id = "
                                  "l.repository_id WHERE r.name = 'pay/app' "
                                  "AND l.unreferenced_at IS NULL"),
                     5);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit WHERE operation "
                                  "= 'create' AND resource_type = 'artifact' "
                                  "AND project_id = (SELECT id FROM project "
                                  "WHERE name = 'pay')"),
                     1);

    /* Twice is the same; by digest there is no tag. */
    OK(fx, cr_artifact_copy(cx, fx->m, APP, &all, &to, &WHO, &digest));
    assert_int_equal(live(fx, "pay/app"), 5);
    to = meta_name(fx, "pay/other");
    all = meta_ref(fx, child[1].text);
    OK(fx, cr_artifact_copy(cx, fx->m, APP, &all, &to, &WHO, &digest));
    assert_int_equal(live(fx, "pay/other"), 1);
    assert_int_equal(tags(fx, "pay/other"), 0);
}


static void
test_copy_beyond_the_quota(void **state)
{
    meta_fixture_t  *fx = *state;
    int64_t          limit = 3;
    cr_project_t     p;
    cr_project_set_t set = { .storage_limit = &limit };
    cr_name_t        to = meta_name(fx, "pay/app");
    cr_reference_t   ref = meta_ref(fx, "v1");
    cr_str_t         digest;

    OK(fx, meta_project(fx, CR_STR("pay"), false, &p));
    OK(fx, cr_project_set(&fx->cx, fx->m, p.id, &set, &WHO));
    (void) meta_push(fx, "library/app", "v1", "12345");
    FAILS(fx, CR_ERR_DENIED,
          cr_artifact_copy(&fx->cx, fx->m, APP, &ref, &to, &WHO, &digest));
    assert_int_equal(live(fx, "pay/app"), 0);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM repository"), 1);
}


static void
test_delete_all(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     child;
    bool            more = true;
    int             calls = 0;

    FAILS(fx, CR_ERR_NAME_UNKNOWN,
          cr_artifact_delete_all(&fx->cx, fx->m, APP, 2, &WHO, &more));
    child = meta_push(fx, "library/app", "v1", "1");
    (void) meta_push(fx, "library/app", "v2", "2");
    (void) push_index(fx, "all", &child, 1);
    (void) push_signature(fx, &child, "sig");
    (void) meta_push(fx, "library/other", "v1", "1");

    while (more) {
        assert_true(++calls < 10);
        OK(fx, cr_artifact_delete_all(&fx->cx, fx->m, APP, 2, &WHO, &more));
        assert_int_equal(live(fx, "library/app") != 0, more);
    }
    assert_int_equal(calls, 2);
    assert_int_equal(tags(fx, "library/app"), 0);
    assert_int_equal(live(fx, "library/other"), 1);
    assert_int_equal(meta_audits(fx, "delete repository library/app", NULL), 1);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit WHERE operation "
                                  "= 'delete' AND resource_type = "
                                  "'artifact'"),
                     4);
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_delete),
        TEST(test_delete_a_tree),
        TEST(test_tags),
        TEST(test_copy),
        TEST(test_copy_beyond_the_quota),
        TEST(test_delete_all),
    };

    return cmocka_run_group_tests_name("meta/artifact_write", tests, NULL,
                                       NULL);
}
