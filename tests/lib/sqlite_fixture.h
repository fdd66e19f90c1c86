/*
 * A database of the SQLite engine in a folder of its own, what strangers see
 * of it, and system calls of the library that fail.
 */

#ifndef TEST_SQLITE_FIXTURE_H
#define TEST_SQLITE_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sqlite3.h>
#include "db/conn.h"
#include "db/sqlite.h"
#include "tempdir.h"

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


static inline int
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


static inline void
open_db(test_db_t *t)
{
    int applied;

    assert_int_equal(cr_db_open(&t->cx, t->url, CR_DB_CREATE | CR_DB_ANY_SCHEMA,
                                &t->db),
                     CR_OK);
    assert_int_equal(cr_db_migrate(&t->cx, t->db, &applied), CR_OK);
    assert_int_equal(cr_db_conn(&t->cx, t->db, &t->c), CR_OK);
}


static inline int
setup(void **state)
{
    (void) setup_empty(state);
    open_db(*state);

    return 0;
}


static inline int
teardown(void **state)
{
    test_db_t *t = *state;

    cr_db_close(t->db);
    cr_ctx_done(&t->cx);
    test_dir_remove(&t->dir);
    free(t);

    return 0;
}


static inline cr_err_t
put(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const test_put_t *p = arg;

    cr_val_t vals[] = { CR_V_TEXT(cr_str_z(p->z_name)),
                        CR_V_TEXT(cr_str_z(p->z_value)), CR_V_INT(1) };

    return cr_db_run(cx, c, CR_SQL_SETTING_PUT, vals, 3);
}


static inline cr_err_t
put_one(test_db_t *t, const char *z_name, const char *z_value)
{
    test_put_t p = { z_name, z_value };

    return cr_db_write(&t->cx, t->db, CR_DB_SYNC, put, &p);
}


static inline cr_err_t
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


static inline bool
has(test_db_t *t, const char *z_name)
{
    cr_str_t s = CR_STR_NULL;

    assert_int_equal(get(&t->cx, t->c, z_name, &s), CR_OK);

    return s.data != NULL;
}


/* A link of somebody else, past all of our layers. */
static inline sqlite3 *
stranger(test_db_t *t)
{
    sqlite3 *other;

    assert_int_equal(sqlite3_open(t->z_path, &other), SQLITE_OK);

    return other;
}


static inline void
say(sqlite3 *other, const char *z_text)
{
    char *z_error = NULL;

    if (sqlite3_exec(other, z_text, NULL, NULL, &z_error) != SQLITE_OK) {
        fail_msg("%s: %s", z_text, z_error);
    }
}


static inline int64_t
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


static inline off_t
file_size(test_db_t *t, const char *z_name)
{
    char        z_path[PATH_MAX];
    struct stat st;

    return stat(test_dir_path(&t->dir, z_name, z_path), &st) == 0 ? st.st_size
                                                                  : -1;
}


static inline int
file_mode(test_db_t *t, const char *z_name)
{
    char        z_path[PATH_MAX];
    struct stat st;

    assert_int_equal(stat(test_dir_path(&t->dir, z_name, z_path), &st), 0);

    return (int) (st.st_mode & 07777);
}


static inline void
write_file(const char *z_path, const char *data, size_t size, off_t offset)
{
    int fd;

    fd = open(z_path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, size, offset), size);
    assert_int_equal(close(fd), 0);
}


static inline sqlite3 *
inner(cr_conn_t *c)
{
    return ((cr_sqlite_link_t *) c->link)->db;
}


/* --- failures ----------------------------------------------------------- */

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


static inline bool
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


static inline ssize_t
io_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    if (io.size != 0 && size != io.size) {
        return pwrite(fd, data, size, offset);
    }

    return io_fails() ? -1 : pwrite(fd, data, size, offset);
}


static inline int
io_ftruncate(int fd, off_t size)
{
    return io_fails() ? -1 : ftruncate(fd, size);
}


static inline ssize_t
io_pread(int fd, void *data, size_t size, off_t offset)
{
    return io_fails() ? -1 : pread(fd, data, size, offset);
}


static inline int
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


static inline void
io_hook(const char *z_name, sqlite3_syscall_ptr fn)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    assert_int_equal(vfs->xSetSystemCall(vfs, z_name, fn), SQLITE_OK);
}


static inline void
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


static inline void
io_stop(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    (void) vfs->xSetSystemCall(vfs, NULL, NULL);
    io.fail_at = 0;
    io.z_while = NULL;
    io.size = 0;
}


static inline bool
is_io_error(cr_err_t err)
{
    /* After open(2) the library tries another way, and loses the errno. */
    if (io.errnum == ENOSPC && !io.opens) {
        return err == CR_ERR_NO_SPACE;
    }

    return err == CR_ERR_IO || err == CR_ERR_NO_SPACE || err == CR_ERR_CORRUPT
           || err == CR_ERR_DB || err == CR_ERR_NO_MEMORY || err == CR_ERR_BUSY;
}


/* A cache that overflows writes before the commit: fails inside of it.  The
 * argument, if there is one, is the character that all values are made of. */
static inline cr_err_t
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


/* How many files the folder has, the database's own not counted. */
static inline int
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


#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_EMPTY(name)                                                       \
    cmocka_unit_test_setup_teardown(name, setup_empty, teardown)

#endif
