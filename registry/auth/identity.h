/* Who is calling.  A value. */

#ifndef CR_AUTH_IDENTITY_H
#define CR_AUTH_IDENTITY_H

#include "core/ctx.h"

typedef enum {
    CR_IDENTITY_ANONYMOUS = 0,
    CR_IDENTITY_USER = 1,
    CR_IDENTITY_ROBOT = 2
} cr_identity_kind_e;

typedef struct cr_identity_s {
    cr_identity_kind_e kind;
    int64_t            id;
    cr_str_t           name;  /* for logs; empty when anonymous */
    int64_t            epoch; /* of the credential that was shown */
    bool               admin;
} cr_identity_t;

/* "user:7", "robot:3", "" for anonymous. */
cr_str_t cr_identity_subject(cr_ctx_t *cx, const cr_identity_t *id);
/* The reverse; UNAUTHORIZED when it is none of the three forms. */
cr_err_t cr_identity_parse(cr_ctx_t *cx, cr_str_t subject,
                           cr_identity_t *ret_id);

#endif
