/*
 * meta/artifact.c, artifact_write.c: what is listed stays what the rule says
 * in any order of pushes, tags, copies and deletions.
 */

#include "meta_fixture.h"

#include <stdio.h>
#include <string.h>
#include "meta/artifact.h"
#include "meta/label.h"

#define STEPS 500

/* The rule, asked the long way round. */
#define LISTED                                                                 \
    "m.deleted_at IS NULL AND m.subject_digest IS NULL AND (m.id IN "          \
    "(SELECT manifest_id FROM tag WHERE deleted_at IS NULL) OR m.digest "      \
    "NOT IN (SELECT f.digest FROM manifest_reference f JOIN manifest p "       \
    "ON p.id = f.manifest_id WHERE f.kind = 3 AND p.deleted_at IS NULL "       \
    "AND f.repository_id = m.repository_id))"

static const char *const never[] = {
    "SELECT count(*) FROM manifest m WHERE (m.id IN (SELECT manifest_id FROM "
    "artifact)) <> (" LISTED ")",
    "SELECT count(*) FROM artifact a JOIN manifest m ON m.id = a.manifest_id "
    "WHERE a.pushed_at <> m.pushed_at OR a.repository_id <> m.repository_id",
    "SELECT count(*) FROM repository r WHERE artifact_count <> (SELECT "
    "count(*) FROM artifact a WHERE a.repository_id = r.id)",
    "SELECT count(*) FROM repository r WHERE live_manifests <> (SELECT "
    "count(*) FROM manifest m WHERE m.repository_id = r.id AND "
    "m.deleted_at IS NULL)",
    "SELECT count(*) FROM project p WHERE repository_count <> (SELECT "
    "count(*) FROM repository r WHERE r.project_id = p.id AND "
    "r.live_manifests > 0)",
    "SELECT count(*) FROM tag t JOIN manifest m ON m.id = t.manifest_id "
    "WHERE t.deleted_at IS NULL AND m.deleted_at IS NOT NULL",
};

static uint32_t seed;

static uint32_t
pick(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;

    return (seed >> 16) % n;
}

typedef struct world_s {
    meta_fixture_t *fx;
    cr_digest_t     known[8];
    size_t          n;
} world_t;

static void
know(world_t *w, const cr_digest_t *d)
{
    w->known[w->n++ % CR_NELTS(w->known)] = *d;
}

static cr_err_t
push_index(world_t *w, const char *repository, const char *tag)
{
    char        sql[200];
    size_t      size;
    cr_err_t    err;
    cr_digest_t d = w->known[pick(8)];

    (void) snprintf(sql, sizeof(sql),
                    "SELECT coalesce(max(size), 0) FROM manifest "
                    "WHERE digest = '%s'",
                    d.text);
    size = (size_t) meta_int(w->fx, sql);
    err = meta_put(w->fx, repository, tag, meta_index_body(w->fx, &d, &size, 1),
                   false, &d);

    if (err == CR_OK) {
        know(w, &d);
    }

    return err;
}

static void
push_signature(world_t *w, const char *repository)
{
    cr_digest_t  subject = w->known[pick(8)], d;
    meta_image_t im = {
        .config = "c", .layer = "sig", .push = true, .subject = &subject
    };

    d = meta_image(w->fx, repository, NULL, &im);
    know(w, &d);
}

static void
one_step(world_t *w)
{
    static const char *const repositories[] = { "library/a", "library/b" };
    static const char *const layers[] = { "1", "2", "3", "4" };
    static const char *const tags[] = { "x", "y", "z", NULL, "p", "q", "r" };

    meta_fixture_t *fx = w->fx;
    const char     *name = repositories[pick(2)];
    cr_str_t        repository = cr_str_z(name), digest;
    cr_name_t       to = meta_name(fx, repositories[pick(2)]);
    cr_reference_t  ref = { .is_digest = true, .digest = w->known[pick(8)] };
    cr_digest_t     d;
    cr_err_t        err = CR_OK;
    bool            more;

    if (pick(3) == 0) {
        ref = meta_ref(fx, tags[pick(3)]);
    }

    switch (pick(11)) {

    case 0:
    case 1:
    case 2:
        d = meta_push(fx, name, tags[pick(4)], layers[pick(4)]);
        know(w, &d);
        break;

    case 3:
    case 4:
        err = push_index(w, name, tags[pick(4)]);
        break;

    case 5:
        push_signature(w, name);
        break;

    case 6:
        err = cr_manifest_delete(&fx->cx, fx->m, repository, &ref, &WHO);
        break;

    case 7:
        err = cr_artifact_delete(&fx->cx, fx->m, repository, &ref, &WHO);
        break;

    case 8:
        err = cr_artifact_copy(&fx->cx, fx->m, repository, &ref, &to, &WHO,
                               &digest);
        break;

    case 9:
        err = pick(2)
                  ? cr_artifact_tag_add(&fx->cx, fx->m, &to, &ref,
                                        cr_str_z(tags[4 + pick(3)]), &WHO)
                  : cr_artifact_tag_delete(&fx->cx, fx->m, repository, &ref,
                                           cr_str_z(tags[4 + pick(3)]), &WHO);
        break;

    default:
        if (pick(6) == 0) {
            err = cr_artifact_delete_all(&fx->cx, fx->m, repository, 3, &WHO,
                                         &more);
        }
    }

    switch (err) {

    case CR_OK:
    case CR_ERR_MANIFEST_UNKNOWN:
    case CR_ERR_NAME_UNKNOWN:
    case CR_ERR_MANIFEST_BLOB_UNKNOWN:
    case CR_ERR_MANIFEST_INVALID: /* size of what is not here */
    case CR_ERR_REFERENCED:
    case CR_ERR_EXISTS:
        break;

    default:
        fail_msg("step: %s", cr_err_info(err)->name);
    }

    cr_clear(&fx->cx);
}

static void
test_any_order(void **state)
{
    world_t w = { .fx = *state };

    seed = 20261123;

    for (size_t i = 0; i < CR_NELTS(w.known); i++) {
        w.known[i] = meta_push(w.fx, "library/a", NULL, "1");
    }

    for (int i = 0; i < STEPS; i++) {
        one_step(&w);

        for (size_t k = 0; k < CR_NELTS(never); k++) {
            if (meta_int(w.fx, never[k]) != 0) {
                fail_msg("after step %d: %s", i, never[k]);
            }
        }
    }

    /* The steps did something of each kind. */
    assert_true(meta_int(w.fx, "SELECT count(*) FROM audit WHERE operation = "
                               "'delete' AND resource_type = 'artifact'")
                > 10);
    assert_true(meta_int(w.fx, "SELECT count(*) FROM audit WHERE operation = "
                               "'create' AND resource_type = 'tag'")
                > 3);
    assert_true(meta_int(w.fx, "SELECT count(*) FROM artifact") > 0);
    assert_true(meta_int(w.fx, "SELECT count(*) FROM manifest m WHERE "
                               "m.deleted_at IS NULL AND NOT (" LISTED ")")
                > 0);
}

/* --- filters and pages ------------------------------------------------- */

static void
list(meta_fixture_t *fx, const cr_artifact_filter_t *f, int64_t limit,
     int64_t offset, int64_t want_total, size_t want_n)
{
    size_t         n;
    int64_t        id, total;
    cr_artifact_t *rows;

    OK(fx, cr_repository_find(&fx->cx, fx->m, CR_STR("library/a"), &id));
    OK(fx, cr_artifact_list(&fx->cx, fx->m, id, f, limit, offset,
                            CR_ARTIFACT_TAGS, &rows, &n, &total));
    assert_int_equal(total, want_total);
    assert_int_equal(n, want_n);
}

static void
test_pages(void **state)
{
    meta_fixture_t      *fx = *state;
    cr_digest_t          d = { 0 };
    cr_artifact_filter_t f = cr_artifact_filter_default;

    for (int i = 0; i < 5; i++) {
        char tag[8], layer[8];

        (void) snprintf(tag, sizeof(tag), "t%d", i);
        (void) snprintf(layer, sizeof(layer), "l%d", i);
        d = meta_push(fx, "library/a", i == 0 ? NULL : tag, layer);
        meta_clock_add(CR_SECOND);
    }

    list(fx, NULL, 2, 0, 5, 2);
    list(fx, NULL, 2, 4, 5, 1);
    list(fx, NULL, 2, 6, 5, 0);
    list(fx, &f, 2, 4, 5, 1);
    list(fx, &f, 2, 6, 5, 0);

    f.tagged = 1;
    list(fx, &f, 10, 0, 4, 4);
    f.tagged = 0;
    list(fx, &f, 10, 0, 1, 1);
    f = cr_artifact_filter_default;
    f.tag = CR_STR("t3");
    list(fx, &f, 10, 0, 1, 1);
    list(fx, &f, 10, 1, 1, 0);
    f.tag = CR_STR("none");
    list(fx, &f, 10, 0, 0, 0);
    f.tag = CR_STR_NULL;
    f.tag_like = CR_STR("t");
    list(fx, &f, 3, 0, 4, 3);
    f.tag_like = CR_STR_NULL;
    f.digest = cr_digest_str(&d);
    list(fx, &f, 10, 0, 1, 1);
    f.type = CR_STR("IMAGE");
    list(fx, &f, 10, 0, 1, 1);
    f.type = CR_STR("CHART");
    list(fx, &f, 10, 0, 0, 0);
}

/* Labels go with what they are on, and with the trash. */
static void
test_labels(void **state)
{
    meta_fixture_t *fx = *state;
    size_t          n;
    int64_t         id;
    cr_label_t      l = { .name = CR_STR_NULL };
    cr_digest_t     d = meta_push(fx, "library/a", "v1", "x");
    cr_reference_t  ref = { .is_digest = true, .digest = d };

    l.name = CR_STR("ok");
    l.description = CR_STR("");
    l.color = CR_STR("");
    OK(fx, cr_label_create(&fx->cx, fx->m, &l, &WHO, &id));
    FAILS(fx, CR_ERR_EXISTS, cr_label_create(&fx->cx, fx->m, &l, &WHO, &id));
    OK(fx, cr_label_attach(&fx->cx, fx->m, CR_STR("library/a"), &ref, 1, id));
    FAILS(fx, CR_ERR_EXISTS,
          cr_label_attach(&fx->cx, fx->m, CR_STR("library/a"), &ref, 1, id));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_label_attach(&fx->cx, fx->m, CR_STR("library/a"), &ref, 1, 99));

    OK(fx, cr_manifest_delete(&fx->cx, fx->m, CR_STR("library/a"), &ref, &WHO));
    meta_clock_add(cr_meta_conf_default.trash_us + CR_SECOND);
    OK(fx, cr_reclaim_trash(&fx->cx, fx->m, 10, &n));
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM manifest"), 0);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM manifest_label"), 0);
    OK(fx, cr_label_delete(&fx->cx, fx->m, id, &WHO));
    FAILS(fx, CR_ERR_NOT_FOUND, cr_label_delete(&fx->cx, fx->m, id, &WHO));
}

/* A deletion that is not allowed leaves everything as it was. */
static void
test_refused(void **state)
{
    meta_fixture_t *fx = *state;
    size_t          size;
    cr_digest_t     child = meta_push(fx, "library/a", "child", "x"), index;
    cr_reference_t  ref = { .is_digest = true, .digest = child };

    size = (size_t) meta_int(fx, "SELECT size FROM manifest");
    OK(fx, meta_put(fx, "library/a", "index",
                    meta_index_body(fx, &child, &size, 1), false, &index));
    FAILS(fx, CR_ERR_REFERENCED,
          cr_artifact_delete(&fx->cx, fx->m, CR_STR("library/a"), &ref, &WHO));
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM manifest WHERE "
                                  "deleted_at IS NULL"),
                     2);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit WHERE "
                                  "operation = 'delete'"),
                     0);

    /* The index takes its child along only if that has no tag. */
    ref.digest = index;
    OK(fx, cr_artifact_delete(&fx->cx, fx->m, CR_STR("library/a"), &ref, &WHO));
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM manifest WHERE "
                                  "deleted_at IS NULL"),
                     1);

    fx->cx.may_block = false;
    assert_int_equal(cr_artifact_delete(&fx->cx, fx->m, CR_STR("library/a"),
                                        &ref, &WHO),
                     CR_ERR_AGAIN);
    fx->cx.may_block = true;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_any_order, meta_setup,
                                        meta_teardown),
        cmocka_unit_test_setup_teardown(test_pages, meta_setup, meta_teardown),
        cmocka_unit_test_setup_teardown(test_labels, meta_setup, meta_teardown),
        cmocka_unit_test_setup_teardown(test_refused, meta_setup,
                                        meta_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
