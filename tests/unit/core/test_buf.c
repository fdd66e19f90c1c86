/*
 * core/buf.c: growth, maximum, sticking errors, escapes.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "core/buf.h"


static cr_ctx_t cx;


static int
setup(void **state)
{
    (void) state;

    return cr_ctx_init(&cx, 1 << 22) == CR_OK ? 0 : -1;
}


static int
teardown(void **state)
{
    (void) state;
    cr_ctx_done(&cx);

    return 0;
}


static cr_str_t
json(cr_str_t s)
{
    cr_buf_t b;
    cr_str_t out = CR_STR_NULL;

    cr_buf_init(&b, &cx, 1 << 16);
    cr_buf_json(&b, s);
    assert_int_equal(cr_buf_end(&b, &out), CR_OK);

    return out;
}


static void
test_pieces(void **state)
{
    cr_buf_t b;
    cr_str_t s;

    (void) state;

    cr_buf_init(&b, &cx, 100);
    assert_int_equal(cr_buf_end(&b, &s), CR_OK);
    assert_int_equal(s.len, 0);
    assert_non_null(s.data);

    cr_buf_z(&b, "a=");
    cr_buf_printf(&b, "%d", 5);
    cr_buf_char(&b, ';');
    cr_buf_str(&b, CR_STR("x"));
    cr_buf_str(&b, CR_STR_NULL);
    cr_buf_add(&b, "\0y", 2);
    assert_int_equal(cr_buf_end(&b, &s), CR_OK);
    assert_true(cr_str_eq(s, CR_STR("a=5;x\0y")));
}


static void
test_growth(void **state)
{
    static char big[3000];
    cr_buf_t    b;
    cr_str_t    s;

    (void) state;

    memset(big, 'z', sizeof(big) - 1);
    cr_buf_init(&b, &cx, 1 << 20);

    for (unsigned i = 0; i < 100000; i++) {
        cr_buf_char(&b, (char) ('a' + i % 26));
    }

    cr_buf_printf(&b, "%s", big);
    assert_int_equal(cr_buf_end(&b, &s), CR_OK);
    assert_int_equal(s.len, 100000 + sizeof(big) - 1);

    for (unsigned i = 0; i < 100000; i++) {
        assert_int_equal(s.data[i], 'a' + i % 26);
    }

    assert_memory_equal(s.data + 100000, big, sizeof(big) - 1);
}


static void
test_maximum(void **state)
{
    cr_buf_t b;
    cr_str_t s = CR_STR("untouched");

    (void) state;

    cr_buf_init(&b, &cx, 1000);

    for (int i = 0; i < 1000; i++) {
        cr_buf_char(&b, 'x');
    }

    assert_int_equal(b.err, CR_OK);
    cr_buf_char(&b, 'x');
    assert_int_equal(b.err, CR_ERR_INTERNAL);
    cr_buf_z(&b, "");
    cr_buf_printf(&b, "%s", "");
    cr_buf_json(&b, CR_STR("a\"b"));
    cr_buf_pct(&b, CR_STR("a b"));
    assert_int_equal(b.len, 1000);
    assert_int_equal(cr_buf_end(&b, &s), CR_ERR_INTERNAL);
    assert_true(cr_str_eq_z(s, "untouched"));
    assert_int_equal(cx.err, CR_ERR_INTERNAL);
    assert_int_equal(cx.message.len, 0);

    cr_buf_init(&b, &cx, 3);
    cr_buf_z(&b, "abcd");
    assert_int_equal(cr_buf_end(&b, &s), CR_ERR_INTERNAL);

    cr_buf_init(&b, &cx, 0);
    cr_buf_z(&b, "");
    assert_int_equal(cr_buf_end(&b, &s), CR_OK);
    cr_buf_z(&b, "a");
    assert_int_equal(cr_buf_end(&b, &s), CR_ERR_INTERNAL);
}


static void
test_no_memory(void **state)
{
    static char big[3000];
    cr_buf_t    b;
    cr_ctx_t    small;
    cr_str_t    s;

    (void) state;

    memset(big, 'z', sizeof(big) - 1);
    assert_int_equal(cr_ctx_init(&small, 1024), CR_OK);

    cr_buf_init(&b, &small, 1 << 20);
    cr_buf_add(&b, big, sizeof(big));
    assert_int_equal(cr_buf_end(&b, &s), CR_ERR_NO_MEMORY);
    assert_int_equal(small.err, CR_ERR_NO_MEMORY);

    cr_buf_init(&b, &small, 1 << 20);
    cr_buf_printf(&b, "%s", big);
    assert_int_equal(cr_buf_end(&b, &s), CR_ERR_NO_MEMORY);

    cr_ctx_done(&small);
}


static void
test_json(void **state)
{
    (void) state;

    assert_true(cr_str_eq_z(json(CR_STR_NULL), "\"\""));
    assert_true(cr_str_eq_z(json(CR_STR("abc")), "\"abc\""));
    assert_true(cr_str_eq_z(json(CR_STR("a\"b\\c\n\r\t\x01\x1f")),
                            "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\""));
    assert_true(cr_str_eq_z(json(CR_STR("a\0b")), "\"a\\u0000b\""));
    assert_true(
        cr_str_eq_z(json(CR_STR("\x7f</script>")), "\"\x7f</script>\""));
    assert_true(cr_str_eq_z(json(CR_STR("gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xb3")),
                            "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xb3\""));
}


static void
test_json_bad_utf8(void **state)
{
    (void) state;

    assert_true(cr_str_eq_z(json(CR_STR("a\xff"
                                        "b")),
                            "\"a\xef\xbf\xbd"
                            "b\""));
    /* Cut off, overlong, a surrogate. */
    assert_true(cr_str_eq_z(json(CR_STR("\xc3")), "\"\xef\xbf\xbd\""));
    assert_true(
        cr_str_eq_z(json(CR_STR("\xc0\xaf")), "\"\xef\xbf\xbd\xef\xbf\xbd\""));
    assert_true(cr_str_eq_z(json(CR_STR("\xed\xa0\x80")),
                            "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""));
}


static void
test_pct(void **state)
{
    cr_buf_t b;
    cr_str_t s;

    (void) state;

    cr_buf_init(&b, &cx, 1000);
    cr_buf_pct(&b, CR_STR("AZaz09-._~ /+%\r\n\0\xff"));
    assert_int_equal(cr_buf_end(&b, &s), CR_OK);
    assert_true(cr_str_eq_z(s, "AZaz09-._~%20%2F%2B%25%0D%0A%00%FF"));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),  cmocka_unit_test(test_growth),
        cmocka_unit_test(test_maximum), cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_json),    cmocka_unit_test(test_json_bad_utf8),
        cmocka_unit_test(test_pct),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
