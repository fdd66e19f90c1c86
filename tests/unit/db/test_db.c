/*
 * db/db.c: the table of drivers, a connection for each thread, handles of
 * statements.  What any engine must do: tests/contract/test_db.c.
 */

#include "sqlite_fixture.h"

#include <pthread.h>


static void
test_driver_of_a_url(void **state)
{
    static const char *const bad[] = { "",         "sqlite",   "/var/db",
                                       "oracle:x", "SQLITE:x", ":x" };

    const cr_db_driver_t *driver = NULL;
    cr_str_t              rest = CR_STR_NULL;
    test_db_t            *t = *state;

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        assert_int_equal(cr_db_driver_find(&t->cx, cr_str_z(bad[i]), &driver,
                                           &rest),
                         CR_ERR_CONFIG);
        assert_true(t->cx.detail.len > 0);
        cr_clear(&t->cx);
    }
    assert_null(driver);
    assert_int_equal(cr_db_driver_find(&t->cx, CR_STR("sqlite:/a:b"), &driver,
                                       &rest),
                     CR_OK);
    assert_ptr_equal(driver, &cr_db_sqlite);
    assert_true(cr_str_eq_z(rest, "/a:b"));

    /* A password in what is no URL of ours does not reach the log. */
    assert_int_equal(cr_db_driver_find(&t->cx,
                                       CR_STR("postgresql://u:secret@h/db"),
                                       &driver, &rest),
                     CR_ERR_CONFIG);
    assert_null(memmem(t->cx.detail.data, t->cx.detail.len, "secret", 6));
}


static void
test_what_it_is(void **state)
{
    uint64_t   size = 0, writes, commits, before;
    test_db_t *t = *state;

    assert_string_equal(cr_db_url(t->db), t->url.data);
    assert_true(cr_db_reads_inline(t->db));
    assert_non_null(strstr(cr_db_backup_base(t->db), "/db"));
    assert_int_equal(cr_db_size(&t->cx, t->db, &size), CR_OK);
    assert_true(size >= 4096 && size % 4096 == 0);
    cr_db_counts(t->db, &before, &commits);
    assert_int_equal(put_one(t, "a", "b"), CR_OK);
    cr_db_counts(t->db, &writes, &commits);
    assert_int_equal(writes, before + 1);
    assert_true(commits <= writes);
    cr_db_close(NULL);
}


typedef struct other_s {
    test_db_t *t;
    cr_conn_t *c;
    int64_t    version;
} other_t;


static void *
in_another_thread(void *arg)
{
    cr_ctx_t   cx;
    cr_err_t   err;
    cr_conn_t *again = NULL;
    other_t   *o = arg;
    test_put_t p = { "of another", "1" };

    err = cr_ctx_init(&cx, 0);
    if (err == CR_OK) {
        err = cr_db_conn(&cx, o->t->db, &o->c);
    }
    if (err == CR_OK) {
        err = cr_db_conn(&cx, o->t->db, &again);
    }
    if (err == CR_OK && again != o->c) {
        err = CR_ERR_INTERNAL;
    }
    if (err == CR_OK) {
        err = cr_db_write(&cx, o->t->db, CR_DB_NOSYNC, put, &p);
    }
    cr_ctx_done(&cx);
    return (void *) (uintptr_t) err;
}


/* Each thread has its own, the same each time, as long as it lives. */
static void
test_a_connection_a_thread(void **state)
{
    void      *result;
    int64_t    before, after;
    cr_conn_t *again;
    pthread_t  id;
    test_db_t *t = *state;
    other_t    o = { t, NULL, 0 };

    assert_int_equal(cr_db_conn(&t->cx, t->db, &again), CR_OK);
    assert_ptr_equal(again, t->c);
    assert_int_equal(cr_db_data_version(&t->cx, t->db, &before), CR_OK);
    assert_int_equal(put_one(t, "own", "1"), CR_OK);
    assert_int_equal(cr_db_data_version(&t->cx, t->db, &after), CR_OK);
    assert_int_equal(before, after);

    assert_int_equal(pthread_create(&id, NULL, in_another_thread, &o), 0);
    assert_int_equal(pthread_join(id, &result), 0);
    assert_null(result);
    assert_non_null(o.c);
    assert_ptr_not_equal(o.c, t->c);
    assert_int_equal(cr_db_data_version(&t->cx, t->db, &after), CR_OK);
    assert_int_not_equal(before, after);
    /* It went with its thread; what two threads write with stays. */
    assert_non_null(t->db->writer);
    assert_ptr_equal(t->db->conns, t->db->writer);
    assert_ptr_equal(t->db->conns->next, t->c);
    assert_null(t->c->next);
}


static cr_stmt_t *
query(test_db_t *t, const char *z_name)
{
    cr_stmt_t *st = NULL;
    cr_val_t   v = CR_V_TEXT(cr_str_z(z_name));

    assert_int_equal(cr_db_query(&t->cx, t->c, CR_SQL_SETTING_GET, &v, 1, &st),
                     CR_OK);
    return st;
}


/* A handle that is done, or was ended by others, gives nothing. */
static void
test_handles(void **state)
{
    bool       row;
    cr_stmt_t *st, *old;
    test_db_t *t = *state;

    assert_int_equal(put_one(t, "a", "value"), CR_OK);
    cr_stmt_done(NULL);

    st = query(t, "a");
    assert_int_equal(t->c->nopen, 1);
    assert_int_equal(cr_stmt_next(&t->cx, st, &row), CR_OK);
    assert_true(row);
    assert_true(cr_str_eq_z(cr_stmt_text(&t->cx, st, 0), "value"));
    assert_false(cr_stmt_is_null(st, 0));
    assert_int_equal(cr_stmt_next(&t->cx, st, &row), CR_OK);
    assert_false(row);
    assert_int_equal(t->c->nopen, 0); /* at its end it is done */
    assert_null(cr_stmt_text(&t->cx, st, 0).data);
    assert_null(cr_stmt_blob(&t->cx, st, 0).data);
    assert_int_equal(cr_stmt_int(st, 0), 0);
    assert_true(cr_stmt_is_null(st, 0));
    assert_int_equal(cr_stmt_next(&t->cx, st, &row), CR_OK);
    assert_false(row);
    cr_stmt_done(st);
    cr_stmt_done(st);
    assert_int_equal(t->c->nopen, 0);

    /* Ended by the layer, and its statement used again by somebody. */
    old = query(t, "a");
    assert_int_equal(cr_conn_end_statements(t->c, 0), 1);
    assert_int_equal(cr_conn_end_statements(t->c, 0), 0);
    st = query(t, "a");
    assert_ptr_equal(st->slot, old->slot);
    assert_int_equal(cr_stmt_next(&t->cx, old, &row), CR_ERR_INTERNAL);
    cr_stmt_done(old);
    assert_int_equal(cr_stmt_next(&t->cx, st, &row), CR_OK);
    assert_true(row);
    cr_stmt_done(st);
}


/* Only what was started since is ended. */
static void
test_end_of_some_statements(void **state)
{
    bool       row;
    uint64_t   mark;
    cr_stmt_t *before, *after;
    test_db_t *t = *state;

    assert_int_equal(put_one(t, "a", "value"), CR_OK);
    before = query(t, "a");
    mark = t->c->opened;
    after = query(t, "a");
    assert_int_equal(t->c->nopen, 2);
    assert_int_equal(cr_conn_end_statements(t->c, mark), 1);
    assert_int_equal(cr_stmt_next(&t->cx, before, &row), CR_OK);
    assert_true(row);
    cr_stmt_done(before);
    assert_int_equal(cr_stmt_next(&t->cx, after, &row), CR_ERR_INTERNAL);
    assert_int_equal(t->c->nopen, 0);
}


static cr_err_t
count_changes(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    int64_t *counts = arg;
    cr_val_t v[] = { CR_V_TEXT(CR_STR("none")) };
    cr_val_t put_v[] = { CR_V_TEXT(CR_STR("x")), CR_V_TEXT(CR_STR("1")),
                         CR_V_INT(1) };

    CR_TRY(cr_db_run_count(cx, c, CR_SQL_KEY_DELETE, v, 1, &counts[0]));

    return cr_db_run_count(cx, c, CR_SQL_SETTING_PUT, put_v, 3, &counts[1]);
}


static void
test_shorthands(void **state)
{
    bool       found = true;
    int64_t    n = -7, counts[2] = { -1, -1 };
    cr_val_t   v = CR_V_TEXT(CR_STR("none"));
    test_db_t *t = *state;

    assert_int_equal(cr_db_get_int(&t->cx, t->c, CR_SQL_KEY_HAS, &v, 1, &found,
                                   &n),
                     CR_OK);
    assert_false(found);
    assert_int_equal(n, -7);
    assert_int_equal(cr_db_get_int(&t->cx, t->c, CR_SQL_DB_PING, NULL, 0,
                                   &found, &n),
                     CR_OK);
    assert_true(found);
    assert_true(n > 0);
    assert_int_equal(t->c->nopen, 0);

    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, count_changes,
                                 counts),
                     CR_OK);
    assert_int_equal(counts[0], 0);
    assert_int_equal(counts[1], 1);
    /* Not outside of a write. */
    assert_int_equal(count_changes(&t->cx, t->c, counts), CR_ERR_INTERNAL);
    assert_int_equal(t->c->nopen, 0);
    /* With as many values as it takes. */
    assert_int_equal(cr_db_get_int(&t->cx, t->c, CR_SQL_KEY_HAS, NULL, 0,
                                   &found, &n),
                     CR_ERR_INTERNAL);
    assert_int_equal(t->c->nopen, 0);
}


static void
test_needs_a_thread_that_may_block(void **state)
{
    bool       held = true;
    int64_t    pages = -7;
    test_db_t *t = *state;

    t->cx.may_block = false;
    assert_int_equal(cr_db_checkpoint(&t->cx, t->db, false, &pages),
                     CR_ERR_AGAIN);
    assert_int_equal(pages, -7);
    assert_int_equal(cr_db_ballast(&t->cx, t->db, &held), CR_ERR_AGAIN);
    assert_int_equal(cr_db_ping(&t->cx, t->db), CR_OK); /* a point read */
}


/* Many statements open one in another, each with its own row. */
static void
test_nested_uses(void **state)
{
    enum {
        DEEP = 16
    };

    bool       row;
    cr_stmt_t *st[DEEP], *more;
    cr_val_t   v = CR_V_TEXT(CR_STR("a"));
    test_db_t *t = *state;

    assert_int_equal(put_one(t, "a", "value"), CR_OK);
    for (int i = 0; i < DEEP; i++) {
        st[i] = query(t, "a");
        assert_int_equal(cr_stmt_next(&t->cx, st[i], &row), CR_OK);
    }
    assert_int_equal(cr_db_query(&t->cx, t->c, CR_SQL_SETTING_GET, &v, 1,
                                 &more),
                     CR_ERR_INTERNAL);
    for (int i = 0; i < DEEP; i++) {
        assert_true(cr_str_eq_z(cr_stmt_text(&t->cx, st[i], 0), "value"));
        cr_stmt_done(st[i]);
    }
    assert_int_equal(t->c->nopen, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_EMPTY(test_driver_of_a_url),         TEST(test_what_it_is),
        TEST(test_a_connection_a_thread),         TEST(test_handles),
        TEST(test_end_of_some_statements),        TEST(test_shorthands),
        TEST(test_needs_a_thread_that_may_block), TEST(test_nested_uses),
    };

    return cmocka_run_group_tests_name("db/db", tests, NULL, NULL);
}
