/*
 * db/sqlite.c: files and their modes, what it refuses to open, locks of other
 * processes, failing system calls, kill -9.  Checkpoint, backup, restore and
 * ballast: test_sqlite_*.c.
 *
 * Sections: open, links, locks, failures, kill.
 */

#include "sqlite_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#define NOBODY         65534
#define KILL_ROUNDS    5
#define KILL_AFTER     200
#define KILL_THREADS   4
#define FAIL_STEPS_MAX 500

static void *
write_in_thread(void *arg)
{
    cr_ctx_t   cx;
    cr_err_t   err;
    test_db_t *t = arg;
    test_put_t p = { "waited", "1" };

    err = cr_ctx_init(&cx, 0);

    if (err == CR_OK) {
        err = cr_db_write(&cx, t->db, CR_DB_SYNC, put, &p);
    }

    cr_ctx_done(&cx);

    return (void *) (uintptr_t) err;
}


/* --- open --- */

static void
assert_refused(test_db_t *t, const char *z_url, unsigned flags, cr_err_t err)
{
    cr_db_t *db;
    cr_err_t got;

    got = cr_db_open(&t->cx, cr_str_z(z_url), flags, &db);

    if (got != err) {
        fail_msg("%s: %d, wanted %d: %.*s", z_url, (int) got, (int) err,
                 CR_STR_ARG(t->cx.detail));
    }

    assert_true(t->cx.detail.len > 0);
    assert_int_equal(t->cx.message.len, 0);
}


static void
test_open_missing(void **state)
{
    test_db_t *t = *state;

    assert_refused(t, t->url.data, 0, CR_ERR_DB_MISSING);
    assert_non_null(
        memmem(t->cx.detail.data, t->cx.detail.len, "db migrate", 10));
    assert_refused(t, t->url.data, CR_DB_ANY_SCHEMA, CR_ERR_DB_MISSING);
    assert_int_equal(file_size(t, "db"), -1);

    assert_refused(t, "sqlite:/nonexistent/folder/db", CR_DB_CREATE,
                   CR_ERR_CONFIG);
    assert_refused(t, "sqlite:/nonexistent/folder/db", 0, CR_ERR_CONFIG);
    assert_refused(t, "sqlite:/tmp", CR_DB_CREATE, CR_ERR_CONFIG);
    assert_refused(t, "sqlite:/dev/null", CR_DB_CREATE, CR_ERR_CONFIG);
}


static void
test_open_something_else(void **state)
{
    size_t     i;
    char       text[8192];
    test_db_t *t = *state;

    for (i = 0; i < sizeof(text); i++) {
        text[i] = (char) ('a' + i % 26);
    }

    write_file(t->z_path, text, sizeof(text), 0);
    assert_refused(t, t->url.data, 0, CR_ERR_CORRUPT);
    assert_refused(t, t->url.data, CR_DB_CREATE | CR_DB_ANY_SCHEMA,
                   CR_ERR_CORRUPT);
    assert_int_equal(file_size(t, "db"), sizeof(text));
}


static void
test_open_with_a_nul(void **state)
{
    cr_db_t   *db;
    test_db_t *t = *state;

    assert_int_equal(cr_db_open(&t->cx, CR_STR("sqlite:/tmp/a\0b"),
                                CR_DB_CREATE, &db),
                     CR_ERR_CONFIG);
}


/* Names that mean something to the library mean a file to us. */
static void
test_open_special_names(void **state)
{
    size_t     i;
    cr_db_t   *db;
    int        here;
    test_db_t *t = *state;

    static const char *const names[] = { ":memory:", "file:x?mode=memory" };

    here = open(".", O_RDONLY | O_DIRECTORY);
    assert_true(here >= 0);
    assert_int_equal(chdir(t->dir.z_path), 0);

    for (i = 0; i < CR_NELTS(names); i++) {
        assert_int_equal(cr_db_open(&t->cx,
                                    cr_printf(&t->cx, "sqlite:%s", names[i]),
                                    CR_DB_CREATE | CR_DB_ANY_SCHEMA, &db),
                         CR_OK);
        cr_db_close(db);
        assert_true(file_size(t, names[i]) >= 0);
    }

    assert_int_equal(fchdir(here), 0);
    (void) close(here);
}


static void
test_file_modes(void **state)
{
    mode_t     old;
    cr_db_t   *db;
    test_db_t *t = *state;

    old = umask(022);
    open_db(t);
    assert_int_equal(file_mode(t, "db"), 0640);
    assert_int_equal(file_mode(t, "db-wal"), 0640);
    assert_int_equal(file_mode(t, "db-shm"), 0640);

    (void) umask(077);
    assert_int_equal(
        cr_db_open(&t->cx, cr_printf(&t->cx, "sqlite:%s/other", t->dir.z_path),
                   CR_DB_CREATE | CR_DB_ANY_SCHEMA, &db),
        CR_OK);
    assert_int_equal(file_mode(t, "other"), 0600);
    cr_db_close(db);
    (void) umask(old);
}


/* A child without privileges; its exit status is the error it got. */
static void
test_not_writable(void **state)
{
    int        status;
    pid_t      pid;
    cr_db_t   *db;
    cr_ctx_t   cx;
    test_db_t *t = *state;

    open_db(t);
    cr_db_close(t->db);
    t->db = NULL;

    assert_int_equal(chmod(t->z_path, 0444), 0);
    assert_int_equal(chmod(t->dir.z_path, 0777), 0);

    pid = fork();
    assert_true(pid >= 0);

    if (pid == 0) {
        if ((geteuid() == 0 && setuid(NOBODY) != 0)
            || cr_ctx_init(&cx, 0) != CR_OK) {
            _exit(255);
        }
        _exit((int) cr_db_open(&cx, t->url, 0, &db));
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), CR_ERR_DB);
}


/* --- links --- */

static cr_err_t
ask_sync(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    int64_t *ret_n = arg;

    (void) cx;
    *ret_n = ask(inner(c), "PRAGMA synchronous");

    return CR_OK;
}


static void
test_links_are_set_up(void **state)
{
    int64_t    n;
    test_db_t *t = *state;

    assert_int_equal(ask(inner(t->c), "PRAGMA foreign_keys"), 1);
    assert_int_equal(ask(inner(t->c), "PRAGMA wal_autocheckpoint"), 10000);
    assert_int_equal(ask(inner(t->c), "PRAGMA trusted_schema"), 0);
    assert_int_equal(ask(inner(t->c), "SELECT count(*) FROM pragma_journal_mode"
                                      " WHERE journal_mode = 'wal'"),
                     1);

    /* FULL is 2, NORMAL 1. */
    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_SYNC, ask_sync, &n),
                     CR_OK);
    assert_int_equal(n, 2);
    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, ask_sync, &n),
                     CR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_SYNC, ask_sync, &n),
                     CR_OK);
    assert_int_equal(n, 2);
}


static void
test_removed_file(void **state)
{
    void      *result;
    pthread_t  id;
    test_db_t *t = *state;

    assert_int_equal(cr_db_ping(&t->cx, t->db), CR_OK);
    assert_int_equal(unlink(t->z_path), 0);
    assert_int_equal(cr_db_ping(&t->cx, t->db), CR_ERR_DB_MISSING);

    /* Never acknowledge what goes into a file without a name. */
    assert_int_equal(put_one(t, "a", "b"), CR_ERR_DB_MISSING);

    /* Nor does a thread that comes later make a new one. */
    assert_int_equal(pthread_create(&id, NULL, write_in_thread, t), 0);
    assert_int_equal(pthread_join(id, &result), 0);
    assert_int_equal((uintptr_t) result, CR_ERR_DB_MISSING);
    assert_int_equal(file_size(t, "db"), -1);
}


/* Everything that this folder has of it gets another name. */
static void
move_away(test_db_t *t)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };

    char z_from[PATH_MAX + 8], z_to[PATH_MAX + 16];

    for (size_t i = 0; i < CR_NELTS(suffixes); i++) {
        (void) snprintf(z_from, sizeof(z_from), "%s%s", t->z_path, suffixes[i]);
        (void) snprintf(z_to, sizeof(z_to), "%s.old%s", t->z_path, suffixes[i]);
        assert_int_equal(rename(z_from, z_to), 0);
    }
}


/* Who reads the old one never writes into the new one, though the connection
 * that writes is made only then. */
static void
test_replaced_file(void **state)
{
    test_db_t *t = *state, now = *t;

    t->db->leaders = 2;
    move_away(t);
    open_db(&now);

    assert_int_equal(put_one(t, "a", "b"), CR_ERR_DB_MISSING);
    assert_int_equal(put_one(t, "a", "b"), CR_ERR_DB_MISSING);
    assert_false(has(&now, "a"));
    assert_int_equal(put_one(&now, "a", "b"), CR_OK);
    assert_false(has(t, "a"));

    cr_db_close(now.db);
}


static int
no_file(const char *z_path, int flags, int mode)
{
    (void) z_path;
    (void) flags;
    (void) mode;
    errno = ENOSPC;

    return -1;
}


/* No connection for all who write: the thread's own, and nothing is given up
 * for it, nor left of the error. */
static void
test_no_connection_for_writers(void **state)
{
    bool       held = false;
    off_t      ballast;
    test_db_t *t = *state;

    assert_int_equal(cr_db_ballast(&t->cx, t->db, &held), CR_OK);
    assert_true(held);
    ballast = file_size(t, "db.ballast");
    assert_true(ballast > 0);
    t->db->leaders = 2;

    io_hook("open", (sqlite3_syscall_ptr) no_file);
    assert_int_equal(put_one(t, "a", "b"), CR_OK);
    assert_null(t->db->writer);
    assert_int_equal(t->cx.err, CR_OK);
    assert_int_equal(t->c->cx.err, CR_OK);
    assert_int_equal(t->c->cx.detail.len, 0);
    assert_int_equal(file_size(t, "db.ballast"), ballast);
    io_stop();

    assert_int_equal(put_one(t, "c", "d"), CR_OK);
    assert_non_null(t->db->writer);
    assert_null(t->c->lent);
    assert_true(has(t, "a") && has(t, "c"));
}


/* A child may not use what its parent opened. */
static void
test_after_fork(void **state)
{
    int        status;
    pid_t      pid;
    test_db_t *t = *state;

    pid = fork();
    assert_true(pid >= 0);

    if (pid == 0) {
        if (put_one(t, "child", "x") != CR_ERR_INTERNAL) {
            _exit(1);
        }

        /* As in a thread that the child starts. */
        (void) pthread_setspecific(t->db->key, NULL);
        _exit(cr_db_conn(&t->cx, t->db, &t->c) == CR_ERR_INTERNAL ? 0 : 2);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(put_one(t, "parent", "x"), CR_OK);
    assert_false(has(t, "child"));
}


/* --- locks --- */

static void
test_naps(void **state)
{
    int              n;
    cr_sqlite_link_t link = { .wait_us = 5000, .random = 42 };

    (void) state;

    for (n = 0; cr_sqlite_busy(&link, n) != 0; n++) {
        assert_true(n < 1000);
    }

    assert_in_range(link.waited_us, 5000, 6000);
    assert_in_range(n, 5, 25);

    /* A new lock, a new time; and none on an event loop. */
    assert_int_equal(cr_sqlite_busy(&link, 0), 1);
    assert_in_range(link.waited_us, 200, 1000);
    link.wait_us = 0;
    assert_int_equal(cr_sqlite_busy(&link, 0), 0);
}


static void
test_waits_for_another_writer(void **state)
{
    bool       leading;
    void      *result;
    sqlite3   *other;
    test_db_t *t = *state;
    pthread_t  id;

    other = stranger(t);
    say(other, "BEGIN IMMEDIATE");

    assert_int_equal(pthread_create(&id, NULL, write_in_thread, t), 0);

    do {
        (void) sched_yield();
        (void) pthread_mutex_lock(&t->db->queue_mutex);
        leading = t->db->leading;
        (void) pthread_mutex_unlock(&t->db->queue_mutex);
    } while (!leading);

    say(other, "INSERT INTO setting VALUES ('other', 'x', 1)");
    assert_false(has(t, "waited"));
    say(other, "COMMIT");

    assert_int_equal(pthread_join(id, &result), 0);
    assert_null(result);
    assert_true(has(t, "waited"));
    assert_true(has(t, "other"));
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}


/* Who must not wait gets AGAIN: the same step may be tried in a thread. */
static void
test_locked_on_an_event_loop(void **state)
{
    sqlite3   *other;
    cr_str_t   s;
    cr_db_t   *db;
    test_db_t *t = *state;

    cr_db_close(t->db);
    t->db = NULL;

    other = stranger(t);
    say(other, "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT");

    t->cx.may_block = false;
    assert_int_equal(cr_db_open(&t->cx, t->url, 0, &db), CR_ERR_AGAIN);

    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_int_equal(cr_db_open(&t->cx, t->url, 0, &t->db), CR_OK);
    assert_int_equal(cr_db_conn(&t->cx, t->db, &t->c), CR_OK);
    assert_int_equal(get(&t->cx, t->c, "a", &s), CR_OK);
}


/* When the transaction cannot begin, its writers hear it, and no more. */
static void
test_begin_fails(void **state)
{
    sqlite3   *other;
    test_db_t *t = *state;

    other = stranger(t);
    say(other, "BEGIN IMMEDIATE");

    t->c->cx.may_block = false; /* so that it does not wait for it */
    assert_int_equal(put_one(t, "a", "b"), CR_ERR_AGAIN);
    assert_int_equal(t->cx.err, CR_ERR_AGAIN);
    t->c->cx.may_block = true;

    say(other, "COMMIT");
    assert_int_equal(put_one(t, "a", "b"), CR_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}


/* --- failures --- */

/*
 * The n-th call fails, for each n.  Whatever was acknowledged is there
 * afterwards; what failed said so; the same database then works again.  With
 * more leaders than one the connection that they share is made under way.
 */
static void
fail_nth(bool stays, int errnum, uint64_t leaders)
{
    int        i, failed, acked[4];
    long       n, calls;
    char       z_name[32];
    void      *state;
    cr_err_t   err;
    test_db_t *t;
    int64_t    pages;

    failed = 0;

    for (n = 1; n < FAIL_STEPS_MAX; n++) {
        (void) setup_empty(&state);
        t = state;
        open_db(t);
        t->db->leaders = leaders;

        io_start(n, stays, errnum);

        for (i = 0; i < 4; i++) {
            (void) snprintf(z_name, sizeof(z_name), "n%d", i);
            err = put_one(t, z_name, "value");
            acked[i] = (err == CR_OK);

            if (err != CR_OK) {
                assert_true(is_io_error(err));
                assert_int_equal(t->cx.err, err);
                failed++;
            }

            if (i == 1) {
                (void) cr_db_checkpoint(&t->cx, t->db, true, &pages);
            }
        }

        calls = io.calls;
        io_stop();

        assert_int_equal(put_one(t, "after", "value"), CR_OK);
        cr_db_close(t->db);
        open_db(t);

        assert_true(has(t, "after"));

        for (i = 0; i < 4; i++) {
            (void) snprintf(z_name, sizeof(z_name), "n%d", i);
            assert_int_equal(has(t, z_name), acked[i]);
        }

        assert_int_equal(ask(inner(t->c), "SELECT integrity_check = 'ok'"
                                          " FROM pragma_integrity_check"),
                         1);
        (void) teardown(&state);

        if (calls < n) {
            break;
        }
    }

    assert_true(n < FAIL_STEPS_MAX);
    assert_true(n > 5);
    assert_true(failed > 0);
}


static void
test_each_call_fails_once(void **state)
{
    (void) state;
    fail_nth(false, EIO, 1);
    fail_nth(false, EIO, 2);
}


static void
test_each_call_fails_from_then_on(void **state)
{
    (void) state;
    fail_nth(true, EIO, 1);
    fail_nth(true, EIO, 2);
}


static void
test_disk_full(void **state)
{
    test_db_t *t = *state;

    assert_int_equal(put_one(t, "before", "v"), CR_OK);

    io_start(1, true, ENOSPC);
    assert_int_equal(put_one(t, "full", "v"), CR_ERR_NO_SPACE);
    assert_int_equal(t->cx.err, CR_ERR_NO_SPACE);
    assert_true(has(t, "before"));
    io_stop();

    assert_false(has(t, "full"));
    assert_int_equal(put_one(t, "after", "v"), CR_OK);

    fail_nth(true, ENOSPC, 1);
    fail_nth(true, ENOSPC, 2);
}


static void
test_disk_full_inside_of_an_operation(void **state)
{
    test_db_t *t = *state;

    io_start(1, true, ENOSPC);
    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_SYNC, put_many, NULL),
                     CR_ERR_NO_SPACE);
    io_stop();

    assert_false(has(t, "many0"));
    assert_int_equal(put_one(t, "after", "v"), CR_OK);
    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_SYNC, put_many, NULL),
                     CR_OK);
    assert_true(has(t, "many1999"));
}


/*
 * The index of the log grows by a byte in each of its new pages, and when that
 * fails the library forgets why.
 */
static void
test_disk_full_in_the_index_of_the_log(void **state)
{
    char       letter;
    cr_err_t   err = CR_OK;
    test_db_t *t = *state;

    io.size = 1;
    io_start(1, true, ENOSPC);

    /* More pages than the first part of the index has entries for. */
    for (letter = 'a'; letter <= 'e' && err == CR_OK; letter++) {
        err = cr_db_write(&t->cx, t->db, CR_DB_SYNC, put_many, &letter);
    }

    assert_int_equal(err, CR_ERR_NO_SPACE);
    assert_true(io.calls > 0);
    io_stop();

    cr_clear(&t->cx);
    assert_int_equal(put_one(t, "after", "v"), CR_OK);
    assert_true(has(t, "after"));
}


/* --- kill --- */

typedef struct test_writer_s {
    cr_db_t  *db;
    int       round;
    int       number;
    int       fd;
    pthread_t id;
} test_writer_t;


/* Write for ever; say each name only after it was acknowledged. */
static void *
write_and_tell(void *arg)
{
    int            i;
    char           z_name[32];
    cr_ctx_t       cx;
    test_put_t     p = { z_name, "v" };
    test_writer_t *w = arg;

    if (cr_ctx_init(&cx, 0) != CR_OK) {
        _exit(1);
    }

    for (i = 0;; i++) {
        memset(z_name, 0, sizeof(z_name));
        (void) snprintf(z_name, sizeof(z_name), "k%d.%d.%d", w->round,
                        w->number, i);

        /* Whether synced or not: the machine goes on. */
        if (cr_db_write(&cx, w->db, i % 2 == 0 ? CR_DB_SYNC : CR_DB_NOSYNC, put,
                        &p)
                != CR_OK
            || write(w->fd, z_name, sizeof(z_name)) != sizeof(z_name))
        {
            _exit(1);
        }

        cr_ctx_reset(&cx);
    }
}


static void
write_until_killed(cr_str_t url, int round, int fd)
{
    int           i;
    cr_db_t      *db;
    cr_ctx_t      cx;
    test_writer_t w[KILL_THREADS];

    if (cr_ctx_init(&cx, 0) != CR_OK || cr_db_open(&cx, url, 0, &db) != CR_OK) {
        _exit(1);
    }

    for (i = 0; i < KILL_THREADS; i++) {
        w[i] = (test_writer_t){ db, round, i, fd, 0 };
        if (pthread_create(&w[i].id, NULL, write_and_tell, &w[i]) != 0) {
            _exit(1);
        }
    }

    (void) pthread_join(w[0].id, NULL);
    _exit(1);
}


static void
test_kill(void **state)
{
    int        round, status, n, total, out[2];
    char       z_names[KILL_AFTER + 4096][32];
    pid_t      pid;
    test_db_t *t = *state;

    cr_db_close(t->db);
    t->db = NULL;

    for (round = 0; round < KILL_ROUNDS; round++) {
        assert_int_equal(pipe(out), 0);
        pid = fork();
        assert_true(pid >= 0);

        if (pid == 0) {
            (void) close(out[0]);
            write_until_killed(t->url, round, out[1]);
        }

        (void) close(out[1]);
        total = 0;

        /* Another number of them each time; then all that is in the pipe. */
        while (total < (int) CR_NELTS(z_names)
               && (n = (int) read(out[0], z_names[total], 32)) == 32)
        {
            total++;
            if (total == KILL_AFTER / (round + 1)) {
                assert_int_equal(kill(pid, SIGKILL), 0);
            }
        }

        (void) close(out[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_true(total >= KILL_AFTER / (round + 1));

        open_db(t);
        for (n = 0; n < total; n++) {
            assert_true(has(t, z_names[n]));
        }
        assert_int_equal(ask(inner(t->c), "SELECT integrity_check = 'ok'"
                                          " FROM pragma_integrity_check"),
                         1);
        cr_db_close(t->db);
        t->db = NULL;
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_EMPTY(test_open_missing),
        TEST_EMPTY(test_open_something_else),
        TEST_EMPTY(test_open_with_a_nul),
        TEST_EMPTY(test_open_special_names),
        TEST_EMPTY(test_file_modes),
        TEST_EMPTY(test_not_writable),
        TEST(test_links_are_set_up),
        TEST(test_removed_file),
        TEST(test_replaced_file),
        TEST(test_no_connection_for_writers),
        TEST(test_after_fork),
        cmocka_unit_test(test_naps),
        TEST(test_waits_for_another_writer),
        TEST(test_locked_on_an_event_loop),
        TEST(test_begin_fails),
        cmocka_unit_test(test_each_call_fails_once),
        cmocka_unit_test(test_each_call_fails_from_then_on),
        TEST(test_disk_full),
        TEST(test_disk_full_inside_of_an_operation),
        TEST(test_disk_full_in_the_index_of_the_log),
        TEST(test_kill),
    };

    return cmocka_run_group_tests_name("db/sqlite", tests, NULL, NULL);
}
