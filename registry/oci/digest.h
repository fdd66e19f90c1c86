/*
 * Digests (OCI image-spec, descriptor.md#digests): "sha256:" + 64 or
 * "sha512:" + 128 lower-case hex.  A value, no I/O.
 */

#ifndef CR_OCI_DIGEST_H
#define CR_OCI_DIGEST_H

#include "core/hash.h"

#define CR_DIGEST_TEXT_MAX 135 /* strlen("sha512:") + 128 */

typedef struct cr_digest_s {
    cr_hash_alg_e alg;
    uint8_t       bytes[CR_HASH_MAX_SIZE];
    char          text[CR_DIGEST_TEXT_MAX + 1]; /* NUL-terminated */
    size_t        text_len;
} cr_digest_t;

/* DIGEST_INVALID, with a text that says what is wrong. */
cr_err_t cr_digest_parse(cr_ctx_t *cx, cr_str_t s, cr_digest_t *ret_d);
/* "sha256" or "sha512"; DIGEST_INVALID for any other. */
cr_err_t cr_digest_alg_parse(cr_ctx_t *cx, cr_str_t s, cr_hash_alg_e *ret_a);
/* Has the shape alg ":" encoded (maybe of an algorithm not supported). */
bool cr_digest_like(cr_str_t s);
/* From a finished hash. */
void     cr_digest_final(cr_hash_t *h, cr_digest_t *ret_d);
void     cr_digest_of(cr_hash_alg_e alg, cr_str_t data, cr_digest_t *ret_d);
cr_str_t cr_digest_str(const cr_digest_t *d); /* points into d */
bool     cr_digest_eq(const cr_digest_t *a, const cr_digest_t *b);

#endif
