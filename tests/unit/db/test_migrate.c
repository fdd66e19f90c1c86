/*
 * Migrations, with schemas of the tests' own: what is applied, what is backed
 * up, what is refused, and that a failure leaves the version it found.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "db/conn.h"
#include "tempdir.h"

#define PROCESSES 4

typedef struct test_db_s {
    test_dir_t dir;
    char       z_path[PATH_MAX];
    cr_ctx_t   cx;
    cr_str_t   url;
    cr_db_t   *db;
} test_db_t;

static const cr_sql_schema_t good[] = {
    { 1, "first", 1, "CREATE TABLE a (x INTEGER) STRICT;" },
    { 2, "second", 1,
      "CREATE TABLE b (x INTEGER) STRICT; INSERT INTO a VALUES (2);" },
    { 3, "third", 3, "ALTER TABLE a ADD COLUMN y TEXT;" },
};

/* Its second migration fails after it has done something. */
static const cr_sql_schema_t bad[] = {
    { 1, "first", 1, "CREATE TABLE a (x INTEGER) STRICT;" },
    { 2, "second", 1,
      "CREATE TABLE b (x INTEGER) STRICT; INSERT INTO nowhere VALUES (2);" },
};

static const cr_sql_schema_t gap[] = {
    { 1, "first", 1, "CREATE TABLE a (x INTEGER) STRICT;" },
    { 3, "third", 1, "CREATE TABLE c (x INTEGER) STRICT;" },
};


static int
setup(void **state)
{
    test_db_t *t;

    t = calloc(1, sizeof(test_db_t));
    assert_non_null(t);
    test_dir_make(&t->dir);
    (void) test_dir_path(&t->dir, "db", t->z_path);

    assert_int_equal(cr_ctx_init(&t->cx, 0), CR_OK);
    t->url = cr_printf(&t->cx, "sqlite:%s", t->z_path);
    assert_int_equal(cr_db_open(&t->cx, t->url, CR_DB_CREATE | CR_DB_ANY_SCHEMA,
                                &t->db),
                     CR_OK);

    *state = t;

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
run_script(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    return cr_db_script(cx, c, arg);
}


/* CR_OK when the text runs: how the tests ask whether a table is there. */
static cr_err_t
script(test_db_t *t, char *z_text)
{
    cr_err_t err;

    err = cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, run_script, z_text);
    cr_clear(&t->cx);

    return err;
}


static void
migrate(test_db_t *t, const cr_sql_schema_t *schemas, size_t n, cr_err_t err,
        int applied)
{
    int      got = -1;
    cr_err_t result;

    result = cr_db_migrate_with(&t->cx, t->db, schemas, n, &got);

    if (result != err) {
        fail_msg("%d, wanted %d: %.*s", (int) result, (int) err,
                 CR_STR_ARG(t->cx.detail));
    }

    assert_int_equal(got, err == CR_OK ? applied : -1);
    assert_true(err == CR_OK || t->cx.detail.len > 0);
}


static int64_t
version(test_db_t *t, cr_db_t *db)
{
    cr_db_schema_t s;

    assert_int_equal(cr_db_schema_get(&t->cx, db, 1, &s), CR_OK);

    return s.version;
}


static bool
exists(test_db_t *t, const char *z_suffix)
{
    struct stat st;
    cr_str_t    path = cr_printf(&t->cx, "%s%s", t->z_path, z_suffix);

    return stat(path.data, &st) == 0 && st.st_size > 0;
}


static void
test_new_database(void **state)
{
    cr_db_schema_t s;
    test_db_t     *t = *state;

    assert_int_equal(version(t, t->db), 0);

    migrate(t, good, 3, CR_OK, 3);

    assert_int_equal(cr_db_schema_get(&t->cx, t->db, 2, &s), CR_OK);
    assert_int_equal(s.version, 3);
    assert_int_equal(s.compatible_from, 3);
    assert_int_equal(s.program, 2);
    assert_int_equal(script(t, "INSERT INTO a (x, y) VALUES (1, 'z');"), CR_OK);

    /* Nothing was there to back up; nothing is left to do. */
    assert_false(exists(t, ".backup-v0"));
    migrate(t, good, 3, CR_OK, 0);
    assert_false(exists(t, ".backup-v3"));
}


static void
test_no_migrations(void **state)
{
    test_db_t *t = *state;

    migrate(t, good, 0, CR_OK, 0);
    assert_int_equal(version(t, t->db), 0);
}


static void
test_backup_comes_first(void **state)
{
    cr_db_t    *old;
    cr_str_t    url;
    struct stat st;
    test_db_t  *t = *state;

    migrate(t, good, 1, CR_OK, 1);
    assert_int_equal(script(t, "INSERT INTO a VALUES (7);"), CR_OK);
    migrate(t, good, 3, CR_OK, 2);

    assert_true(exists(t, ".backup-v1"));
    url = cr_printf(&t->cx, "%.*s.backup-v1", CR_STR_ARG(t->url));
    assert_int_equal(cr_db_open(&t->cx, url, CR_DB_ANY_SCHEMA, &old), CR_OK);
    assert_int_equal(version(t, old), 1);
    cr_db_close(old);

    url = cr_printf(&t->cx, "%s.backup-v1", t->z_path);
    assert_int_equal(stat(url.data, &st), 0);
    assert_int_equal(st.st_mode & 07137, 0);
}


/* A failed try leaves its backup; the next try finds another name. */
static void
test_a_migration_that_fails(void **state)
{
    test_db_t *t = *state;

    migrate(t, bad, 1, CR_OK, 1);
    migrate(t, bad, 2, CR_ERR_DB, 0);
    assert_int_equal(version(t, t->db), 1);
    assert_int_equal(script(t, "INSERT INTO b VALUES (1);"), CR_ERR_DB);
    assert_true(exists(t, ".backup-v1"));
    assert_false(exists(t, ".backup-v1.2"));

    migrate(t, good, 2, CR_OK, 1);
    assert_true(exists(t, ".backup-v1.2"));
    assert_int_equal(version(t, t->db), 2);
    assert_int_equal(script(t, "INSERT INTO b VALUES (1);"), CR_OK);
}


static void
test_the_first_fails(void **state)
{
    test_db_t *t = *state;

    migrate(t, &bad[1], 1, CR_ERR_DB_SCHEMA, 0);
    assert_int_equal(version(t, t->db), 0);
    migrate(t, good, 3, CR_OK, 3);
}


static void
test_a_gap(void **state)
{
    test_db_t *t = *state;

    migrate(t, gap, 2, CR_ERR_DB_SCHEMA, 0);
    assert_int_equal(version(t, t->db), 1);
    assert_int_equal(script(t, "INSERT INTO c VALUES (1);"), CR_ERR_DB);
}


static void
test_who_may_run_on_it(void **state)
{
    test_db_t *t = *state;

    /* Version 2 still bears programs of version 1. */
    migrate(t, good, 2, CR_OK, 2);
    assert_int_equal(cr_db_schema_check(&t->cx, t->db, 1), CR_OK);
    assert_int_equal(cr_db_schema_check(&t->cx, t->db, 2), CR_OK);
    assert_int_equal(cr_db_schema_check(&t->cx, t->db, 3), CR_ERR_DB_SCHEMA);
    migrate(t, good, 1, CR_OK, 0);

    /* Version 3 does not. */
    migrate(t, good, 3, CR_OK, 1);
    assert_int_equal(cr_db_schema_check(&t->cx, t->db, 3), CR_OK);
    assert_int_equal(cr_db_schema_check(&t->cx, t->db, 2), CR_ERR_DB_SCHEMA);
    migrate(t, good, 2, CR_ERR_DB_SCHEMA, 0);
    assert_int_equal(version(t, t->db), 3);
}


static void
test_open_checks_the_schema(void **state)
{
    cr_db_t   *db;
    test_db_t *t = *state;

    /* An empty file, then one of other tables of the same version. */
    assert_int_equal(cr_db_open(&t->cx, t->url, 0, &db), CR_ERR_DB_SCHEMA);
    assert_int_equal(cr_db_open(&t->cx, t->url, CR_DB_CREATE, &db),
                     CR_ERR_DB_SCHEMA);

    /* The log says what to run. */
    assert_non_null(
        memmem(t->cx.detail.data, t->cx.detail.len, "db migrate", 10));
    assert_non_null(memmem(t->cx.detail.data, t->cx.detail.len, t->z_path,
                           strlen(t->z_path)));
}


static void
test_a_foreign_database(void **state)
{
    test_db_t *t = *state;

    assert_int_equal(script(t, "CREATE TABLE notes (x TEXT);"), CR_OK);
    migrate(t, good, 3, CR_ERR_DB_SCHEMA, 0);
    assert_int_equal(version(t, t->db), 0);
    assert_int_equal(script(t, "INSERT INTO a VALUES (1);"), CR_ERR_DB);
    assert_int_equal(script(t, "INSERT INTO notes VALUES ('x');"), CR_OK);
}


static void
test_not_on_an_event_loop(void **state)
{
    int        applied;
    test_db_t *t = *state;

    t->cx.may_block = false;
    assert_int_equal(cr_db_migrate_with(&t->cx, t->db, good, 3, &applied),
                     CR_ERR_AGAIN);
    t->cx.may_block = true;
    assert_int_equal(version(t, t->db), 0);
}


/* The exit status: what it applied, or 100. */
static void
migrate_in_child(cr_str_t url, int fd_start)
{
    int      applied = 100;
    char     c;
    cr_db_t *db;
    cr_ctx_t cx;

    /* All of them at once: when the pipe is closed. */
    if (read(fd_start, &c, 1) != 0 || cr_ctx_init(&cx, 0) != CR_OK
        || cr_db_open(&cx, url, CR_DB_CREATE | CR_DB_ANY_SCHEMA, &db) != CR_OK)
    {
        _exit(100);
    }

    if (cr_db_migrate_with(&cx, db, good, 3, &applied) != CR_OK) {
        applied = 100;
    }

    cr_db_close(db);
    _exit(applied);
}


static void
test_several_at_once(void **state)
{
    int        i, status, applied, start[2];
    pid_t      pid;
    test_db_t *t = *state;

    /* No connection may be open while we fork. */
    cr_db_close(t->db);
    assert_int_equal(unlink(t->z_path), 0);
    assert_int_equal(pipe(start), 0);

    for (i = 0; i < PROCESSES; i++) {
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void) close(start[1]);
            migrate_in_child(t->url, start[0]);
        }
    }

    (void) close(start[0]);
    (void) close(start[1]);
    applied = 0;

    for (i = 0; i < PROCESSES; i++) {
        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status));
        applied += WEXITSTATUS(status);
    }

    assert_int_equal(applied, 3);

    assert_int_equal(cr_db_open(&t->cx, t->url, CR_DB_ANY_SCHEMA, &t->db),
                     CR_OK);
    assert_int_equal(version(t, t->db), 3);
}


/* The schema that the programs carry. */
static void
test_the_real_schema(void **state)
{
    size_t     i;
    int        applied;
    cr_db_t   *db;
    test_db_t *t = *state;

    assert_int_equal(cr_sql_schemas_count, CR_SQL_SCHEMA_VERSION);

    for (i = 0; i < cr_sql_schemas_count; i++) {
        assert_int_equal(cr_sql_schemas[i].version, i + 1);
    }

    assert_int_equal(cr_db_migrate(&t->cx, t->db, &applied), CR_OK);
    assert_int_equal(applied, CR_SQL_SCHEMA_VERSION);
    assert_int_equal(cr_db_open(&t->cx, t->url, 0, &db), CR_OK);
    cr_db_close(db);
}


#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_new_database),       TEST(test_no_migrations),
        TEST(test_backup_comes_first), TEST(test_a_migration_that_fails),
        TEST(test_the_first_fails),    TEST(test_a_gap),
        TEST(test_who_may_run_on_it),  TEST(test_open_checks_the_schema),
        TEST(test_a_foreign_database), TEST(test_not_on_an_event_loop),
        TEST(test_several_at_once),    TEST(test_the_real_schema),
    };

    return cmocka_run_group_tests_name("db/migrate", tests, NULL, NULL);
}
