/* Inside auth/: the keys of a ring, for those who sign and verify. */

#ifndef CR_AUTH_KEYRING_H
#define CR_AUTH_KEYRING_H

#include <pthread.h>

#include "auth/pkey.h"
#include "auth/token.h"

#define CR_KEYS_MAX       64
#define CR_KEY_KID_MAX    64
#define CR_KEY_SECRET_MIN 32 /* RFC 7518 section 3.2 */
#define CR_KEY_SECRET_MAX 128
#define CR_VERIFIED_MAX   1024 /* tokens */

typedef struct cr_key_s {
    char       kid[CR_KEY_KID_MAX];
    size_t     kid_len;
    char       secret[CR_KEY_SECRET_MAX]; /* HS256 */
    size_t     secret_len;
    cr_pkey_t *pkey;        /* RS256, ES256; NULL: HS256 */
    char       header[256]; /* base64url, as cr_token_sign writes it */
    size_t     header_len;
} cr_key_t;

struct cr_keyring_s {
    size_t          nkeys;
    const cr_key_t *signs;  /* NULL: none */
    size_t          hs[CR_KEYS_MAX]; /* HS256 keys, that which signs first */
    size_t          nhs;
    cr_key_t       *keys[CR_KEYS_MAX];
    pthread_mutex_t lock; /* guards verified */
    /* SHA-256 of tokens whose signature by a key pair was found good. */
    uint8_t verified[CR_VERIFIED_MAX][32];
};

cr_str_t cr_key_alg(const cr_key_t *key);
/* NULL when there is none. */
const cr_key_t *cr_keyring_find(const cr_keyring_t *ring, cr_str_t kid);
/* By the header of a token, as cr_token_sign writes it. */
const cr_key_t *cr_keyring_match(const cr_keyring_t *ring, cr_str_t header);

cr_err_t cr_key_sign(cr_ctx_t *cx, const cr_key_t *key, cr_str_t message,
                     cr_str_t *ret_signature);
/* token: the whole text, of which message is the signed part. */
bool cr_key_check(cr_keyring_t *ring, const cr_key_t *key, cr_str_t token,
                  cr_str_t message, cr_str_t signature);

#endif
