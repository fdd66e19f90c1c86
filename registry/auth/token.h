/*
 * Bearer tokens: compact JWS (RFC 7515), HS256, key chosen by kid out of the
 * installation's key ring, algorithm pinned per key, only our own issuer
 * (DESIGN section 6 "Tokens").
 */

#ifndef CR_AUTH_TOKEN_H
#define CR_AUTH_TOKEN_H

#include "auth/scope.h"

#define CR_TOKEN_TEXT_MAX 16384
#define CR_TOKEN_LEEWAY_S 60

typedef struct cr_keyring_s cr_keyring_t;

/* Heap object; takes copies.  Read-only after the last add: any thread. */
cr_err_t cr_keyring_create(cr_ctx_t *cx, cr_keyring_t **ret_ring);
void     cr_keyring_free(cr_keyring_t *ring); /* wipes; takes NULL */
cr_err_t cr_keyring_add(cr_ctx_t *cx, cr_keyring_t *ring, cr_str_t kid,
                        cr_str_t alg, cr_str_t secret, bool signs);

typedef struct cr_token_s {
    cr_str_t          issuer;
    cr_str_t          audience;
    cr_str_t          subject; /* as cr_identity_subject */
    int64_t           epoch;
    int64_t           issued_at; /* seconds */
    int64_t           expires_at;
    cr_str_t          id; /* jti */
    const cr_scope_t *access;
    size_t            naccess;
} cr_token_t;

/* INTERNAL when the ring has no key that signs. */
cr_err_t cr_token_sign(cr_ctx_t *cx, const cr_keyring_t *ring,
                       const cr_token_t *t, cr_str_t *ret_text);
/*
 * UNAUTHORIZED for anything wrong: shape, algorithm, unknown kid, signature
 * (constant time), issuer, audience, expired, not yet valid, types.
 */
cr_err_t cr_token_verify(cr_ctx_t *cx, const cr_keyring_t *ring, cr_str_t text,
                         cr_str_t issuer, cr_str_t audience, cr_token_t *ret_t);
/* The actions the token gives on (type, name). */
unsigned cr_token_actions(const cr_token_t *t, cr_str_t type, cr_str_t name);

#endif
