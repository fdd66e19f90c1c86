/*
 * core/json.c: limits, strictness, members.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "core/json.h"


#define MAX ((size_t) 4 << 20)

static cr_ctx_t cx;


static int
setup(void **state)
{
    (void) state;

    return cr_ctx_init(&cx, 0) == CR_OK ? 0 : -1;
}


static int
teardown(void **state)
{
    (void) state;
    cr_ctx_done(&cx);

    return 0;
}


static cr_err_t
parse(cr_str_t text, json_t **v)
{
    cr_err_t err;

    cr_clear(&cx);
    err = cr_json_parse(&cx, text, MAX, CR_ERR_MANIFEST_INVALID, v);
    assert_int_equal(cx.err, err);

    return err;
}


static void
refused(cr_str_t text, const char *z_message)
{
    json_t *v = (json_t *) &cx;

    assert_int_equal(parse(text, &v), CR_ERR_MANIFEST_INVALID);
    assert_ptr_equal(v, &cx);

    if (z_message != NULL) {
        assert_true(cx.message.len > 0);
        assert_string_equal(cx.message.data, z_message);
    }
}


static void
test_good(void **state)
{
    json_t  *v;
    cr_str_t s;

    (void) state;

    assert_int_equal(parse(CR_STR(" {\"a\":[1,2,{\"b\":\"x\"}]}\r\n"), &v),
                     CR_OK);
    assert_true(json_is_object(v));
    assert_int_equal(json_array_size(json_object_get(v, "a")), 3);

    assert_int_equal(parse(CR_STR("[]"), &v), CR_OK);
    assert_true(json_is_array(v));

    /* Brackets and escaped quotes in strings are no structure. */
    assert_int_equal(
        parse(CR_STR("{\"[[[\\\"{{{\":\"]]}\\\\\",\"b\":\"\\u00fc\"}"), &v),
        CR_OK);
    assert_int_equal(cr_json_str(&cx, v, "[[[\"{{{", CR_ERR_MANIFEST_INVALID,
                                 &s),
                     CR_OK);
    assert_true(cr_str_eq_z(s, "]]}\\"));

    /* Names differ in case, so they are different names. */
    assert_int_equal(parse(CR_STR("{\"a\":1,\"A\":2}"), &v), CR_OK);
    assert_int_equal(json_object_size(v), 2);
}


static void
test_strictness(void **state)
{
    (void) state;

    refused(CR_STR_NULL, "line 1, column 1: JSON expected");
    refused(CR_STR("   "), NULL);
    refused(CR_STR("\xef\xbb\xbf{}"), "line 1, column 1: byte order mark");
    refused(CR_STR("{}\0"), "line 1, column 3: NUL byte");
    refused(CR_STR("{\"a\\\0\":1}"), NULL);
    refused(CR_STR("{\"a\":\n\"x\0y\"}"), "line 2, column 3: NUL byte");
    refused(CR_STR("{\"a\":\"\\u0000\"}"), NULL);
    refused(CR_STR("{} x"), NULL);
    refused(CR_STR("{}{}"), NULL);
    refused(CR_STR("{\"a\":1,}"), NULL);
    refused(CR_STR("{'a':1}"), NULL);
    refused(CR_STR("{\"a\":01}"), NULL);
    refused(CR_STR("{\"a\":NaN}"), NULL);
    refused(CR_STR("{\"a\":/**/1}"), NULL);
    refused(CR_STR("{\"a\":99999999999999999999}"), NULL);
    refused(CR_STR("{\"a\":1e999}"), NULL);
    refused(CR_STR("{\"a\":\"\xff\"}"), NULL);
    refused(CR_STR("{\"a\":\"\xed\xa0\x80\"}"), NULL);
    refused(CR_STR("{\"a\":\"\\ud800\"}"), NULL);
    refused(CR_STR("{\"a\":\"\n\"}"), NULL);
    refused(CR_STR("1"), NULL);
    refused(CR_STR("\"x\""), NULL);
    refused(CR_STR("null"), NULL);
    refused(CR_STR("{\"a\":"), NULL);
    refused(CR_STR("]]]]"), NULL);
    refused(CR_STR("\"\\"), NULL);
    refused(CR_STR("{\"\\"), NULL);
}


static void
test_duplicate_keys(void **state)
{
    (void) state;

    refused(CR_STR("{\"a\":1,\"a\":1}"), NULL);
    assert_non_null(strstr(cx.message.data, "line 1, column "));
    assert_non_null(strstr(cx.message.data, "duplicate object key"));
    refused(CR_STR("[{\"x\":{\"a\":1,\"b\":2,\n\"\\u0061\":3}}]"), NULL);
    assert_non_null(strstr(cx.message.data, "line 2"));
    assert_non_null(strstr(cx.message.data, "duplicate object key"));
}


/* n times `open`, a value, n times `close`. */
static cr_str_t
nested(size_t n, const char *z_open, const char *z_close)
{
    size_t   open = strlen(z_open);
    size_t   close = strlen(z_close);
    char    *p = cr_alloc(&cx, n * (open + close) + 2);
    cr_str_t s = { n * (open + close) + 1, p };

    assert_non_null(p);

    for (size_t i = 0; i < n; i++, p += open) {
        memcpy(p, z_open, open);
    }

    *p++ = '1';

    for (size_t i = 0; i < n; i++, p += close) {
        memcpy(p, z_close, close);
    }

    return s;
}


static void
test_depth(void **state)
{
    json_t *v;

    (void) state;

    assert_int_equal(parse(nested(CR_JSON_DEPTH_MAX, "[", "]"), &v), CR_OK);
    assert_int_equal(parse(nested(CR_JSON_DEPTH_MAX, "{\"\":", "}"), &v),
                     CR_OK);
    refused(nested(CR_JSON_DEPTH_MAX + 1, "[", "]"),
            "line 1, column 33: nested too deep");
    refused(nested(CR_JSON_DEPTH_MAX + 1, "{\"\":", "}"), NULL);
    refused(nested(100000, "[", "]"), "line 1, column 33: nested too deep");
    refused(nested(100000, "{\"[\":[", ""), NULL);

    /* Behind an escaped quote it is still a string, behind an escaped
     * backslash and a quote it is not. */
    assert_int_equal(
        parse(CR_STR("[\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]"), &v),
        CR_OK);
    refused(CR_STR("[\"\\\\\",[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["),
            "line 1, column 38: nested too deep");

    /* Depth is that of the place, not a sum over the text. */
    assert_int_equal(parse(CR_STR("[[],[],[],[],[],[],[],[],[],[],[],[],[],"
                                  "[],[],[],[],[],[],[],[],[],[],[],[],[],"
                                  "[],[],[],[],[],[],[],[],[],[]]"),
                           &v),
                     CR_OK);
}


static cr_str_t
repeated(size_t n, const char *z_item)
{
    size_t len = strlen(z_item);
    char  *p = cr_alloc(&cx, n * (len + 1) + 2);
    char  *start = p;

    assert_non_null(p);
    *p++ = '[';

    for (size_t i = 0; i < n; i++) {
        memcpy(p, z_item, len);
        p += len;
        *p++ = i + 1 < n ? ',' : ']';
    }

    return (cr_str_t){ (size_t) (p - start), start };
}


static void
test_amounts(void **state)
{
    json_t *v;

    (void) state;

    assert_int_equal(parse(repeated(CR_JSON_CONTAINERS_MAX - 1, "{}"), &v),
                     CR_OK);
    refused(repeated(CR_JSON_CONTAINERS_MAX, "{}"), NULL);
    assert_non_null(strstr(cx.message.data, "too many objects and arrays"));
    assert_int_equal(parse(repeated(CR_JSON_ITEMS_MAX - 10, "1"), &v), CR_OK);
    refused(repeated(CR_JSON_ITEMS_MAX + 10, "1"), NULL);
    assert_non_null(strstr(cx.message.data, "too many values"));
    cr_ctx_reset(&cx);
}


static void
test_size(void **state)
{
    json_t *v;

    (void) state;

    cr_clear(&cx);
    assert_int_equal(cr_json_parse(&cx, CR_STR("[1]"), 3, CR_ERR_TAG_INVALID,
                                   &v),
                     CR_OK);
    assert_int_equal(cr_json_parse(&cx, CR_STR("[1] "), 3, CR_ERR_TAG_INVALID,
                                   &v),
                     CR_ERR_TAG_INVALID);
    assert_string_equal(cx.message.data, "JSON of more than 3 bytes");
}


static void
test_members(void **state)
{
    bool     b = true;
    json_t  *v;
    cr_str_t s = CR_STR("untouched");
    uint64_t n = 7;
    cr_err_t e = CR_ERR_MANIFEST_INVALID;

    (void) state;

    assert_int_equal(
        parse(CR_STR("{\"s\":\"a\\nb\",\"n\":9223372036854775807,\"z\":0,"
                     "\"neg\":-1,\"r\":1.0,\"b\":false,\"null\":null,"
                     "\"e\":\"\"}"),
              &v),
        CR_OK);

    assert_int_equal(cr_json_str(&cx, v, "s", e, &s), CR_OK);
    assert_true(cr_str_eq_z(s, "a\nb"));
    assert_int_equal(cr_json_str(&cx, v, "e", e, &s), CR_OK);
    assert_int_equal(s.len, 0);
    assert_non_null(s.data);
    assert_int_equal(cr_json_str(&cx, v, "missing", e, &s), CR_OK);
    assert_null(s.data);
    s = CR_STR("untouched");
    assert_int_equal(cr_json_str(&cx, v, "n", e, &s), e);
    assert_string_equal(cx.message.data, "n: string expected");
    assert_int_equal(cr_json_str(&cx, v, "null", e, &s), e);
    assert_true(cr_str_eq_z(s, "untouched"));

    assert_int_equal(cr_json_u64(&cx, v, "n", e, &n), CR_OK);
    assert_true(n == INT64_MAX);
    assert_int_equal(cr_json_u64(&cx, v, "z", e, &n), CR_OK);
    assert_int_equal(n, 0);
    n = 7;
    assert_int_equal(cr_json_u64(&cx, v, "missing", e, &n), CR_OK);
    assert_int_equal(cr_json_u64(&cx, v, "neg", e, &n), e);
    assert_int_equal(cr_json_u64(&cx, v, "r", e, &n), e);
    assert_int_equal(cr_json_u64(&cx, v, "s", e, &n), e);
    assert_string_equal(cx.message.data, "s: non-negative integer expected");
    assert_int_equal(n, 7);

    assert_int_equal(cr_json_bool(&cx, v, "b", e, &b), CR_OK);
    assert_false(b);
    b = true;
    assert_int_equal(cr_json_bool(&cx, v, "missing", e, &b), CR_OK);
    assert_int_equal(cr_json_bool(&cx, v, "z", e, &b), e);
    assert_true(b);

    /* What is no object has no members, and NULL is none. */
    assert_int_equal(cr_json_str(&cx, json_object_get(v, "s"), "x", e, &s), e);
    assert_int_equal(cr_json_u64(&cx, NULL, "x", e, &n), e);
}


static void
test_no_memory_for_cleanup(void **state)
{
    json_t  *v = NULL;
    cr_ctx_t small;

    (void) state;

    assert_int_equal(cr_ctx_init(&small, 16), CR_OK);
    assert_int_equal(cr_json_parse(&small, CR_STR("[1]"), 10,
                                   CR_ERR_TAG_INVALID, &v),
                     CR_ERR_NO_MEMORY);
    assert_null(v);
    cr_ctx_done(&small);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_strictness),
        cmocka_unit_test(test_duplicate_keys),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_no_memory_for_cleanup),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
