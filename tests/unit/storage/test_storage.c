/*
 * The front of storage, with a driver that counts what reaches it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "storage/storage_driver.h"

#define LOCATOR "ab/01890a5d-ac96-774b-bcce-b302099a80ab"

/* What reached the driver, and what it answers. */
typedef struct spy_s {
    cr_storage_t base;
    unsigned     writes;
    unsigned     syncs;
    unsigned     closes;
    unsigned     aborts;
    unsigned     removes;
    cr_err_t     write_err;
    cr_err_t     sync_err;
    cr_err_t     remove_err;
} spy_t;


static cr_err_t
spy_open(cr_ctx_t *cx, cr_str_t where, cr_storage_t **ret_st)
{
    spy_t *spy = calloc(1, sizeof(spy_t));

    (void) cx;
    assert_true(cr_str_eq_z(where, "place:with:colons"));
    assert_non_null(spy);
    *ret_st = &spy->base;

    return CR_OK;
}


static void
spy_close(cr_storage_t *st)
{
    free(st);
}


static bool
spy_valid(cr_str_t locator)
{
    /* Longer than the front lets through. */
    return locator.len > 0;
}


static cr_err_t
spy_create(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
           cr_storage_writer_t **ret_w)
{
    (void) cx;
    (void) st;
    (void) locator;
    *ret_w = calloc(1, sizeof(cr_storage_writer_t));
    assert_non_null(*ret_w);

    return CR_OK;
}


static cr_err_t
spy_write(cr_ctx_t *cx, cr_storage_writer_t *w, const void *data, size_t len)
{
    spy_t *spy = (spy_t *) w->st;

    (void) data;
    (void) len;
    spy->writes++;

    return spy->write_err == CR_OK
               ? CR_OK
               : cr_fail_detail(cx, spy->write_err, "write");
}


static cr_err_t
spy_sync(cr_ctx_t *cx, cr_storage_writer_t *w)
{
    spy_t *spy = (spy_t *) w->st;

    spy->syncs++;

    return spy->sync_err == CR_OK ? CR_OK
                                  : cr_fail_detail(cx, spy->sync_err, "sync");
}


static cr_err_t
spy_writer_close(cr_ctx_t *cx, cr_storage_writer_t *w)
{
    (void) cx;
    ((spy_t *) w->st)->closes++;
    free(w);

    return CR_OK;
}


static void
spy_writer_abort(cr_storage_writer_t *w)
{
    ((spy_t *) w->st)->aborts++;
    free(w);
}


static cr_err_t
spy_read(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator, uint64_t offset,
         void *data, size_t len, size_t *ret_n)
{
    (void) cx;
    (void) st;
    (void) locator;
    (void) offset;
    memset(data, 'x', len);
    *ret_n = len;

    return CR_OK;
}


static cr_err_t
spy_stat(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator, uint64_t *ret_size)
{
    (void) cx;
    (void) st;
    (void) locator;
    *ret_size = 0;

    return CR_OK;
}


static cr_err_t
spy_remove(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator)
{
    spy_t *spy = (spy_t *) st;

    (void) locator;
    spy->removes++;

    return spy->remove_err == CR_OK
               ? CR_OK
               : cr_fail_detail(cx, spy->remove_err, "remove");
}


static cr_err_t
spy_list(cr_ctx_t *cx, cr_storage_t *st, cr_storage_list_pt fn, void *arg)
{
    (void) st;

    return fn(cx, arg, CR_STR(LOCATOR), 1);
}


static cr_err_t
spy_info(cr_ctx_t *cx, cr_storage_t *st, cr_storage_info_t *ret_info)
{
    (void) cx;
    (void) st;
    *ret_info = (cr_storage_info_t){ 2, 1 };

    return CR_OK;
}


static cr_err_t
spy_look(cr_ctx_t *cx, cr_storage_t *st)
{
    (void) cx;
    (void) st;

    return CR_OK;
}


/* No optional slot, no feature. */
static const cr_storage_driver_t spy_driver = {
    .scheme = "spy",
    .open = spy_open,
    .close = spy_close,
    .valid = spy_valid,
    .create = spy_create,
    .write = spy_write,
    .sync = spy_sync,
    .writer_close = spy_writer_close,
    .writer_abort = spy_writer_abort,
    .read = spy_read,
    .stat = spy_stat,
    .remove = spy_remove,
    .list = spy_list,
    .info = spy_info,
    .look = spy_look,
};

static const cr_storage_driver_t *const spy_list_only[] = { &spy_driver, NULL };

typedef struct fixture_s {
    cr_ctx_t cx;
    spy_t   *spy;
} fixture_t;


static int
setup(void **state)
{
    fixture_t    *fx = calloc(1, sizeof(fixture_t));
    cr_storage_t *st;

    assert_non_null(fx);
    assert_int_equal(cr_ctx_init(&fx->cx, 0), CR_OK);
    assert_int_equal(cr_storage_open(&fx->cx, spy_list_only,
                                     CR_STR("spy:place:with:colons"), &st),
                     CR_OK);
    fx->spy = (spy_t *) st;
    *state = fx;

    return 0;
}


static int
teardown(void **state)
{
    fixture_t *fx = *state;

    cr_storage_close(&fx->spy->base);
    cr_ctx_done(&fx->cx);
    free(fx);

    return 0;
}


static cr_storage_writer_t *
create(fixture_t *fx)
{
    cr_storage_writer_t *w;

    assert_int_equal(cr_storage_create(&fx->cx, &fx->spy->base, CR_STR(LOCATOR),
                                       &w),
                     CR_OK);
    return w;
}


static void
unknown_schemes(void **state)
{
    fixture_t    *fx = *state;
    cr_storage_t *st = NULL;
    size_t        i;

    static const char *const urls[] = { "",       ":",     ":x", "sp:x",
                                        "spyy:x", "Spy:x", "spy" };

    for (i = 0; i < CR_NELTS(urls); i++) {
        assert_int_equal(cr_storage_open(&fx->cx, spy_list_only,
                                         cr_str_z(urls[i]), &st),
                         CR_ERR_CONFIG);
    }
    assert_null(st);
    cr_storage_close(NULL);
}


static void
missing_features(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_t        *st = &fx->spy->base;
    cr_storage_writer_t *w = NULL;
    cr_str_t             path = CR_STR_NULL;

    assert_int_equal(cr_storage_features(st), 0);
    assert_int_equal(cr_storage_resume(&fx->cx, st, CR_STR(LOCATOR), 0, &w),
                     CR_ERR_INTERNAL);
    assert_int_equal(cr_storage_path(&fx->cx, st, CR_STR(LOCATOR), &path),
                     CR_ERR_INTERNAL);
    assert_null(w);
    assert_null(path.data);
}


static void
first_failure_stays(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w = create(fx);

    fx->spy->write_err = CR_ERR_NO_SPACE;
    assert_int_equal(cr_storage_write(&fx->cx, w, "a", 1), CR_ERR_NO_SPACE);
    fx->spy->write_err = CR_OK;

    assert_int_equal(cr_storage_write(&fx->cx, w, "a", 1), CR_ERR_NO_SPACE);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_ERR_NO_SPACE);
    assert_int_equal(cr_storage_append_from(&fx->cx, &fx->spy->base, w,
                                            CR_STR(LOCATOR), 1),
                     CR_ERR_NO_SPACE);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_ERR_NO_SPACE);
    assert_int_equal(fx->spy->writes, 1);
    assert_int_equal(fx->spy->syncs, 0);
    assert_int_equal(fx->spy->closes, 0);
    assert_int_equal(fx->spy->aborts, 1);
}


static void
syncs_only_what_is_new(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w = create(fx);

    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_int_equal(fx->spy->syncs, 1);
    assert_int_equal(cr_storage_write(&fx->cx, w, "a", 1), CR_OK);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_int_equal(fx->spy->syncs, 2);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
}


static void
no_file_beyond_offsets(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w = create(fx);

    w->size = INT64_MAX - 1;
    assert_int_equal(cr_storage_write(&fx->cx, w, "ab", 2), CR_ERR_IO);
    assert_int_equal(fx->spy->writes, 0);
    cr_storage_writer_abort(w);
}


static void
long_locators_stop_here(void **state)
{
    fixture_t *fx = *state;
    char       z[CR_LOCATOR_MAX + 1];
    cr_str_t   l = { sizeof(z), z };
    uint64_t   size;

    memset(z, 'a', sizeof(z));
    assert_int_equal(cr_storage_stat(&fx->cx, &fx->spy->base, l, &size),
                     CR_ERR_CORRUPT);
    l.len--;
    assert_int_equal(cr_storage_stat(&fx->cx, &fx->spy->base, l, &size), CR_OK);
}


static void
joins_in_bounded_pieces(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w = create(fx);

    assert_int_equal(cr_storage_append_from(&fx->cx, &fx->spy->base, w,
                                            CR_STR(LOCATOR), 5000000),
                     CR_OK);
    assert_int_equal(w->size, 5000000);
    assert_true(fx->spy->writes > 1);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
}


static void
check_leaves_nothing(void **state)
{
    fixture_t    *fx = *state;
    cr_storage_t *st = &fx->spy->base;

    assert_int_equal(cr_storage_check(&fx->cx, st), CR_OK);
    assert_int_equal(fx->spy->syncs, 1);
    assert_int_equal(fx->spy->removes, 1);

    /* The first failure is told, the probe goes in each case. */
    fx->spy->sync_err = CR_ERR_NO_SPACE;
    assert_int_equal(cr_storage_check(&fx->cx, st), CR_ERR_NO_SPACE);
    assert_int_equal(fx->spy->removes, 2);
    fx->spy->remove_err = CR_ERR_IO;
    assert_int_equal(cr_storage_check(&fx->cx, st), CR_ERR_NO_SPACE);
    assert_int_equal(fx->cx.err, CR_ERR_NO_SPACE);
    assert_true(cr_str_eq_z(fx->cx.detail, "sync"));
    assert_int_equal(fx->spy->removes, 3);

    fx->spy->sync_err = CR_OK;
    assert_int_equal(cr_storage_check(&fx->cx, st), CR_ERR_IO);
}


static void
times_of_locators(void **state)
{
    (void) state;
    /* The example of RFC 9562, appendix A.6: 2022-02-22T19:22:22Z. */
    assert_true(cr_storage_locator_time(
                    CR_STR("8f/017f22e2-79b0-7cc3-98c4-dc0c0c07398f"))
                == 1645557742000000);
    assert_int_equal(cr_storage_locator_time(CR_STR("any/other/locator/that/"
                                                    "is/long/enough/xxxxxx")),
                     0);
}


static void
memory_is_for_tests(void **state)
{
    fixture_t    *fx = *state;
    cr_storage_t *st = NULL;
    size_t        i;

    const cr_storage_driver_t *const list[] = { &cr_storage_memory, NULL };

    /* Nobody configures it by accident. */
    for (i = 0; cr_storage_drivers[i] != NULL; i++) {
        assert_ptr_not_equal(cr_storage_drivers[i], &cr_storage_memory);
    }
    assert_true(i > 0);
    assert_int_equal(cr_storage_open(&fx->cx, list, CR_STR("memory:/x"), &st),
                     CR_ERR_CONFIG);
    assert_null(st);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unknown_schemes, setup, teardown),
        cmocka_unit_test_setup_teardown(missing_features, setup, teardown),
        cmocka_unit_test_setup_teardown(first_failure_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(syncs_only_what_is_new, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(no_file_beyond_offsets, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(long_locators_stop_here, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(joins_in_bounded_pieces, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(check_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(times_of_locators, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_is_for_tests, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
