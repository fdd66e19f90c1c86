/*
 * Digests: what is one, what is not, and making them.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "oci/digest.h"

#define SHA256_ABC                                                             \
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA512_ABC                                                             \
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"         \
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

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
good_digests(void **state)
{
    cr_ctx_t   *cx = *state;
    cr_digest_t d, made;

    assert_int_equal(cr_digest_parse(cx, CR_STR("sha256:" SHA256_ABC), &d),
                     CR_OK);
    assert_int_equal(d.alg, CR_HASH_SHA256);
    assert_string_equal(d.text, "sha256:" SHA256_ABC);
    assert_int_equal(d.text_len, 71);
    cr_digest_of(CR_HASH_SHA256, CR_STR("abc"), &made);
    assert_string_equal(made.text, d.text);
    assert_int_equal(made.text_len, d.text_len);
    assert_true(cr_digest_eq(&d, &made));
    assert_true(cr_str_eq_z(cr_digest_str(&d), "sha256:" SHA256_ABC));

    assert_int_equal(cr_digest_parse(cx, CR_STR("sha512:" SHA512_ABC), &d),
                     CR_OK);
    assert_int_equal(d.alg, CR_HASH_SHA512);
    assert_int_equal(d.text_len, CR_DIGEST_TEXT_MAX);
    assert_false(cr_digest_eq(&d, &made));
    cr_digest_of(CR_HASH_SHA512, CR_STR("abc"), &made);
    assert_true(cr_digest_eq(&d, &made));
    assert_string_equal(made.text, d.text);

    cr_digest_of(CR_HASH_SHA512, CR_STR("abd"), &made);
    assert_false(cr_digest_eq(&d, &made));
}


static void
streamed(void **state)
{
    cr_hash_t   h;
    cr_digest_t d;

    (void) state;
    cr_hash_init(&h, CR_HASH_SHA256);
    cr_hash_update(&h, "a", 1);
    cr_hash_update(&h, "bc", 2);
    cr_digest_final(&h, &d);
    assert_string_equal(d.text, "sha256:" SHA256_ABC);
}


/* clang-format off */
#define N(z) { sizeof(z) - 1, z }
#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const cr_str_t bad[] = {
    { 0, NULL }, N(""), N(":"), N("sha256"), N("sha256:"), N(":" A63 "a"),
    N(A63 "a"), N("sha256:" A63), N("sha256:" A63 "aa"), N("sha256:" A63 "A"),
    N("sha256:" A63 "g"), N("sha256:" A63 " "), N("sha256:" A63 "\0"),
    N("SHA256:" A63 "a"), N("sha256 :" A63 "a"), N(" sha256:" A63 "a"),
    N("sha256:sha256:" A63), N("sha256:../../../etc/passwd"),
    N("sha384:" A63 "a"), N("md5:d41d8cd98f00b204e9800998ecf8427e"),
    N("sha512:" A63 "a"), N("sha512:" A63 "a" A63 "A"),
    N("sha256:" A63 "a" A63 "a"), N("sha1:" A63 "a"), N("sha25:" A63 "a"),
    N("sha2566:" A63 "a"), N("sha256-" A63 "a"),
};
/* clang-format on */


static void
bad_digests(void **state)
{
    cr_ctx_t *cx = *state;
    size_t    i;

    for (i = 0; i < CR_NELTS(bad); i++) {
        cr_digest_t d = { .text_len = 99 };

        assert_int_equal(cr_digest_parse(cx, bad[i], &d),
                         CR_ERR_DIGEST_INVALID);
        assert_true(cx->message.len > 0);
        assert_int_equal(d.text_len, 99);
    }

    /* A reader learns which fault it was. */
    {
        cr_digest_t d;

        (void) cr_digest_parse(cx, CR_STR("sha256:" A63 "A"), &d);
        assert_non_null(strstr(cx->message.data, "lower-case"));
        (void) cr_digest_parse(cx, CR_STR("sha384:" A63 "a"), &d);
        assert_non_null(strstr(cx->message.data, "not supported"));
        (void) cr_digest_parse(cx, CR_STR("sha256:" A63), &d);
        assert_non_null(strstr(cx->message.data, "63"));
    }
}


static void
algorithms(void **state)
{
    cr_ctx_t     *cx = *state;
    cr_hash_alg_e alg = CR_HASH_SHA256;

    assert_int_equal(cr_digest_alg_parse(cx, CR_STR("sha512"), &alg), CR_OK);
    assert_int_equal(alg, CR_HASH_SHA512);
    assert_int_equal(cr_digest_alg_parse(cx, CR_STR("sha256"), &alg), CR_OK);
    assert_int_equal(alg, CR_HASH_SHA256);
    assert_int_equal(cr_digest_alg_parse(cx, CR_STR("Sha256"), &alg),
                     CR_ERR_DIGEST_INVALID);
    assert_int_equal(cr_digest_alg_parse(cx, CR_STR_NULL, &alg),
                     CR_ERR_DIGEST_INVALID);
}


static void
shapes(void **state)
{
    size_t i;

    static const cr_str_t like[] = { N("sha256:abc"), N("a:b"),
                                     N("sha256+b64u:LCa0a2j_xo-5="),
                                     N("a.b_c-d:E"), N("blake3:00") };
    static const cr_str_t unlike[] = {
        { 0, NULL }, N(""),      N(":"),     N("a"),     N("a:"),
        N(":a"),     N("A:b"),   N("a+:b"),  N("+a:b"),  N("a++b:c"),
        N("a:b:c"),  N("a:b/c"), N("a b:c"), N("a:b c"), N("a:b\0"),
    };

    (void) state;
    for (i = 0; i < CR_NELTS(like); i++) {
        assert_true(cr_digest_like(like[i]));
    }
    for (i = 0; i < CR_NELTS(unlike); i++) {
        assert_false(cr_digest_like(unlike[i]));
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_digests), cmocka_unit_test(streamed),
        cmocka_unit_test(bad_digests),  cmocka_unit_test(algorithms),
        cmocka_unit_test(shapes),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
