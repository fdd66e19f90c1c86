/*
 * db/sqlite_ballast.c: the reserve for a full disk is real, is given up by
 * what must be written, and is kept from what need not.
 */

#include "sqlite_fixture.h"

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


/* The two calls themselves: nothing there is nothing to give up. */
static void
test_hold_and_drop(void **state)
{
    bool       held = true;
    char       z_path[PATH_MAX + 16];
    test_db_t *t = *state;

    (void) snprintf(z_path, sizeof(z_path), "%s.ballast", t->z_path);
    assert_false(cr_sqlite_ballast_drop(&t->cx, t->z_path));
    assert_int_equal(cr_sqlite_ballast_hold(&t->cx, t->z_path, &held), CR_OK);
    assert_true(held);
    assert_int_equal(access(z_path, F_OK), 0);
    assert_true(cr_sqlite_ballast_drop(&t->cx, t->z_path));
    assert_int_equal(access(z_path, F_OK), -1);
    assert_false(cr_sqlite_ballast_drop(&t->cx, t->z_path));

    assert_int_equal(cr_sqlite_ballast_hold(&t->cx, "/nonexistent/db", &held),
                     CR_ERR_IO);
    assert_false(held);
    cr_clear(&t->cx);

    /* A folder of that name is not ours to remove, nor to use. */
    assert_int_equal(mkdir(z_path, 0700), 0);
    assert_int_equal(cr_sqlite_ballast_hold(&t->cx, t->z_path, &held),
                     CR_ERR_IO);
    assert_false(held);
    assert_false(cr_sqlite_ballast_drop(&t->cx, t->z_path));
    assert_int_equal(rmdir(z_path), 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ballast),
        TEST(test_hold_and_drop),
        TEST(test_ballast_is_given_up),
        TEST(test_ballast_is_kept),
    };

    return cmocka_run_group_tests_name("db/sqlite_ballast", tests, NULL, NULL);
}
