/*
 * meta/reclaim.c: what is given back, when, and above all what never is.
 */

#include "meta_fixture.h"

#include <stdio.h>
#include <string.h>
#include "meta/job.h"

#define REPO  CR_STR("library/a")
#define Z_ALL "SELECT COUNT(*) FROM "


static void
drop(meta_fixture_t *fx, const char *z_ref)
{
    cr_reference_t ref = meta_ref(fx, z_ref);

    OK(fx, cr_manifest_delete(&fx->cx, fx->m, REPO, &ref, &WHO));
}


static size_t
trash(meta_fixture_t *fx)
{
    size_t n, all = 0;

    do {
        OK(fx, cr_reclaim_trash(&fx->cx, fx->m, 3, &n));
        assert_true(n <= 3);
        all += n;
        assert_true(all < 10000);
    } while (n > 0);
    return all;
}


static size_t
links(meta_fixture_t *fx)
{
    size_t n, all = 0;

    do {
        OK(fx, cr_reclaim_links(&fx->cx, fx->m, 3, &n));
        assert_true(n <= 3);
        all += n;
        assert_true(all < 10000);
    } while (n > 0);
    return all;
}


static void
test_live_content_stays(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     d = meta_push(fx, "library/a", NULL, "l");
    cr_reference_t  ref = meta_ref(fx, d.text);
    cr_digest_t     l = meta_digest("l");
    cr_blob_t       b;

    cr_manifest_row_t row;

    meta_clock_add(1000 * CR_DAY);
    assert_int_equal(trash(fx), 0);
    assert_int_equal(links(fx), 0);
    OK(fx, cr_manifest_find(&fx->cx, fx->m, REPO, &ref, true, &row));
    OK(fx, cr_blob_find(&fx->cx, fx->m, REPO, &l, &b));
}


static void
test_unreferenced_blob(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     d = meta_blob(fx, "library/a", "x");
    cr_blob_t       b;
    cr_orphan_t    *o;
    size_t          n;

    (void) meta_blob(fx, "library/b", "x");
    OK(fx, cr_orphan_forget(&fx->cx, fx->m, CR_STR("l/2")));
    meta_clock_add(cr_meta_conf_default.grace_us - 1);
    assert_int_equal(links(fx), 0);
    OK(fx, cr_blob_protect(&fx->cx, fx->m, CR_STR("library/b"), &d));
    meta_clock_add(1);

    /* One link goes; the other, and with it the bytes, stays. */
    assert_int_equal(links(fx), 1);
    FAILS(fx, CR_ERR_BLOB_UNKNOWN, cr_blob_find(&fx->cx, fx->m, REPO, &d, &b));
    OK(fx, cr_blob_find(&fx->cx, fx->m, CR_STR("library/b"), &d, &b));
    OK(fx, cr_orphan_due(&fx->cx, fx->m, 10, &o, &n));
    assert_int_equal(n, 0);

    meta_clock_add(cr_meta_conf_default.grace_us);
    assert_int_equal(links(fx), 1);
    assert_int_equal(meta_int(fx, Z_ALL "blob"), 0);
    /* Readers that have just found the row have time to open the file. */
    OK(fx, cr_orphan_due(&fx->cx, fx->m, 10, &o, &n));
    assert_int_equal(n, 0);
    meta_clock_add(CR_MINUTE);
    OK(fx, cr_orphan_due(&fx->cx, fx->m, 10, &o, &n));
    assert_int_equal(n, 1);
    assert_text(o[0].locator, "l/1");
    assert_int_equal(o[0].size, 1);
    OK(fx, cr_orphan_forget(&fx->cx, fx->m, o[0].locator));
    OK(fx, cr_orphan_forget(&fx->cx, fx->m, o[0].locator));
    OK(fx, cr_orphan_due(&fx->cx, fx->m, 10, &o, &n));
    assert_int_equal(n, 0);
}


static void
test_pushed_again_gets_a_new_file(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     d = meta_blob(fx, "library/a", "x");
    cr_blob_t       b;
    cr_orphan_t    *o;
    size_t          n;

    meta_clock_add(cr_meta_conf_default.grace_us);
    assert_int_equal(links(fx), 1);
    (void) meta_blob(fx, "library/a", "x");
    meta_clock_add(CR_HOUR);
    OK(fx, cr_orphan_due(&fx->cx, fx->m, 10, &o, &n));
    assert_int_equal(n, 1);
    OK(fx, cr_blob_find(&fx->cx, fx->m, REPO, &d, &b));
    assert_false(cr_str_eq(b.locator, o[0].locator));
}


static void
test_trash_pins_until_its_time(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     d = meta_push(fx, "library/a", "v1", "only");
    cr_digest_t     only = meta_digest("only"), c = meta_digest("c");
    cr_blob_t       b;

    (void) meta_push(fx, "library/a", "v2", "other");
    drop(fx, d.text);
    meta_clock_add(cr_meta_conf_default.trash_us - 1);
    assert_int_equal(trash(fx), 0);
    assert_int_equal(links(fx), 0);
    OK(fx, cr_blob_find(&fx->cx, fx->m, REPO, &only, &b));

    /* The tag and the manifest. */
    meta_clock_add(1);
    assert_int_equal(trash(fx), 2);
    assert_int_equal(meta_int(fx, Z_ALL "manifest"), 1);
    assert_int_equal(meta_int(fx, Z_ALL "tag"), 1);
    assert_int_equal(meta_int(fx, Z_ALL "tag_history"), 3);

    /* Who was told a moment ago that the layer exists has a grace. */
    assert_int_equal(links(fx), 0);
    OK(fx, cr_blob_find(&fx->cx, fx->m, REPO, &only, &b));
    assert_false(b.expiring);
    meta_clock_add(cr_meta_conf_default.grace_us);
    assert_int_equal(links(fx), 1);
    FAILS(fx, CR_ERR_BLOB_UNKNOWN,
          cr_blob_find(&fx->cx, fx->m, REPO, &only, &b));
    /* The config is shared with the image that stays. */
    OK(fx, cr_blob_find(&fx->cx, fx->m, REPO, &c, &b));
    assert_false(b.expiring);
}


static void
test_tag_of_another_digest(void **state)
{
    meta_fixture_t   *fx = *state;
    cr_reference_t    ref;
    cr_manifest_row_t row;

    (void) meta_push(fx, "library/a", "v1", "1");
    drop(fx, "v1");
    (void) meta_push(fx, "library/a", "v1", "2");
    meta_clock_add(2 * cr_meta_conf_default.trash_us);
    assert_int_equal(trash(fx), 0);
    ref = meta_ref(fx, "v1");
    OK(fx, cr_manifest_find(&fx->cx, fx->m, REPO, &ref, false, &row));
}


/* The time in the trash was longer when the tag was deleted. */
static void
test_tag_outlives_its_manifest(void **state)
{
    meta_fixture_t *fx = *state;
    cr_meta_conf_t  conf = cr_meta_conf_default;
    cr_digest_t     d = meta_push(fx, "library/a", "v1", "l");

    drop(fx, "v1");
    conf.trash_us = CR_DAY;
    meta_reopen(fx, &conf);
    drop(fx, d.text);
    meta_clock_add(CR_DAY);
    assert_int_equal(trash(fx), 1);
    assert_int_equal(meta_int(fx, Z_ALL "manifest"), 0);
    assert_int_equal(meta_int(fx, Z_ALL "tag"), 0);
}


static void
test_shared_in_trash(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     a = meta_push(fx, "library/a", "v1", "1");
    cr_digest_t     b = meta_push(fx, "library/a", "v2", "2");
    cr_digest_t     c = meta_digest("c");
    cr_blob_t       blob;

    drop(fx, a.text);
    meta_clock_add(CR_DAY);
    drop(fx, b.text);
    meta_clock_add(cr_meta_conf_default.trash_us - CR_DAY);
    assert_int_equal(trash(fx), 2);
    meta_clock_add(cr_meta_conf_default.grace_us - 1);
    assert_int_equal(links(fx), 0);
    /* "c" is held by the one that is still in the trash. */
    meta_clock_add(1);
    assert_int_equal(links(fx), 1);
    OK(fx, cr_blob_find(&fx->cx, fx->m, REPO, &c, &blob));
    assert_int_equal(trash(fx), 2);
    meta_clock_add(cr_meta_conf_default.grace_us);
    assert_int_equal(links(fx), 2);
    assert_int_equal(meta_int(fx, Z_ALL "blob"), 0);
    assert_int_equal(meta_int(fx, Z_ALL "repository_blob"), 0);
    assert_int_equal(meta_int(fx, Z_ALL "manifest_reference"), 0);
}


static cr_digest_t
push_index(meta_fixture_t *fx, const char *z_tag, const cr_digest_t *child)
{
    char        sql[200];
    size_t      size;
    cr_digest_t d;

    (void) snprintf(sql, sizeof(sql),
                    "SELECT size FROM manifest WHERE digest = '%s'",
                    child->text);
    size = (size_t) meta_int(fx, sql);
    OK(fx, meta_put(fx, "library/a", z_tag,
                    meta_index_body(fx, child, &size, 1), false, &d));
    return d;
}


static void
test_children_of_a_live_index(void **state)
{
    meta_fixture_t   *fx = *state;
    cr_digest_t       child = meta_push(fx, "library/a", NULL, "l"), index;
    cr_digest_t       l = meta_digest("l");
    cr_reference_t    ref;
    cr_manifest_row_t row;
    cr_blob_t         b;

    index = push_index(fx, "multi", &child);
    meta_clock_add(100 * CR_DAY);
    assert_int_equal(trash(fx), 0);
    assert_int_equal(links(fx), 0);
    ref = meta_ref(fx, child.text);
    OK(fx, cr_manifest_find(&fx->cx, fx->m, REPO, &ref, true, &row));

    /* Deleted by its digest: hidden, but kept as long as the index. */
    drop(fx, child.text);
    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN,
          cr_manifest_find(&fx->cx, fx->m, REPO, &ref, true, &row));
    meta_clock_add(100 * CR_DAY);
    assert_int_equal(trash(fx), 1);
    assert_int_equal(trash(fx), 0);
    assert_int_equal(links(fx), 0);
    OK(fx, cr_blob_find(&fx->cx, fx->m, REPO, &l, &b));
    assert_int_equal(meta_int(fx, Z_ALL "manifest"), 2);

    /* In the trash the index still holds it; with the index it goes. */
    drop(fx, index.text);
    meta_clock_add(cr_meta_conf_default.trash_us - 1);
    (void) trash(fx);
    assert_int_equal(meta_int(fx, Z_ALL "manifest"), 2);
    meta_clock_add(1);
    (void) trash(fx);
    assert_int_equal(meta_int(fx, Z_ALL "manifest"), 0);
    meta_clock_add(cr_meta_conf_default.grace_us);
    assert_int_equal(links(fx), 2);
}


static void
test_index_and_child_deleted_together(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     child = meta_push(fx, "library/a", NULL, "l"), index;

    index = push_index(fx, "multi", &child);
    drop(fx, child.text);
    drop(fx, index.text);
    meta_clock_add(cr_meta_conf_default.trash_us);
    /* The child comes first by its id, waits, and follows the index. */
    (void) trash(fx);
    assert_int_equal(meta_int(fx, Z_ALL "manifest"), 0);
}


static void
test_revived_from_trash(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     d = meta_push(fx, "library/a", "v1", "l");
    meta_image_t    im = { .config = "c", .layer = "l" };

    drop(fx, d.text);
    meta_clock_add(cr_meta_conf_default.trash_us - 1);
    /* Its blobs need no new upload. */
    d = meta_image(fx, "library/a", "v1", &im);
    meta_clock_add(100 * CR_DAY);
    assert_int_equal(trash(fx), 0);
    assert_int_equal(links(fx), 0);
    assert_int_equal(meta_int(fx, Z_ALL "blob"), 2);
}


static void
test_deleted_blob(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     x = meta_blob(fx, "library/a", "x");
    cr_digest_t     l = meta_digest("l"), d;

    d = meta_push(fx, "library/a", "v1", "l");
    OK(fx, cr_blob_delete(&fx->cx, fx->m, REPO, &x));
    OK(fx, cr_blob_delete(&fx->cx, fx->m, REPO, &l));
    meta_clock_add(cr_meta_conf_default.grace_us);
    /* What a manifest refers to keeps its bytes as long as that. */
    assert_int_equal(links(fx), 1);
    assert_int_equal(meta_int(fx, Z_ALL "blob"), 2);
    drop(fx, d.text);
    meta_clock_add(cr_meta_conf_default.trash_us);
    (void) trash(fx);
    meta_clock_add(cr_meta_conf_default.grace_us);
    assert_int_equal(links(fx), 2);
    assert_int_equal(meta_int(fx, Z_ALL "blob"), 0);
}


/* Should a link ever be marked wrongly, the references decide. */
static void
test_wrong_mark_is_healed(void **state)
{
    meta_fixture_t *fx = *state;

    (void) meta_push(fx, "library/a", "v1", "l");
    meta_exec(fx, "UPDATE repository_blob SET unreferenced_at = 1, "
                  "protected_until = 1");
    assert_int_equal(links(fx), 2);
    assert_int_equal(links(fx), 0);
    assert_int_equal(meta_int(fx, Z_ALL "blob"), 2);
    assert_int_equal(meta_int(fx, Z_ALL "repository_blob WHERE "
                                        "unreferenced_at IS NULL"),
                     2);
}


static void
test_sweep(void **state)
{
    meta_fixture_t *fx = *state;
    cr_name_t       name = meta_name(fx, "library/a");
    cr_segment_t    s = { .locator = CR_STR("l/up"), .size = 3 };
    cr_upload_t     u;
    cr_orphan_t    *o;
    size_t          n;
    bool            yes = true;

    (void) meta_blob(fx, "library/a", "x");
    OK(fx, cr_orphan_check(&fx->cx, fx->m, CR_STR("l/1"), 1, &yes));
    assert_false(yes);

    OK(fx, cr_upload_create(&fx->cx, fx->m, &name, ACTOR, CR_HASH_SHA256, &u));
    u.segments = &s;
    u.nsegments = 1;
    u.size = 3;
    cr_hash_update(&u.hash, "abc", 3);
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &u, 0, false));
    OK(fx, cr_orphan_check(&fx->cx, fx->m, CR_STR("l/up"), 3, &yes));
    assert_false(yes);

    OK(fx, cr_orphan_check(&fx->cx, fx->m, CR_STR("l/lost"), 9, &yes));
    assert_true(yes);
    OK(fx, cr_orphan_check(&fx->cx, fx->m, CR_STR("l/lost"), 9, &yes));
    assert_false(yes);
    OK(fx, cr_orphan_due(&fx->cx, fx->m, 10, &o, &n));
    assert_int_equal(n, 0);
    meta_clock_add(cr_meta_conf_default.grace_us);
    OK(fx, cr_orphan_due(&fx->cx, fx->m, 10, &o, &n));
    assert_int_equal(n, 1);
    assert_text(o[0].locator, "l/lost");
    assert_int_equal(o[0].size, 9);
}


static void
test_stats(void **state)
{
    meta_fixture_t *fx = *state;
    cr_stats_t      s;
    int64_t         id;

    (void) meta_push(fx, "library/a", "v1", "layer");
    OK(fx, cr_job_put(&fx->cx, fx->m, CR_STR("gc"), CR_STR("gc"), CR_STR_NULL,
                      CR_HOUR, true, &id));
    OK(fx, cr_stats_get(&fx->cx, fx->m, &s));
    assert_int_equal(s.projects, 1);
    assert_int_equal(s.repositories, 1);
    assert_int_equal(s.manifests, 1);
    assert_int_equal(s.tags, 1);
    assert_int_equal(s.blobs, 2);
    assert_int_equal(s.blob_bytes, 6);
    assert_int_equal(s.uploads, 0);
    assert_int_equal(s.orphans, 0);
    assert_int_equal(s.jobs_due, 1);
    assert_int_equal(s.change_seq, 1);
}


static void
test_needs_a_thread(void **state)
{
    meta_fixture_t *fx = *state;
    size_t          n;
    bool            yes;

    fx->cx.may_block = false;
    FAILS(fx, CR_ERR_AGAIN, cr_reclaim_trash(&fx->cx, fx->m, 1, &n));
    FAILS(fx, CR_ERR_AGAIN, cr_reclaim_links(&fx->cx, fx->m, 1, &n));
    FAILS(fx, CR_ERR_AGAIN, cr_orphan_forget(&fx->cx, fx->m, CR_STR("l")));
    FAILS(fx, CR_ERR_AGAIN,
          cr_orphan_check(&fx->cx, fx->m, CR_STR("l"), 1, &yes));
}


/* --- any order of operations --------------------------------------------- */

/*
 * Questions whose answer must be 0 after every step, whatever was done: no
 * live tag without a live manifest, no reference into nothing, no blob
 * without a link, counts that count, marks that are right, and no locator
 * that is both in use and to be removed.
 */
static const char *const never[] = {
    Z_ALL "tag t JOIN manifest m ON m.id = t.manifest_id "
          "WHERE t.deleted_at IS NULL AND m.deleted_at IS NOT NULL",
    Z_ALL "manifest_reference x JOIN manifest m ON m.id = x.manifest_id "
          "WHERE x.kind < 3 AND NOT EXISTS (SELECT 1 FROM blob b "
          "JOIN repository_blob l ON l.blob_id = b.id "
          "WHERE b.digest = x.digest AND l.repository_id = x.repository_id)",
    Z_ALL "manifest_reference x WHERE x.kind = 3 AND NOT EXISTS (SELECT 1 "
          "FROM manifest m WHERE m.digest = x.digest "
          "AND m.repository_id = x.repository_id)",
    Z_ALL "blob b WHERE NOT EXISTS (SELECT 1 FROM repository_blob l "
          "WHERE l.blob_id = b.id)",
    Z_ALL "repository r WHERE r.live_manifests <> (SELECT COUNT(*) "
          "FROM manifest m WHERE m.repository_id = r.id "
          "AND m.deleted_at IS NULL)",
    Z_ALL "repository_blob l JOIN blob b ON b.id = l.blob_id "
          "WHERE (l.unreferenced_at IS NULL) <> EXISTS (SELECT 1 "
          "FROM manifest_reference x WHERE x.digest = b.digest "
          "AND x.repository_id = l.repository_id)",
    Z_ALL "orphan o JOIN blob b ON b.locator = o.locator",
    Z_ALL "manifest WHERE (deleted_at IS NULL) <> (trash_until IS NULL)",
    Z_ALL "artifact a JOIN manifest m ON m.id = a.manifest_id "
          "WHERE m.deleted_at IS NOT NULL",
    Z_ALL "repository r WHERE artifact_count <> "
          "(SELECT count(*) FROM artifact a WHERE a.repository_id = r.id)",
    Z_ALL "project p WHERE repository_count <> "
          "(SELECT count(*) FROM repository r WHERE r.project_id = p.id "
          "AND r.live_manifests > 0)",
};


static uint32_t
pick(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 16) % n;
}


static void
one_step(meta_fixture_t *fx, uint32_t *seed, cr_digest_t *known, size_t *nknown)
{
    static const char *const repositories[] = { "library/a", "library/b" };
    static const char *const layers[] = { "1", "2", "3", "4" };
    static const char *const tags[] = { "x", "y", NULL };

    const char    *repository = repositories[pick(seed, 2)];
    cr_reference_t ref = { 0 };
    cr_digest_t    d;
    cr_err_t       err = CR_OK;
    size_t         n, size;
    char           sql[200];

    switch (pick(seed, 8)) {
    case 0:
    case 1:
        known[(*nknown)++ % 8] = meta_push(fx, repository, tags[pick(seed, 3)],
                                           layers[pick(seed, 4)]);
        break;
    case 2:
        ref.is_digest = true;
        ref.digest = known[pick(seed, 8)];
        err = cr_manifest_delete(&fx->cx, fx->m, cr_str_z(repository), &ref,
                                 &WHO);
        break;
    case 3:
        ref = meta_ref(fx, tags[pick(seed, 2)]);
        err = cr_manifest_delete(&fx->cx, fx->m, cr_str_z(repository), &ref,
                                 &WHO);
        break;
    case 4:
        d = known[pick(seed, 8)];
        (void) snprintf(sql, sizeof(sql),
                        "SELECT COALESCE(MAX(size), 0) FROM manifest "
                        "WHERE digest = '%s'",
                        d.text);
        size = (size_t) meta_int(fx, sql);
        err = meta_put(fx, repository, tags[pick(seed, 3)],
                       meta_index_body(fx, &d, &size, 1), false, &d);
        if (err == CR_OK) {
            known[(*nknown)++ % 8] = d;
        }
        break;
    case 5:
        meta_clock_add(cr_meta_conf_default.trash_us / 3);
        break;
    case 6:
        OK(fx, cr_reclaim_trash(&fx->cx, fx->m, 1 + pick(seed, 4), &n));
        break;
    default:
        OK(fx, cr_reclaim_links(&fx->cx, fx->m, 1 + pick(seed, 4), &n));
    }
    assert_true(err == CR_OK || err == CR_ERR_MANIFEST_UNKNOWN
                || err == CR_ERR_NAME_UNKNOWN
                || err == CR_ERR_MANIFEST_BLOB_UNKNOWN
                || err == CR_ERR_MANIFEST_INVALID);
    cr_clear(&fx->cx);
}


static void
test_any_order(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     known[8];
    uint32_t        seed = 20260101;
    size_t          i, j, nknown = 0, purged = 0;

    for (i = 0; i < CR_NELTS(known); i++) {
        known[i] = meta_push(fx, "library/a", NULL, "1");
    }
    for (i = 0; i < 400; i++) {
        one_step(fx, &seed, known, &nknown);
        for (j = 0; j < CR_NELTS(never); j++) {
            if (meta_int(fx, never[j]) != 0) {
                print_error("step %zu: %s\n", i, never[j]);
                assert_true(false);
            }
        }
        purged += meta_int(fx, Z_ALL "orphan WHERE reason = "
                                     "'unreferenced'")
                  > 0;
    }
    /* It did get as far as giving bytes back. */
    assert_true(purged > 0);

    /* Everything deleted, all times over: nothing is left. */
    meta_exec(fx, "UPDATE tag SET deleted_at = 1, trash_until = 1; "
                  "UPDATE manifest SET deleted_at = 1, trash_until = 1; "
                  "UPDATE repository SET live_manifests = 0");
    for (i = 0; i < 4; i++) {
        (void) trash(fx);
        meta_clock_add(2 * cr_meta_conf_default.trash_us);
        (void) links(fx);
    }
    assert_int_equal(meta_int(fx, Z_ALL "manifest"), 0);
    assert_int_equal(meta_int(fx, Z_ALL "manifest_reference"), 0);
    assert_int_equal(meta_int(fx, Z_ALL "tag"), 0);
    assert_int_equal(meta_int(fx, Z_ALL "repository_blob"), 0);
    assert_int_equal(meta_int(fx, Z_ALL "blob"), 0);
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_live_content_stays),
        TEST(test_unreferenced_blob),
        TEST(test_pushed_again_gets_a_new_file),
        TEST(test_trash_pins_until_its_time),
        TEST(test_tag_of_another_digest),
        TEST(test_tag_outlives_its_manifest),
        TEST(test_shared_in_trash),
        TEST(test_children_of_a_live_index),
        TEST(test_index_and_child_deleted_together),
        TEST(test_revived_from_trash),
        TEST(test_deleted_blob),
        TEST(test_wrong_mark_is_healed),
        TEST(test_sweep),
        TEST(test_stats),
        TEST(test_needs_a_thread),
        TEST(test_any_order),
    };

    return cmocka_run_group_tests_name("meta/reclaim", tests, NULL, NULL);
}
