/*
 * The referrers response, and fallback tags.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "core/json.h"
#include "oci/media_type.h"
#include "oci/referrers.h"

#define HEX64 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

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


static void
empty_list(void **state)
{
    cr_ctx_t *cx = *state;
    cr_buf_t  b;
    cr_str_t  s;

    cr_buf_init(&b, cx, 4096);
    cr_referrers_begin(&b);
    cr_referrers_end(&b);
    assert_int_equal(cr_buf_end(&b, &s), CR_OK);
    assert_true(cr_str_eq_z(s, "{\"schemaVersion\":2,\"mediaType\":"
                               "\"" CR_MT_OCI_INDEX "\",\"manifests\":[]}"));
}


static void
descriptors(void **state)
{
    cr_ctx_t *cx = *state;
    cr_buf_t  b;
    cr_str_t  s;
    json_t   *root = NULL, *list, *one;

    const cr_referrer_t all = {
        CR_STR(CR_MT_OCI_MANIFEST), CR_STR("sha256:" HEX64), UINT64_C(1) << 53,
        CR_STR("a/\"quoted\""),     CR_STR("{\"k\":\"v\"}"),
    };
    const cr_referrer_t least = {
        CR_STR(CR_MT_OCI_INDEX),
        CR_STR("sha256:" HEX64),
        0,
        CR_STR_NULL,
        CR_STR(""),
    };

    cr_buf_init(&b, cx, 4096);
    cr_referrers_begin(&b);
    cr_referrers_add(&b, &least, true);
    cr_referrers_add(&b, &all, false);
    cr_referrers_end(&b);
    assert_int_equal(cr_buf_end(&b, &s), CR_OK);
    assert_non_null(strstr(s.data, "\"size\":9007199254740992,"));

    assert_int_equal(cr_json_parse(cx, s, 4096, CR_ERR_INTERNAL, &root), CR_OK);
    list = json_object_get(root, "manifests");
    assert_int_equal(json_array_size(list), 2);

    one = json_array_get(list, 0);
    assert_int_equal(json_object_size(one), 3);
    assert_string_equal(json_string_value(json_object_get(one, "mediaType")),
                        CR_MT_OCI_INDEX);

    one = json_array_get(list, 1);
    assert_int_equal(json_object_size(one), 5);
    assert_string_equal(json_string_value(json_object_get(one, "artifactType")),
                        "a/\"quoted\"");
    assert_string_equal(json_string_value(
                            json_object_get(json_object_get(one, "annotations"),
                                            "k")),
                        "v");
}


static void
fallback_tags(void **state)
{
    cr_digest_t d;
    size_t      i;

    static const char *const bad[] = {
        "",
        "sha256-",
        "latest",
        "sha256-" HEX64 ".sig",
        "sha256-" HEX64 "0",
        "sha256:" HEX64,
        "sha512-" HEX64,
        "sha256-BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f200"
        "15ad",
        "sha256-ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f200"
        "15ad",
    };

    (void) state;
    assert_true(cr_referrers_tag_parse(CR_STR("sha256-" HEX64), &d));
    assert_int_equal(d.alg, CR_HASH_SHA256);
    assert_string_equal(d.text, "sha256:" HEX64);
    assert_int_equal(d.text_len, 71);
    {
        cr_digest_t want;

        cr_digest_of(CR_HASH_SHA256, CR_STR("abc"), &want);
        assert_true(cr_digest_eq(&d, &want));
    }

    for (i = 0; i < CR_NELTS(bad); i++) {
        d.text_len = 99;
        assert_false(cr_referrers_tag_parse(cr_str_z(bad[i]), &d));
        assert_int_equal(d.text_len, 99);
    }
    assert_false(cr_referrers_tag_parse(CR_STR_NULL, &d));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_list),
        cmocka_unit_test(descriptors),
        cmocka_unit_test(fallback_tags),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
