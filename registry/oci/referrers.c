/*
 * Writing the referrers response (distribution-spec "Listing Referrers") and
 * recognising fallback tags.  Any thread.
 */

#include <inttypes.h>
#include <string.h>
#include "core/encode.h"
#include "oci/media_type.h"
#include "oci/referrers.h"

#define FALLBACK_PREFIX "sha256-"


void
cr_referrers_begin(cr_buf_t *b)
{
    cr_buf_z(b, "{\"schemaVersion\":2,\"mediaType\":\"" CR_MT_OCI_INDEX
                "\",\"manifests\":[");
}


void
cr_referrers_add(cr_buf_t *b, const cr_referrer_t *r, bool first)
{
    if (!first) {
        cr_buf_char(b, ',');
    }

    cr_buf_z(b, "{\"mediaType\":");
    cr_buf_json(b, r->media_type);
    cr_buf_z(b, ",\"digest\":");
    cr_buf_json(b, r->digest);
    cr_buf_printf(b, ",\"size\":%" PRIu64, r->size);

    if (r->artifact_type.len != 0) {
        cr_buf_z(b, ",\"artifactType\":");
        cr_buf_json(b, r->artifact_type);
    }
    if (r->annotations.len != 0) {
        /* Formatted by cr_manifest_parse: JSON already. */
        cr_buf_z(b, ",\"annotations\":");
        cr_buf_str(b, r->annotations);
    }

    cr_buf_char(b, '}');
}


void
cr_referrers_end(cr_buf_t *b)
{
    cr_buf_z(b, "]}");
}


bool
cr_referrers_tag_parse(cr_str_t tag, cr_digest_t *ret_subject)
{
    cr_digest_t d;
    cr_str_t    hex;

    /*
     * The tag cuts the encoded part to 64 characters, so only that of a
     * sha256 still says which digest it stands for.
     */
    if (!cr_str_starts(tag, CR_STR(FALLBACK_PREFIX))) {
        return false;
    }
    hex = cr_str_slice(tag, sizeof(FALLBACK_PREFIX) - 1, tag.len);

    memset(&d, 0, sizeof(d));
    d.alg = CR_HASH_SHA256;
    if (hex.len != cr_hash_size(d.alg) * 2
        || !cr_hex_decode(hex, d.bytes, cr_hash_size(d.alg)))
    {
        return false;
    }

    memcpy(d.text, tag.data, tag.len);
    d.text[sizeof(FALLBACK_PREFIX) - 2] = ':';
    d.text_len = tag.len;
    *ret_subject = d;

    return true;
}
