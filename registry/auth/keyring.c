/*
 * The key ring: the installation's token keys by id, with the algorithm
 * pinned per key.  Signatures by key pairs are slow to verify, so a ring
 * remembers tokens that it found good, by hash; what a token says is looked
 * at each time.  Keys are read-only after the last add: any thread.
 */

#include <stdlib.h>
#include <string.h>

#include "auth/keyring.h"
#include "core/encode.h"
#include "core/hash.h"

#define CR_KEY_MAC 32

static bool     cr_key_kid_valid(cr_str_t kid);
static cr_err_t cr_key_header(cr_ctx_t *cx, cr_key_t *key);


cr_err_t
cr_keyring_create(cr_ctx_t *cx, cr_keyring_t **ret_ring)
{
    cr_keyring_t *ring = calloc(1, sizeof(cr_keyring_t));

    if (ring == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    /* Cannot fail with default attributes on Linux. */
    (void) pthread_mutex_init(&ring->lock, NULL);

    *ret_ring = ring;

    return CR_OK;
}


static void
cr_key_free(cr_key_t *key)
{
    cr_pkey_free(key->pkey);
    explicit_bzero(key, sizeof(cr_key_t));
    free(key);
}


void
cr_keyring_free(cr_keyring_t *ring)
{
    if (ring == NULL) {
        return;
    }

    for (size_t i = 0; i < ring->nkeys; i++) {
        cr_key_free(ring->keys[i]);
    }

    (void) pthread_mutex_destroy(&ring->lock);
    free(ring);
}


/* Takes the key over, also when it fails. */
static cr_err_t
cr_keyring_put(cr_ctx_t *cx, cr_keyring_t *ring, cr_key_t *key, bool signs)
{
    cr_err_t err = CR_OK;
    cr_str_t kid = { key->kid_len, key->kid };

    if (ring->nkeys == CR_KEYS_MAX || cr_keyring_find(ring, kid) != NULL) {
        err = cr_fail_detail(cx, CR_ERR_CONFIG,
                             "token key %.*s: given twice, or one too many",
                             CR_STR_ARG(kid));
    }

    if (err == CR_OK) {
        err = cr_key_header(cx, key);
    }

    if (err != CR_OK) {
        cr_key_free(key);
        return err;
    }

    if (key->pkey == NULL) {
        ring->hs[ring->nhs++] = ring->nkeys;

        if (signs) {
            ring->hs[ring->nhs - 1] = ring->hs[0];
            ring->hs[0] = ring->nkeys;
        }
    }

    ring->keys[ring->nkeys++] = key;

    /* Others can verify what a key pair signs: it comes first. */

    if (signs && (ring->signs == NULL || ring->signs->pkey == NULL)) {
        ring->signs = key;
    }

    return CR_OK;
}


static cr_err_t
cr_key_make(cr_ctx_t *cx, cr_str_t kid, cr_key_t **ret_key)
{
    cr_key_t *key;

    if (!cr_key_kid_valid(kid)) {
        return cr_fail_detail(cx, CR_ERR_CONFIG, "token key: bad id \"%.*s\"",
                              CR_STR_ARG(kid));
    }

    key = calloc(1, sizeof(cr_key_t));

    if (key == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    memcpy(key->kid, kid.data, kid.len);
    key->kid_len = kid.len;
    *ret_key = key;

    return CR_OK;
}


/* A public key verifies; its algorithm must be the one it is stored with. */
static cr_err_t
cr_keyring_add_public(cr_ctx_t *cx, cr_keyring_t *ring, cr_str_t kid,
                      cr_str_t alg, cr_str_t der)
{
    cr_err_t   err;
    cr_key_t  *key;
    cr_pkey_t *pkey;

    CR_TRY(cr_pkey_public(cx, der, &pkey));

    err = cr_str_eq(cr_pkey_alg(pkey), alg)
              ? cr_key_make(cx, kid, &key)
              : cr_fail_detail(cx, CR_ERR_CONFIG,
                               "token key %.*s: of another algorithm",
                               CR_STR_ARG(kid));

    if (err != CR_OK) {
        cr_pkey_free(pkey);
        return err;
    }

    key->pkey = pkey;

    return cr_keyring_put(cx, ring, key, false);
}


cr_err_t
cr_keyring_add_private(cr_ctx_t *cx, cr_keyring_t *ring, cr_str_t pem,
                       cr_str_t *ret_kid, cr_str_t *ret_alg, cr_str_t *ret_der)
{
    cr_err_t   err;
    cr_str_t   kid, der;
    cr_key_t  *key = NULL;
    cr_pkey_t *pkey;

    CR_TRY(cr_pkey_private(cx, pem, &pkey));

    err = cr_pkey_thumbprint(cx, pkey, &kid);

    if (err == CR_OK) {
        err = cr_pkey_der(cx, pkey, &der);
    }

    if (err == CR_OK) {
        err = cr_key_make(cx, kid, &key);
    }

    if (err != CR_OK) {
        cr_pkey_free(pkey);
        return err;
    }

    key->pkey = pkey;
    *ret_kid = kid;
    *ret_alg = cr_pkey_alg(pkey);
    *ret_der = der;

    return cr_keyring_put(cx, ring, key, true);
}


cr_err_t
cr_keyring_add(cr_ctx_t *cx, cr_keyring_t *ring, cr_str_t kid, cr_str_t alg,
               cr_str_t secret, bool signs)
{
    cr_key_t *key;

    if (cr_str_eq_z(alg, "RS256") || cr_str_eq_z(alg, "ES256")) {
        return cr_keyring_add_public(cx, ring, kid, alg, secret);
    }

    if (!cr_str_eq_z(alg, "HS256")) {
        return cr_fail_detail(cx, CR_ERR_CONFIG,
                              "token key %.*s: unknown algorithm \"%.*s\"",
                              CR_STR_ARG(kid), CR_STR_ARG(alg));
    }

    if (secret.len < CR_KEY_SECRET_MIN || secret.len > CR_KEY_SECRET_MAX) {
        return cr_fail_detail(cx, CR_ERR_CONFIG,
                              "token key %.*s: secret of %zu bytes",
                              CR_STR_ARG(kid), secret.len);
    }

    CR_TRY(cr_key_make(cx, kid, &key));
    memcpy(key->secret, secret.data, secret.len);
    key->secret_len = secret.len;

    return cr_keyring_put(cx, ring, key, signs);
}


bool
cr_keyring_has(const cr_keyring_t *ring, cr_str_t kid)
{
    return cr_keyring_find(ring, kid) != NULL;
}


bool
cr_keyring_is_slow(const cr_keyring_t *ring)
{
    return ring->signs != NULL && ring->signs->pkey != NULL;
}


bool
cr_keyring_derive(const cr_keyring_t *ring, size_t n, cr_str_t purpose,
                  uint8_t out[32])
{
    const cr_key_t *key;

    if (n >= ring->nhs) {
        return false;
    }

    key = ring->keys[ring->hs[n]];
    cr_hmac_sha256((cr_str_t){ key->secret_len, key->secret }, purpose, out);

    return true;
}


cr_err_t
cr_keyring_jwks(cr_ctx_t *cx, const cr_keyring_t *ring, cr_str_t *ret_json)
{
    bool     comma = false;
    cr_buf_t b;

    cr_buf_init(&b, cx, CR_KEYS_MAX * 4096);
    cr_buf_z(&b, "{\"keys\":[");

    for (size_t i = 0; i < ring->nkeys; i++) {
        const cr_key_t *key = ring->keys[i];

        if (key->pkey != NULL) {
            cr_buf_z(&b, comma ? "," : "");
            CR_TRY(cr_pkey_jwk(cx, key->pkey,
                               (cr_str_t){ key->kid_len, key->kid }, &b));
            comma = true;
        }
    }

    cr_buf_z(&b, "]}\n");

    return cr_buf_end(&b, ret_json);
}


cr_str_t
cr_key_alg(const cr_key_t *key)
{
    return key->pkey != NULL ? cr_pkey_alg(key->pkey) : CR_STR("HS256");
}


/* No character that JSON would escape. */
static bool
cr_key_kid_valid(cr_str_t kid)
{
    for (size_t i = 0; i < kid.len; i++) {
        char c = kid.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
        {
            return false;
        }
    }

    return kid.len > 0 && kid.len <= CR_KEY_KID_MAX;
}


static cr_err_t
cr_key_header(cr_ctx_t *cx, cr_key_t *key)
{
    cr_str_t kid = { key->kid_len, key->kid };
    cr_str_t s;

    s = cr_printf(cx, "{\"alg\":\"%.*s\",\"typ\":\"JWT\",\"kid\":\"%.*s\"}",
                  CR_STR_ARG(cr_key_alg(key)), CR_STR_ARG(kid));

    if (s.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    s = cr_base64url_encode(cx, s);

    if (s.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    if (s.len > sizeof(key->header)) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL,
                              "token key: header too long");
    }

    memcpy(key->header, s.data, s.len);
    key->header_len = s.len;

    return CR_OK;
}


const cr_key_t *
cr_keyring_find(const cr_keyring_t *ring, cr_str_t kid)
{
    for (size_t i = 0; i < ring->nkeys; i++) {
        const cr_key_t *key = ring->keys[i];

        if (cr_str_eq((cr_str_t){ key->kid_len, key->kid }, kid)) {
            return key;
        }
    }

    return NULL;
}


const cr_key_t *
cr_keyring_match(const cr_keyring_t *ring, cr_str_t header)
{
    for (size_t i = 0; i < ring->nkeys; i++) {
        const cr_key_t *key = ring->keys[i];

        if (cr_str_eq((cr_str_t){ key->header_len, key->header }, header)) {
            return key;
        }
    }

    return NULL;
}


cr_err_t
cr_key_sign(cr_ctx_t *cx, const cr_key_t *key, cr_str_t message,
            cr_str_t *ret_signature)
{
    char    *mac;
    cr_str_t secret = { key->secret_len, key->secret };

    if (key->pkey != NULL) {
        return cr_pkey_sign(cx, key->pkey, message, ret_signature);
    }

    mac = cr_alloc(cx, CR_KEY_MAC);

    if (mac == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    cr_hmac_sha256(secret, message, (uint8_t *) mac);
    *ret_signature = (cr_str_t){ CR_KEY_MAC, mac };

    return CR_OK;
}


/* By a key pair: the same text was found good before, or is now. */
static bool
cr_key_check_pair(cr_keyring_t *ring, const cr_key_t *key, cr_str_t token,
                  cr_str_t message, cr_str_t signature)
{
    bool     known;
    uint8_t  sum[32], *place;
    uint64_t n;

    cr_hash_sha256(token, sum);
    memcpy(&n, sum, sizeof(n));
    place = ring->verified[n % CR_VERIFIED_MAX];

    (void) pthread_mutex_lock(&ring->lock);
    known = memcmp(place, sum, sizeof(sum)) == 0;
    (void) pthread_mutex_unlock(&ring->lock);

    if (known) {
        return true;
    }

    if (!cr_pkey_verify(key->pkey, message, signature)) {
        return false;
    }

    (void) pthread_mutex_lock(&ring->lock);
    memcpy(place, sum, sizeof(sum));
    (void) pthread_mutex_unlock(&ring->lock);

    return true;
}


bool
cr_key_check(cr_keyring_t *ring, const cr_key_t *key, cr_str_t token,
             cr_str_t message, cr_str_t signature)
{
    char     mac[CR_KEY_MAC];
    cr_str_t secret = { key->secret_len, key->secret };

    if (key->pkey != NULL) {
        return cr_key_check_pair(ring, key, token, message, signature);
    }

    cr_hmac_sha256(secret, message, (uint8_t *) mac);

    return cr_str_eq_secret(signature, (cr_str_t){ sizeof(mac), mac });
}
