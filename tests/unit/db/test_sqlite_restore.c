/*
 * db/sqlite_restore.c: a backup takes the place of a database that nobody has
 * open, at once and as a whole; a restore that is killed at any of its steps:
 * tests/unit/jobrunner/jobs/test_backup.c.
 */

#include "sqlite_fixture.h"

#include <sys/wait.h>

typedef struct prepare_s {
    int      calls;
    cr_err_t err; /* what it returns */
} prepare_t;


/* The copy is open, and what is written to it comes along. */
static cr_err_t
prepare(cr_ctx_t *cx, cr_db_t *copy, void *arg)
{
    prepare_t *p = arg;
    test_put_t mark = { "prepared", "yes" };

    p->calls++;
    CR_TRY(cr_db_write(cx, copy, CR_DB_SYNC, put, &mark));

    return p->err == CR_OK ? CR_OK : cr_fail(cx, p->err, "not like this");
}


/* All restores are in one second. */
static int64_t
one_moment(void)
{
    return INT64_C(1767225600000000);
}


/* A backup with "old" in it, beside a database that has "new" as well. */
static const char *
with_backup(test_db_t *t)
{
    static char z_file[PATH_MAX];

    (void) test_dir_path(&t->dir, "copy", z_file);
    assert_int_equal(put_one(t, "old", "1"), CR_OK);
    assert_int_equal(cr_db_backup(&t->cx, t->db, z_file), CR_OK);
    assert_int_equal(put_one(t, "new", "1"), CR_OK);
    return z_file;
}


static void
close_db(test_db_t *t)
{
    cr_db_close(t->db);
    t->db = NULL;
}


static void
test_restore(void **state)
{
    cr_str_t    replaced, again;
    sqlite3    *former;
    prepare_t   p = { 0, CR_OK };
    test_db_t  *t = *state;
    cr_sys_t    sys = *t->cx.sys;
    const char *z_file = with_backup(t);

    sys.now_us = one_moment;
    t->cx.sys = &sys;
    close_db(t);
    assert_int_equal(cr_db_restore(&t->cx, t->url, z_file, prepare, &p,
                                   &replaced),
                     CR_OK);
    assert_int_equal(p.calls, 1);
    open_db(t);
    assert_true(has(t, "old"));
    assert_true(has(t, "prepared"));
    assert_false(has(t, "new"));

    /* The former one is whole, under another name. */
    assert_non_null(strstr(replaced.data, "db.replaced-"));
    assert_int_equal(sqlite3_open(replaced.data, &former), SQLITE_OK);
    assert_int_equal(ask(former,
                         "SELECT count(*) FROM setting WHERE name = 'new'"),
                     1);
    assert_int_equal(sqlite3_close(former), SQLITE_OK);

    /* The backup is only read: it can be restored again, in the same second
     * too, and nothing of the work is left. */
    close_db(t);
    assert_int_equal(cr_db_restore(&t->cx, t->url, z_file, prepare, &p, &again),
                     CR_OK);
    assert_false(cr_str_eq(replaced, again));
    assert_int_equal(access(again.data, F_OK), 0);
    assert_int_equal(count_others(t), 3);
    t->cx.sys = &cr_sys_default;
}


/* Where there was none, nothing is replaced. */
static void
test_nothing_there(void **state)
{
    cr_str_t    replaced = CR_STR("as it was"), url;
    prepare_t   p = { 0, CR_OK };
    test_db_t  *t = *state;
    const char *z_file = with_backup(t);

    url = cr_printf(&t->cx, "sqlite:%s/fresh", t->dir.z_path);
    assert_int_equal(cr_db_restore(&t->cx, url, z_file, prepare, &p, &replaced),
                     CR_OK);
    assert_int_equal(replaced.len, 0);
    close_db(t);
    t->url = url;
    open_db(t);
    assert_true(has(t, "old"));
    assert_false(has(t, "new"));
}


/* Whoever has it open is not robbed of it, in this process or another. */
static void
test_in_use(void **state)
{
    int         status, ready[2], stop[2];
    char        byte;
    pid_t       pid;
    cr_str_t    replaced;
    cr_db_t    *db;
    cr_ctx_t    cx;
    prepare_t   p = { 0, CR_OK };
    test_db_t  *t = *state;
    const char *z_file = with_backup(t);

    assert_int_equal(cr_db_restore(&t->cx, t->url, z_file, prepare, &p,
                                   &replaced),
                     CR_ERR_CONFLICT);
    close_db(t);

    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(stop), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void) close(stop[1]);
        if (cr_ctx_init(&cx, 0) != CR_OK
            || cr_db_open(&cx, t->url, 0, &db) != CR_OK
            || write(ready[1], "x", 1) != 1 || read(stop[0], &byte, 1) != 0)
        {
            _exit(1);
        }
        cr_db_close(db);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(cr_db_restore(&t->cx, t->url, z_file, prepare, &p,
                                   &replaced),
                     CR_ERR_CONFLICT);
    assert_non_null(memmem(t->cx.message.data, t->cx.message.len,
                           "in use, by process", 18));
    (void) close(stop[0]);
    (void) close(stop[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    (void) close(ready[0]);
    (void) close(ready[1]);
    assert_int_equal(p.calls, 0);
    assert_int_equal(count_others(t), 1);

    assert_int_equal(cr_db_restore(&t->cx, t->url, z_file, prepare, &p,
                                   &replaced),
                     CR_OK);
}


/* A failure before the end leaves everything as it was. */
static void
test_refused(void **state)
{
    char        z_bad[PATH_MAX], noise[8192];
    cr_str_t    replaced;
    prepare_t   p = { 0, CR_ERR_UNSUPPORTED };
    test_db_t  *t = *state;
    const char *z_file = with_backup(t);

    close_db(t);
    (void) test_dir_path(&t->dir, "bad", z_bad);
    assert_int_equal(cr_db_restore(&t->cx, t->url, z_bad, prepare, &p,
                                   &replaced),
                     CR_ERR_NOT_FOUND);
    memset(noise, 'x', sizeof(noise));
    write_file(z_bad, noise, sizeof(noise), 0);
    assert_int_equal(cr_db_restore(&t->cx, t->url, z_bad, prepare, &p,
                                   &replaced),
                     CR_ERR_CORRUPT);
    assert_int_equal(p.calls, 0);
    assert_int_equal(cr_db_restore(&t->cx, t->url, z_file, prepare, &p,
                                   &replaced),
                     CR_ERR_UNSUPPORTED);
    assert_int_equal(p.calls, 1);
    assert_int_equal(count_others(t), 2);

    assert_int_equal(cr_db_restore(&t->cx, CR_STR("sqlite:"), z_file, prepare,
                                   &p, &replaced),
                     CR_ERR_CONFIG);
    assert_int_equal(cr_db_restore(&t->cx, CR_STR("sqlite:/nonexistent/a/b"),
                                   z_file, prepare, &p, &replaced),
                     CR_ERR_CONFIG);
    assert_int_equal(cr_db_restore(&t->cx, CR_STR("sqlite:/tmp/a\0b"), z_file,
                                   prepare, &p, &replaced),
                     CR_ERR_CONFIG);
    open_db(t);
    assert_true(has(t, "new"));
    assert_false(has(t, "prepared"));
}


/* One that cannot be opened any more is what a restore is for. */
static void
test_in_place_of_a_damaged_one(void **state)
{
    char        noise[8192];
    cr_str_t    replaced;
    prepare_t   p = { 0, CR_OK };
    test_db_t  *t = *state;
    const char *z_file = with_backup(t);

    close_db(t);
    memset(noise, 'x', sizeof(noise));
    write_file(t->z_path, noise, sizeof(noise), 0);
    assert_int_equal(cr_db_restore(&t->cx, t->url, z_file, prepare, &p,
                                   &replaced),
                     CR_OK);
    assert_int_equal(access(replaced.data, F_OK), 0);
    open_db(t);
    assert_true(has(t, "old"));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_restore),
        TEST(test_nothing_there),
        TEST(test_in_use),
        TEST(test_refused),
        TEST(test_in_place_of_a_damaged_one),
    };

    return cmocka_run_group_tests_name("db/sqlite_restore", tests, NULL, NULL);
}
