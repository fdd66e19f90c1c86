/*
 * core/str.c: slices, comparison, numbers.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include "core/ctx.h"


static const cr_str_t none = { 0, NULL };


static void
test_equal(void **state)
{
    (void) state;

    assert_true(cr_str_eq(CR_STR("abc"), CR_STR("abc")));
    assert_false(cr_str_eq(CR_STR("abc"), CR_STR("abd")));
    assert_false(cr_str_eq(CR_STR("abc"), CR_STR("ab")));
    assert_true(cr_str_eq(none, CR_STR("")));
    assert_true(cr_str_eq(CR_STR("a\0b"), CR_STR("a\0b")));
    assert_false(cr_str_eq(CR_STR("a\0b"), CR_STR("a\0c")));
    assert_true(cr_str_eq_z(CR_STR("abc"), "abc"));
    assert_false(cr_str_eq_z(CR_STR("abc\0"), "abc"));
    assert_true(cr_str_eq_z(none, NULL));
    assert_true(cr_str_case_eq(CR_STR("BeArEr"), CR_STR("bearer")));
    assert_false(cr_str_case_eq(CR_STR("bearer"), CR_STR("bearer ")));
    /* Only letters have cases: '@' and '`' differ in the same bit. */
    assert_false(cr_str_case_eq(CR_STR("@"), CR_STR("`")));
    assert_false(cr_str_case_eq(CR_STR("\xc4"), CR_STR("\xe4")));
}


static void
test_equal_secret(void **state)
{
    (void) state;

    assert_true(cr_str_eq_secret(CR_STR("secret"), CR_STR("secret")));
    assert_false(cr_str_eq_secret(CR_STR("secret"), CR_STR("secreT")));
    assert_false(cr_str_eq_secret(CR_STR("Secret"), CR_STR("secret")));
    assert_false(cr_str_eq_secret(CR_STR("secret"), CR_STR("secre")));
    assert_true(cr_str_eq_secret(none, CR_STR("")));
    assert_false(cr_str_eq_secret(CR_STR("\x80"), CR_STR("\0")));
}


static void
test_order(void **state)
{
    (void) state;

    assert_int_equal(cr_str_cmp(CR_STR("a"), CR_STR("a")), 0);
    assert_true(cr_str_cmp(CR_STR("a"), CR_STR("b")) < 0);
    assert_true(cr_str_cmp(CR_STR("ab"), CR_STR("a")) > 0);
    assert_true(cr_str_cmp(CR_STR("a"), CR_STR("ab")) < 0);
    assert_true(cr_str_cmp(none, CR_STR("a")) < 0);
    assert_int_equal(cr_str_cmp(none, CR_STR("")), 0);
    /* Bytes, not signed characters. */
    assert_true(cr_str_cmp(CR_STR("\xff"), CR_STR("a")) > 0);
}


static void
test_find(void **state)
{
    (void) state;

    assert_int_equal(cr_str_chr(CR_STR("a:b:c"), ':'), 1);
    assert_int_equal(cr_str_rchr(CR_STR("a:b:c"), ':'), 3);
    assert_int_equal(cr_str_chr(CR_STR("abc"), ':'), -1);
    assert_int_equal(cr_str_rchr(CR_STR("abc"), ':'), -1);
    assert_int_equal(cr_str_chr(none, ':'), -1);
    assert_int_equal(cr_str_rchr(none, ':'), -1);
    assert_int_equal(cr_str_rchr(CR_STR(":"), ':'), 0);
    assert_true(cr_str_starts(CR_STR("abc"), CR_STR("ab")));
    assert_true(cr_str_starts(CR_STR("abc"), CR_STR("")));
    assert_true(cr_str_starts(none, CR_STR("")));
    assert_false(cr_str_starts(CR_STR("ab"), CR_STR("abc")));
    assert_true(cr_str_ends(CR_STR("abc"), CR_STR("bc")));
    assert_true(cr_str_ends(CR_STR("abc"), CR_STR("abc")));
    assert_false(cr_str_ends(CR_STR("bc"), CR_STR("abc")));
    assert_false(cr_str_ends(CR_STR("abc"), CR_STR("ab")));
}


static void
test_slice(void **state)
{
    cr_str_t s = CR_STR("hello");

    (void) state;

    assert_true(cr_str_eq_z(cr_str_slice(s, 1, 3), "el"));
    assert_true(cr_str_eq_z(cr_str_slice(s, 0, 99), "hello"));
    assert_true(cr_str_eq_z(cr_str_slice(s, 99, 100), ""));
    assert_true(cr_str_eq_z(cr_str_slice(s, 3, 1), ""));
    assert_null(cr_str_slice(none, 1, 2).data);
    assert_true(cr_str_eq_z(cr_str_trim(CR_STR(" \t a b\t ")), "a b"));
    assert_true(cr_str_eq_z(cr_str_trim(CR_STR(" \t ")), ""));
    assert_true(cr_str_eq_z(cr_str_trim(CR_STR("\nx\n")), "\nx\n"));
    assert_int_equal(cr_str_trim(none).len, 0);
}


static void
test_split(void **state)
{
    cr_str_t s = CR_STR("a,,b,");
    cr_str_t part;

    (void) state;

    assert_true(cr_str_split(&s, ',', &part));
    assert_true(cr_str_eq_z(part, "a"));
    assert_true(cr_str_split(&s, ',', &part));
    assert_true(cr_str_eq_z(part, ""));
    assert_true(cr_str_split(&s, ',', &part));
    assert_true(cr_str_eq_z(part, "b"));
    assert_true(cr_str_split(&s, ',', &part));
    assert_true(cr_str_eq_z(part, ""));
    assert_false(cr_str_split(&s, ',', &part));
    assert_false(cr_str_split(&s, ',', &part));

    s = CR_STR("");
    assert_true(cr_str_split(&s, ',', &part));
    assert_int_equal(part.len, 0);
    assert_false(cr_str_split(&s, ',', &part));

    s = none;
    assert_false(cr_str_split(&s, ',', &part));
}


static void
test_number(void **state)
{
    uint64_t n = 7;

    (void) state;

    assert_true(cr_str_u64(CR_STR("0"), &n));
    assert_int_equal(n, 0);
    assert_true(cr_str_u64(CR_STR("0042"), &n));
    assert_int_equal(n, 42);
    assert_true(cr_str_u64(CR_STR("18446744073709551615"), &n));
    assert_true(n == UINT64_MAX);

    n = 7;
    assert_false(cr_str_u64(CR_STR("18446744073709551616"), &n));
    assert_false(cr_str_u64(CR_STR("99999999999999999999"), &n));
    assert_false(cr_str_u64(CR_STR(""), &n));
    assert_false(cr_str_u64(none, &n));
    assert_false(cr_str_u64(CR_STR("-1"), &n));
    assert_false(cr_str_u64(CR_STR("+1"), &n));
    assert_false(cr_str_u64(CR_STR(" 1"), &n));
    assert_false(cr_str_u64(CR_STR("1a"), &n));
    assert_false(cr_str_u64(CR_STR("1\0"), &n));
    assert_int_equal(n, 7);
}


static void
test_int_len(void **state)
{
    char     buf[16];
    cr_str_t huge = { (size_t) INT_MAX + 5, "x" };

    (void) state;

    assert_int_equal(cr_str_int_len(huge), INT_MAX);
    assert_int_equal(cr_str_int_len(CR_STR("abc")), 3);
    assert_int_equal(cr_str_int_len(none), 0);
    assert_null(cr_str_z(NULL).data);

    assert_int_equal(snprintf(buf, sizeof(buf), "[%.*s]", CR_STR_ARG(none)), 2);
    assert_string_equal(buf, "[]");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),  cmocka_unit_test(test_equal_secret),
        cmocka_unit_test(test_order),  cmocka_unit_test(test_find),
        cmocka_unit_test(test_slice),  cmocka_unit_test(test_split),
        cmocka_unit_test(test_number), cmocka_unit_test(test_int_len),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
