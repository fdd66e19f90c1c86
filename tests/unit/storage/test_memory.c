/*
 * storage/memory.c beyond the contract (tests/contract/storage.c): what only
 * a store in memory can get wrong.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "storage/storage_driver.h"

static const cr_storage_driver_t *const drivers[] = { &cr_storage_memory,
                                                      NULL };

typedef struct fixture_s {
    cr_ctx_t      cx;
    cr_storage_t *st;
} fixture_t;


static int
setup(void **state)
{
    fixture_t *fx = calloc(1, sizeof(fixture_t));

    assert_non_null(fx);
    assert_int_equal(cr_ctx_init(&fx->cx, 0), CR_OK);
    fx->cx.may_block = true;
    assert_int_equal(cr_storage_open(&fx->cx, drivers, CR_STR("memory:"),
                                     &fx->st),
                     CR_OK);
    *state = fx;
    return 0;
}


static int
teardown(void **state)
{
    fixture_t *fx = *state;

    cr_storage_close(fx->st);
    cr_ctx_done(&fx->cx);
    free(fx);
    return 0;
}


/* It is no driver of a build, takes no place, and has no paths. */
static void
for_tests_only(void **state)
{
    fixture_t    *fx = *state;
    cr_storage_t *st = NULL;
    cr_str_t      path;

    assert_int_equal(cr_storage_open(&fx->cx, cr_storage_drivers,
                                     CR_STR("memory:"), &st),
                     CR_ERR_CONFIG);
    assert_int_equal(cr_storage_open(&fx->cx, drivers, CR_STR("memory:/tmp"),
                                     &st),
                     CR_ERR_CONFIG);
    assert_null(st);
    assert_int_equal(cr_storage_features(fx->st), CR_STORAGE_APPEND);
    assert_int_not_equal(
        cr_storage_path(&fx->cx, fx->st,
                        CR_STR("ab/01890a5d-ac96-774b-bcce-b302099a80ab"),
                        &path),
        CR_OK);
}


/* Two stores have nothing in common. */
static void
stores_are_apart(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_t        *other;
    cr_storage_writer_t *w;
    cr_str_t             l;
    uint64_t             size;

    assert_int_equal(cr_storage_open(&fx->cx, drivers, CR_STR("memory:"),
                                     &other),
                     CR_OK);
    assert_int_equal(cr_storage_locator(&fx->cx, fx->st, &l), CR_OK);
    assert_int_equal(cr_storage_create(&fx->cx, fx->st, l, &w), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    assert_int_equal(cr_storage_stat(&fx->cx, fx->st, l, &size), CR_OK);
    assert_int_equal(cr_storage_stat(&fx->cx, other, l, &size),
                     CR_ERR_NOT_FOUND);
    cr_storage_close(other);
}


/* The room grows by doubling: every byte is where it was. */
static void
a_file_grows(void **state)
{
    enum {
        PIECE = 1000,
        N = 100
    };

    fixture_t           *fx = *state;
    cr_storage_writer_t *w;
    cr_str_t             l;
    char                 data[PIECE];
    size_t               n;

    assert_int_equal(cr_storage_locator(&fx->cx, fx->st, &l), CR_OK);
    assert_int_equal(cr_storage_create(&fx->cx, fx->st, l, &w), CR_OK);
    for (int i = 0; i < N; i++) {
        memset(data, i, sizeof(data));
        assert_int_equal(cr_storage_write(&fx->cx, w, data, PIECE), CR_OK);
    }
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    for (int i = 0; i < N; i++) {
        assert_int_equal(cr_storage_read(&fx->cx, fx->st, l,
                                         (uint64_t) i * PIECE, data, PIECE, &n),
                         CR_OK);
        assert_int_equal(n, PIECE);
        assert_int_equal(data[0], i);
        assert_int_equal(data[PIECE - 1], i);
    }
    assert_int_equal(cr_storage_read(&fx->cx, fx->st, l, N * PIECE, data, 1,
                                     &n),
                     CR_OK);
    assert_int_equal(n, 0);

    /* Cut and gone on with: nothing of the old end shows. */
    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, l, 1, &w), CR_OK);
    assert_int_equal(cr_storage_write(&fx->cx, w, "z", 1), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    assert_int_equal(cr_storage_read(&fx->cx, fx->st, l, 0, data, PIECE, &n),
                     CR_OK);
    assert_int_equal(n, 2);
    assert_int_equal(data[0], 0);
    assert_int_equal(data[1], 'z');
}


/* As an unlinked file: the writer goes on, but does not say that it is stored;
 * a new one is another. */
static void
removed_below_a_writer(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w, *again;
    cr_str_t             l;
    uint64_t             size;

    assert_int_equal(cr_storage_locator(&fx->cx, fx->st, &l), CR_OK);
    assert_int_equal(cr_storage_create(&fx->cx, fx->st, l, &w), CR_OK);
    assert_int_equal(cr_storage_remove(&fx->cx, fx->st, l), CR_OK);
    assert_int_equal(cr_storage_write(&fx->cx, w, "abc", 3), CR_OK);
    assert_int_equal(cr_storage_stat(&fx->cx, fx->st, l, &size),
                     CR_ERR_NOT_FOUND);
    assert_int_equal(cr_storage_create(&fx->cx, fx->st, l, &again), CR_OK);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_ERR_NOT_FOUND);
    cr_storage_writer_abort(w);
    assert_int_equal(cr_storage_sync(&fx->cx, again), CR_OK);
    assert_int_equal(cr_storage_stat(&fx->cx, fx->st, l, &size), CR_OK);
    assert_int_equal(size, 0);
    cr_storage_writer_abort(again);
}


/* Many files share a bucket of the table; a walk may remove them. */
static cr_err_t
remove_it(cr_ctx_t *cx, void *arg, cr_str_t locator, uint64_t size)
{
    fixture_t *fx = arg;

    assert_int_equal(size, 0);
    return cr_storage_remove(cx, fx->st, locator);
}


static cr_err_t
count_it(cr_ctx_t *cx, void *arg, cr_str_t locator, uint64_t size)
{
    unsigned *n = arg;

    (void) cx;
    (void) locator;
    (void) size;
    (*n)++;
    return CR_OK;
}


static void
many_files(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w;
    cr_str_t             l, first = CR_STR_NULL;
    unsigned             n = 0;
    uint64_t             size;

    for (int i = 0; i < 1000; i++) {
        assert_int_equal(cr_storage_locator(&fx->cx, fx->st, &l), CR_OK);
        assert_int_equal(cr_storage_create(&fx->cx, fx->st, l, &w), CR_OK);
        assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
        first = i == 0 ? l : first;
    }
    assert_int_equal(cr_storage_list(&fx->cx, fx->st, count_it, &n), CR_OK);
    assert_int_equal(n, 1000);
    assert_int_equal(cr_storage_stat(&fx->cx, fx->st, first, &size), CR_OK);
    assert_int_equal(cr_storage_list(&fx->cx, fx->st, remove_it, fx), CR_OK);
    n = 0;
    assert_int_equal(cr_storage_list(&fx->cx, fx->st, count_it, &n), CR_OK);
    assert_int_equal(n, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(for_tests_only, setup, teardown),
        cmocka_unit_test_setup_teardown(stores_are_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_grows, setup, teardown),
        cmocka_unit_test_setup_teardown(removed_below_a_writer, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(many_files, setup, teardown),
    };

    return cmocka_run_group_tests_name("storage/memory", tests, NULL, NULL);
}
