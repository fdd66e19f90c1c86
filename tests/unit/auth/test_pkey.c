/*
 * auth/pkey.c: key pairs, their signatures, ids and public halves.
 */

#include <string.h>
#include <openssl/rsa.h>

#include "auth/pkey.h"
#include "core/encode.h"
#include "pem.h"

static cr_ctx_t cx;


static void
round_trip(cr_str_t pem, const char *alg)
{
    char copy[CR_PKEY_SIGNATURE_MAX];
    cr_pkey_t *private, *public;
    cr_str_t der, kid, again, signature, text = CR_STR("header.payload");

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

    round_trip(pem_of(&cx, EVP_EC_gen("P-256")), "ES256");
    round_trip(pem_of(&cx, EVP_RSA_gen(2048)), "RS256");
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

    NOT(pem_of(&cx, EVP_RSA_gen(1024)));
    NOT(pem_of(&cx, EVP_EC_gen("P-384")));
    NOT(pem_of(&cx, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")));
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
    static const uint8_t head[] = { 0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06,
                                    0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
                                    0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82,
                                    0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a,
                                    0x02, 0x82, 0x01, 0x01, 0x00 };
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

    assert_int_equal(cr_pkey_public(&cx, (cr_str_t){ len, (const char *) der },
                                    &key),
                     CR_OK);
    assert_int_equal(cr_pkey_thumbprint(&cx, key, &kid), CR_OK);
    assert_true(
        cr_str_eq_z(kid, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
    cr_pkey_free(key);
}


/* A file with a passphrase is refused, and nobody is asked for it. */
static void
test_encrypted(void **state)
{
    EVP_PKEY  *pkey = EVP_EC_gen("P-256");
    BIO       *bio = BIO_new(BIO_s_mem());
    char      *data, pass[] = "secret";
    long       n;
    cr_pkey_t *key = NULL;

    (void) state;

    assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, EVP_aes_128_cbc(),
                                              (unsigned char *) pass, 6, NULL,
                                              NULL),
                     1);
    n = BIO_get_mem_data(bio, &data);
    assert_int_equal(cr_pkey_private(&cx, (cr_str_t){ (size_t) n, data }, &key),
                     CR_ERR_CONFIG);
    assert_null(key);
    assert_int_equal(cx.message.len, 0); /* the detail is for the log */
    assert_null(memmem(cx.detail.data, cx.detail.len, "secret", 6));
    cr_clear(&cx);
    BIO_free(bio);
    EVP_PKEY_free(pkey);
}


/* What others verify with: the members of RFC 7517, and no private one. */
static void
jwk_of(cr_str_t pem, const char *const *has, size_t n)
{
    cr_pkey_t *key;
    cr_buf_t   b;
    cr_str_t   kid, text;

    assert_int_equal(cr_pkey_private(&cx, pem, &key), CR_OK);
    assert_int_equal(cr_pkey_thumbprint(&cx, key, &kid), CR_OK);
    cr_buf_init(&b, &cx, CR_PKEY_TEXT_MAX);
    assert_int_equal(cr_pkey_jwk(&cx, key, kid, &b), CR_OK);
    assert_int_equal(cr_buf_end(&b, &text), CR_OK);
    assert_non_null(memmem(text.data, text.len, kid.data, kid.len));
    for (size_t i = 0; i < n; i++) {
        if (memmem(text.data, text.len, has[i], strlen(has[i])) == NULL) {
            fail_msg("no %s in %.*s", has[i], CR_STR_ARG(text));
        }
    }
    assert_null(memmem(text.data, text.len, "\"d\":", 4));
    assert_null(memmem(text.data, text.len, "\"p\":", 4));
    assert_int_equal(text.data[0], '{');
    assert_int_equal(text.data[text.len - 1], '}');
    cr_pkey_free(key);
}


static void
test_jwk(void **state)
{
    static const char *const ec[] = { "\"alg\":\"ES256\"", "\"use\":\"sig\"",
                                      "\"kty\":\"EC\"",    "\"crv\":\"P-256\"",
                                      "\"x\":\"",          "\"y\":\"" };
    static const char *const rsa[] = { "\"alg\":\"RS256\"", "\"kty\":\"RSA\"",
                                       "\"e\":\"AQAB\"", "\"n\":\"" };

    (void) state;

    jwk_of(pem_of(&cx, EVP_EC_gen("P-256")), ec, CR_NELTS(ec));
    jwk_of(pem_of(&cx, EVP_RSA_gen(2048)), rsa, CR_NELTS(rsa));
}


/* The signature of one key is none of another, nor of the other kind. */
static void
test_keys_are_apart(void **state)
{
    cr_pkey_t *one, *two, *rsa;
    cr_str_t   text = CR_STR("text"), of_one, of_rsa;

    (void) state;

    assert_int_equal(cr_pkey_private(&cx, pem_of(&cx, EVP_EC_gen("P-256")),
                                     &one),
                     CR_OK);
    assert_int_equal(cr_pkey_private(&cx, pem_of(&cx, EVP_EC_gen("P-256")),
                                     &two),
                     CR_OK);
    assert_int_equal(cr_pkey_private(&cx, pem_of(&cx, EVP_RSA_gen(2048)), &rsa),
                     CR_OK);
    assert_int_equal(cr_pkey_sign(&cx, one, text, &of_one), CR_OK);
    assert_int_equal(of_one.len, 64);
    assert_int_equal(cr_pkey_sign(&cx, rsa, text, &of_rsa), CR_OK);
    assert_int_equal(of_rsa.len, 256);
    assert_true(cr_pkey_verify(one, text, of_one));
    assert_false(cr_pkey_verify(two, text, of_one));
    assert_false(cr_pkey_verify(rsa, text, of_one));
    assert_false(cr_pkey_verify(one, text, of_rsa));
    cr_pkey_free(one);
    cr_pkey_free(two);
    cr_pkey_free(rsa);
    cr_pkey_free(NULL);
}


int
main(void)
{
    int rc;

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_keys_that_do_not_fit),
        cmocka_unit_test(test_encrypted),
        cmocka_unit_test(test_thumbprint),
        cmocka_unit_test(test_jwk),
        cmocka_unit_test(test_keys_are_apart),
    };

    if (cr_ctx_init(&cx, 1 << 24) != CR_OK) {
        return 1;
    }

    rc = cmocka_run_group_tests_name("auth/pkey", tests, NULL, NULL);
    cr_ctx_done(&cx);

    return rc;
}
