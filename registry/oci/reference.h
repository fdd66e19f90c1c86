/*
 * A manifest reference: a tag ([a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}) or a
 * digest (OCI distribution-spec, "Pull").
 */

#ifndef CR_OCI_REFERENCE_H
#define CR_OCI_REFERENCE_H

#include "oci/digest.h"

#define CR_TAG_MAX 128

typedef struct cr_reference_s {
    bool        is_digest;
    cr_str_t    tag;    /* when not is_digest; a slice of the input */
    cr_digest_t digest; /* when is_digest */
} cr_reference_t;

/* DIGEST_INVALID when it has a ':', TAG_INVALID otherwise. */
cr_err_t cr_reference_parse(cr_ctx_t *cx, cr_str_t s, cr_reference_t *ret_r);
cr_err_t cr_tag_check(cr_ctx_t *cx, cr_str_t tag); /* TAG_INVALID */
/* The text: tag or digest. */
cr_str_t cr_reference_str(const cr_reference_t *r);

#endif
