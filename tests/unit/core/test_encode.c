/*
 * core/encode.c: each text form, and what it refuses.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "core/encode.h"


static cr_ctx_t cx;
static int64_t  fake_now;
static int      random_fails;


static int64_t
now_us(void)
{
    return fake_now;
}


static int
fill(void *data, size_t size)
{
    memset(data, 0xff, size);

    return random_fails ? -1 : 0;
}


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


static void
test_hex(void **state)
{
    char    out[9] = { 0 };
    uint8_t bytes[4] = { 9, 9, 9, 9 };

    (void) state;

    cr_hex_encode("\x00\x1f\xa0\xff", 4, out);
    assert_string_equal(out, "001fa0ff");

    assert_true(cr_hex_decode(CR_STR("001fa0ff"), bytes, 4));
    assert_memory_equal(bytes, "\x00\x1f\xa0\xff", 4);

    assert_false(cr_hex_decode(CR_STR("001fa0f"), bytes, 4));
    assert_false(cr_hex_decode(CR_STR("001fa0f"), bytes, 3));
    assert_false(cr_hex_decode(CR_STR("001fa0ff"), bytes, 3));
    assert_false(cr_hex_decode(CR_STR("001FA0ff"), bytes, 4));
    assert_false(cr_hex_decode(CR_STR("001ga0ff"), bytes, 4));
    assert_false(cr_hex_decode(CR_STR("001fa0f\0"), bytes, 4));
    assert_true(cr_hex_decode(CR_STR(""), bytes, 0));
}


static void
test_base64_vectors(void **state)
{
    /* RFC 4648 section 10. */
    static const struct {
        const char *plain;
        const char *text;
        const char *url;
    } rows[] = {
        { "", "", "" },
        { "f", "Zg==", "Zg" },
        { "fo", "Zm8=", "Zm8" },
        { "foo", "Zm9v", "Zm9v" },
        { "foob", "Zm9vYg==", "Zm9vYg" },
        { "fooba", "Zm9vYmE=", "Zm9vYmE" },
        { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
        { "\xfb\xff\xfe", "+//+", "-__-" },
    };

    (void) state;

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        cr_str_t s = cr_str_z(rows[i].plain);
        cr_str_t back;

        assert_string_equal(cr_base64_encode(&cx, s).data, rows[i].text);
        assert_string_equal(cr_base64url_encode(&cx, s).data, rows[i].url);
        assert_int_equal(cr_base64_decode(&cx, cr_str_z(rows[i].text), &back),
                         CR_OK);
        assert_true(cr_str_eq(back, s));
        assert_int_equal(cr_base64url_decode(&cx, cr_str_z(rows[i].url), &back),
                         CR_OK);
        assert_true(cr_str_eq(back, s));
    }
}


static void
test_base64_all_bytes(void **state)
{
    char     bytes[256];
    cr_str_t text, back;

    (void) state;

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char) i;
    }

    for (size_t n = 0; n <= sizeof(bytes); n++) {
        text = cr_base64_encode(&cx, (cr_str_t){ n, bytes });
        assert_int_equal(text.len, (n + 2) / 3 * 4);
        assert_int_equal(cr_base64_decode(&cx, text, &back), CR_OK);
        assert_true(cr_str_eq(back, (cr_str_t){ n, bytes }));
    }
}


static void
test_base64_refuses(void **state)
{
    static const char *const std[] = {
        "Zg",     "Zg=",  "Zg===", "Z",        "Z===",     "====",
        "=",      "Zh==", "Zm9=",  "Zm9v=",    "Zm9vYg=a", "Zm 9",
        "Zm9v\n", "-_-_", "Z=g=",  "Zm9v====", "\x80mmm",  "\xc3\xbc==",
    };
    static const char *const url[] = {
        "Zg==", "Zg=", "Z", "Zh", "Zm9", "+/+/", "Zm9v ", "Zm.v", "Zm9vY",
    };

    cr_str_t s = CR_STR("untouched");

    (void) state;

    for (size_t i = 0; i < CR_NELTS(std); i++) {
        assert_int_equal(cr_base64_decode(&cx, cr_str_z(std[i]), &s),
                         CR_ERR_BAD_REQUEST);
    }

    for (size_t i = 0; i < CR_NELTS(url); i++) {
        assert_int_equal(cr_base64url_decode(&cx, cr_str_z(url[i]), &s),
                         CR_ERR_BAD_REQUEST);
    }

    assert_int_equal(cr_base64url_decode(&cx, CR_STR("Zm\0v"), &s),
                     CR_ERR_BAD_REQUEST);
    assert_true(cr_str_eq_z(s, "untouched"));
}


static void
test_pct(void **state)
{
    static const char *const bad[] = {
        "%", "%4", "%4g", "%g4", "a%", "%%41", "%00", "%u0041", "% 1", "%+1",
    };

    cr_str_t s;

    (void) state;

    assert_int_equal(cr_pct_decode(&cx, CR_STR("a%2Fb%2f+%e4"), false, &s),
                     CR_OK);
    assert_true(cr_str_eq_z(s, "a/b/+\xe4"));
    assert_int_equal(cr_pct_decode(&cx, CR_STR("a+b%2B"), true, &s), CR_OK);
    assert_true(cr_str_eq_z(s, "a b+"));
    assert_int_equal(cr_pct_decode(&cx, CR_STR_NULL, true, &s), CR_OK);
    assert_int_equal(s.len, 0);
    /* Once, not twice. */
    assert_int_equal(cr_pct_decode(&cx, CR_STR("%252F"), false, &s), CR_OK);
    assert_true(cr_str_eq_z(s, "%2F"));

    s = CR_STR("untouched");

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        assert_int_equal(cr_pct_decode(&cx, cr_str_z(bad[i]), false, &s),
                         CR_ERR_BAD_REQUEST);
    }

    assert_int_equal(cr_pct_decode(&cx, CR_STR("a\0b"), false, &s),
                     CR_ERR_BAD_REQUEST);
    assert_true(cr_str_eq_z(s, "untouched"));
}


static void
test_utf8(void **state)
{
    static const struct {
        const char *text;
        bool        valid;
    } rows[] = {
        { "", true },
        { "abc", true },
        { "\xc2\x80", true },
        { "\xdf\xbf", true },
        { "\xe0\xa0\x80", true },
        { "\xed\x9f\xbf", true },
        { "\xee\x80\x80", true },
        { "\xef\xbf\xbf", true },
        { "\xf0\x90\x80\x80", true },
        { "\xf4\x8f\xbf\xbf", true },
        { "a\xc3\xbcz", true },
        { "\x80", false },
        { "\xbf", false },
        { "\xc0\x80", false },
        { "\xc1\xbf", false },
        { "\xc2", false },
        { "\xc2z", false },
        { "\xe0\x9f\xbf", false },
        { "\xe2\x82", false },
        { "\xe2\x82z", false },
        { "\xed\xa0\x80", false },
        { "\xed\xbf\xbf", false },
        { "\xf0\x8f\xbf\xbf", false },
        { "\xf0\x9f\x90", false },
        { "\xf4\x90\x80\x80", false },
        { "\xf5\x80\x80\x80", false },
        { "\xff", false },
        { "abc\xfe", false },
    };

    (void) state;

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        assert_int_equal(cr_utf8_valid(cr_str_z(rows[i].text)), rows[i].valid);
    }

    assert_true(cr_utf8_valid(CR_STR_NULL));
    assert_int_equal(cr_utf8_next(CR_STR_NULL), 0);
    assert_int_equal(cr_utf8_next(CR_STR("a")), 1);
    assert_int_equal(cr_utf8_next(CR_STR("\xe2\x82\xac-")), 3);
}


static void
test_time(void **state)
{
    (void) state;

    assert_string_equal(cr_time_format(&cx, 0).data,
                        "1970-01-01T00:00:00.000Z");
    assert_string_equal(cr_time_format(&cx, 1767323045678901).data,
                        "2026-01-02T03:04:05.678Z");
    assert_string_equal(cr_time_format(&cx, -1).data,
                        "1969-12-31T23:59:59.999Z");
    assert_string_equal(cr_time_format(&cx, 951782400000000).data,
                        "2000-02-29T00:00:00.000Z");
    assert_non_null(cr_time_format(&cx, INT64_MAX).data);
    assert_non_null(cr_time_format(&cx, INT64_MIN).data);
}


static void
test_uuid_layout(void **state)
{
    char     out[CR_UUID_LEN];
    cr_sys_t sys = cr_sys_default;

    (void) state;

    sys.now_us = now_us;
    sys.random = fill;
    fake_now = 1645557742000999; /* RFC 9562 appendix A.6 has 17F22E279B0 */
    random_fails = 0;
    cx.sys = &sys;

    assert_int_equal(cr_uuid_make(&cx, out), CR_OK);
    assert_memory_equal(out, "017f22e2-79b0-7ffb-bfff-ffffffffffff",
                        CR_UUID_LEN);
    assert_int_equal(cr_uuid_time((cr_str_t){ CR_UUID_LEN, out }),
                     1645557742000000);

    random_fails = 1;
    memset(out, 'x', sizeof(out));
    assert_int_equal(cr_uuid_make(&cx, out), CR_ERR_INTERNAL);
    assert_int_equal(out[0], 'x');

    cx.sys = &cr_sys_default;
}


static void
test_uuid_real(void **state)
{
    char     a[CR_UUID_LEN], b[CR_UUID_LEN];
    cr_str_t s = { CR_UUID_LEN, a };
    int64_t  before = cr_now(&cx);

    (void) state;

    assert_int_equal(cr_uuid_make(&cx, a), CR_OK);
    assert_int_equal(cr_uuid_make(&cx, b), CR_OK);
    assert_memory_not_equal(a, b, CR_UUID_LEN);
    assert_true(cr_uuid_valid(s));
    assert_true(cr_uuid_time(s) >= before - 1000);
    assert_true(cr_uuid_time(s) <= cr_now(&cx));
}


static void
test_uuid_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        "017f22e2-79b0-7ffb-bfff-fffffffffff",
        "017f22e2-79b0-7ffb-bfff-ffffffffffffa",
        "017F22E2-79b0-7ffb-bfff-ffffffffffff",
        "017f22e279b0-7ffb-bfff--ffffffffffff",
        "017f22e2-79b0-7ffb-bfff-fffffffffffg",
        "../../../../../../../../../etc/passw",
    };

    (void) state;

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        assert_false(cr_uuid_valid(cr_str_z(bad[i])));
        assert_int_equal(cr_uuid_time(cr_str_z(bad[i])), 0);
    }

    /* Of another version: an id, but no time. */
    assert_true(cr_uuid_valid(CR_STR("017f22e2-79b0-4ffb-bfff-ffffffffffff")));
    assert_int_equal(cr_uuid_time(
                         CR_STR("017f22e2-79b0-4ffb-bfff-ffffffffffff")),
                     0);
}


static void
test_no_memory(void **state)
{
    cr_ctx_t small;
    cr_str_t s;
    cr_str_t text = { 64, "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVpBQkNERUZHSElK"
                          "S0xNTk9QUVJTVFVW" };

    (void) state;

    assert_int_equal(cr_ctx_init(&small, 16), CR_OK);
    assert_null(cr_base64_encode(&small, text).data);
    assert_int_equal(small.err, CR_ERR_NO_MEMORY);
    assert_null(cr_base64url_encode(&small, (cr_str_t){ SIZE_MAX, "" }).data);
    assert_int_equal(cr_base64_decode(&small, text, &s), CR_ERR_NO_MEMORY);
    assert_int_equal(cr_pct_decode(&small, text, false, &s), CR_ERR_NO_MEMORY);
    assert_null(cr_time_format(&small, 0).data);
    cr_ctx_done(&small);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_base64_vectors),
        cmocka_unit_test(test_base64_all_bytes),
        cmocka_unit_test(test_base64_refuses),
        cmocka_unit_test(test_pct),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_uuid_layout),
        cmocka_unit_test(test_uuid_real),
        cmocka_unit_test(test_uuid_refuses),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
