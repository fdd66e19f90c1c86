/*
 * Bearer tokens: compact JWS (RFC 7515), HS256, or RS256 and ES256 with the
 * key pair of a PEM file, key chosen by kid out of the
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
/* alg HS256: the secret.  RS256, ES256: a public key in DER; it only
 * verifies, whatever `signs` says. */
cr_err_t cr_keyring_add(cr_ctx_t *cx, cr_keyring_t *ring, cr_str_t kid,
                        cr_str_t alg, cr_str_t secret, bool signs);
/*
 * A private key in PEM, which signs from now on.  Returns what others need to
 * verify: id (RFC 7638), algorithm, public key in DER.  CONFIG.
 */
cr_err_t cr_keyring_add_private(cr_ctx_t *cx, cr_keyring_t *ring, cr_str_t pem,
                                cr_str_t *ret_kid, cr_str_t *ret_alg,
                                cr_str_t *ret_der);
bool     cr_keyring_has(const cr_keyring_t *ring, cr_str_t kid);
/* Does signing take its time (a key pair)?  Then not on an event loop. */
bool cr_keyring_is_slow(const cr_keyring_t *ring);
/* A key for another purpose, of the n-th HS256 key from the newest on; false:
 * there are no more. */
bool cr_keyring_derive(const cr_keyring_t *ring, size_t n, cr_str_t purpose,
                       uint8_t out[32]);
/* The public keys as a JWK set (RFC 7517). */
cr_err_t cr_keyring_jwks(cr_ctx_t *cx, const cr_keyring_t *ring,
                         cr_str_t *ret_json);

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
cr_err_t cr_token_verify(cr_ctx_t *cx, cr_keyring_t *ring, cr_str_t text,
                         cr_str_t issuer, cr_str_t audience, cr_token_t *ret_t);
/* The actions the token gives on (type, name). */
unsigned cr_token_actions(const cr_token_t *t, cr_str_t type, cr_str_t name);

#endif
