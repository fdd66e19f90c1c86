/*
 * auth/keyring.c: keys by id, the algorithm pinned per key, derived keys.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <openssl/rsa.h>
#include "auth/keyring.h"
#include "pem.h"

#define SECRET CR_STR("0123456789abcdef0123456789abcdef")

static cr_ctx_t cx;


static cr_token_t
token_of(void)
{
    int64_t now = cr_now(&cx) / 1000000;

    return (cr_token_t){ .issuer = CR_STR("me"),
                         .audience = CR_STR("us"),
                         .subject = CR_STR("user:1"),
                         .epoch = 1,
                         .issued_at = now,
                         .expires_at = now + 60,
                         .id = CR_STR("id") };
}


/* The id names the key, the key its algorithm: a token of one key is none of
 * another, whatever its header says. */
static void
test_ring(void **state)
{
    cr_keyring_t *ring, *hs;
    cr_str_t      kid, alg, der, text, json;
    cr_token_t    t = token_of(), got;

    (void) state;

    assert_int_equal(cr_keyring_create(&cx, &ring), CR_OK);
    assert_int_equal(cr_keyring_add_private(&cx, ring,
                                            pem_of(&cx, EVP_EC_gen("P-256")),
                                            &kid, &alg, &der),
                     CR_OK);
    assert_true(cr_keyring_is_slow(ring));
    assert_true(cr_keyring_has(ring, kid));
    assert_int_equal(cr_keyring_add(&cx, ring, CR_STR("hs"), CR_STR("HS256"),
                                    SECRET, true),
                     CR_OK);
    assert_true(cr_keyring_is_slow(ring)); /* the pair signs all the same */

    assert_int_equal(cr_token_sign(&cx, ring, &t, &text), CR_OK);

    for (int i = 0; i < 3; i++) {
        assert_int_equal(cr_token_verify(&cx, ring, text, CR_STR("me"),
                                         CR_STR("us"), &got),
                         CR_OK);
    }

    /* remembered as signed, and still looked at */
    assert_int_equal(cr_token_verify(&cx, ring, text, CR_STR("me"),
                                     CR_STR("them"), &got),
                     CR_ERR_UNAUTHORIZED);
    cr_clear(&cx);

    /* the public key of a row verifies, and does not sign */
    assert_int_equal(cr_keyring_create(&cx, &hs), CR_OK);
    assert_int_equal(cr_keyring_add(&cx, hs, kid, alg, der, true), CR_OK);
    assert_false(cr_keyring_is_slow(hs));
    assert_int_equal(cr_token_verify(&cx, hs, text, CR_STR("me"), CR_STR("us"),
                                     &got),
                     CR_OK);
    assert_int_equal(cr_token_sign(&cx, hs, &t, &text), CR_ERR_INTERNAL);
    cr_clear(&cx);

    assert_int_equal(cr_keyring_jwks(&cx, hs, &json), CR_OK);
    assert_non_null(strstr(cr_printf(&cx, "%.*s", CR_STR_ARG(json)).data,
                           "\"crv\":\"P-256\""));

    /* another algorithm than the key's, and the same id twice */
    assert_int_equal(cr_keyring_add(&cx, hs, CR_STR("x"), CR_STR("RS256"), der,
                                    false),
                     CR_ERR_CONFIG);
    cr_clear(&cx);
    assert_int_equal(cr_keyring_add(&cx, hs, kid, alg, der, false),
                     CR_ERR_CONFIG);
    cr_clear(&cx);
    assert_int_equal(cr_keyring_add(&cx, hs, CR_STR("x"), CR_STR("none"), der,
                                    false),
                     CR_ERR_CONFIG);
    cr_clear(&cx);
    cr_keyring_free(ring);
    cr_keyring_free(hs);
}


static void
test_derived_keys(void **state)
{
    uint8_t       a[32], b[32], c[32];
    cr_keyring_t *ring;

    (void) state;

    assert_int_equal(cr_keyring_create(&cx, &ring), CR_OK);
    assert_false(cr_keyring_derive(ring, 0, CR_STR("x"), a));
    assert_int_equal(cr_keyring_add(&cx, ring, CR_STR("old"), CR_STR("HS256"),
                                    SECRET, false),
                     CR_OK);
    assert_true(cr_keyring_derive(ring, 0, CR_STR("x"), a));
    assert_int_equal(cr_keyring_add(&cx, ring, CR_STR("new"), CR_STR("HS256"),
                                    CR_STR("another secret of 32 bytes, long"),
                                    true),
                     CR_OK);

    /* that which signs comes first */
    assert_true(cr_keyring_derive(ring, 0, CR_STR("x"), b));
    assert_true(cr_keyring_derive(ring, 1, CR_STR("x"), c));
    assert_false(cr_keyring_derive(ring, 2, CR_STR("x"), c));
    assert_memory_equal(a, c, sizeof(a));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_true(cr_keyring_derive(ring, 1, CR_STR("y"), c));
    assert_memory_not_equal(a, c, sizeof(a));
    cr_keyring_free(ring);
}


int
main(void)
{
    int rc;

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_derived_keys),
    };

    if (cr_ctx_init(&cx, 1 << 24) != CR_OK) {
        return 1;
    }

    rc = cmocka_run_group_tests_name("auth/keyring", tests, NULL, NULL);
    cr_ctx_done(&cx);

    return rc;
}
