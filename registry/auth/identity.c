/*
 * The subject of a token, to and from text.  No state beside the context.
 */

#include <inttypes.h>
#include "auth/identity.h"

static const struct {
    cr_identity_kind_e kind;
    cr_str_t           prefix;
} cr_identity_kinds[] = {
    { CR_IDENTITY_USER, { 5, "user:" } },
    { CR_IDENTITY_ROBOT, { 6, "robot:" } },
};


cr_str_t
cr_identity_subject(cr_ctx_t *cx, const cr_identity_t *id)
{
    for (size_t i = 0; i < CR_NELTS(cr_identity_kinds); i++) {
        if (id->kind == cr_identity_kinds[i].kind) {
            return cr_printf(cx, "%s%" PRId64, cr_identity_kinds[i].prefix.data,
                             id->id);
        }
    }

    return CR_STR("");
}


cr_err_t
cr_identity_parse(cr_ctx_t *cx, cr_str_t subject, cr_identity_t *ret_id)
{
    uint64_t n;
    cr_str_t digits;

    if (subject.len == 0) {
        *ret_id = (cr_identity_t){ .kind = CR_IDENTITY_ANONYMOUS,
                                   .name = CR_STR("") };
        return CR_OK;
    }

    for (size_t i = 0; i < CR_NELTS(cr_identity_kinds); i++) {
        if (!cr_str_starts(subject, cr_identity_kinds[i].prefix)) {
            continue;
        }

        digits =
            cr_str_slice(subject, cr_identity_kinds[i].prefix.len, subject.len);

        /* One text for one identity: no zero, no leading zeros. */

        if (cr_str_starts(digits, CR_STR("0")) || !cr_str_u64(digits, &n)
            || n > INT64_MAX)
        {
            break;
        }

        *ret_id = (cr_identity_t){ .kind = cr_identity_kinds[i].kind,
                                   .id = (int64_t) n,
                                   .name = CR_STR("") };
        return CR_OK;
    }

    return cr_fail_detail(cx, CR_ERR_UNAUTHORIZED,
                          "\"%.*s\" is no subject of a token",
                          CR_STR_ARG(subject));
}
