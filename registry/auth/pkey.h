/*
 * Key pairs that sign tokens which others verify: RSA of 2048 bits and more
 * (RS256) and the curve P-256 (ES256), RFC 7518.  Read-only after they are
 * made: any thread.
 */

#ifndef CR_AUTH_PKEY_H
#define CR_AUTH_PKEY_H

#include "core/buf.h"

#define CR_PKEY_TEXT_MAX      16384 /* of a PEM file */
#define CR_PKEY_SIGNATURE_MAX 1024  /* RSA of 8192 bits */

typedef struct cr_pkey_s cr_pkey_t;

/* From a private key in PEM.  CONFIG when it is none that fits.  Heap. */
cr_err_t cr_pkey_private(cr_ctx_t *cx, cr_str_t pem, cr_pkey_t **ret_key);
/* From a SubjectPublicKeyInfo in DER, as below: verifies only. */
cr_err_t cr_pkey_public(cr_ctx_t *cx, cr_str_t der, cr_pkey_t **ret_key);
void     cr_pkey_free(cr_pkey_t *key); /* takes NULL */

/* "RS256", "ES256". */
cr_str_t cr_pkey_alg(const cr_pkey_t *key);
/* The public half. */
cr_err_t cr_pkey_der(cr_ctx_t *cx, const cr_pkey_t *key, cr_str_t *ret_der);
/* RFC 7638, SHA-256, base64url: the key's id. */
cr_err_t cr_pkey_thumbprint(cr_ctx_t *cx, const cr_pkey_t *key,
                            cr_str_t *ret_kid);
/* The public half as a JWK (RFC 7517) with that id. */
cr_err_t cr_pkey_jwk(cr_ctx_t *cx, const cr_pkey_t *key, cr_str_t kid,
                     cr_buf_t *b);

/* As in a JWS; slow (a millisecond for RSA): not on an event loop. */
cr_err_t cr_pkey_sign(cr_ctx_t *cx, const cr_pkey_t *key, cr_str_t message,
                      cr_str_t *ret_signature);
bool     cr_pkey_verify(const cr_pkey_t *key, cr_str_t message,
                        cr_str_t signature);

#endif
