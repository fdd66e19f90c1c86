/*
 * db/sqlite_place.c: where a database may lie, and how a whole file gets its
 * name.
 */

#include "sqlite_fixture.h"

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


static void
test_folder_is_missing(void **state)
{
    char       z_path[PATH_MAX];
    test_db_t *t = *state;

    assert_int_equal(
        cr_sqlite_place_check(&t->cx, test_dir_path(&t->dir, "no/db", z_path)),
        CR_ERR_CONFIG);
    assert_non_null(
        memmem(t->cx.detail.data, t->cx.detail.len, "no folder", 9));

    /* Below a file there is none either. */
    write_file(t->z_path, "x", 1, 0);
    assert_int_equal(
        cr_sqlite_place_check(&t->cx, test_dir_path(&t->dir, "db/x", z_path)),
        CR_ERR_CONFIG);
}


/* What was in the making has its name, and only that. */
static void
test_publish(void **state)
{
    char       z_part[PATH_MAX], z_other[PATH_MAX];
    test_db_t *t = *state;

    (void) test_dir_path(&t->dir, "part", z_part);
    (void) test_dir_path(&t->dir, "other", z_other);
    write_file(z_part, "new", 3, 0);
    assert_int_equal(cr_sqlite_place_publish(&t->cx, z_part, z_other), CR_OK);
    assert_int_equal(file_size(t, "other"), 3);
    assert_int_equal(file_size(t, "part"), -1);

    /* A name that is taken stays what it is, be it a link to nowhere. */
    write_file(z_part, "newer", 5, 0);
    assert_int_equal(cr_sqlite_place_publish(&t->cx, z_part, z_other),
                     CR_ERR_EXISTS);
    assert_int_equal(file_size(t, "other"), 3);
    assert_int_equal(file_size(t, "part"), 5);
    assert_int_equal(unlink(z_other), 0);
    assert_int_equal(symlink("/nonexistent/x", z_other), 0);
    assert_int_equal(cr_sqlite_place_publish(&t->cx, z_part, z_other),
                     CR_ERR_EXISTS);
    assert_int_equal(file_size(t, "part"), 5);

    /* Nothing to publish; nowhere to. */
    assert_int_equal(unlink(z_part), 0);
    assert_int_equal(unlink(z_other), 0);
    assert_int_equal(cr_sqlite_place_publish(&t->cx, z_part, z_other),
                     CR_ERR_IO);
    assert_int_equal(access(z_other, F_OK), -1);
    write_file(z_part, "x", 1, 0);
    assert_int_equal(cr_sqlite_place_publish(&t->cx, z_part,
                                             "/nonexistent/folder/x"),
                     CR_ERR_IO);
    assert_int_equal(file_size(t, "part"), 1);
}


static void
test_sync(void **state)
{
    char       z_path[PATH_MAX];
    test_db_t *t = *state;

    assert_int_equal(cr_sqlite_place_sync_file(&t->cx, t->z_path), CR_ERR_IO);
    assert_int_equal(cr_sqlite_place_sync_folder(&t->cx, t->z_path), CR_OK);
    write_file(t->z_path, "x", 1, 0);
    assert_int_equal(cr_sqlite_place_sync_file(&t->cx, t->z_path), CR_OK);
    /* Of a name without a slash, and of the root. */
    assert_int_equal(cr_sqlite_place_sync_folder(&t->cx, "name"), CR_OK);
    assert_int_equal(cr_sqlite_place_sync_folder(&t->cx, "/name"), CR_OK);
    assert_int_equal(cr_sqlite_place_sync_folder(&t->cx,
                                                 test_dir_path(&t->dir, "db/x",
                                                               z_path)),
                     CR_ERR_IO);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_EMPTY(test_file_systems),
        TEST_EMPTY(test_folder_is_missing),
        TEST_EMPTY(test_publish),
        TEST_EMPTY(test_sync),
    };

    return cmocka_run_group_tests_name("db/sqlite_place", tests, NULL, NULL);
}
