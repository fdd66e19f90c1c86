/*
 * The SQLite engine: files and their modes, what it refuses to open, locks
 * of other processes, failing system calls, kill -9, checkpoint, backup.
 *
 * Sections: setup, open, links, locks, failures, kill, checkpoint, backup.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <sqlite3.h>
#include "db/conn.h"
#include "db/sqlite.h"
#include "tempdir.h"

#define NOBODY          65534
#define KILL_ROUNDS     5
#define KILL_AFTER      200
#define KILL_THREADS    4
#define FAIL_STEPS_MAX  500
#define BACKUP_ROUNDS   10
#define CACHE_ROW_BYTES 3000

typedef struct test_db_s {
    test_dir_t dir;
    char       z_path[PATH_MAX];
    cr_ctx_t   cx;
    cr_str_t   url;
    cr_db_t   *db;
    cr_conn_t *c;
} test_db_t;

typedef struct test_put_s {
    const char *z_name;
    const char *z_value;
} test_put_t;


/* --- setup --- */

static int
setup_empty(void **state)
{
    test_db_t *t;

    t = calloc(1, sizeof(test_db_t));
    assert_non_null(t);
    test_dir_make(&t->dir);
    (void) test_dir_path(&t->dir, "db", t->z_path);
    assert_int_equal(cr_ctx_init(&t->cx, 0), CR_OK);
    t->url = cr_printf(&t->cx, "sqlite:%s", t->z_path);

    *state = t;

    return 0;
}


static void
open_db(test_db_t *t)
{
    int applied;

    assert_int_equal(cr_db_open(&t->cx, t->url, CR_DB_CREATE | CR_DB_ANY_SCHEMA,
                                &t->db),
                     CR_OK);
    assert_int_equal(cr_db_migrate(&t->cx, t->db, &applied), CR_OK);
    assert_int_equal(cr_db_conn(&t->cx, t->db, &t->c), CR_OK);
}


static int
setup(void **state)
{
    (void) setup_empty(state);
    open_db(*state);

    return 0;
}


static int
teardown(void **state)
{
    test_db_t *t = *state;

    cr_db_close(t->db);
    cr_ctx_done(&t->cx);
    test_dir_remove(&t->dir);
    free(t);

    return 0;
}


static cr_err_t
put(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const test_put_t *p = arg;

    cr_val_t vals[] = { CR_V_TEXT(cr_str_z(p->z_name)),
                        CR_V_TEXT(cr_str_z(p->z_value)), CR_V_INT(1) };

    return cr_db_run(cx, c, CR_SQL_SETTING_PUT, vals, 3);
}


static cr_err_t
put_one(test_db_t *t, const char *z_name, const char *z_value)
{
    test_put_t p = { z_name, z_value };

    return cr_db_write(&t->cx, t->db, CR_DB_SYNC, put, &p);
}


static cr_err_t
get(cr_ctx_t *cx, cr_conn_t *c, const char *z_name, cr_str_t *ret_s)
{
    bool       row;
    cr_stmt_t *st;
    cr_val_t   vals[] = { CR_V_TEXT(cr_str_z(z_name)) };

    row = false;
    CR_TRY(cr_db_query(cx, c, CR_SQL_SETTING_GET, vals, 1, &st));
    CR_TRY(cr_stmt_next(cx, st, &row));
    *ret_s = row ? cr_stmt_text(cx, st, 0) : CR_STR_NULL;
    cr_stmt_done(st);

    return CR_OK;
}


static bool
has(test_db_t *t, const char *z_name)
{
    cr_str_t s;

    assert_int_equal(get(&t->cx, t->c, z_name, &s), CR_OK);

    return s.data != NULL;
}


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


/* A link of somebody else, past all of our layers. */
static sqlite3 *
stranger(test_db_t *t)
{
    sqlite3 *other;

    assert_int_equal(sqlite3_open(t->z_path, &other), SQLITE_OK);

    return other;
}


static void
say(sqlite3 *other, const char *z_text)
{
    char *z_error = NULL;

    if (sqlite3_exec(other, z_text, NULL, NULL, &z_error) != SQLITE_OK) {
        fail_msg("%s: %s", z_text, z_error);
    }
}


static int64_t
ask(sqlite3 *other, const char *z_text)
{
    int64_t       n;
    sqlite3_stmt *st;

    assert_int_equal(sqlite3_prepare_v2(other, z_text, -1, &st, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    n = sqlite3_column_int64(st, 0);
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);

    return n;
}


static off_t
file_size(test_db_t *t, const char *z_name)
{
    char        z_path[PATH_MAX];
    struct stat st;

    return stat(test_dir_path(&t->dir, z_name, z_path), &st) == 0 ? st.st_size
                                                                  : -1;
}


static int
file_mode(test_db_t *t, const char *z_name)
{
    char        z_path[PATH_MAX];
    struct stat st;

    assert_int_equal(stat(test_dir_path(&t->dir, z_name, z_path), &st), 0);

    return (int) (st.st_mode & 07777);
}


static void
write_file(const char *z_path, const char *data, size_t size, off_t offset)
{
    int fd;

    fd = open(z_path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, size, offset), size);
    assert_int_equal(close(fd), 0);
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


static void
test_file_systems(void **state)
{
    test_db_t *t = *state;

    assert_string_equal(cr_sqlite_place_refused(0x6969), "NFS");
    assert_string_equal(cr_sqlite_place_refused(0xff534d42), "CIFS");
    assert_string_equal(cr_sqlite_place_refused(0xfe534d42), "SMB2");
    assert_string_equal(cr_sqlite_place_refused(0x00c36400), "CephFS");
    assert_string_equal(cr_sqlite_place_refused(0x65735546), "FUSE");
    assert_null(cr_sqlite_place_refused(0xef53));     /* ext4 */
    assert_null(cr_sqlite_place_refused(0x58465342)); /* XFS */
    assert_null(cr_sqlite_place_refused(0x01021994)); /* tmpfs */
    assert_null(cr_sqlite_place_refused(0x794c7630)); /* overlay */

    assert_int_equal(cr_sqlite_place_check(&t->cx, t->z_path), CR_OK);
    assert_int_equal(cr_sqlite_place_check(&t->cx, "name"), CR_OK);
    assert_int_equal(cr_sqlite_place_check(&t->cx, "/name"), CR_OK);
}


/* --- links --- */

static sqlite3 *
inner(cr_conn_t *c)
{
    return ((cr_sqlite_link_t *) c->link)->db;
}


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
 * System calls of the library that fail from the n-th on, or once.  Writable
 * state of this test program; only one thread is there when it changes.
 */
static struct {
    long calls;
    long fail_at; /* 0: never */
    bool stays;
    bool opens; /* it was open(2) that failed */
    int  errnum;

    const char *z_while; /* only while this file is there; NULL: always */
    size_t      size;    /* only a write of so many bytes; 0: of any */
} io;


static bool
io_fails(void)
{
    io.calls++;

    if (io.z_while != NULL && access(io.z_while, F_OK) != 0) {
        return false;
    }

    if (io.fail_at == 0 || io.calls < io.fail_at
        || (io.calls > io.fail_at && !io.stays))
    {
        return false;
    }

    errno = io.errnum;

    return true;
}


static ssize_t
io_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    if (io.size != 0 && size != io.size) {
        return pwrite(fd, data, size, offset);
    }

    return io_fails() ? -1 : pwrite(fd, data, size, offset);
}


static int
io_ftruncate(int fd, off_t size)
{
    return io_fails() ? -1 : ftruncate(fd, size);
}


static ssize_t
io_pread(int fd, void *data, size_t size, off_t offset)
{
    return io_fails() ? -1 : pread(fd, data, size, offset);
}


static int
io_open(const char *z_path, int flags, int mode)
{
    if (io.errnum == ENOSPC && !(flags & O_CREAT)) {
        return open(z_path, flags, mode);
    }

    if (io_fails()) {
        io.opens = true;
        return -1;
    }

    return open(z_path, flags, mode);
}


static void
io_hook(const char *z_name, sqlite3_syscall_ptr fn)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    assert_int_equal(vfs->xSetSystemCall(vfs, z_name, fn), SQLITE_OK);
}


static void
io_start(long fail_at, bool stays, int errnum)
{
    io.calls = 0;
    io.fail_at = fail_at;
    io.stays = stays;
    io.opens = false;
    io.errnum = errnum;

    io_hook("pwrite", (sqlite3_syscall_ptr) io_pwrite);
    io_hook("pwrite64", (sqlite3_syscall_ptr) io_pwrite);

    /* Who only reads never meets a full disk (see io_open, too). */
    if (errnum != ENOSPC) {
        io_hook("pread", (sqlite3_syscall_ptr) io_pread);
        io_hook("pread64", (sqlite3_syscall_ptr) io_pread);
    }

    io_hook("ftruncate", (sqlite3_syscall_ptr) io_ftruncate);
    io_hook("open", (sqlite3_syscall_ptr) io_open);
}


static void
io_stop(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    (void) vfs->xSetSystemCall(vfs, NULL, NULL);
    io.fail_at = 0;
    io.z_while = NULL;
    io.size = 0;
}


static bool
is_io_error(cr_err_t err)
{
    /* After open(2) the library tries another way, and loses the errno. */
    if (io.errnum == ENOSPC && !io.opens) {
        return err == CR_ERR_NO_SPACE;
    }

    return err == CR_ERR_IO || err == CR_ERR_NO_SPACE || err == CR_ERR_CORRUPT
           || err == CR_ERR_DB || err == CR_ERR_NO_MEMORY || err == CR_ERR_BUSY;
}


/*
 * The n-th call fails, for each n.  Whatever was acknowledged is there
 * afterwards; what failed said so; the same database then works again.
 */
static void
fail_nth(bool stays, int errnum)
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
    fail_nth(false, EIO);
}


static void
test_each_call_fails_from_then_on(void **state)
{
    (void) state;
    fail_nth(true, EIO);
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

    fail_nth(true, ENOSPC);
}


/* A cache that overflows writes before the commit: fails inside of it.  The
 * argument, if there is one, is the character that all values are made of. */
static cr_err_t
put_many(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    int         i;
    char        z_value[CACHE_ROW_BYTES];
    char        z_name[32];
    const char *letter = arg;
    test_put_t  p = { z_name, z_value };

    memset(z_value, letter != NULL ? *letter : 'x', sizeof(z_value) - 1);
    z_value[sizeof(z_value) - 1] = '\0';

    for (i = 0; i < 2000; i++) {
        (void) snprintf(z_name, sizeof(z_name), "many%d", i);
        CR_TRY(put(cx, c, &p));
    }

    return CR_OK;
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


/* The reserve beside the database: real blocks, made once. */
static void
test_ballast(void **state)
{
    bool        held;
    char        z_path[PATH_MAX + 16];
    test_db_t  *t = *state;
    struct stat first, st;

    (void) snprintf(z_path, sizeof(z_path), "%s.ballast", t->z_path);

    t->cx.may_block = false;
    assert_int_equal(cr_db_ballast(&t->cx, t->db, &held), CR_ERR_AGAIN);
    t->cx.may_block = true;

    assert_int_equal(cr_db_ballast(&t->cx, t->db, &held), CR_OK);
    assert_true(held);
    assert_int_equal(stat(z_path, &first), 0);
    assert_true(first.st_size >= 256 * 1024);
    assert_true(first.st_blocks * 512 >= first.st_size);

    assert_int_equal(cr_db_ballast(&t->cx, t->db, &held), CR_OK);
    assert_true(held);
    assert_int_equal(stat(z_path, &st), 0);
    assert_int_equal(st.st_ino, first.st_ino);

    /* cut off by a crash; a link that somebody planted */
    assert_int_equal(truncate(z_path, 10), 0);
    assert_int_equal(cr_db_ballast(&t->cx, t->db, &held), CR_OK);
    assert_int_equal(stat(z_path, &st), 0);
    assert_int_equal(st.st_size, first.st_size);
    assert_int_equal(unlink(z_path), 0);
    assert_int_equal(symlink(t->z_path, z_path), 0);
    assert_int_equal(cr_db_ballast(&t->cx, t->db, &held), CR_OK);
    assert_int_equal(lstat(z_path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(st.st_size, first.st_size);
    assert_int_equal(put_one(t, "well", "v"), CR_OK);
}


/* Each write that finds the disk full has the room of the reserve. */
static void
test_ballast_is_given_up(void **state)
{
    int        n;
    bool       held;
    char       z_path[PATH_MAX + 16];
    test_db_t *t = *state;

    (void) snprintf(z_path, sizeof(z_path), "%s.ballast", t->z_path);

    for (n = 1; n <= 6; n++) {
        assert_int_equal(cr_db_ballast(&t->cx, t->db, &held), CR_OK);
        assert_true(held);

        io_start(n, true, ENOSPC);
        io.z_while = z_path;
        assert_int_equal(put_one(t, n % 2 ? "odd" : "even", "v"), CR_OK);
        assert_true(n > 2 || access(z_path, F_OK) != 0);
        io_stop();
        assert_true(has(t, n % 2 ? "odd" : "even"));
    }

    /* one that runs inside of the transaction, and twice */
    io_start(1, true, ENOSPC);
    io.z_while = z_path;
    assert_int_equal(cr_db_ballast(&t->cx, t->db, &held), CR_OK);
    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_SYNC, put_many, NULL),
                     CR_OK);
    io_stop();
    assert_true(has(t, "many1999"));
}


static cr_err_t
put_spare(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    *(int *) arg += 1;

    return put_many(cx, c, NULL);
}


/* What can be done without leaves it to deletions. */
static void
test_ballast_is_kept(void **state)
{
    int        runs = 0;
    bool       held;
    char       z_path[PATH_MAX + 16];
    test_db_t *t = *state;

    (void) snprintf(z_path, sizeof(z_path), "%s.ballast", t->z_path);
    assert_int_equal(cr_db_ballast(&t->cx, t->db, &held), CR_OK);
    assert_true(held);

    io_start(1, true, ENOSPC);
    io.z_while = z_path;
    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_SPARE, put_spare, &runs),
                     CR_ERR_NO_SPACE);
    assert_int_equal(runs, 1);
    assert_int_equal(access(z_path, F_OK), 0);
    assert_int_equal(put_one(t, "deletion", "v"), CR_OK);
    assert_int_equal(access(z_path, F_OK), -1);
    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_SPARE, put_spare, &runs),
                     CR_OK);
    io_stop();
    assert_true(has(t, "deletion"));
    assert_true(has(t, "many1999"));
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


/* --- checkpoint --- */

static void
test_checkpoint(void **state)
{
    int64_t    pages;
    sqlite3   *other;
    test_db_t *t = *state;

    assert_int_equal(put_one(t, "a", "b"), CR_OK);
    assert_true(file_size(t, "db-wal") > 0);

    assert_int_equal(cr_db_checkpoint(&t->cx, t->db, false, &pages), CR_OK);
    assert_true(pages > 0);
    assert_true(file_size(t, "db-wal") > 0);

    assert_int_equal(cr_db_checkpoint(&t->cx, t->db, true, &pages), CR_OK);
    assert_int_equal(pages, 0);
    assert_int_equal(file_size(t, "db-wal"), 0);

    /* A reader in the way is no error; the log stays. */
    other = stranger(t);
    say(other, "BEGIN");
    assert_int_equal(ask(other, "SELECT count(*) FROM setting"), 1);
    assert_int_equal(put_one(t, "c", "d"), CR_OK);
    assert_int_equal(cr_db_checkpoint(&t->cx, t->db, true, &pages), CR_OK);
    assert_true(pages > 0);
    assert_true(file_size(t, "db-wal") > 0);
    say(other, "COMMIT");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);

    assert_int_equal(cr_db_checkpoint(&t->cx, t->db, true, &pages), CR_OK);
    assert_int_equal(file_size(t, "db-wal"), 0);
    assert_true(has(t, "a"));
    assert_true(has(t, "c"));
}


/* --- backup --- */

/* Two rows that always hold the same. */
static cr_err_t
put_pair(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    test_put_t left = { "left", arg };
    test_put_t right = { "right", arg };

    CR_TRY(put(cx, c, &left));

    return put(cx, c, &right);
}


typedef struct test_pairs_s {
    test_db_t      *t;
    pthread_mutex_t mutex;
    bool            stop;
    int             failures;
} test_pairs_t;


static void *
write_pairs(void *arg)
{
    int           i;
    bool          stop;
    char          z_value[32];
    cr_ctx_t      cx;
    test_pairs_t *p = arg;

    if (cr_ctx_init(&cx, 0) != CR_OK) {
        p->failures++;
        return NULL;
    }

    stop = false;

    for (i = 0; !stop; i++) {
        (void) snprintf(z_value, sizeof(z_value), "%d", i);

        if (cr_db_write(&cx, p->t->db, CR_DB_NOSYNC, put_pair, z_value)
            != CR_OK) {
            p->failures++;
        }

        cr_ctx_reset(&cx);
        (void) pthread_mutex_lock(&p->mutex);
        stop = p->stop;
        (void) pthread_mutex_unlock(&p->mutex);
    }

    cr_ctx_done(&cx);

    return NULL;
}


static void
test_backup_beside_a_writer(void **state)
{
    int          i;
    char         z_name[32], z_path[PATH_MAX];
    sqlite3     *copy;
    pthread_t    id;
    test_db_t   *t = *state;
    test_pairs_t pairs = { .t = t, .mutex = PTHREAD_MUTEX_INITIALIZER };

    /* So big that the copy takes a while. */
    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, put_many, NULL),
                     CR_OK);
    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, put_pair,
                                 "first"),
                     CR_OK);
    assert_int_equal(pthread_create(&id, NULL, write_pairs, &pairs), 0);

    for (i = 0; i < BACKUP_ROUNDS; i++) {
        (void) snprintf(z_name, sizeof(z_name), "copy%d", i);
        (void) test_dir_path(&t->dir, z_name, z_path);

        assert_int_equal(cr_db_backup(&t->cx, t->db, z_path), CR_OK);
        assert_int_equal(file_mode(t, z_name) & ~0640, 0);

        assert_int_equal(sqlite3_open_v2(z_path, &copy, SQLITE_OPEN_READONLY,
                                         NULL),
                         SQLITE_OK);
        assert_int_equal(ask(copy, "SELECT count(DISTINCT value) FROM setting"
                                   " WHERE name IN ('left', 'right')"),
                         1);
        assert_int_equal(ask(copy, "SELECT count(*) FROM setting"), 2002);
        assert_int_equal(sqlite3_close(copy), SQLITE_OK);
    }

    (void) pthread_mutex_lock(&pairs.mutex);
    pairs.stop = true;
    (void) pthread_mutex_unlock(&pairs.mutex);
    assert_int_equal(pthread_join(id, NULL), 0);
    assert_int_equal(pairs.failures, 0);
}


/* How many files the folder has, the database's own not counted. */
static int
count_others(test_db_t *t)
{
    int            n;
    DIR           *dir;
    struct dirent *entry;

    dir = opendir(t->dir.z_path);
    assert_non_null(dir);
    n = 0;

    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "db") != 0
            && strcmp(entry->d_name, "db-wal") != 0
            && strcmp(entry->d_name, "db-shm") != 0)
        {
            n++;
        }
    }

    (void) closedir(dir);

    return n;
}


static void
test_backup_refuses(void **state)
{
    char       z_path[PATH_MAX];
    test_db_t *t = *state;

    /* What is there is not overwritten, be it a link to nowhere. */
    (void) test_dir_path(&t->dir, "copy", z_path);
    assert_int_equal(cr_db_backup(&t->cx, t->db, z_path), CR_OK);
    assert_int_equal(cr_db_backup(&t->cx, t->db, z_path), CR_ERR_EXISTS);
    assert_int_equal(cr_db_backup(&t->cx, t->db, t->z_path), CR_ERR_EXISTS);
    assert_int_equal(cr_db_backup(&t->cx, t->db, t->dir.z_path), CR_ERR_EXISTS);
    assert_int_equal(unlink(z_path), 0);
    assert_int_equal(symlink("/nonexistent/x", z_path), 0);
    assert_int_equal(cr_db_backup(&t->cx, t->db, z_path), CR_ERR_EXISTS);
    assert_int_equal(count_others(t), 1);

    assert_int_equal(cr_db_backup(&t->cx, t->db, "/nonexistent/folder/copy"),
                     CR_ERR_IO);
}


/* Each call fails: either a whole copy under its name, or nothing. */
static void
fail_backups(test_db_t *t, bool stays)
{
    int      failed;
    char     z_path[PATH_MAX];
    long     n, calls;
    cr_err_t err;
    sqlite3 *copy;

    (void) test_dir_path(&t->dir, "copy", z_path);
    failed = 0;

    for (n = 1; n < FAIL_STEPS_MAX; n++) {
        io_start(n, stays, ENOSPC);
        err = cr_db_backup(&t->cx, t->db, z_path);
        calls = io.calls;
        io_stop();

        if (err == CR_OK) {
            assert_int_equal(count_others(t), 1);
            assert_int_equal(sqlite3_open_v2(z_path, &copy,
                                             SQLITE_OPEN_READONLY, NULL),
                             SQLITE_OK);
            assert_int_equal(ask(copy, "SELECT count(*) FROM setting"), 1);
            assert_int_equal(sqlite3_close(copy), SQLITE_OK);
            assert_int_equal(unlink(z_path), 0);

        } else {
            assert_true(is_io_error(err));
            assert_int_equal(count_others(t), 0);
            failed++;
        }

        if (calls < n) {
            break;
        }
    }

    assert_true(n < FAIL_STEPS_MAX);
    assert_true(failed > 5);
}


static void
test_backup_that_fails(void **state)
{
    test_db_t *t = *state;

    assert_int_equal(put_one(t, "a", "b"), CR_OK);
    fail_backups(t, true);
    fail_backups(t, false);
    assert_int_equal(put_one(t, "after", "b"), CR_OK);
}


static void
test_backup_of_a_damaged_database(void **state)
{
    char       z_path[PATH_MAX], noise[4096];
    int64_t    page;
    test_db_t *t = *state;

    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_SYNC, put_many, NULL),
                     CR_OK);
    page = ask(inner(t->c),
               "SELECT rootpage FROM sqlite_schema WHERE name = 'setting'");
    cr_db_close(t->db);
    t->db = NULL;

    memset(noise, 0x5a, sizeof(noise));
    write_file(t->z_path, noise, sizeof(noise), (page - 1) * 4096);

    assert_int_equal(cr_db_open(&t->cx, t->url, 0, &t->db), CR_OK);
    (void) test_dir_path(&t->dir, "copy", z_path);
    assert_int_equal(cr_db_backup(&t->cx, t->db, z_path), CR_ERR_CORRUPT);
    assert_int_equal(count_others(t), 0);

    /* And a statement that meets the damage says so. */
    assert_int_equal(put_one(t, "a", "b"), CR_ERR_CORRUPT);
}


#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_EMPTY(name)                                                       \
    cmocka_unit_test_setup_teardown(name, setup_empty, teardown)

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
        TEST_EMPTY(test_file_systems),
        TEST(test_links_are_set_up),
        TEST(test_removed_file),
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
        TEST(test_ballast),
        TEST(test_ballast_is_given_up),
        TEST(test_ballast_is_kept),
        TEST(test_kill),
        TEST(test_checkpoint),
        TEST(test_backup_beside_a_writer),
        TEST(test_backup_refuses),
        TEST(test_backup_that_fails),
        TEST(test_backup_of_a_damaged_database),
    };

    return cmocka_run_group_tests_name("db/sqlite", tests, NULL, NULL);
}
