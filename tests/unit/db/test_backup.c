/*
 * db/backup.c: what holds for any engine.  What the copies are:
 * test_sqlite_backup.c, test_sqlite_restore.c.
 */

#include "sqlite_fixture.h"

#include <sys/wait.h>

static cr_err_t
not_called(cr_ctx_t *cx, cr_db_t *copy, void *arg)
{
    (void) copy;
    (void) arg;
    return cr_fail(cx, CR_ERR_INTERNAL, NULL);
}


static void
test_needs_a_thread_that_may_block(void **state)
{
    char       z_path[PATH_MAX];
    cr_str_t   replaced = CR_STR("as it was");
    test_db_t *t = *state;

    (void) test_dir_path(&t->dir, "copy", z_path);
    t->cx.may_block = false;
    assert_int_equal(cr_db_backup(&t->cx, t->db, z_path), CR_ERR_AGAIN);
    assert_int_equal(cr_db_backup_beat(&t->cx, t->db, z_path, NULL, NULL),
                     CR_ERR_AGAIN);
    assert_int_equal(cr_db_restore(&t->cx, t->url, z_path, not_called, NULL,
                                   &replaced),
                     CR_ERR_AGAIN);
    assert_true(cr_str_eq_z(replaced, "as it was"));
    assert_int_equal(count_others(t), 0);
}


static void
test_unknown_engine(void **state)
{
    cr_str_t   replaced;
    test_db_t *t = *state;

    assert_int_equal(cr_db_restore(&t->cx, CR_STR("oracle:x"), t->z_path,
                                   not_called, NULL, &replaced),
                     CR_ERR_CONFIG);
    assert_int_equal(cr_db_restore(&t->cx, CR_STR(""), t->z_path, not_called,
                                   NULL, &replaced),
                     CR_ERR_CONFIG);
}


/* Between two steps of the copy the caller's own connection is of use. */
static cr_err_t
write_meanwhile(cr_ctx_t *cx, void *arg)
{
    test_db_t *t = arg;
    test_put_t p = { "meanwhile", "1" };

    return cr_db_write(cx, t->db, CR_DB_NOSYNC, put, &p);
}


static void
test_beat_may_use_the_database(void **state)
{
    char       z_path[PATH_MAX];
    sqlite3   *copy;
    test_db_t *t = *state;

    /* So big that there is a beat before its end. */
    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, put_many, NULL),
                     CR_OK);
    (void) test_dir_path(&t->dir, "copy", z_path);
    assert_int_equal(cr_db_backup_beat(&t->cx, t->db, z_path, write_meanwhile,
                                       t),
                     CR_OK);
    assert_true(has(t, "meanwhile"));

    /* The copy is of one state: that of the beginning. */
    assert_int_equal(sqlite3_open(z_path, &copy), SQLITE_OK);
    assert_int_equal(ask(copy, "SELECT count(*) FROM setting"), 2000);
    assert_int_equal(sqlite3_close(copy), SQLITE_OK);
}


/* A child may not use what its parent opened. */
static void
test_after_fork(void **state)
{
    int        status;
    char       z_path[PATH_MAX];
    pid_t      pid;
    test_db_t *t = *state;

    (void) test_dir_path(&t->dir, "copy", z_path);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit((int) cr_db_backup(&t->cx, t->db, z_path));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), CR_ERR_INTERNAL);
    assert_int_equal(access(z_path, F_OK), -1);
}


/* A restored copy that prepare cannot take is not put in place. */
static void
test_prepare_decides(void **state)
{
    char       z_path[PATH_MAX];
    cr_str_t   replaced = CR_STR("as it was");
    test_db_t *t = *state;

    (void) test_dir_path(&t->dir, "copy", z_path);
    assert_int_equal(cr_db_backup(&t->cx, t->db, z_path), CR_OK);
    assert_int_equal(put_one(t, "later", "1"), CR_OK);
    cr_db_close(t->db);
    t->db = NULL;
    assert_int_equal(cr_db_restore(&t->cx, t->url, z_path, not_called, NULL,
                                   &replaced),
                     CR_ERR_INTERNAL);
    assert_true(cr_str_eq_z(replaced, "as it was"));
    open_db(t);
    assert_true(has(t, "later"));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_needs_a_thread_that_may_block),
        TEST(test_unknown_engine),
        TEST(test_beat_may_use_the_database),
        TEST(test_after_fork),
        TEST(test_prepare_decides),
    };

    return cmocka_run_group_tests_name("db/backup", tests, NULL, NULL);
}
