/*
 * What each SQL engine must do behind db.h.  One suite, run for every row of
 * the table of engines at the end: a second engine is one row.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "db/db.h"
#include "tempdir.h"

#define THREADS           8
#define WRITES_PER_THREAD 40

/* How to get an empty database of an engine, below a folder. */
typedef struct test_engine_s {
    const char *z_name;
    const char *z_before; /* of the folder, in the URL */
    const char *z_after;
} test_engine_t;

typedef struct test_db_s {
    const test_engine_t *engine;
    test_dir_t           dir;
    char                 z_url[PATH_MAX + 64];
    cr_ctx_t             cx;
    cr_db_t             *db;
    cr_conn_t           *c;
} test_db_t;

/* A write of the tests: put a setting, then fail if told so. */
typedef struct test_put_s {
    const char *z_name;
    const char *z_value;
    cr_err_t    err;
} test_put_t;


/* --- setup --- */

static int
setup(void **state)
{
    int                  applied;
    test_db_t           *t;
    const test_engine_t *engine = *state;

    t = calloc(1, sizeof(test_db_t));
    assert_non_null(t);

    t->engine = engine;
    test_dir_make(&t->dir);
    (void) snprintf(t->z_url, sizeof(t->z_url), "%s%s%s", engine->z_before,
                    t->dir.z_path, engine->z_after);

    assert_int_equal(cr_ctx_init(&t->cx, 0), CR_OK);
    assert_int_equal(cr_db_open(&t->cx, cr_str_z(t->z_url),
                                CR_DB_CREATE | CR_DB_ANY_SCHEMA, &t->db),
                     CR_OK);
    assert_int_equal(cr_db_migrate(&t->cx, t->db, &applied), CR_OK);
    assert_int_equal(applied, CR_SQL_SCHEMA_VERSION);
    assert_int_equal(cr_db_conn(&t->cx, t->db, &t->c), CR_OK);

    *state = t;

    return 0;
}


static int
teardown(void **state)
{
    test_db_t           *t = *state;
    const test_engine_t *engine;

    engine = t->engine;

    cr_db_close(t->db);
    cr_ctx_done(&t->cx);
    test_dir_remove(&t->dir);
    free(t);

    *state = (void *) (uintptr_t) engine;

    return 0;
}


static cr_err_t
put(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const test_put_t *p = arg;

    cr_val_t vals[] = { CR_V_TEXT(cr_str_z(p->z_name)),
                        CR_V_TEXT(cr_str_z(p->z_value)), CR_V_INT(1) };

    CR_TRY(cr_db_run(cx, c, CR_SQL_SETTING_PUT, vals, 3));

    return p->err == CR_OK ? CR_OK : cr_fail(cx, p->err, "as told");
}


static cr_err_t
write_setting(test_db_t *t, const char *z_name, const char *z_value,
              cr_err_t err)
{
    test_put_t p = { z_name, z_value, err };

    return cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, put, &p);
}


/* The value of a setting; NULL string: none. */
static cr_str_t
setting(cr_ctx_t *cx, cr_conn_t *c, const char *z_name)
{
    bool       row;
    cr_str_t   s;
    cr_stmt_t *st;
    cr_val_t   vals[] = { CR_V_TEXT(cr_str_z(z_name)) };

    assert_int_equal(cr_db_query(cx, c, CR_SQL_SETTING_GET, vals, 1, &st),
                     CR_OK);
    assert_int_equal(cr_stmt_next(cx, st, &row), CR_OK);

    s = row ? cr_stmt_text(cx, st, 0) : CR_STR_NULL;
    cr_stmt_done(st);

    return s;
}


static void
assert_setting(test_db_t *t, const char *z_name, const char *z_value)
{
    cr_str_t s;

    s = setting(&t->cx, t->c, z_name);

    if (z_value == NULL) {
        assert_null(s.data);

    } else {
        assert_true(cr_str_eq_z(s, z_value));
    }
}


/* --- statements and values --- */

static cr_err_t
add_values(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    static const char bytes[] = { 0, 1, (char) 0xff, 0, 'x' };

    cr_val_t vals[] = { CR_V_TEXT(CR_STR("k1")), CR_V_TEXT(CR_STR("")),
                        CR_V_BLOB(((cr_str_t){ sizeof(bytes), bytes })),
                        CR_V_INT(INT64_MIN) };
    cr_val_t none[] = { CR_V_TEXT(CR_STR("k2")), CR_V_TEXT(CR_STR_NULL),
                        CR_V_BLOB(CR_STR_NULL), CR_V_INT(INT64_MAX) };

    (void) arg;

    CR_TRY(cr_db_run(cx, c, CR_SQL_KEY_ADD, vals, 4));

    return cr_db_run(cx, c, CR_SQL_KEY_ADD, none, 4);
}


static void
test_values(void **state)
{
    bool       row;
    cr_str_t   s;
    cr_stmt_t *st;
    test_db_t *t = *state;

    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_SYNC, add_values, NULL),
                     CR_OK);

    assert_int_equal(cr_db_query(&t->cx, t->c, CR_SQL_KEY_LIST, NULL, 0, &st),
                     CR_OK);

    /* Newest first: the empty values, then the others. */
    assert_int_equal(cr_stmt_next(&t->cx, st, &row), CR_OK);
    assert_true(row);
    s = cr_stmt_text(&t->cx, st, 1);
    assert_non_null(s.data);
    assert_int_equal(s.len, 0);
    s = cr_stmt_blob(&t->cx, st, 2);
    assert_non_null(s.data);
    assert_int_equal(s.len, 0);
    assert_false(cr_stmt_is_null(st, 2));
    assert_true(cr_stmt_int(st, 3) == INT64_MAX);
    assert_true(cr_stmt_is_null(st, 4));
    assert_null(cr_stmt_text(&t->cx, st, 4).data);
    assert_null(cr_stmt_blob(&t->cx, st, 4).data);
    assert_int_equal(cr_stmt_int(st, 4), 0);

    assert_int_equal(cr_stmt_next(&t->cx, st, &row), CR_OK);
    assert_true(row);
    s = cr_stmt_blob(&t->cx, st, 2);
    assert_int_equal(s.len, 5);
    assert_memory_equal(s.data, "\0\1\xff\0x", 5);
    assert_true(cr_stmt_int(st, 3) == INT64_MIN);

    /* After the last row: no row, however often; nothing to read. */
    assert_int_equal(cr_stmt_next(&t->cx, st, &row), CR_OK);
    assert_false(row);
    assert_int_equal(cr_stmt_next(&t->cx, st, &row), CR_OK);
    assert_false(row);
    assert_null(cr_stmt_text(&t->cx, st, 0).data);
    cr_stmt_done(st);
    cr_stmt_done(st);
    cr_stmt_done(NULL);
}


static cr_err_t
add_optional(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_val_t vals[] = { CR_V_TEXT(CR_STR("k3")), CR_V_OPT(CR_STR("")),
                        CR_V_BLOB(CR_STR("s")), CR_V_INT(0) };

    (void) arg;

    return cr_db_run(cx, c, CR_SQL_KEY_ADD, vals, 4);
}


/* CR_V_OPT("") is NULL, and NOT NULL is not a unique constraint. */
static void
test_constraints(void **state)
{
    test_db_t *t = *state;

    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, add_optional,
                                 NULL),
                     CR_ERR_DB);
    assert_true(t->cx.detail.len > 0);
    assert_int_equal(t->cx.message.len, 0);

    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, add_values, NULL),
                     CR_OK);
    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, add_values, NULL),
                     CR_ERR_EXISTS);
    assert_true(t->cx.detail.len > 0);
}


static void
test_wrong_number_of_values(void **state)
{
    cr_stmt_t *st;
    test_db_t *t = *state;
    cr_val_t   vals[] = { CR_V_INT(1), CR_V_INT(2) };

    assert_int_equal(cr_db_query(&t->cx, t->c, CR_SQL_SETTING_GET, vals, 2,
                                 &st),
                     CR_ERR_INTERNAL);
    assert_int_equal(cr_db_query(&t->cx, t->c, CR_SQL_SETTING_GET, vals, 0,
                                 &st),
                     CR_ERR_INTERNAL);
}


/* The text of a query may go away before its rows are read. */
static void
test_values_are_copied(void **state)
{
    bool       row;
    char       z_name[] = "name";
    cr_stmt_t *st;
    test_db_t *t = *state;
    cr_val_t   vals[] = { CR_V_TEXT(cr_str_z(z_name)) };

    assert_int_equal(write_setting(t, "name", "v", CR_OK), CR_OK);
    assert_int_equal(cr_db_query(&t->cx, t->c, CR_SQL_SETTING_GET, vals, 1,
                                 &st),
                     CR_OK);
    memset(z_name, 'x', sizeof(z_name) - 1);
    assert_int_equal(cr_stmt_next(&t->cx, st, &row), CR_OK);
    assert_true(row);
    assert_true(cr_str_eq_z(cr_stmt_text(&t->cx, st, 0), "v"));
    cr_stmt_done(st);
}


/* A statement inside of its own rows, and handles that are out of date. */
static void
test_nested(void **state)
{
    int        i;
    bool       row;
    cr_stmt_t *outer, *inner, *third;
    test_db_t *t = *state;

    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, add_values, NULL),
                     CR_OK);

    assert_int_equal(cr_db_query(&t->cx, t->c, CR_SQL_KEY_LIST, NULL, 0,
                                 &outer),
                     CR_OK);
    assert_int_equal(cr_stmt_next(&t->cx, outer, &row), CR_OK);
    assert_true(row);

    for (i = 0; i < 3; i++) {
        assert_int_equal(cr_db_query(&t->cx, t->c, CR_SQL_KEY_LIST, NULL, 0,
                                     &inner),
                         CR_OK);
        assert_int_equal(cr_stmt_next(&t->cx, inner, &row), CR_OK);
        assert_true(row);
        assert_true(cr_str_eq_z(cr_stmt_text(&t->cx, inner, 0), "k2"));
        cr_stmt_done(inner);
    }

    assert_true(cr_str_eq_z(cr_stmt_text(&t->cx, outer, 0), "k2"));
    assert_int_equal(cr_stmt_next(&t->cx, outer, &row), CR_OK);
    assert_true(row);
    assert_true(cr_str_eq_z(cr_stmt_text(&t->cx, outer, 0), "k1"));

    /* inner was done: doing it again must not hurt who has it now. */
    assert_int_equal(cr_db_query(&t->cx, t->c, CR_SQL_KEY_LIST, NULL, 0,
                                 &third),
                     CR_OK);
    assert_int_equal(cr_stmt_next(&t->cx, third, &row), CR_OK);
    cr_stmt_done(inner);
    assert_true(cr_str_eq_z(cr_stmt_text(&t->cx, third, 0), "k2"));
    cr_stmt_done(third);
    cr_stmt_done(outer);
}


static void
test_runaway_nesting_is_stopped(void **state)
{
    int        i, n;
    cr_err_t   err;
    cr_stmt_t *st[100];
    test_db_t *t = *state;

    n = 0;

    do {
        err = cr_db_query(&t->cx, t->c, CR_SQL_KEY_LIST, NULL, 0, &st[n]);
    } while (err == CR_OK && ++n < 100);

    assert_int_equal(err, CR_ERR_INTERNAL);
    assert_true(n >= 8);

    for (i = 0; i < n; i++) {
        cr_stmt_done(st[i]);
    }

    assert_int_equal(write_setting(t, "a", "b", CR_OK), CR_OK);
}


/* --- transactions --- */

static void
test_write(void **state)
{
    test_db_t *t = *state;

    assert_int_equal(write_setting(t, "a", "1", CR_OK), CR_OK);
    assert_setting(t, "a", "1");

    /* An error of the operation undoes it, and is what the caller gets. */
    assert_int_equal(write_setting(t, "a", "2", CR_ERR_CONFLICT),
                     CR_ERR_CONFLICT);
    assert_true(cr_str_eq_z(t->cx.message, "as told"));
    assert_setting(t, "a", "1");

    assert_int_equal(write_setting(t, "a", "3", CR_OK), CR_OK);
    assert_setting(t, "a", "3");
}


static void
test_write_needs_a_thread_that_may_block(void **state)
{
    int64_t    pages;
    test_db_t *t = *state;

    t->cx.may_block = false;

    assert_int_equal(write_setting(t, "a", "1", CR_OK), CR_ERR_AGAIN);
    assert_int_equal(cr_db_checkpoint(&t->cx, t->db, false, &pages),
                     CR_ERR_AGAIN);
    assert_int_equal(cr_db_backup(&t->cx, t->db, "/nonexistent/x"),
                     CR_ERR_AGAIN);
    assert_setting(t, "a", NULL);
}


static void
test_write_outside_of_a_transaction(void **state)
{
    test_db_t *t = *state;
    test_put_t p = { "a", "1", CR_OK };

    assert_int_equal(put(&t->cx, t->c, &p), CR_ERR_INTERNAL);
    assert_setting(t, "a", NULL);
}


static cr_err_t
write_inside(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    test_db_t *t = arg;
    test_put_t p = { "inner", "1", CR_OK };

    (void) c;

    return cr_db_write(cx, t->db, CR_DB_NOSYNC, put, &p);
}


static void
test_write_inside_of_a_transaction(void **state)
{
    test_db_t *t = *state;

    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, write_inside, t),
                     CR_ERR_INTERNAL);
    assert_int_equal(cr_db_read(&t->cx, t->db, write_inside, t),
                     CR_ERR_INTERNAL);
    assert_setting(t, "inner", NULL);
    assert_int_equal(write_setting(t, "a", "1", CR_OK), CR_OK);
}


/* A statement left open is an error once, and does not block for ever. */
static void
test_write_beside_an_open_statement(void **state)
{
    bool       row;
    cr_stmt_t *st, *new;
    test_db_t *t = *state;

    assert_int_equal(cr_db_query(&t->cx, t->c, CR_SQL_KEY_LIST, NULL, 0, &st),
                     CR_OK);
    assert_int_equal(write_setting(t, "a", "1", CR_OK), CR_ERR_INTERNAL);
    assert_setting(t, "a", NULL);
    assert_int_equal(write_setting(t, "a", "1", CR_OK), CR_OK);
    assert_setting(t, "a", "1");

    /* The old handle is void, also when its statement is in use again. */
    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, add_values, NULL),
                     CR_OK);
    assert_int_equal(cr_db_query(&t->cx, t->c, CR_SQL_KEY_LIST, NULL, 0, &new),
                     CR_OK);
    assert_int_equal(cr_stmt_next(&t->cx, new, &row), CR_OK);
    assert_true(row);
    assert_int_equal(cr_stmt_next(&t->cx, st, &row), CR_ERR_INTERNAL);
    assert_null(cr_stmt_text(&t->cx, st, 0).data);
    cr_stmt_done(st);
    assert_true(cr_str_eq_z(cr_stmt_text(&t->cx, new, 0), "k2"));
    cr_stmt_done(new);
}


static cr_err_t
forget_statement(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    bool        row;
    cr_stmt_t **ret_st = arg;
    cr_val_t vals[] = { CR_V_TEXT(CR_STR("forgotten")), CR_V_TEXT(CR_STR("v")),
                        CR_V_INT(1) };

    CR_TRY(cr_db_run(cx, c, CR_SQL_SETTING_PUT, vals, 3));
    CR_TRY(cr_db_query(cx, c, CR_SQL_SETTING_GET, vals, 1, ret_st));

    return cr_stmt_next(cx, *ret_st, &row);
}


static void
test_statement_forgotten_in_a_write(void **state)
{
    bool       row;
    cr_stmt_t *st;
    test_db_t *t = *state;

    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, forget_statement,
                                 &st),
                     CR_OK);
    assert_setting(t, "forgotten", "v");
    assert_int_equal(cr_stmt_next(&t->cx, st, &row), CR_ERR_INTERNAL);
    assert_int_equal(write_setting(t, "a", "1", CR_OK), CR_OK);
}


static cr_err_t
count_changes(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    bool     found;
    int64_t *n = arg, seq;
    cr_val_t vals[] = { CR_V_TEXT(CR_STR("n")), CR_V_TEXT(CR_STR("v")),
                        CR_V_INT(1) };

    CR_TRY(cr_db_run_count(cx, c, CR_SQL_SETTING_PUT, vals, 3, &n[0]));
    CR_TRY(cr_db_run_count(cx, c, CR_SQL_SETTING_PUT, vals, 3, &n[1]));

    /* A statement that writes and returns. */
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_CHANGE_SEQ, NULL, 0, &found, &n[2]));
    assert_true(found);
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_CHANGE_SEQ, NULL, 0, &found, &seq));
    assert_int_equal(seq, n[2] + 1);

    CR_TRY(cr_db_get_int(cx, c, CR_SQL_SETTING_GET, &vals[1], 1, &found, &seq));
    assert_false(found);

    return CR_OK;
}


static void
test_counts(void **state)
{
    int64_t    n[3] = { -1, -1, -1 };
    test_db_t *t = *state;

    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, count_changes, n),
                     CR_OK);
    assert_int_equal(n[0], 1);
    assert_int_equal(n[1], 0);
}


/* An operation may go on after a constraint refused one of its statements. */
static cr_err_t
go_on(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    test_put_t p = { "went", "on", CR_OK };

    (void) arg;

    CR_TRY(add_values(cx, c, NULL));
    assert_int_equal(add_values(cx, c, NULL), CR_ERR_EXISTS);
    cr_clear(cx);

    return put(cx, c, &p);
}


static void
test_constraint_is_not_fatal(void **state)
{
    test_db_t *t = *state;

    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, go_on, NULL),
                     CR_OK);
    assert_setting(t, "went", "on");
    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, add_values, NULL),
                     CR_ERR_EXISTS);
}


/* --- several threads --- */

typedef struct test_thread_s {
    test_db_t *t;
    int        number;
    int        failures;
    pthread_t  id;
} test_thread_t;


static void *
write_elsewhere(void *arg)
{
    cr_ctx_t       cx;
    test_put_t     p = { "elsewhere", "1", CR_OK };
    test_thread_t *th = arg;

    if (cr_ctx_init(&cx, 0) != CR_OK
        || cr_db_write(&cx, th->t->db, CR_DB_NOSYNC, put, &p) != CR_OK)
    {
        th->failures++;
    }

    cr_ctx_done(&cx);

    return NULL;
}


static void
in_another_thread(test_db_t *t)
{
    test_thread_t th = { .t = t };

    assert_int_equal(pthread_create(&th.id, NULL, write_elsewhere, &th), 0);
    assert_int_equal(pthread_join(th.id, NULL), 0);
    assert_int_equal(th.failures, 0);
}


static cr_err_t
read_twice(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    assert_null(setting(cx, c, "elsewhere").data);
    in_another_thread(arg);
    assert_null(setting(cx, c, "elsewhere").data);

    return CR_ERR_NOT_FOUND;
}


static void
test_read_sees_one_snapshot(void **state)
{
    test_db_t *t = *state;

    assert_int_equal(cr_db_read(&t->cx, t->db, read_twice, t),
                     CR_ERR_NOT_FOUND);
    assert_setting(t, "elsewhere", "1");
}


static void
test_data_version(void **state)
{
    int64_t    before, after;
    test_db_t *t = *state;

    assert_int_equal(cr_db_data_version(&t->cx, t->db, &before), CR_OK);
    assert_int_equal(cr_db_data_version(&t->cx, t->db, &after), CR_OK);
    assert_true(before == after);

    in_another_thread(t);

    assert_int_equal(cr_db_data_version(&t->cx, t->db, &after), CR_OK);
    assert_true(before != after);
}


static void *
write_many(void *arg)
{
    int            i;
    char           z_name[32];
    cr_err_t       err, wanted;
    cr_ctx_t       cx;
    test_put_t     p;
    test_thread_t *th = arg;

    if (cr_ctx_init(&cx, 0) != CR_OK) {
        th->failures++;
        return NULL;
    }

    for (i = 0; i < WRITES_PER_THREAD; i++) {
        (void) snprintf(z_name, sizeof(z_name), "t%d.%d", th->number, i);

        /* Each fifth fails, in its own way. */
        wanted = (i % 5 == 4) ? CR_ERR_CONFLICT : CR_OK;
        p = (test_put_t){ z_name, "v", wanted };

        err = cr_db_write(&cx, th->t->db,
                          i % 2 == 0 ? CR_DB_SYNC : CR_DB_NOSYNC, put, &p);

        if (err != wanted || (err != CR_OK && cx.err != err)) {
            th->failures++;
        }

        cr_ctx_reset(&cx);
    }

    cr_ctx_done(&cx);

    return NULL;
}


static void
test_threads(void **state)
{
    int           i, j;
    char          z_name[32];
    uint64_t      writes, commits, writes0, commits0;
    test_db_t    *t = *state;
    test_thread_t th[THREADS];

    cr_db_counts(t->db, &writes0, &commits0);

    for (i = 0; i < THREADS; i++) {
        th[i] = (test_thread_t){ .t = t, .number = i };
        assert_int_equal(pthread_create(&th[i].id, NULL, write_many, &th[i]),
                         0);
    }

    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(th[i].id, NULL), 0);
        assert_int_equal(th[i].failures, 0);
    }

    cr_db_counts(t->db, &writes, &commits);
    assert_int_equal(writes - writes0, THREADS * WRITES_PER_THREAD);
    assert_true(commits - commits0 < writes - writes0);

    for (i = 0; i < THREADS; i++) {
        for (j = 0; j < WRITES_PER_THREAD; j++) {
            (void) snprintf(z_name, sizeof(z_name), "t%d.%d", i, j);
            assert_setting(t, z_name, j % 5 == 4 ? NULL : "v");
        }
    }
}


/* --- open and schema --- */

static void
test_open(void **state)
{
    size_t     i;
    cr_db_t   *db;
    test_db_t *t = *state;

    static const char *const bad[] = { "",          ":",           "sqlite",
                                       "nosuch:/x", "/etc/passwd", "sqlite:" };

    for (i = 0; i < CR_NELTS(bad); i++) {
        assert_int_equal(cr_db_open(&t->cx, cr_str_z(bad[i]), CR_DB_CREATE,
                                    &db),
                         CR_ERR_CONFIG);
        assert_true(t->cx.detail.len > 0);
    }

    assert_int_equal(cr_db_open(&t->cx, cr_str_z(t->z_url), 0, &db), CR_OK);
    assert_int_equal(cr_db_ping(&t->cx, db), CR_OK);
    cr_db_close(db);
    cr_db_close(NULL);
}


static void
test_schema(void **state)
{
    int            applied;
    cr_db_schema_t s;
    test_db_t     *t = *state;

    assert_int_equal(cr_db_schema(&t->cx, t->db, &s), CR_OK);
    assert_int_equal(s.version, CR_SQL_SCHEMA_VERSION);
    assert_int_equal(s.program, CR_SQL_SCHEMA_VERSION);
    assert_in_range(s.compatible_from, 1, CR_SQL_SCHEMA_VERSION);

    assert_int_equal(cr_db_migrate(&t->cx, t->db, &applied), CR_OK);
    assert_int_equal(applied, 0);
}


/* Every statement that the engine has is good for its schema. */
static void
test_all_statements(void **state)
{
    size_t     i, n;
    cr_err_t   err;
    cr_val_t   vals[64];
    cr_stmt_t *st;
    test_db_t *t = *state;

    n = 0;

    for (i = 0; i < CR_NELTS(vals); i++) {
        vals[i] = CR_V_NULL;
    }

    for (i = 0; i < CR_SQL_MAX; i++) {
        assert_in_range(cr_sql_texts[i].params, 0, CR_NELTS(vals));

        err = cr_db_query(&t->cx, t->c, (cr_sql_e) i, vals,
                          cr_sql_texts[i].params, &st);

        /* A statement that writes is prepared, then refused. */
        if (err == CR_ERR_INTERNAL) {
            continue;
        }

        if (err != CR_OK) {
            fail_msg("%s: %.*s", cr_sql_texts[i].name,
                     CR_STR_ARG(t->cx.detail));
        }

        cr_stmt_done(st);
        n++;
    }

    assert_true(n > 20);
}


/* --- the engines --- */

static const test_engine_t engines[] = {
    { "sqlite", "sqlite:", "/registry.db" },
};


/* clang-format off */
#define TEST(name) { #name, name, setup, teardown, NULL }
/* clang-format on */

int
main(void)
{
    int    failed;
    size_t i, j;

    struct CMUnitTest tests[] = {
        TEST(test_values),
        TEST(test_constraints),
        TEST(test_wrong_number_of_values),
        TEST(test_values_are_copied),
        TEST(test_nested),
        TEST(test_runaway_nesting_is_stopped),
        TEST(test_write),
        TEST(test_write_needs_a_thread_that_may_block),
        TEST(test_write_outside_of_a_transaction),
        TEST(test_write_inside_of_a_transaction),
        TEST(test_write_beside_an_open_statement),
        TEST(test_statement_forgotten_in_a_write),
        TEST(test_counts),
        TEST(test_constraint_is_not_fatal),
        TEST(test_read_sees_one_snapshot),
        TEST(test_data_version),
        TEST(test_threads),
        TEST(test_open),
        TEST(test_schema),
        TEST(test_all_statements),
    };

    failed = 0;

    for (i = 0; i < CR_NELTS(engines); i++) {
        for (j = 0; j < CR_NELTS(tests); j++) {
            tests[j].initial_state = (void *) (uintptr_t) &engines[i];
        }

        failed += _cmocka_run_group_tests(engines[i].z_name, tests,
                                          CR_NELTS(tests), NULL, NULL);
    }

    return failed;
}
