/*
 * References: a tag, or a digest, or nothing.
 */

#include <assert.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include "oci/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static bool
is_tag(const char *z_text)
{
    regex_t re;
    bool    match;

    assert(regcomp(&re, "^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$",
                   REG_EXTENDED | REG_NOSUB)
           == 0);
    match = regexec(&re, z_text, 0, NULL, 0) == 0;
    regfree(&re);

    return match;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cr_ctx_t       cx;
    cr_reference_t r;
    cr_digest_t    d;
    cr_str_t       s = { size, (const char *) data };
    cr_err_t       err;
    char          *z;
    bool           tag;

    if (size > 512 || cr_ctx_init(&cx, 0) != CR_OK) {
        return 0;
    }
    z = cr_arena_dup_z(cx.arena, s);
    assert(z != NULL);

    tag = strlen(z) == size && is_tag(z);
    assert(cr_tag_check(&cx, s) == (tag ? CR_OK : CR_ERR_TAG_INVALID));

    err = cr_reference_parse(&cx, s, &r);
    if (err == CR_OK) {
        assert(cr_str_eq(cr_reference_str(&r), s));
        assert(r.is_digest == !tag);
    } else if (cr_str_chr(s, ':') >= 0) {
        assert(err == CR_ERR_DIGEST_INVALID);
    } else {
        assert(err == CR_ERR_TAG_INVALID);
    }
    assert((err == CR_OK) == (tag || cr_digest_parse(&cx, s, &d) == CR_OK));

    cr_ctx_done(&cx);

    return 0;
}
