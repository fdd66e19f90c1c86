/*
 * meta/pull.c: counts of pulls, from memory to rows.
 */

#include "meta_fixture.h"

#include <pthread.h>
#include <string.h>
#include "meta/pull.h"

#define THREADS 4
#define EACH    1000


static void
test_counts(void **state)
{
    meta_fixture_t   *fx = *state;
    cr_pulls_t       *p;
    cr_manifest_row_t row;
    cr_reference_t    tag = meta_ref(fx, "v1"), digest;
    cr_digest_t       d = meta_push(fx, "library/a", "v1", "layer");

    digest = (cr_reference_t){ .is_digest = true, .digest = d };
    OK(fx, cr_pulls_create(&fx->cx, 100, &p));
    assert_false(cr_pulls_pending(p));
    OK(fx, cr_manifest_find(&fx->cx, fx->m, CR_STR("library/a"), &tag, true,
                            &row));
    assert_true(row.tag_id > 0 && row.repository_id > 0);
    cr_pulls_add(p, row.repository_id, row.id, row.tag_id, 1000);
    cr_pulls_add(p, row.repository_id, row.id, row.tag_id, 900);
    OK(fx, cr_manifest_find(&fx->cx, fx->m, CR_STR("library/a"), &digest, true,
                            &row));
    assert_int_equal(row.tag_id, 0);
    cr_pulls_add(p, row.repository_id, row.id, row.tag_id, 2000);
    assert_true(cr_pulls_pending(p));
    assert_int_equal(meta_int(fx, "SELECT pull_count FROM repository"), 0);

    fx->cx.may_block = false;
    FAILS(fx, CR_ERR_AGAIN, cr_pulls_flush(&fx->cx, fx->m, p));
    fx->cx.may_block = true;
    OK(fx, cr_pulls_flush(&fx->cx, fx->m, p));
    assert_false(cr_pulls_pending(p));
    assert_int_equal(meta_int(fx, "SELECT pull_count FROM repository"), 3);
    assert_int_equal(meta_int(fx, "SELECT pulled_at FROM manifest"), 2000);
    assert_int_equal(meta_int(fx, "SELECT pulled_at FROM tag"), 1000);

    /* Nothing is written twice, and time does not go back. */
    OK(fx, cr_pulls_flush(&fx->cx, fx->m, p));
    cr_pulls_add(p, row.repository_id, row.id, 0, 1500);
    OK(fx, cr_pulls_flush(&fx->cx, fx->m, p));
    assert_int_equal(meta_int(fx, "SELECT pull_count FROM repository"), 4);
    assert_int_equal(meta_int(fx, "SELECT pulled_at FROM manifest"), 2000);
    cr_pulls_free(p);
}


/* What was pulled and is gone harms nobody. */
static void
test_gone(void **state)
{
    meta_fixture_t *fx = *state;
    cr_pulls_t     *p;

    OK(fx, cr_pulls_create(&fx->cx, 16, &p));
    (void) meta_push(fx, "library/a", "v1", "layer");
    cr_pulls_add(p, 77, 77, 77, 1000);
    cr_pulls_add(p, 1, 1, 1, 1000);
    OK(fx, cr_pulls_flush(&fx->cx, fx->m, p));
    assert_int_equal(meta_int(fx, "SELECT pull_count FROM repository"), 1);
    cr_pulls_free(p);
    cr_pulls_free(NULL);
}


/* More than there is room for: what was counted is right, the rest is lost;
 * and a flush makes room. */
static void
test_full(void **state)
{
    meta_fixture_t *fx = *state;
    cr_pulls_t     *p;
    int64_t         i;

    (void) meta_push(fx, "library/a", "v1", "layer");
    OK(fx, cr_pulls_create(&fx->cx, 1000, &p));
    for (i = 1; i <= 5000; i++) {
        cr_pulls_add(p, 1, i, 0, i);
    }
    OK(fx, cr_pulls_flush(&fx->cx, fx->m, p));
    i = meta_int(fx, "SELECT pull_count FROM repository");
    assert_in_range(i, 900, 1024);
    for (i = 1; i <= 100; i++) {
        cr_pulls_add(p, 1, i, 0, i);
    }
    meta_exec(fx, "UPDATE repository SET pull_count = 0");
    OK(fx, cr_pulls_flush(&fx->cx, fx->m, p));
    assert_int_equal(meta_int(fx, "SELECT pull_count FROM repository"), 100);
    cr_pulls_free(p);
}


/* A write that fails loses no count. */
static void
test_failure(void **state)
{
    meta_fixture_t *fx = *state;
    cr_pulls_t     *p;

    (void) meta_push(fx, "library/a", "v1", "layer");
    OK(fx, cr_pulls_create(&fx->cx, 1000, &p));
    for (int64_t i = 1; i <= 3 * CR_PULLS_BATCH / 2; i++) {
        cr_pulls_add(p, 1, i, 0, i);
    }
    meta_exec(fx, "CREATE TRIGGER stop BEFORE UPDATE OF pull_count ON "
                  "repository WHEN new.pull_count > 300 "
                  "BEGIN SELECT raise(ABORT, 'no'); END");
    assert_int_not_equal(cr_pulls_flush(&fx->cx, fx->m, p), CR_OK);
    cr_clear(&fx->cx);
    assert_true(cr_pulls_pending(p));
    assert_int_equal(meta_int(fx, "SELECT pull_count FROM repository"),
                     CR_PULLS_BATCH);
    meta_exec(fx, "DROP TRIGGER stop");
    OK(fx, cr_pulls_flush(&fx->cx, fx->m, p));
    assert_int_equal(meta_int(fx, "SELECT pull_count FROM repository"),
                     3 * CR_PULLS_BATCH / 2);
    cr_pulls_free(p);
}


static void
log_one(cr_pulls_t *p, const char *z_name)
{
    char             name[16];
    cr_audit_who_t   who = { .actor = CR_STR("user:7"),
                             .username = CR_STR("alice"),
                             .client = CR_STR("192.0.2.1") };
    cr_audit_entry_t e = { .project_id = 1, .description = CR_STR("by tag") };

    /* What is given need not stay. */
    (void) snprintf(name, sizeof(name), "%s", z_name);
    e.resource = cr_str_z(name);
    cr_pulls_log(p, &who, &e);
    memset(name, 'x', sizeof(name));
}


#define PULLS "SELECT count(*) FROM audit WHERE operation = 'pull'"

static void
test_log(void **state)
{
    meta_fixture_t  *fx = *state;
    cr_pulls_t      *p;
    char             z_long[2000];
    cr_audit_who_t   nobody = { .client = CR_STR("192.0.2.2") };
    cr_audit_entry_t e = { .project_id = 1 };

    OK(fx, cr_pulls_create(&fx->cx, 16, &p));
    log_one(p, "library/a:v1");
    log_one(p, "library/a:v2");
    memset(z_long, 'y', sizeof(z_long));
    e.resource = (cr_str_t){ sizeof(z_long), z_long };
    cr_pulls_log(p, &nobody, &e);
    assert_true(cr_pulls_pending(p));
    assert_int_equal(meta_int(fx, PULLS), 0);
    OK(fx, cr_pulls_flush(&fx->cx, fx->m, p));
    assert_false(cr_pulls_pending(p));
    assert_int_equal(
        meta_int(fx, PULLS " AND actor = 'user:7' AND username = 'alice' AND "
                           "client = '192.0.2.1' AND resource_type = "
                           "'artifact' AND project_id = 1 AND success = 1 AND "
                           "description = 'by tag' AND resource IN "
                           "('library/a:v1', 'library/a:v2')"),
        2);
    assert_int_equal(meta_int(fx, PULLS " AND username = '' AND "
                                        "length(resource) = 1024"),
                     1);
    OK(fx, cr_pulls_flush(&fx->cx, fx->m, p));
    assert_int_equal(meta_int(fx, PULLS), 3);

    /* What nobody writes is freed. */
    log_one(p, "library/a:v1");
    cr_pulls_free(p);
}


/* Bounded: beyond that they are only counted. */
static void
test_log_full(void **state)
{
    meta_fixture_t *fx = *state;
    cr_pulls_t     *p;

    OK(fx, cr_pulls_create(&fx->cx, 16, &p));
    for (size_t i = 0; i < CR_PULLS_LOG_MAX + 5; i++) {
        log_one(p, "library/a:v1");
    }
    OK(fx, cr_pulls_flush(&fx->cx, fx->m, p));
    assert_int_equal(meta_int(fx, PULLS " AND success = 1"), CR_PULLS_LOG_MAX);
    assert_int_equal(meta_int(fx, PULLS " AND success = 0 AND description = "
                                        "'5 more, too many at once to be "
                                        "told'"),
                     1);
    log_one(p, "library/a:v1");
    OK(fx, cr_pulls_flush(&fx->cx, fx->m, p));
    assert_int_equal(meta_int(fx, PULLS), CR_PULLS_LOG_MAX + 2);
    cr_pulls_free(p);
}


/* A write that fails loses no row, and writes none twice. */
static void
test_log_failure(void **state)
{
    meta_fixture_t *fx = *state;
    cr_pulls_t     *p;

    OK(fx, cr_pulls_create(&fx->cx, 16, &p));
    for (size_t i = 0; i < CR_PULLS_BATCH; i++) {
        log_one(p, "library/a:v1");
    }
    log_one(p, "library/a:v2");
    meta_exec(fx, "CREATE TRIGGER stop BEFORE INSERT ON audit WHEN "
                  "new.resource = 'library/a:v2' "
                  "BEGIN SELECT raise(ABORT, 'no'); END");
    assert_int_not_equal(cr_pulls_flush(&fx->cx, fx->m, p), CR_OK);
    cr_clear(&fx->cx);
    assert_true(cr_pulls_pending(p));
    assert_int_equal(meta_int(fx, PULLS), CR_PULLS_BATCH);
    log_one(p, "library/a:v3");
    meta_exec(fx, "DROP TRIGGER stop");
    OK(fx, cr_pulls_flush(&fx->cx, fx->m, p));
    assert_int_equal(meta_int(fx, PULLS), CR_PULLS_BATCH + 2);
    assert_int_equal(meta_int(fx, "SELECT (SELECT max(id) FROM audit WHERE "
                                  "resource = 'library/a:v2') < (SELECT id "
                                  "FROM audit WHERE resource = "
                                  "'library/a:v3')"),
                     1);
    cr_pulls_free(p);
}


static void *
pull_many(void *arg)
{
    for (int64_t i = 0; i < EACH; i++) {
        cr_pulls_add(arg, 1, 1 + i % 10, 0, i);
        log_one(arg, "library/a:v1");
    }
    return NULL;
}


/* Others pull while it is written: every pull counts once. */
static void
test_threads(void **state)
{
    meta_fixture_t *fx = *state;
    cr_pulls_t     *p;
    pthread_t       t[THREADS];

    (void) meta_push(fx, "library/a", "v1", "layer");
    OK(fx, cr_pulls_create(&fx->cx, 64, &p));
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&t[i], NULL, pull_many, p), 0);
    }
    for (size_t i = 0; i < 10; i++) {
        OK(fx, cr_pulls_flush(&fx->cx, fx->m, p));
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
    }
    OK(fx, cr_pulls_flush(&fx->cx, fx->m, p));
    assert_int_equal(meta_int(fx, "SELECT pull_count FROM repository"),
                     THREADS * EACH);
    assert_int_equal(meta_int(fx, PULLS), THREADS * EACH);
    cr_pulls_free(p);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counts, meta_setup, meta_teardown),
        cmocka_unit_test_setup_teardown(test_gone, meta_setup, meta_teardown),
        cmocka_unit_test_setup_teardown(test_full, meta_setup, meta_teardown),
        cmocka_unit_test_setup_teardown(test_failure, meta_setup,
                                        meta_teardown),
        cmocka_unit_test_setup_teardown(test_log, meta_setup, meta_teardown),
        cmocka_unit_test_setup_teardown(test_log_full, meta_setup,
                                        meta_teardown),
        cmocka_unit_test_setup_teardown(test_log_failure, meta_setup,
                                        meta_teardown),
        cmocka_unit_test_setup_teardown(test_threads, meta_setup,
                                        meta_teardown),
    };

    return cmocka_run_group_tests_name("meta/pull", tests, NULL, NULL);
}
