/*
 * auth/keyring.c and auth/pkey.c: keys by id, the algorithm pinned per key,
 * key pairs, the public half.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "auth/keyring.h"
#include "core/encode.h"

#define SECRET CR_STR("0123456789abcdef0123456789abcdef")

static cr_ctx_t cx;


/* A private key in PEM. */
static cr_str_t
pem_of(EVP_PKEY *pkey)
{
    BIO     *bio = BIO_new(BIO_s_mem());
    char    *data;
    long     n;
    cr_str_t pem;

    assert_non_null(pkey);
    assert_int_equal(
        PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
    n = BIO_get_mem_data(bio, &data);
    pem = cr_dup(&cx, (cr_str_t){ (size_t) n, data });
    assert_non_null(pem.data);
    BIO_free(bio);
    EVP_PKEY_free(pkey);

    return pem;
}


static void
round_trip(cr_str_t pem, const char *alg)
{
    char         copy[CR_PKEY_SIGNATURE_MAX];
    cr_pkey_t   *private, *public;
    cr_str_t     der, kid, again, signature, text = CR_STR("header.payload");

    assert_int_equal(cr_pkey_private(&cx, pem, &private), CR_OK);
    assert_true(cr_str_eq_z(cr_pkey_alg(private), alg));
    assert_int_equal(cr_pkey_der(&cx, private, &der), CR_OK);
    assert_int_equal(cr_pkey_thumbprint(&cx, private, &kid), CR_OK);
    assert_int_equal(kid.len, 43);
    assert_int_equal(cr_pkey_public(&cx, der, &public), CR_OK);
    assert_int_equal(cr_pkey_thumbprint(&cx, public, &again), CR_OK);
    assert_true(cr_str_eq(kid, again));

    /* r and s are padded: many signatures, as short ones are rare */
    for (int i = 0; i < (strcmp(alg, "ES256") == 0 ? 600 : 3); i++) {
        assert_int_equal(cr_pkey_sign(&cx, private, text, &signature), CR_OK);
        assert_true(cr_pkey_verify(public, text, signature));
    }

    assert_false(cr_pkey_verify(public, CR_STR("header.other"), signature));
    assert_false(cr_pkey_verify(public, text,
                                cr_str_slice(signature, 1, signature.len)));
    assert_false(cr_pkey_verify(public, text, CR_STR_NULL));
    memcpy(copy, signature.data, signature.len);
    copy[signature.len / 2] ^= 1;
    assert_false(
        cr_pkey_verify(public, text, (cr_str_t){ signature.len, copy }));
    memset(copy, 0, signature.len);
    assert_false(
        cr_pkey_verify(public, text, (cr_str_t){ signature.len, copy }));

    cr_clear(&cx);
    assert_int_not_equal(cr_pkey_sign(&cx, public, text, &signature), CR_OK);
    cr_clear(&cx);
    cr_pkey_free(private);
    cr_pkey_free(public);
}


static void
test_pairs(void **state)
{
    (void) state;

    round_trip(pem_of(EVP_EC_gen("P-256")), "ES256");
    round_trip(pem_of(EVP_RSA_gen(2048)), "RS256");
}


static void
test_keys_that_do_not_fit(void **state)
{
    cr_pkey_t *key = NULL;

    (void) state;

#define NOT(text)                                                              \
    do {                                                                       \
        cr_clear(&cx);                                                         \
        assert_int_equal(cr_pkey_private(&cx, (text), &key), CR_ERR_CONFIG);   \
        cr_clear(&cx);                                                         \
        assert_int_equal(cr_pkey_public(&cx, (text), &key), CR_ERR_CONFIG);    \
        assert_null(key);                                                      \
    } while (0)

    NOT(pem_of(EVP_RSA_gen(1024)));
    NOT(pem_of(EVP_EC_gen("P-384")));
    NOT(pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")));
    NOT(CR_STR_NULL);
    NOT(CR_STR("no key"));
    NOT(CR_STR("-----BEGIN PRIVATE KEY-----\nAAAA\n"
               "-----END PRIVATE KEY-----\n"));
    NOT(((cr_str_t){ CR_PKEY_TEXT_MAX + 1, "x" }));
    cr_clear(&cx);
}


/* RFC 7638 section 3.1 has a key and its thumbprint. */
static void
test_thumbprint(void **state)
{
    static const char n[] =
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7"
        "aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXA"
        "rwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7"
        "d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lF"
        "d2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    cr_str_t   raw, kid;
    uint8_t    der[512];
    size_t     len = 0;
    cr_pkey_t *key;

    /* SubjectPublicKeyInfo of an RSA key of 2048 bits, up to the modulus */
    static const uint8_t head[] = {
        0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48,
        0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x01,
        0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00
    };
    static const uint8_t tail[] = { 0x02, 0x03, 0x01, 0x00, 0x01 };

    (void) state;

    assert_int_equal(cr_base64url_decode(&cx, cr_str_z(n), &raw), CR_OK);
    assert_int_equal(raw.len, 256);
    memcpy(der, head, sizeof(head));
    len += sizeof(head);
    memcpy(der + len, raw.data, raw.len);
    len += raw.len;
    memcpy(der + len, tail, sizeof(tail));
    len += sizeof(tail);

    assert_int_equal(
        cr_pkey_public(&cx, (cr_str_t){ len, (const char *) der }, &key),
        CR_OK);
    assert_int_equal(cr_pkey_thumbprint(&cx, key, &kid), CR_OK);
    assert_true(
        cr_str_eq_z(kid, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
    cr_pkey_free(key);
}


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
                                            pem_of(EVP_EC_gen("P-256")), &kid,
                                            &alg, &der),
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
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_keys_that_do_not_fit),
        cmocka_unit_test(test_thumbprint),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_derived_keys),
    };

    if (cr_ctx_init(&cx, 1 << 24) != CR_OK) {
        return 1;
    }

    rc = cmocka_run_group_tests(tests, NULL, NULL);
    cr_ctx_done(&cx);

    return rc;
}
