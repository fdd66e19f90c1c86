/*
 * How writers share a transaction: who is in which batch is decided by the
 * tests, by holding up the first writer until the others stand in the queue.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include "db/conn.h"
#include "tempdir.h"

#define WRITERS_MAX 80

typedef enum {
    PUT,             /* put a row */
    PUT_FAIL,        /* put a row, then fail */
    PUT_LOSE,        /* put a row and lose the transaction */
    PUT_LOSE_FAIL,   /* the same, and tell so */
    PUT_LOSE_GO_ON,  /* the same, put another row, and say nothing */
    PUT_FILL,        /* fill the database, and say nothing */
    PUT_BREAK_COMMIT /* put a row and what no commit accepts */
} test_what_e;

typedef struct test_writer_s {
    cr_db_t     *db;
    test_what_e  what;
    cr_db_sync_e sync;
    int          number;
    cr_ctx_t     cx;
    cr_err_t     err;
    pthread_t    id;
} test_writer_t;

typedef struct test_gate_s {
    pthread_mutex_t mutex;
    pthread_cond_t  changed;
    bool            entered;
    bool            open;
} test_gate_t;

typedef struct test_db_s {
    test_dir_t    dir;
    cr_ctx_t      cx;
    cr_db_t      *db;
    test_gate_t   gate;
    test_writer_t gatekeeper;
    test_writer_t writers[WRITERS_MAX];
    size_t        nwriters;
} test_db_t;


static int
setup(void **state)
{
    int        applied;
    cr_str_t   url;
    test_db_t *t;

    t = calloc(1, sizeof(test_db_t));
    assert_non_null(t);
    test_dir_make(&t->dir);

    (void) pthread_mutex_init(&t->gate.mutex, NULL);
    (void) pthread_cond_init(&t->gate.changed, NULL);

    assert_int_equal(cr_ctx_init(&t->cx, 0), CR_OK);
    url = cr_printf(&t->cx, "sqlite:%s/db", t->dir.z_path);
    assert_int_equal(cr_db_open(&t->cx, url, CR_DB_CREATE | CR_DB_ANY_SCHEMA,
                                &t->db),
                     CR_OK);
    assert_int_equal(cr_db_migrate(&t->cx, t->db, &applied), CR_OK);

    *state = t;

    return 0;
}


static int
teardown(void **state)
{
    size_t     i;
    test_db_t *t = *state;

    for (i = 0; i < t->nwriters; i++) {
        cr_ctx_done(&t->writers[i].cx);
    }

    cr_ctx_done(&t->gatekeeper.cx);
    cr_db_close(t->db);
    cr_ctx_done(&t->cx);
    (void) pthread_mutex_destroy(&t->gate.mutex);
    (void) pthread_cond_destroy(&t->gate.changed);
    test_dir_remove(&t->dir);
    free(t);

    return 0;
}


/* Only this connection may not make the file larger. */
static cr_err_t
fill(cr_ctx_t *cx, cr_conn_t *c)
{
    int      i;
    cr_err_t err;
    cr_str_t name;
    cr_val_t vals[3];

    CR_TRY(cr_db_script(cx, c, "PRAGMA max_page_count = 1"));

    err = CR_OK;

    for (i = 0; i < 10000 && err == CR_OK; i++) {
        name = cr_printf(cx, "fill%d", i);
        vals[0] = CR_V_TEXT(name);
        vals[1] = CR_V_TEXT(name);
        vals[2] = CR_V_INT(1);
        err = cr_db_run(cx, c, CR_SQL_SETTING_PUT, vals, 3);
    }

    assert_int_equal(err, CR_ERR_NO_SPACE);
    cr_clear(cx);

    return CR_OK;
}


static cr_err_t
put(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    test_writer_t *w = arg;
    cr_str_t       name = cr_printf(cx, "w%d", w->number);
    cr_val_t       vals[] = { CR_V_TEXT(name), CR_V_TEXT(name), CR_V_INT(1) };

    CR_TRY(cr_db_run(cx, c, CR_SQL_SETTING_PUT, vals, 3));

    switch (w->what) {

    case PUT:
        return CR_OK;

    case PUT_FAIL:
        return cr_fail(cx, CR_ERR_CONFLICT, "own error");

    case PUT_LOSE:
        return cr_db_script(cx, c, "ROLLBACK");

    case PUT_LOSE_FAIL:
        CR_TRY(cr_db_script(cx, c, "ROLLBACK"));
        return cr_fail(cx, CR_ERR_PRECONDITION, "own error");

    case PUT_LOSE_GO_ON:
        CR_TRY(cr_db_script(cx, c, "ROLLBACK"));
        assert_int_equal(cr_db_run(cx, c, CR_SQL_SETTING_PUT, vals, 3),
                         CR_ERR_DB);
        cr_clear(cx);
        return CR_OK;

    case PUT_FILL:
        return fill(cx, c);

    case PUT_BREAK_COMMIT:
        break;
    }

    return cr_db_script(cx, c,
                        "CREATE TABLE parent (id INTEGER PRIMARY KEY);"
                        "CREATE TABLE child (id INTEGER REFERENCES parent (id)"
                        " DEFERRABLE INITIALLY DEFERRED);"
                        "INSERT INTO child VALUES (1);");
}


static void *
write_one(void *arg)
{
    test_writer_t *w = arg;

    w->err = cr_db_write(&w->cx, w->db, w->sync, put, w);

    return NULL;
}


/* The first writer: in a transaction until the gate opens. */
static cr_err_t
wait_at_gate(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    test_gate_t *gate = arg;

    (void) cx;
    (void) c;

    (void) pthread_mutex_lock(&gate->mutex);
    gate->entered = true;
    (void) pthread_cond_broadcast(&gate->changed);

    while (!gate->open) {
        (void) pthread_cond_wait(&gate->changed, &gate->mutex);
    }

    (void) pthread_mutex_unlock(&gate->mutex);

    return CR_OK;
}


static void *
keep_gate(void *arg)
{
    test_db_t *t = arg;

    t->gatekeeper.err = cr_db_write(&t->gatekeeper.cx, t->db, CR_DB_NOSYNC,
                                    wait_at_gate, &t->gate);

    return NULL;
}


static void
close_gate(test_db_t *t)
{
    t->gate.entered = false;
    t->gate.open = false;

    if (t->gatekeeper.cx.arena == NULL) {
        assert_int_equal(cr_ctx_init(&t->gatekeeper.cx, 0), CR_OK);
    }

    assert_int_equal(pthread_create(&t->gatekeeper.id, NULL, keep_gate, t), 0);

    (void) pthread_mutex_lock(&t->gate.mutex);
    while (!t->gate.entered) {
        (void) pthread_cond_wait(&t->gate.changed, &t->gate.mutex);
    }
    (void) pthread_mutex_unlock(&t->gate.mutex);
}


static void
wait_for_queue(test_db_t *t, size_t n)
{
    size_t queued;

    do {
        (void) sched_yield();
        (void) pthread_mutex_lock(&t->db->queue_mutex);
        queued = t->db->queued;
        (void) pthread_mutex_unlock(&t->db->queue_mutex);
    } while (queued != n);
}


/* One writer more, behind those that wait. */
static void
queue_writer(test_db_t *t, test_what_e what)
{
    size_t         n;
    test_writer_t *w;

    n = t->nwriters++;
    assert_true(n < WRITERS_MAX);

    w = &t->writers[n];
    w->db = t->db;
    w->what = what;
    w->sync = n % 2 == 0 ? CR_DB_SYNC : CR_DB_NOSYNC;
    w->number = (int) n;
    w->err = CR_ERR_MAX;
    assert_int_equal(cr_ctx_init(&w->cx, 0), CR_OK);
    assert_int_equal(pthread_create(&w->id, NULL, write_one, w), 0);

    wait_for_queue(t, n + 1);
}


/* Let all go, and count the transactions they needed without the first. */
static uint64_t
open_gate(test_db_t *t)
{
    size_t   i;
    uint64_t writes, commits, writes0, commits0;

    cr_db_counts(t->db, &writes0, &commits0);

    (void) pthread_mutex_lock(&t->gate.mutex);
    t->gate.open = true;
    (void) pthread_cond_broadcast(&t->gate.changed);
    (void) pthread_mutex_unlock(&t->gate.mutex);

    assert_int_equal(pthread_join(t->gatekeeper.id, NULL), 0);
    assert_int_equal(t->gatekeeper.err, CR_OK);

    for (i = 0; i < t->nwriters; i++) {
        assert_int_equal(pthread_join(t->writers[i].id, NULL), 0);
    }

    cr_db_counts(t->db, &writes, &commits);
    assert_int_equal(writes - writes0, t->nwriters + 1);
    assert_int_equal(t->db->queued, 0);

    return commits - commits0 - 1;
}


static void
assert_row(test_db_t *t, int number, bool wanted)
{
    bool       row;
    cr_str_t   name = cr_printf(&t->cx, "w%d", number);
    cr_val_t   vals[] = { CR_V_TEXT(name) };
    cr_conn_t *c;
    cr_stmt_t *st;

    assert_int_equal(cr_db_conn(&t->cx, t->db, &c), CR_OK);
    assert_int_equal(cr_db_query(&t->cx, c, CR_SQL_SETTING_GET, vals, 1, &st),
                     CR_OK);
    assert_int_equal(cr_stmt_next(&t->cx, st, &row), CR_OK);
    assert_int_equal(row, wanted);
    cr_stmt_done(st);
}


static void
assert_writer(test_db_t *t, int number, cr_err_t err)
{
    test_writer_t *w = &t->writers[number];

    assert_int_equal(w->err, err);
    assert_int_equal(w->cx.err, err);
    assert_row(t, number, err == CR_OK);
}


static void
assert_usable(test_db_t *t)
{
    test_writer_t w = { .db = t->db, .what = PUT, .number = 1000 };

    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_SYNC, put, &w), CR_OK);
    assert_row(t, 1000, true);
}


/* --- the tests --- */

static void
test_all_share_one_commit(void **state)
{
    int        i;
    test_db_t *t = *state;

    close_gate(t);
    for (i = 0; i < 8; i++) {
        queue_writer(t, PUT);
    }

    assert_int_equal(open_gate(t), 1);

    for (i = 0; i < 8; i++) {
        assert_writer(t, i, CR_OK);
    }
}


static void
test_an_error_stays_with_its_writer(void **state)
{
    int        i;
    test_db_t *t = *state;

    close_gate(t);
    for (i = 0; i < 8; i++) {
        queue_writer(t, i % 3 == 0 ? PUT_FAIL : PUT);
    }

    assert_int_equal(open_gate(t), 1);

    for (i = 0; i < 8; i++) {
        assert_writer(t, i, i % 3 == 0 ? CR_ERR_CONFLICT : CR_OK);
    }

    assert_true(cr_str_eq_z(t->writers[0].cx.message, "own error"));
}


static void
test_all_fail_on_their_own(void **state)
{
    int        i;
    test_db_t *t = *state;

    close_gate(t);
    for (i = 0; i < 3; i++) {
        queue_writer(t, PUT_FAIL);
    }

    assert_int_equal(open_gate(t), 1);

    for (i = 0; i < 3; i++) {
        assert_writer(t, i, CR_ERR_CONFLICT);
    }

    assert_usable(t);
}


static void
test_one_that_fails_alone(void **state)
{
    test_db_t *t = *state;

    close_gate(t);
    queue_writer(t, PUT_FAIL);
    assert_int_equal(open_gate(t), 1);
    assert_writer(t, 0, CR_ERR_CONFLICT);
    assert_usable(t);
}


/* Those that ran with it are lost with it; those behind it get their turn. */
static void
test_a_lost_transaction(void **state)
{
    test_db_t *t = *state;

    close_gate(t);
    queue_writer(t, PUT);
    queue_writer(t, PUT_FAIL);
    queue_writer(t, PUT);
    queue_writer(t, PUT_LOSE);
    queue_writer(t, PUT);
    queue_writer(t, PUT_FAIL);
    queue_writer(t, PUT);

    assert_int_equal(open_gate(t), 2);

    assert_writer(t, 0, CR_ERR_DB);
    assert_writer(t, 1, CR_ERR_CONFLICT);
    assert_writer(t, 2, CR_ERR_DB);
    assert_writer(t, 3, CR_ERR_DB);
    assert_writer(t, 4, CR_OK);
    assert_writer(t, 5, CR_ERR_CONFLICT);
    assert_writer(t, 6, CR_OK);
    assert_false(t->writers[0].cx.unsure);
    assert_usable(t);
}


static void
test_who_loses_it_keeps_his_error(void **state)
{
    test_db_t *t = *state;

    close_gate(t);
    queue_writer(t, PUT);
    queue_writer(t, PUT_LOSE_FAIL);

    assert_int_equal(open_gate(t), 1);

    assert_writer(t, 0, CR_ERR_DB);
    assert_writer(t, 1, CR_ERR_PRECONDITION);
    assert_usable(t);
}


static void
test_alone_and_lost(void **state)
{
    test_db_t *t = *state;

    close_gate(t);
    queue_writer(t, PUT_LOSE);
    assert_int_equal(open_gate(t), 1);
    assert_writer(t, 0, CR_ERR_DB);
    assert_usable(t);
}


/* Whoever keeps quiet about it is not believed. */
static void
test_lost_in_silence(void **state)
{
    test_db_t *t = *state;

    close_gate(t);
    queue_writer(t, PUT_LOSE_GO_ON);
    queue_writer(t, PUT);
    assert_int_equal(open_gate(t), 2);
    assert_writer(t, 0, CR_ERR_DB);
    assert_writer(t, 1, CR_OK);
    assert_usable(t);
}


static void
test_full_in_silence(void **state)
{
    test_db_t *t = *state;

    close_gate(t);
    queue_writer(t, PUT_FILL);
    assert_int_equal(open_gate(t), 1);
    assert_writer(t, 0, CR_ERR_NO_SPACE);
    assert_usable(t);
}


static void
test_full_in_company(void **state)
{
    test_db_t *t = *state;

    close_gate(t);
    queue_writer(t, PUT);
    queue_writer(t, PUT_FILL);
    queue_writer(t, PUT);
    assert_int_equal(open_gate(t), 2);
    assert_writer(t, 0, CR_ERR_NO_SPACE);
    assert_writer(t, 1, CR_ERR_NO_SPACE);
    assert_writer(t, 2, CR_OK);
    assert_usable(t);
}


static void
test_a_commit_that_fails(void **state)
{
    test_db_t *t = *state;

    close_gate(t);
    queue_writer(t, PUT);
    queue_writer(t, PUT_BREAK_COMMIT);
    queue_writer(t, PUT_FAIL);
    queue_writer(t, PUT);

    assert_int_equal(open_gate(t), 1);

    assert_writer(t, 0, CR_ERR_DB);
    assert_writer(t, 1, CR_ERR_DB);
    assert_writer(t, 2, CR_ERR_CONFLICT);
    assert_writer(t, 3, CR_ERR_DB);
    assert_true(t->writers[0].cx.detail.len > 0);
    assert_true(t->writers[0].cx.unsure && t->writers[3].cx.unsure);
    assert_false(t->writers[2].cx.unsure);
    assert_usable(t);
}


static void
test_a_batch_is_bounded(void **state)
{
    int        i;
    test_db_t *t = *state;

    close_gate(t);
    for (i = 0; i < WRITERS_MAX; i++) {
        queue_writer(t, PUT);
    }

    assert_int_equal(open_gate(t), 2);

    for (i = 0; i < WRITERS_MAX; i++) {
        assert_writer(t, i, CR_OK);
    }
}


static size_t
count_connections(test_db_t *t)
{
    size_t     n;
    cr_conn_t *c;

    n = 0;

    (void) pthread_mutex_lock(&t->db->conns_mutex);
    for (c = t->db->conns; c != NULL; c = c->next) {
        n++;
    }
    (void) pthread_mutex_unlock(&t->db->conns_mutex);

    return n;
}


static void
test_a_connection_ends_with_its_thread(void **state)
{
    test_db_t *t = *state;

    assert_int_equal(count_connections(t), 1);

    /* Its own, and what all write with from the second thread on. */
    close_gate(t);
    assert_int_equal(count_connections(t), 3);
    queue_writer(t, PUT);
    queue_writer(t, PUT);
    assert_int_equal(count_connections(t), 5);
    assert_int_equal(open_gate(t), 1);

    assert_int_equal(count_connections(t), 2);
    assert_non_null(t->db->writer);
}


typedef struct test_note_s {
    cr_db_t    *db;
    const char *z_text; /* to be run */
    cr_conn_t  *own;
    cr_conn_t  *c; /* what the operation got */
    cr_conn_t  *after;
    cr_err_t    err;
} test_note_t;


static cr_err_t
note(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    test_note_t *n = arg;

    n->c = c;

    return cr_db_script(cx, c, n->z_text);
}


static void *
note_all(void *arg)
{
    cr_ctx_t     cx;
    test_note_t *n = arg;

    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);
    assert_int_equal(cr_db_conn(&cx, n->db, &n->own), CR_OK);
    n->err = cr_db_write(&cx, n->db, CR_DB_NOSYNC, note, n);
    assert_int_equal(cr_db_conn(&cx, n->db, &n->after), CR_OK);
    cr_ctx_done(&cx);

    return NULL;
}


static void
note_in_thread(test_note_t *n)
{
    pthread_t id;

    assert_int_equal(pthread_create(&id, NULL, note_all, n), 0);
    assert_int_equal(pthread_join(id, NULL), 0);
}


/* What is temporary belongs to a connection: the next thread finds it there,
 * also after the one that made both has ended. */
static void
test_all_threads_write_with_one_connection(void **state)
{
    int         i;
    test_db_t  *t = *state;
    test_note_t n = { .db = t->db };

    n.z_text = "CREATE TEMP TABLE seen (n INTEGER)";
    note_in_thread(&n);
    assert_int_equal(n.err, CR_OK);
    assert_non_null(n.c);
    assert_ptr_equal(n.c, t->db->writer);
    assert_ptr_not_equal(n.c, n.own);
    assert_ptr_equal(n.after, n.own);
    assert_int_equal(count_connections(t), 2);

    n.z_text = "INSERT INTO seen VALUES (1)";

    for (i = 0; i < 3; i++) {
        note_in_thread(&n);
        assert_int_equal(n.err, CR_OK);
        assert_ptr_equal(n.c, t->db->writer);
        assert_ptr_equal(n.after, n.own);
        assert_int_equal(count_connections(t), 2);
    }

    /* The first that ever wrote, too. */
    (void) note_all(&n);
    assert_int_equal(n.err, CR_OK);
    assert_ptr_equal(n.c, t->db->writer);
    assert_ptr_equal(n.after, n.own);

    /* An operation that fails gives it back. */
    n.z_text = "no SQL";
    (void) note_all(&n);
    assert_int_equal(n.err, CR_ERR_DB);
    assert_ptr_equal(n.c, t->db->writer);
    assert_ptr_equal(n.after, n.own);
    assert_int_equal(n.own->nopen + t->db->writer->nopen, 0);

    /* One that lost a transaction is not used again. */
    n.z_text = "ROLLBACK";
    (void) note_all(&n);
    assert_int_equal(n.err, CR_ERR_DB);
    assert_null(t->db->writer);
    assert_ptr_equal(n.after, n.own);
    assert_int_equal(count_connections(t), 1);
    assert_usable(t);
    assert_non_null(t->db->writer);
}


/* Whoever is alone needs no second one. */
static void
test_one_thread_writes_with_its_own(void **state)
{
    int         i;
    test_db_t  *t = *state;
    test_note_t n = { .db = t->db, .z_text = "SELECT 1" };

    for (i = 0; i < 3; i++) {
        (void) note_all(&n);
        assert_int_equal(n.err, CR_OK);
        assert_ptr_equal(n.c, n.own);
    }

    assert_null(t->db->writer);
    assert_int_equal(count_connections(t), 1);
}


/* Part of the transaction, whichever way it gets its connection. */
static cr_err_t
read_own_row(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    bool       row = false;
    cr_val_t   vals[] = { CR_V_TEXT(CR_STR("w7")) };
    cr_conn_t *mine = NULL;
    cr_stmt_t *st = NULL;
    test_db_t *t = arg;

    assert_int_equal(cr_db_conn(cx, t->db, &mine), CR_OK);
    assert_ptr_equal(mine, c);
    assert_int_equal(cr_db_query(cx, mine, CR_SQL_SETTING_GET, vals, 1, &st),
                     CR_OK);
    assert_int_equal(cr_stmt_next(cx, st, &row), CR_OK);
    assert_true(row);
    cr_stmt_done(st);

    return CR_OK;
}


static cr_err_t
put_and_read(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    test_db_t    *t = arg;
    test_writer_t w = { .db = t->db, .what = PUT, .number = 7 };

    assert_ptr_equal(c, t->db->writer);
    assert_int_equal(put(cx, c, &w), CR_OK);
    assert_int_equal(read_own_row(cx, c, t), CR_OK);
    assert_int_equal(cr_db_read(cx, t->db, read_own_row, t), CR_OK);

    /* Nor does a write inside of it wait for itself. */
    assert_int_equal(cr_db_write(cx, t->db, CR_DB_NOSYNC, put, &w),
                     CR_ERR_INTERNAL);
    cr_clear(cx);

    return CR_OK;
}


static void
test_an_operation_sees_its_own_rows(void **state)
{
    test_db_t  *t = *state;
    test_note_t n = { .db = t->db, .z_text = "SELECT 1" };

    note_in_thread(&n);
    assert_int_equal(n.err, CR_OK);

    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_SYNC, put_and_read, t),
                     CR_OK);
    assert_row(t, 7, true);
    assert_false(t->db->writer->in_write);
}


#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_share_one_commit),
        TEST(test_an_error_stays_with_its_writer),
        TEST(test_all_fail_on_their_own),
        TEST(test_one_that_fails_alone),
        TEST(test_a_lost_transaction),
        TEST(test_who_loses_it_keeps_his_error),
        TEST(test_alone_and_lost),
        TEST(test_lost_in_silence),
        TEST(test_full_in_silence),
        TEST(test_full_in_company),
        TEST(test_a_commit_that_fails),
        TEST(test_a_batch_is_bounded),
        TEST(test_a_connection_ends_with_its_thread),
        TEST(test_all_threads_write_with_one_connection),
        TEST(test_one_thread_writes_with_its_own),
        TEST(test_an_operation_sees_its_own_rows),
    };

    return cmocka_run_group_tests_name("db/write", tests, NULL, NULL);
}
