/*
 * storage/filesystem_root.c: the root folder of a store is made once, and is
 * never another one unseen.
 */

#include "filesystem_fixture.h"

#include <errno.h>
#include <fcntl.h>

static void
root_is_made(void **state)
{
    fixture_t *fx = *state;
    mode_t     mask = umask(022);

    assert_int_equal(open_url(fx, fx->z_url), CR_OK);
    assert_int_equal(mode_of(fx->z_root), 0750);
    /* Its name is on disk before anything can be in it. */
    assert_string_equal(test_sys_fault_trace(),
                        "openat mkdirat openat fsync close openat openat "
                        "close ");
    cr_storage_close(fx->st);
    fx->st = NULL;

    /* The second time it is there, and nothing is made or synced. */
    test_sys_fault_reset();
    assert_int_equal(open_url(fx, fx->z_url), CR_OK);
    assert_string_equal(test_sys_fault_trace(), "openat openat close ");
    (void) umask(mask);
}


static void
root_without_parent(void **state)
{
    fixture_t *fx = *state;
    char       url[160];

    (void) snprintf(url, sizeof(url), "filesystem:%s/a/b", fx->z_dir);
    assert_int_equal(open_url(fx, url), CR_ERR_IO);
    assert_true(fx->cx.detail.len > 0);
    assert_int_equal(fx->cx.message.len, 0);
}


static void
root_is_a_file(void **state)
{
    fixture_t *fx = *state;

    put(fx->z_root, "x");
    assert_int_equal(open_url(fx, fx->z_url), CR_ERR_IO);
    assert_file(fx->z_root, "x");
}


static void
root_is_a_link(void **state)
{
    fixture_t *fx = *state;
    char       url[160];

    assert_int_equal(symlink("/tmp", fx->z_root), 0);
    assert_int_equal(open_url(fx, fx->z_url), CR_ERR_IO);

    /* A slash at the end would follow it. */
    (void) snprintf(url, sizeof(url), "%s//", fx->z_url);
    assert_int_equal(open_url(fx, url), CR_ERR_IO);
    assert_null(fx->st);
}


static void
root_is_read_only(void **state)
{
    static const int no[] = { EACCES, EPERM };
    static const int maybe[] = { EOPNOTSUPP, EISDIR, ENOSPC, EDQUOT, EROFS };
    fixture_t       *fx = *state;
    size_t           i;

    assert_int_equal(mkdir(fx->z_root, 0700), 0);

    for (i = 0; i < CR_NELTS(no); i++) {
        test_sys_fault_arm(2, no[i]);
        assert_int_equal(open_url(fx, fx->z_url), CR_ERR_IO);
        assert_string_equal(test_sys_fault_path(), ".");
        assert_null(fx->st);
    }

    /* Pulls go on with a disk that is full, or was made read-only. */
    for (i = 0; i < CR_NELTS(maybe); i++) {
        test_sys_fault_arm(2, maybe[i]);
        assert_int_equal(open_url(fx, fx->z_url), CR_OK);
        assert_string_equal(test_sys_fault_path(), ".");
        cr_storage_close(fx->st);
        fx->st = NULL;
    }
}


/* A signal while it is opened or made is no failure. */
static void
signals_are_passed_over(void **state)
{
    fixture_t *fx = *state;

    for (unsigned n = 1; n <= 7; n++) {
        test_sys_fault_arm(n, EINTR);
        assert_int_equal(open_url(fx, fx->z_url), CR_OK);
        assert_non_null(test_sys_fault_failed());
        cr_storage_close(fx->st);
        fx->st = NULL;
        drop(fx->z_root);
    }
}


/* Whoever lost the race to make it has one all the same. */
static void
made_by_another_meanwhile(void **state)
{
    fixture_t *fx = *state;
    int        fd = -1;

    assert_int_equal(mkdir(fx->z_root, 0700), 0);
    test_sys_fault_arm_call("openat", 1, ENOENT);
    assert_int_equal(cr_fs_root_open(&fx->cx, fx->z_root, &fd), CR_OK);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
}


static void
nothing_is_given_on_failure(void **state)
{
    static const char *const slots[] = { "mkdirat", "fsync" };
    fixture_t               *fx = *state;
    int                      fd = -7;

    for (size_t i = 0; i < CR_NELTS(slots); i++) {
        test_sys_fault_arm_call(slots[i], 1, EIO);
        assert_int_equal(cr_fs_root_open(&fx->cx, fx->z_root, &fd), CR_ERR_IO);
        assert_string_equal(test_sys_fault_failed(), slots[i]);
        assert_int_equal(fd, -7);
        /* Paths are for the log, not for clients. */
        assert_true(fx->cx.detail.len > 0);
        assert_int_equal(fx->cx.message.len, 0);
        drop(fx->z_root);
    }
}


static void
look(void **state)
{
    fixture_t *fx = *state;
    char       z_moved[96];
    int        fd;

    (void) snprintf(z_moved, sizeof(z_moved), "%s/moved", fx->z_dir);
    assert_int_equal(cr_fs_root_open(&fx->cx, fx->z_root, &fd), CR_OK);
    assert_int_equal(cr_fs_root_look(&fx->cx, fx->z_root, fd), CR_OK);

    /* Gone; another one in its place; a link to it; back. */
    assert_int_equal(rename(fx->z_root, z_moved), 0);
    assert_int_equal(cr_fs_root_look(&fx->cx, fx->z_root, fd), CR_ERR_IO);
    assert_int_equal(mkdir(fx->z_root, 0700), 0);
    assert_int_equal(cr_fs_root_look(&fx->cx, fx->z_root, fd), CR_ERR_IO);
    assert_non_null(
        memmem(fx->cx.detail.data, fx->cx.detail.len, "was replaced", 12));
    assert_int_equal(rmdir(fx->z_root), 0);
    assert_int_equal(symlink(z_moved, fx->z_root), 0);
    assert_int_equal(cr_fs_root_look(&fx->cx, fx->z_root, fd), CR_ERR_IO);
    assert_int_equal(unlink(fx->z_root), 0);
    assert_int_equal(rename(z_moved, fx->z_root), 0);
    assert_int_equal(cr_fs_root_look(&fx->cx, fx->z_root, fd), CR_OK);

    for (unsigned n = 1; n <= 2; n++) {
        test_sys_fault_arm_call("fstat", n, EIO);
        assert_int_equal(cr_fs_root_look(&fx->cx, fx->z_root, fd), CR_ERR_IO);
    }
    test_sys_fault_reset();
    assert_int_equal(close(fd), 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(root_is_made, setup, teardown),
        cmocka_unit_test_setup_teardown(root_without_parent, setup, teardown),
        cmocka_unit_test_setup_teardown(root_is_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(root_is_a_link, setup, teardown),
        cmocka_unit_test_setup_teardown(root_is_read_only, setup, teardown),
        cmocka_unit_test_setup_teardown(signals_are_passed_over, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(made_by_another_meanwhile, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nothing_is_given_on_failure, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(look, setup, teardown),
    };

    return cmocka_run_group_tests_name("storage/filesystem_root", tests, NULL,
                                       NULL);
}
