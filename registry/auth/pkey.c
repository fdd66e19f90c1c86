/*
 * Key pairs by OpenSSL's EVP.  Numbers of a public key are taken out as
 * big-endian bytes, and all of the rest (thumbprint, JWK) is made of them.
 */

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "auth/pkey.h"
#include "core/encode.h"
#include "core/hash.h"

#define CR_RSA_BITS_MIN 2048
#define CR_RSA_BITS_MAX 8192
#define CR_P256_SIZE    32
#define CR_P256_NAME    "prime256v1"

struct cr_pkey_s {
    EVP_PKEY *pkey;
    bool      rsa;
};


/* No detail of a private key may reach a log: only what OpenSSL calls it. */
static cr_err_t
cr_pkey_fail(cr_ctx_t *cx, const char *z_why)
{
    ERR_clear_error();

    return cr_fail_detail(cx, CR_ERR_CONFIG, "token key: %s", z_why);
}


static bool
cr_pkey_is_p256(const EVP_PKEY *pkey)
{
    char   name[64] = "";
    size_t len = 0;

    return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC
           && EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME,
                                             name, sizeof(name), &len)
                  == 1
           && strcmp(name, CR_P256_NAME) == 0;
}


/* Takes pkey over, also when it fails. */
static cr_err_t
cr_pkey_make(cr_ctx_t *cx, EVP_PKEY *pkey, cr_pkey_t **ret_key)
{
    int        bits = EVP_PKEY_get_bits(pkey);
    bool       rsa = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA;
    cr_pkey_t *key;

    if (rsa ? bits < CR_RSA_BITS_MIN || bits > CR_RSA_BITS_MAX
            : !cr_pkey_is_p256(pkey))
    {
        EVP_PKEY_free(pkey);
        return cr_pkey_fail(cx, "neither RSA of 2048 to 8192 bits nor P-256");
    }

    key = calloc(1, sizeof(cr_pkey_t));

    if (key == NULL) {
        EVP_PKEY_free(pkey);
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    key->pkey = pkey;
    key->rsa = rsa;
    *ret_key = key;

    return CR_OK;
}


/* A file with a passphrase is refused, and never asked for on a terminal. */
static int
cr_pkey_no_passphrase(char *buf, int size, int rwflag, void *arg)
{
    (void) buf;
    (void) size;
    (void) rwflag;
    (void) arg;

    return -1;
}


cr_err_t
cr_pkey_private(cr_ctx_t *cx, cr_str_t pem, cr_pkey_t **ret_key)
{
    BIO      *bio;
    EVP_PKEY *pkey;

    if (pem.len == 0 || pem.len > CR_PKEY_TEXT_MAX) {
        return cr_pkey_fail(cx, "empty, or too long");
    }

    bio = BIO_new_mem_buf(pem.data, (int) pem.len);

    if (bio == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    pkey = PEM_read_bio_PrivateKey(bio, NULL, cr_pkey_no_passphrase, NULL);
    BIO_free(bio);

    if (pkey == NULL) {
        return cr_pkey_fail(cx, "no private key in PEM, or an encrypted one");
    }

    return cr_pkey_make(cx, pkey, ret_key);
}


cr_err_t
cr_pkey_public(cr_ctx_t *cx, cr_str_t der, cr_pkey_t **ret_key)
{
    EVP_PKEY            *pkey;
    const unsigned char *p = (const unsigned char *) der.data;

    if (der.len == 0 || der.len > CR_PKEY_TEXT_MAX) {
        return cr_pkey_fail(cx, "empty, or too long");
    }

    pkey = d2i_PUBKEY(NULL, &p, (long) der.len);

    if (pkey == NULL) {
        return cr_pkey_fail(cx, "no public key in DER");
    }

    return cr_pkey_make(cx, pkey, ret_key);
}


void
cr_pkey_free(cr_pkey_t *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->pkey);
        free(key);
    }
}


cr_str_t
cr_pkey_alg(const cr_pkey_t *key)
{
    return key->rsa ? CR_STR("RS256") : CR_STR("ES256");
}


cr_err_t
cr_pkey_der(cr_ctx_t *cx, const cr_pkey_t *key, cr_str_t *ret_der)
{
    int            n;
    cr_str_t       der;
    unsigned char *made = NULL;

    n = i2d_PUBKEY(key->pkey, &made);

    if (n <= 0) {
        return cr_pkey_fail(cx, "cannot be encoded");
    }

    der = cr_dup(cx, (cr_str_t){ (size_t) n, (const char *) made });
    OPENSSL_free(made);

    if (der.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    *ret_der = der;

    return CR_OK;
}


/* A number of the key in base64url; width 0: as short as it is. */
static cr_err_t
cr_pkey_number(cr_ctx_t *cx, const cr_pkey_t *key, const char *z_name,
               int width, cr_str_t *ret_text)
{
    int           n;
    BIGNUM       *bn = NULL;
    cr_str_t      text;
    unsigned char bytes[CR_RSA_BITS_MAX / 8];

    if (EVP_PKEY_get_bn_param(key->pkey, z_name, &bn) != 1) {
        return cr_pkey_fail(cx, "a number is missing");
    }

    n = width != 0 ? BN_bn2binpad(bn, bytes, width)
        : BN_num_bytes(bn) <= (int) sizeof(bytes) ? BN_bn2bin(bn, bytes)
                                                  : -1;
    BN_free(bn);

    if (n <= 0) {
        return cr_pkey_fail(cx, "a number is out of range");
    }

    text = cr_base64url_encode(cx,
                               (cr_str_t){ (size_t) n, (const char *) bytes });

    if (text.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    *ret_text = text;

    return CR_OK;
}


/* The members that RFC 7638 asks for, in its order. */
static cr_err_t
cr_pkey_members(cr_ctx_t *cx, const cr_pkey_t *key, cr_buf_t *b)
{
    cr_str_t one, two;

    if (key->rsa) {
        CR_TRY(cr_pkey_number(cx, key, OSSL_PKEY_PARAM_RSA_E, 0, &one));
        CR_TRY(cr_pkey_number(cx, key, OSSL_PKEY_PARAM_RSA_N, 0, &two));
        cr_buf_printf(b, "\"e\":\"%.*s\",\"kty\":\"RSA\",\"n\":\"%.*s\"",
                      CR_STR_ARG(one), CR_STR_ARG(two));
        return CR_OK;
    }

    CR_TRY(cr_pkey_number(cx, key, OSSL_PKEY_PARAM_EC_PUB_X, CR_P256_SIZE,
                          &one));
    CR_TRY(cr_pkey_number(cx, key, OSSL_PKEY_PARAM_EC_PUB_Y, CR_P256_SIZE,
                          &two));
    cr_buf_printf(b,
                  "\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%.*s\","
                  "\"y\":\"%.*s\"",
                  CR_STR_ARG(one), CR_STR_ARG(two));

    return CR_OK;
}


cr_err_t
cr_pkey_thumbprint(cr_ctx_t *cx, const cr_pkey_t *key, cr_str_t *ret_kid)
{
    cr_buf_t b;
    cr_str_t text;
    uint8_t  sum[32];

    cr_buf_init(&b, cx, CR_PKEY_TEXT_MAX);
    cr_buf_char(&b, '{');
    CR_TRY(cr_pkey_members(cx, key, &b));
    cr_buf_char(&b, '}');
    CR_TRY(cr_buf_end(&b, &text));

    cr_hash_sha256(text, sum);
    text = cr_base64url_encode(
        cx, (cr_str_t){ sizeof(sum), (const char *) sum });

    if (text.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    *ret_kid = text;

    return CR_OK;
}


cr_err_t
cr_pkey_jwk(cr_ctx_t *cx, const cr_pkey_t *key, cr_str_t kid, cr_buf_t *b)
{
    cr_buf_z(b, "{\"kid\":");
    cr_buf_json(b, kid);
    cr_buf_printf(b, ",\"use\":\"sig\",\"alg\":\"%.*s\",",
                  CR_STR_ARG(cr_pkey_alg(key)));
    CR_TRY(cr_pkey_members(cx, key, b));
    cr_buf_char(b, '}');

    return CR_OK;
}


/* --- signatures ---------------------------------------------------------- */


/* ASN.1, as OpenSSL has it, to r and s side by side, as RFC 7518 has it. */
static bool
cr_pkey_to_raw(const unsigned char *der, size_t len,
               unsigned char raw[2 * CR_P256_SIZE])
{
    bool       ok;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long) len);

    if (sig == NULL) {
        return false;
    }

    ok = BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, CR_P256_SIZE) > 0
         && BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + CR_P256_SIZE,
                         CR_P256_SIZE)
                > 0;
    ECDSA_SIG_free(sig);

    return ok;
}


/* The reverse; *ret_der is OpenSSL's memory. */
static bool
cr_pkey_from_raw(cr_str_t raw, unsigned char **ret_der, size_t *ret_len)
{
    int                  n = -1;
    BIGNUM              *r, *s;
    ECDSA_SIG           *sig;
    const unsigned char *p = (const unsigned char *) raw.data;

    if (raw.len != (size_t) 2 * CR_P256_SIZE) {
        return false;
    }

    sig = ECDSA_SIG_new();
    r = BN_bin2bn(p, CR_P256_SIZE, NULL);
    s = BN_bin2bn(p + CR_P256_SIZE, CR_P256_SIZE, NULL);
    *ret_der = NULL;

    if (sig != NULL && r != NULL && s != NULL
        && ECDSA_SIG_set0(sig, r, s) == 1)
    {
        n = i2d_ECDSA_SIG(sig, ret_der);

    } else {
        BN_free(r);
        BN_free(s);
    }

    ECDSA_SIG_free(sig);
    *ret_len = n > 0 ? (size_t) n : 0;

    return n > 0;
}


cr_err_t
cr_pkey_sign(cr_ctx_t *cx, const cr_pkey_t *key, cr_str_t message,
             cr_str_t *ret_signature)
{
    bool          ok;
    size_t        len = CR_PKEY_SIGNATURE_MAX;
    cr_str_t      made;
    EVP_MD_CTX   *md = EVP_MD_CTX_new();
    unsigned char room[CR_PKEY_SIGNATURE_MAX], raw[2 * CR_P256_SIZE];

    ok = md != NULL
         && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key->pkey) == 1
         && EVP_DigestSign(md, room, &len,
                           (const unsigned char *) message.data, message.len)
                == 1;
    EVP_MD_CTX_free(md);

    if (ok && !key->rsa) {
        ok = cr_pkey_to_raw(room, len, raw);
    }

    if (!ok) {
        ERR_clear_error();
        return cr_fail_detail(cx, CR_ERR_INTERNAL, "a token cannot be signed");
    }

    made = key->rsa ? (cr_str_t){ len, (const char *) room }
                    : (cr_str_t){ sizeof(raw), (const char *) raw };
    made = cr_dup(cx, made);

    if (made.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    *ret_signature = made;

    return CR_OK;
}


bool
cr_pkey_verify(const cr_pkey_t *key, cr_str_t message, cr_str_t signature)
{
    bool                 ok;
    size_t               len = signature.len;
    EVP_MD_CTX          *md;
    unsigned char       *der = NULL;
    const unsigned char *p = (const unsigned char *) signature.data;

    if (!key->rsa) {
        if (!cr_pkey_from_raw(signature, &der, &len)) {
            return false;
        }

        p = der;
    }

    md = EVP_MD_CTX_new();
    ok = md != NULL
         && EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key->pkey) == 1
         && EVP_DigestVerify(md, p, len, (const unsigned char *) message.data,
                             message.len)
                == 1;
    EVP_MD_CTX_free(md);
    OPENSSL_free(der);
    ERR_clear_error();

    return ok;
}
