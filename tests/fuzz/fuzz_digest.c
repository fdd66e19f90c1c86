/*
 * Digests, against the grammar as a regular expression.
 */

#include <assert.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include "oci/digest.h"
#include "oci/referrers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static bool
matches(const char *z_pattern, const char *z_text)
{
    regex_t re;
    bool    match;

    assert(regcomp(&re, z_pattern, REG_EXTENDED | REG_NOSUB) == 0);
    match = regexec(&re, z_text, 0, NULL, 0) == 0;
    regfree(&re);

    return match;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cr_ctx_t    cx;
    cr_digest_t d;
    cr_str_t    s = { size, (const char *) data };
    char       *z;
    bool        want, like, tag, whole;

    if (size > 512 || cr_ctx_init(&cx, 0) != CR_OK) {
        return 0;
    }
    z = cr_arena_dup_z(cx.arena, s);
    assert(z != NULL);
    whole = strlen(z) == size;

    want = whole
           && (matches("^sha256:[0-9a-f]{64}$", z)
               || matches("^sha512:[0-9a-f]{128}$", z));
    assert(cr_digest_parse(&cx, s, &d)
           == (want ? CR_OK : CR_ERR_DIGEST_INVALID));
    if (want) {
        assert(cr_str_eq(cr_digest_str(&d), s));
        assert(d.text[d.text_len] == '\0');
    }

    like = whole && matches("^[a-z0-9]+([+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$", z);
    assert(cr_digest_like(s) == like);

    tag = whole && matches("^sha256-[0-9a-f]{64}$", z);
    assert(cr_referrers_tag_parse(s, &d) == tag);
    if (tag) {
        assert(cr_digest_parse(&cx, cr_digest_str(&d), &d) == CR_OK);
    }

    cr_ctx_done(&cx);

    return 0;
}
