/*
 * The referrers response: an image index built from descriptors
 * (distribution-spec "Listing Referrers"), and the fallback tag schema.
 */

#ifndef CR_OCI_REFERRERS_H
#define CR_OCI_REFERRERS_H

#include "core/buf.h"
#include "oci/digest.h"

typedef struct cr_referrer_s {
    cr_str_t media_type;
    cr_str_t digest;
    uint64_t size;
    cr_str_t artifact_type; /* empty: left out */
    cr_str_t annotations;   /* JSON object text; empty: left out */
} cr_referrer_t;

void cr_referrers_begin(cr_buf_t *b);
void cr_referrers_add(cr_buf_t *b, const cr_referrer_t *r, bool first);
void cr_referrers_end(cr_buf_t *b);

/* Is tag the fallback tag of some digest ("sha256-<64 hex>" exactly, no
 * suffix)?  Then the digest it stands for. */
bool cr_referrers_tag_parse(cr_str_t tag, cr_digest_t *ret_subject);

#endif
