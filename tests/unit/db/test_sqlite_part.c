/*
 * db/sqlite_part.c: a file in the making, and what killed programs left of
 * theirs.  Locks are of the open file, so one process can be two programs.
 */

#include "sqlite_fixture.h"


static int
no_random(void *data, size_t size)
{
    (void) data;
    (void) size;
    errno = EIO;
    return -1;
}


static cr_sqlite_part_t
make(test_db_t *t, const char *z_word)
{
    cr_sqlite_part_t part = { NULL, -1 };

    assert_int_equal(cr_sqlite_part_make(&t->cx, t->z_path, z_word, &part),
                     CR_OK);
    return part;
}


/* An empty file in the folder. */
static void
touch(test_db_t *t, const char *z_name)
{
    char z_path[PATH_MAX];

    write_file(test_dir_path(&t->dir, z_name, z_path), "", 0, 0);
}


static void
test_made_and_removed(void **state)
{
    struct stat      st;
    mode_t           old = umask(022);
    test_db_t       *t = *state;
    cr_sqlite_part_t part = make(t, "part"), other = make(t, "part");

    (void) umask(old);
    assert_int_equal(strncmp(part.z_path, t->z_path, strlen(t->z_path)), 0);
    assert_non_null(strstr(part.z_path, "db.part-"));
    assert_int_equal(strlen(part.z_path),
                     strlen(t->z_path) + strlen(".part-") + 8);
    assert_string_not_equal(part.z_path, other.z_path);
    assert_int_equal(stat(part.z_path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(st.st_size, 0);

    cr_sqlite_part_done(&t->cx, &other);
    assert_int_equal(count_others(t), 1);

    /* With all that the library put beside it. */
    touch(t, cr_printf(&t->cx, "%s-wal", strrchr(part.z_path, '/') + 1).data);
    touch(t,
          cr_printf(&t->cx, "%s-journal", strrchr(part.z_path, '/') + 1).data);
    cr_sqlite_part_done(&t->cx, &part);
    assert_int_equal(count_others(t), 0);
}


/* It has another name by now: that one stays. */
static void
test_renamed(void **state)
{
    char             z_path[PATH_MAX];
    test_db_t       *t = *state;
    cr_sqlite_part_t part = make(t, "part");

    (void) test_dir_path(&t->dir, "whole", z_path);
    assert_int_equal(rename(part.z_path, z_path), 0);
    cr_sqlite_part_done(&t->cx, &part);
    assert_int_equal(file_size(t, "whole"), 0);
    assert_int_equal(fcntl(part.fd, F_GETFD), -1);
}


/* Whose maker is there is left alone; what nobody holds is swept. */
static void
test_what_was_left(void **state)
{
    char             z_path[PATH_MAX];
    test_db_t       *t = *state;
    cr_sqlite_part_t held = make(t, "part"), left = make(t, "part"), part;

    touch(t, cr_printf(&t->cx, "%s-wal", strrchr(left.z_path, '/') + 1).data);
    assert_int_equal(close(left.fd), 0); /* as a kill would */
    touch(t, "db.part-00112233-shm");    /* without its file */
    touch(t, "db.part-0011223g");        /* others' */
    touch(t, "db.part-001122334");
    touch(t, "db.part-0011223");
    touch(t, "db.part-00112233.txt");
    touch(t, "db.restore-00112233");
    touch(t, "db2.part-00112233");
    assert_int_equal(
        symlink(t->z_path, test_dir_path(&t->dir, "db.part-44556677", z_path)),
        0);
    assert_int_equal(mkdir(test_dir_path(&t->dir, "db.part-8899aabb", z_path),
                           0700),
                     0);
    assert_int_equal(count_others(t), 12);

    part = make(t, "part");
    assert_int_equal(access(left.z_path, F_OK), -1);
    assert_int_equal(access(held.z_path, F_OK), 0);
    assert_int_equal(file_size(t, "db.part-00112233-shm"), -1);
    assert_int_equal(count_others(t), 12 - 3 + 1);
    cr_sqlite_part_done(&t->cx, &part);
    cr_sqlite_part_done(&t->cx, &held);
    part = make(t, "restore");
    assert_int_equal(file_size(t, "db.restore-00112233"), -1);
    cr_sqlite_part_done(&t->cx, &part);
}


static void
test_cannot_be_made(void **state)
{
    test_db_t       *t = *state;
    cr_sys_t         sys = *t->cx.sys;
    cr_sqlite_part_t part = { "as it was", -7 };

    assert_int_equal(cr_sqlite_part_make(&t->cx, "/nonexistent/folder/db",
                                         "part", &part),
                     CR_ERR_IO);
    sys.random = no_random;
    t->cx.sys = &sys;
    assert_int_equal(cr_sqlite_part_make(&t->cx, t->z_path, "part", &part),
                     CR_ERR_IO);
    assert_string_equal(part.z_path, "as it was");
    assert_int_equal(part.fd, -7);
    assert_int_equal(count_others(t), 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_EMPTY(test_made_and_removed),
        TEST_EMPTY(test_renamed),
        TEST_EMPTY(test_what_was_left),
        TEST_EMPTY(test_cannot_be_made),
    };

    return cmocka_run_group_tests_name("db/sqlite_part", tests, NULL, NULL);
}
