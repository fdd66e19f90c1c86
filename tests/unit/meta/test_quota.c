/*
 * meta/quota.c: what a project may hold.  Blobs are as long as their text.
 */

#include "meta_fixture.h"

#include "meta/inner.h"
#include "meta/project.h"
#include "meta/quota.h"


static void
limit(meta_fixture_t *fx, int64_t bytes)
{
    cr_project_set_t set = { .storage_limit = &bytes };

    OK(fx, cr_project_set(&fx->cx, fx->m, 1, &set, &WHO));
}


static void
test_check(void **state)
{
    meta_fixture_t *fx = *state;
    cr_project_t    p;

    OK(fx, meta_project(fx, CR_STR("pay"), false, &p));
    (void) meta_blob(fx, "library/a", "0123456789");
    OK(fx, cr_quota_check(&fx->cx, fx->m, CR_STR("library")));
    OK(fx, cr_quota_check(&fx->cx, fx->m, CR_STR("no-such")));

    fx->cx.may_block = false;
    OK(fx, cr_quota_check(&fx->cx, fx->m, CR_STR("library")));
    fx->cx.may_block = true;
    limit(fx, 11);
    OK(fx, cr_quota_check(&fx->cx, fx->m, CR_STR("library")));
    limit(fx, 10); /* full to the byte: nothing goes in any more */
    FAILS(fx, CR_ERR_DENIED, cr_quota_check(&fx->cx, fx->m, CR_STR("library")));
    limit(fx, 0);
    FAILS(fx, CR_ERR_DENIED, cr_quota_check(&fx->cx, fx->m, CR_STR("library")));
    OK(fx, cr_quota_check(&fx->cx, fx->m, CR_STR("pay")));
    limit(fx, -1);
    OK(fx, cr_quota_check(&fx->cx, fx->m, CR_STR("library")));

    /* The whole registry may do without. */
    limit(fx, 5);
    meta_exec(fx, "INSERT INTO setting VALUES ('quota_per_project_enable', "
                  "'false', 1)");
    OK(fx, cr_quota_check(&fx->cx, fx->m, CR_STR("library")));
    meta_exec(fx, "UPDATE setting SET value = 'true' WHERE name = "
                  "'quota_per_project_enable'");
    FAILS(fx, CR_ERR_DENIED, cr_quota_check(&fx->cx, fx->m, CR_STR("library")));
}


/* Of one transaction: what it found before, and what it finds afterwards. */
static cr_quota_t before;
static cr_err_t   after;


static cr_err_t
look(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const int64_t *id = arg;

    return cr_quota_before(cx, c, *id, &before);
}


static cr_err_t
look_again(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const int64_t *id = arg;

    after = cr_quota_after(cx, c, *id, &before);
    cr_clear(cx);
    return CR_OK;
}


static void
test_before_and_after(void **state)
{
    meta_fixture_t *fx = *state;
    int64_t         id;

    (void) meta_blob(fx, "library/a", "0123456789");
    OK(fx, cr_repository_find(&fx->cx, fx->m, CR_STR("library/a"), &id));
    OK(fx, cr_db_read(&fx->cx, fx->db, look, &id));
    assert_false(before.limited);
    limit(fx, 3);
    OK(fx, cr_db_read(&fx->cx, fx->db, look_again, &id));
    assert_int_equal(after, CR_OK); /* it began without a limit */

    limit(fx, 15);
    OK(fx, cr_db_read(&fx->cx, fx->db, look, &id));
    assert_true(before.limited);
    assert_int_equal(before.used, 10);
    assert_int_equal(before.limit, 15);
    OK(fx, cr_db_read(&fx->cx, fx->db, look_again, &id));
    assert_int_equal(after, CR_OK);

    meta_exec(fx, "UPDATE project SET storage_used = 15 WHERE id = 1");
    OK(fx, cr_db_read(&fx->cx, fx->db, look_again, &id));
    assert_int_equal(after, CR_OK); /* up to it */
    meta_exec(fx, "UPDATE project SET storage_used = 16 WHERE id = 1");
    OK(fx, cr_db_read(&fx->cx, fx->db, look_again, &id));
    assert_int_equal(after, CR_ERR_DENIED);

    /* Beyond it already: what does not grow may go on. */
    OK(fx, cr_db_read(&fx->cx, fx->db, look, &id));
    OK(fx, cr_db_read(&fx->cx, fx->db, look_again, &id));
    assert_int_equal(after, CR_OK);
}


/* The limit holds where blobs are linked: in upload, mount and copy. */
static void
test_kept_by_the_push(void **state)
{
    meta_fixture_t *fx = *state;
    cr_name_t       name = meta_name(fx, "library/a");
    cr_digest_t     d = meta_digest("123456");

    const cr_upload_file_t f = { .locator = CR_STR("l/x"), .size = 6 };

    limit(fx, 10);
    (void) meta_blob(fx, "library/a", "12345");
    assert_int_equal(cr_upload_publish(&fx->cx, fx->m, &name, &d, &f),
                     CR_ERR_DENIED);
    assert_non_null(
        memmem(fx->cx.message.data, fx->cx.message.len, "adding 6 bytes", 14));
    cr_clear(&fx->cx);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM blob"), 1);
    assert_int_equal(meta_int(fx, "SELECT storage_used FROM project WHERE "
                                  "id = 1"),
                     5);
    (void) meta_blob(fx, "library/b", "12345"); /* counted once */
    (void) meta_blob(fx, "library/a", "54321");
    assert_int_equal(meta_int(fx, "SELECT storage_used FROM project WHERE "
                                  "id = 1"),
                     10);
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_check),
        TEST(test_before_and_after),
        TEST(test_kept_by_the_push),
    };

    return cmocka_run_group_tests_name("meta/quota", tests, NULL, NULL);
}
