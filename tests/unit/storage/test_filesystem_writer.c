/*
 * storage/filesystem_writer.c: blob files are made, written, gone on with and
 * synced; what was acknowledged is on disk.
 */

#include "filesystem_fixture.h"

#include <errno.h>

static void
create_is_exclusive(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w = create(fx, L_AB), *other = NULL;

    assert_int_equal(cr_storage_write(&fx->cx, w, "abc", 3), CR_OK);
    assert_int_equal(cr_storage_create(&fx->cx, fx->st, CR_STR(L_AB), &other),
                     CR_ERR_EXISTS);
    assert_null(other);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    assert_file(at(fx, L_AB), "abc");
}


static void
resume_goes_on_where_it_was(void **state)
{
    fixture_t           *fx = *state;
    cr_str_t             l = CR_STR(L_AB);
    cr_storage_writer_t *w = create(fx, L_AB);

    assert_int_equal(cr_storage_write(&fx->cx, w, "0123456789", 10), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);

    /* Cut, and what comes stands behind. */
    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, l, 4, &w), CR_OK);
    assert_file(at(fx, L_AB), "0123");
    assert_int_equal(cr_storage_write(&fx->cx, w, "x", 1), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    assert_file(at(fx, L_AB), "0123x");

    /* As long as it should be: nothing is cut, not even tried. */
    test_sys_fault_reset();
    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, l, 5, &w), CR_OK);
    assert_null(strstr(test_sys_fault_trace(), "ftruncate"));
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);

    w = NULL;
    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, l, 6, &w),
                     CR_ERR_CORRUPT);
    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, CR_STR(L_CD), 0, &w),
                     CR_ERR_NOT_FOUND);
    assert_null(w);
    assert_file(at(fx, L_AB), "0123x");
}


/* Who only syncs needs no claim on the file, so nothing of it is changed. */
static void
reopen_changes_nothing(void **state)
{
    fixture_t           *fx = *state;
    cr_str_t             l = CR_STR(L_AB);
    cr_storage_writer_t *w = create(fx, L_AB);

    assert_int_equal(cr_storage_write(&fx->cx, w, "0123456789", 10), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    w = NULL;
    assert_int_equal(cr_storage_reopen(&fx->cx, fx->st, l, 4, &w),
                     CR_ERR_RANGE_INVALID);
    assert_int_equal(cr_storage_reopen(&fx->cx, fx->st, l, 11, &w),
                     CR_ERR_CORRUPT);
    assert_null(w);
    assert_int_equal(cr_storage_reopen(&fx->cx, fx->st, l, 10, &w), CR_OK);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    assert_file(at(fx, L_AB), "0123456789");
}


/* A resume that fails leaves the file, and no descriptor. */
static void
failed_resume(void **state)
{
    static const char *const slots[] = { "fstat", "ftruncate", "openat" };
    fixture_t               *fx = *state;
    cr_storage_writer_t     *w = create(fx, L_AB);
    unsigned                 fds;

    assert_int_equal(cr_storage_write(&fx->cx, w, "abc", 3), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    fds = test_sys_fds();
    w = NULL;
    for (size_t i = 0; i < CR_NELTS(slots); i++) {
        test_sys_fault_arm_call(slots[i], 1, EIO);
        assert_int_equal(cr_storage_resume(&fx->cx, fx->st, CR_STR(L_AB), 1,
                                           &w),
                         CR_ERR_IO);
        assert_string_equal(test_sys_fault_failed(), slots[i]);
        assert_null(w);
        assert_int_equal(test_sys_fds(), fds);
        assert_file(at(fx, L_AB), "abc");
    }
    test_sys_fault_arm_call("ftruncate", 1, EINTR);
    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, CR_STR(L_AB), 1, &w),
                     CR_OK);
    cr_storage_writer_abort(w);
    assert_file(at(fx, L_AB), "a");
}


/* A file that the sweep has taken meanwhile is not told to be stored. */
static void
removed_while_it_is_written(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w = create(fx, L_AB);

    assert_int_equal(cr_storage_write(&fx->cx, w, "a", 1), CR_OK);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_int_equal(cr_storage_remove(&fx->cx, fx->st, CR_STR(L_AB)), CR_OK);
    assert_int_equal(cr_storage_write(&fx->cx, w, "b", 1), CR_OK);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_ERR_NOT_FOUND);
    cr_storage_writer_abort(w);

    /* Not to know it is not to store it either. */
    w = create(fx, L_AB);
    assert_int_equal(cr_storage_write(&fx->cx, w, "a", 1), CR_OK);
    test_sys_fault_arm_call("fstat", 1, EIO);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_ERR_IO);
    cr_storage_writer_abort(w);
}


static void
short_writes_and_signals(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w = create(fx, L_AB);

    test_sys_fault_arm_call("pwrite", 2, EINTR);
    test_sys_fault_bound(3);
    assert_int_equal(cr_storage_write(&fx->cx, w, "0123456789", 10), CR_OK);
    assert_string_equal(test_sys_fault_failed(), "pwrite");
    test_sys_fault_reset();
    test_sys_fault_arm_call("fdatasync", 1, EINTR);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_string_equal(test_sys_fault_failed(), "fdatasync");
    test_sys_fault_reset();
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    assert_file(at(fx, L_AB), "0123456789");
}


static void
order_of_a_sync(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w = create(fx, L_AB);

    /* A PATCH needs no sync, so making a file has none. */
    assert_null(strstr(test_sys_fault_trace(), "sync"));
    assert_int_equal(cr_storage_write(&fx->cx, w, "a", 1), CR_OK);

    /* The bytes, then the file's name, then the folder's name; and that the
     * file still has one. */
    test_sys_fault_reset();
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_string_equal(test_sys_fault_trace(),
                        "fdatasync openat fsync close fsync fstat ");

    /* Nothing new: nothing to do.  New bytes: only they. */
    test_sys_fault_reset();
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_string_equal(test_sys_fault_trace(), "");
    assert_int_equal(cr_storage_write(&fx->cx, w, "b", 1), CR_OK);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_string_equal(test_sys_fault_trace(), "pwrite fdatasync fstat ");
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);

    /* One that goes on knows nothing of its predecessor's sync; the folder
     * was found to be on disk by this store. */
    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, CR_STR(L_AB), 2, &w),
                     CR_OK);
    test_sys_fault_reset();
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_string_equal(test_sys_fault_trace(),
                        "fdatasync openat fsync close fstat ");
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
}


/* A large file is on its way to the disk before its sync. */
static void
large_file_begins_early(void **state)
{
    enum {
        PIECE = 1 << 20,
        N = 10
    };

    int                  i;
    char                *data;
    fixture_t           *fx = *state;
    cr_storage_writer_t *w = create(fx, L_AB);

    data = calloc(1, PIECE);
    assert_non_null(data);
    test_sys_fault_reset();
    test_sys_fault_arm_call("sync_file_range", 1, EIO);

    /* Not at a multiple of anything; the failure is the sync's to tell. */
    assert_int_equal(cr_storage_write(&fx->cx, w, "x", 1), CR_OK);
    for (i = 0; i < N; i++) {
        assert_int_equal(cr_storage_write(&fx->cx, w, data, PIECE), CR_OK);
    }
    assert_string_equal(test_sys_fault_trace(),
                        "pwrite pwrite pwrite pwrite pwrite pwrite pwrite "
                        "pwrite pwrite sync_file_range pwrite pwrite ");
    assert_string_equal(test_sys_fault_failed(), "sync_file_range");
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);

    /* Who goes on has the rest to do only. */
    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, CR_STR(L_AB),
                                       N * PIECE + 1, &w),
                     CR_OK);
    test_sys_fault_reset();
    assert_int_equal(cr_storage_write(&fx->cx, w, data, PIECE), CR_OK);
    assert_string_equal(test_sys_fault_trace(), "pwrite ");
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    free(data);
}


/* The one who made the folder may have died before it synced the root. */
static void
folder_of_another_process(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w;

    assert_int_equal(mkdir(at(fx, "ab"), 0750), 0);
    w = create(fx, L_AB);
    test_sys_fault_reset();
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_string_equal(test_sys_fault_trace(),
                        "fdatasync openat fsync close fsync fstat ");
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
}


/* The kernel reports a lost page once: the second fsync would say yes. */
static void
failed_sync_stays_failed(void **state)
{
    static const char *const slots[] = { "fdatasync", "fsync" };
    fixture_t               *fx = *state;
    size_t                   i;

    for (i = 0; i < CR_NELTS(slots); i++) {
        cr_storage_writer_t *w = create(fx, i == 0 ? L_AB : L_CD);

        assert_int_equal(cr_storage_write(&fx->cx, w, "a", 1), CR_OK);
        test_sys_fault_arm_call(slots[i], 1, EIO);
        assert_int_equal(cr_storage_sync(&fx->cx, w), CR_ERR_IO);
        test_sys_fault_reset();
        assert_int_equal(cr_storage_sync(&fx->cx, w), CR_ERR_IO);
        assert_int_equal(cr_storage_write(&fx->cx, w, "b", 1), CR_ERR_IO);
        assert_string_equal(test_sys_fault_trace(), "");
        assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_ERR_IO);
        assert_string_equal(test_sys_fault_trace(), "close ");
    }
}


/* Root's second fsync failing must not count as done for the next writer. */
static void
failed_root_sync_is_done_again(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w = create(fx, L_AB);

    test_sys_fault_arm_call("fsync", 2, EIO);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_ERR_IO);
    cr_storage_writer_abort(w);

    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, CR_STR(L_AB), 0, &w),
                     CR_OK);
    test_sys_fault_reset();
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_string_equal(test_sys_fault_trace(),
                        "fdatasync openat fsync close fsync fstat ");
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
}


static void
full_disk(void **state)
{
    static const int     full[] = { ENOSPC, EDQUOT };
    fixture_t           *fx = *state;
    cr_storage_writer_t *w;
    size_t               i;

    for (i = 0; i < CR_NELTS(full); i++) {
        w = create(fx, i == 0 ? L_AB : L_CD);
        /* After a part was written, as disks do. */
        test_sys_fault_arm_call("pwrite", 2, full[i]);
        test_sys_fault_bound(4);
        assert_int_equal(cr_storage_write(&fx->cx, w, "0123456789", 10),
                         CR_ERR_NO_SPACE);
        assert_int_equal(fx->cx.message.len, 0);
        test_sys_fault_reset();
        assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_ERR_NO_SPACE);
    }
}


static void
close_is_a_write(void **state)
{
    static const int      errors[] = { EIO, ENOSPC, EDQUOT, EINTR };
    static const cr_err_t want[] = { CR_ERR_IO, CR_ERR_NO_SPACE,
                                     CR_ERR_NO_SPACE, CR_ERR_IO };
    fixture_t            *fx = *state;
    cr_storage_writer_t  *w;
    size_t                i;

    for (i = 0; i < CR_NELTS(errors); i++) {
        w = create(fx, L_AB);
        assert_int_equal(cr_storage_write(&fx->cx, w, "a", 1), CR_OK);
        test_sys_fault_arm_call("close", 1, errors[i]);
        assert_int_equal(cr_storage_writer_close(&fx->cx, w), want[i]);
        test_sys_fault_reset();
        assert_int_equal(cr_storage_remove(&fx->cx, fx->st, CR_STR(L_AB)),
                         CR_OK);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(create_is_exclusive, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(resume_goes_on_where_it_was, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(reopen_changes_nothing, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(failed_resume, setup_open, teardown),
        cmocka_unit_test_setup_teardown(removed_while_it_is_written, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(short_writes_and_signals, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(order_of_a_sync, setup_open, teardown),
        cmocka_unit_test_setup_teardown(large_file_begins_early, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(folder_of_another_process, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(failed_sync_stays_failed, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(failed_root_sync_is_done_again,
                                        setup_open, teardown),
        cmocka_unit_test_setup_teardown(full_disk, setup_open, teardown),
        cmocka_unit_test_setup_teardown(close_is_a_write, setup_open, teardown),
    };

    return cmocka_run_group_tests_name("storage/filesystem_writer", tests, NULL,
                                       NULL);
}
