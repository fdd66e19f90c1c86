/*
 * Manifest references: a tag or a digest and nothing else (distribution-spec
 * "Pull").  Any thread.
 */

#include <string.h>
#include "oci/reference.h"

static bool
tag_char(char c, bool first)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9') || c == '_')
    {
        return true;
    }
    return !first && (c == '.' || c == '-');
}


cr_err_t
cr_tag_check(cr_ctx_t *cx, cr_str_t tag)
{
    size_t i;

    if (tag.len == 0 || tag.len > CR_TAG_MAX) {
        return cr_fail(cx, CR_ERR_TAG_INVALID, "a tag has 1 to %d characters",
                       CR_TAG_MAX);
    }

    for (i = 0; i < tag.len; i++) {
        if (!tag_char(tag.data[i], i == 0)) {
            return cr_fail(cx, CR_ERR_TAG_INVALID,
                           "tag is invalid at character %zu: use letters, "
                           "digits, \"_\", and after the first \".\" and "
                           "\"-\"",
                           i + 1);
        }
    }

    return CR_OK;
}


cr_err_t
cr_reference_parse(cr_ctx_t *cx, cr_str_t s, cr_reference_t *ret_r)
{
    cr_reference_t r;

    memset(&r, 0, sizeof(r));

    if (cr_str_chr(s, ':') >= 0) {
        CR_TRY(cr_digest_parse(cx, s, &r.digest));
        r.is_digest = true;
    } else {
        CR_TRY(cr_tag_check(cx, s));
        r.tag = s;
    }
    *ret_r = r;

    return CR_OK;
}


cr_str_t
cr_reference_str(const cr_reference_t *r)
{
    return r->is_digest ? cr_digest_str(&r->digest) : r->tag;
}
