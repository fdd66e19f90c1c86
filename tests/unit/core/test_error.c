/*
 * core/error.c: the table holds what callers rely on.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "core/ctx.h"


static void
test_rows_are_complete(void **state)
{
    (void) state;

    for (int e = CR_OK + 1; e < CR_ERR_MAX; e++) {
        const cr_err_info_t *info = cr_err_info((cr_err_t) e);

        assert_non_null(info->name);
        assert_true(strlen(info->name) > 0);
        assert_true(strlen(info->id) > 0);
        assert_true(strlen(info->text) > 0);
        assert_in_range(info->status, 400, 599);
    }
}


static void
test_names_are_unique(void **state)
{
    (void) state;

    for (int a = CR_OK; a < CR_ERR_MAX; a++) {
        for (int b = a + 1; b < CR_ERR_MAX; b++) {
            assert_string_not_equal(cr_err_info((cr_err_t) a)->name,
                                    cr_err_info((cr_err_t) b)->name);
        }
    }
}


static void
test_known_rows(void **state)
{
    (void) state;

    assert_int_equal(cr_err_info(CR_OK)->status, 200);
    assert_int_equal(cr_err_info(CR_ERR_BLOB_UNKNOWN)->status, 404);
    assert_string_equal(cr_err_info(CR_ERR_BLOB_UNKNOWN)->id, "BLOB_UNKNOWN");
    assert_string_equal(cr_err_info(CR_ERR_BLOB_UNKNOWN)->name, "BLOB_UNKNOWN");
    assert_false(cr_err_info(CR_ERR_BLOB_UNKNOWN)->retryable);
    assert_true(cr_err_info(CR_ERR_TOOMANYREQUESTS)->retryable);
    assert_int_equal(cr_err_info(CR_ERR_UNAUTHORIZED)->status, 401);
}


static void
test_out_of_range_is_internal(void **state)
{
    (void) state;

    assert_ptr_equal(cr_err_info(CR_ERR_MAX), cr_err_info(CR_ERR_INTERNAL));
    assert_ptr_equal(cr_err_info((cr_err_t) 9999),
                     cr_err_info(CR_ERR_INTERNAL));
    assert_ptr_equal(cr_err_info((cr_err_t) -1), cr_err_info(CR_ERR_INTERNAL));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_complete),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_known_rows),
        cmocka_unit_test(test_out_of_range_is_internal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
