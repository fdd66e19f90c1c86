/*
 * meta/upload_end.c: what is uploaded is published, cancelled or expires.
 */

#include "upload_fixture.h"

static void
test_commit_joins_segments(void **state)
{
    meta_fixture_t *fx = *state;
    cr_upload_t     u = start(fx);
    cr_digest_t     d = meta_digest("aaabb");
    cr_orphan_t    *o;
    cr_blob_t       b;
    size_t          n;

    receive(fx, &u, 0, "l/a", "aaa");
    receive(fx, &u, 1, "l/b", "bb");
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &u, 0, true));
    OK(fx, cr_upload_commit(&fx->cx, fx->m, &u, 5, &d, FILE("l/joined", 5)));
    OK(fx, cr_blob_find(&fx->cx, fx->m, REPO, &d, &b));
    assert_text(b.locator, "l/joined");
    OK(fx, cr_orphan_due(&fx->cx, fx->m, 10, &o, &n));
    assert_int_equal(n, 2);
    assert_int_equal(o[0].size + o[1].size, 5);
}


static void
test_commit_of_known_content(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     d = meta_blob(fx, "library/b", "hello");
    cr_upload_t     u = start(fx);
    cr_orphan_t    *o;
    cr_blob_t       b;
    size_t          n;

    receive(fx, &u, 0, "l/new", "hello");
    OK(fx, cr_upload_commit(&fx->cx, fx->m, &u, 0, &d, FILE("l/new", 5)));
    OK(fx, cr_blob_find(&fx->cx, fx->m, REPO, &d, &b));
    assert_text(b.locator, "l/1");
    OK(fx, cr_orphan_due(&fx->cx, fx->m, 10, &o, &n));
    assert_int_equal(n, 1);
    assert_text(o[0].locator, "l/new");

    /* Found missing: the row points to the new file, once. */
    u = start(fx);
    OK(fx, cr_upload_commit(&fx->cx, fx->m, &u, 0, &d,
                            &(cr_upload_file_t){ .locator = CR_STR("l/again"),
                                                 .size = 5,
                                                 .lost = CR_STR("l/1") }));
    OK(fx, cr_blob_find(&fx->cx, fx->m, REPO, &d, &b));
    assert_text(b.locator, "l/again");
    u = start(fx);
    OK(fx, cr_upload_commit(&fx->cx, fx->m, &u, 0, &d,
                            &(cr_upload_file_t){ .locator = CR_STR("l/late"),
                                                 .size = 5,
                                                 .lost = CR_STR("l/1") }));
    OK(fx, cr_blob_find(&fx->cx, fx->m, REPO, &d, &b));
    assert_text(b.locator, "l/again");
    OK(fx, cr_orphan_due(&fx->cx, fx->m, 10, &o, &n));
    assert_int_equal(n, 3);
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM orphan "
                                  "WHERE locator IN ('l/1', 'l/late')"),
                     2);

    /* The same digest of another length cannot be: stored bytes are bad. */
    u = start(fx);
    FAILS(fx, CR_ERR_CORRUPT,
          cr_upload_commit(&fx->cx, fx->m, &u, 0, &d, FILE("l/x", 6)));
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM upload"), 1);
}


static void
test_publish(void **state)
{
    meta_fixture_t *fx = *state;
    cr_name_t       name = meta_name(fx, "library/a");
    cr_name_t       nowhere = meta_name(fx, "nope/a");
    cr_digest_t     d = meta_digest("hello");
    bool            orphaned;

    FAILS(fx, CR_ERR_NAME_UNKNOWN,
          cr_upload_publish(&fx->cx, fx->m, &nowhere, &d, FILE("l/1", 5)));
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM blob"), 0);
    OK(fx, cr_upload_publish(&fx->cx, fx->m, &name, &d, FILE("l/1", 5)));
    /* The same call again (its answer was lost): its file is no orphan. */
    OK(fx, cr_upload_publish(&fx->cx, fx->m, &name, &d, FILE("l/1", 5)));
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM orphan"), 0);

    /* A file that the sweep has taken is not published. */
    OK(fx, cr_orphan_check(&fx->cx, fx->m, CR_STR("l/2"), 3, &orphaned));
    assert_true(orphaned);
    d = meta_digest("abc");
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
          cr_upload_publish(&fx->cx, fx->m, &name, &d, FILE("l/2", 3)));
}


static void
test_cancel(void **state)
{
    meta_fixture_t *fx = *state;
    cr_upload_t     u = start(fx);
    cr_orphan_t    *o;
    size_t          n;

    receive(fx, &u, 0, "l/a", "aaa");
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &u, 0, false));
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
          cr_upload_cancel(&fx->cx, fx->m, REPO, CR_STR("user:2"),
                           cr_str_z(u.id)));
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
          cr_upload_cancel(&fx->cx, fx->m, CR_STR("library/b"), ACTOR,
                           cr_str_z(u.id)));
    OK(fx, cr_upload_cancel(&fx->cx, fx->m, REPO, ACTOR, cr_str_z(u.id)));
    OK(fx, cr_orphan_due(&fx->cx, fx->m, 10, &o, &n));
    assert_int_equal(n, 1);
    assert_text(o[0].locator, "l/a");
    assert_int_equal(o[0].size, 3);
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
          cr_upload_cancel(&fx->cx, fx->m, REPO, ACTOR, cr_str_z(u.id)));
}


static void
test_expire(void **state)
{
    meta_fixture_t *fx = *state;
    cr_meta_conf_t  conf = cr_meta_conf_default;
    cr_upload_t     u[3], late;
    size_t          i, n;

    for (i = 0; i < 3; i++) {
        u[i] = start(fx);
        receive(fx, &u[i], 0, i == 0 ? "l/0" : i == 1 ? "l/1" : "l/2", "x");
        OK(fx, cr_upload_advance(&fx->cx, fx->m, &u[i], 0, false));
    }
    OK(fx, cr_upload_expire(&fx->cx, fx->m, 10, &n));
    assert_int_equal(n, 0);

    meta_clock_add(conf.upload_expires_us - 1);
    late = start(fx);
    meta_clock_add(1);
    OK(fx, cr_upload_expire(&fx->cx, fx->m, 2, &n));
    assert_int_equal(n, 2);
    OK(fx, cr_upload_expire(&fx->cx, fx->m, 2, &n));
    assert_int_equal(n, 1);
    OK(fx, cr_upload_expire(&fx->cx, fx->m, 2, &n));
    assert_int_equal(n, 0);
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM orphan"), 3);
    (void) get(fx, &late);

    /* Somebody is writing: not now. */
    conf.upload_expires_us = CR_SECOND;
    meta_reopen(fx, &conf);
    receive(fx, &late, 0, "l/9", "x");
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &late, 0, true));
    meta_clock_add(2 * CR_SECOND);
    OK(fx, cr_upload_expire(&fx->cx, fx->m, 2, &n));
    assert_int_equal(n, 0);
    meta_clock_add(conf.upload_lease_us);
    OK(fx, cr_upload_expire(&fx->cx, fx->m, 2, &n));
    assert_int_equal(n, 1);
}


/* Who lost the session to somebody else publishes nothing. */
static void
test_commit_of_a_row_that_moved(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     d = meta_digest("aaa");
    cr_upload_t     u = start(fx), other = get(fx, &u);

    receive(fx, &other, 0, "l/a", "aaa");
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &other, 0, true));
    FAILS(fx, CR_ERR_BLOB_UPLOAD_BUSY,
          cr_upload_commit(&fx->cx, fx->m, &u, 0, &d, FILE("l/mine", 3)));
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM blob"), 0);
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM orphan"), 0);
    OK(fx, cr_upload_commit(&fx->cx, fx->m, &other, 3, &d, FILE("l/a", 3)));
    /* The one file is the blob, and no orphan; the session is gone. */
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM orphan"), 0);
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
          cr_upload_commit(&fx->cx, fx->m, &other, 3, &d, FILE("l/a", 3)));
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_commit_joins_segments),
        TEST(test_commit_of_known_content),
        TEST(test_publish),
        TEST(test_cancel),
        TEST(test_expire),
        TEST(test_commit_of_a_row_that_moved),
    };

    return cmocka_run_group_tests_name("meta/upload_end", tests, NULL, NULL);
}
