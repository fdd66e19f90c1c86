/*
 * Content-Range of upload chunks.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "oci/range.h"

static int
setup(void **state)
{
    static cr_ctx_t cx;

    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);
    *state = &cx;

    return 0;
}


static int
teardown(void **state)
{
    cr_ctx_done(*state);

    return 0;
}


typedef struct range_row_s {
    const char *z_text;
    uint64_t    first;
    uint64_t    last;
} range_row_t;


static void
good_ranges(void **state)
{
    cr_ctx_t *cx = *state;
    size_t    i;

    /* clang-format off */
    static const range_row_t rows[] = {
        { "0-0", 0, 0 },
        { "0-9", 0, 9 },
        { "10-19", 10, 19 },
        { " 1-2\t", 1, 2 },
        { "bytes 0-9", 0, 9 },
        { "Bytes 0-9", 0, 9 },
        { "bytes 0-9/10", 0, 9 },
        { "bytes 0-9/*", 0, 9 },
        { "bytes 5-9/1000", 5, 9 },
        { "9223372036854775806-9223372036854775807", INT64_MAX - 1,
          INT64_MAX },
    };
    /* clang-format on */

    for (i = 0; i < CR_NELTS(rows); i++) {
        uint64_t first = 77, last = 77;

        assert_int_equal(cr_range_parse(cx, cr_str_z(rows[i].z_text), &first,
                                        &last),
                         CR_OK);
        assert_int_equal(first, rows[i].first);
        assert_int_equal(last, rows[i].last);
    }
}


static void
bad_ranges(void **state)
{
    cr_ctx_t *cx = *state;
    size_t    i;

    /* clang-format off */
    static const char *const rows[] = {
        NULL, "", "-", "0", "0-", "-0", "-5", "1-0", "a-b", "0-9a", "0x0-0x9",
        "0--9", "+0-9", "0-+9", "0 - 9", "0-9,20-29", "bytes=0-9", "bytes",
        "bytes ", "bytes */10", "bytes 0-9/", "bytes 0-9/9", "bytes 0-9/x",
        "bytes 0-9/10/11", "bytes 0-9/-1", "items 0-9", "0-9/10",
        "0-9223372036854775808", "0-18446744073709551615",
        "0-18446744073709551616", "18446744073709551616-0",
        "0-99999999999999999999999999", "0-9\n",
    };
    /* clang-format on */

    for (i = 0; i < CR_NELTS(rows); i++) {
        uint64_t first = 77, last = 78;

        assert_int_equal(cr_range_parse(cx, cr_str_z(rows[i]), &first, &last),
                         CR_ERR_RANGE_INVALID);
        assert_int_equal(first, 77);
        assert_int_equal(last, 78);
    }
    assert_int_equal(cr_err_info(CR_ERR_RANGE_INVALID)->status, 416);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ranges),
        cmocka_unit_test(bad_ranges),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
