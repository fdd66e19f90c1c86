/*
 * Refresh tokens: random, opaque; the database knows their SHA-256.  Bound to
 * the epoch of the user, so a new password or a disabled account voids them.
 */

#ifndef CR_META_REFRESH_H
#define CR_META_REFRESH_H

#include "meta/audit.h"

#define CR_REFRESH_LEN     43 /* characters: 32 bytes in base64url */
#define CR_REFRESH_TTL     (30 * CR_DAY)
#define CR_REFRESH_PER_MAX 100 /* of one subject; older ones go */

typedef struct cr_refresh_s {
    int64_t  id;
    cr_str_t subject; /* user:ID */
    int64_t  epoch;
    cr_str_t client_id;
    int64_t  created_at;
    int64_t  used_at; /* 0: never */
    int64_t  expires_at;
} cr_refresh_t;

/* [write] Make one; *ret_token is shown once. */
cr_err_t cr_refresh_create(cr_ctx_t *cx, cr_meta_t *m, cr_str_t subject,
                           int64_t epoch, cr_str_t client_id,
                           cr_str_t *ret_token);
/* UNAUTHORIZED when there is none, or it has ended.  The epoch is the
 * caller's to compare. */
cr_err_t cr_refresh_find(cr_ctx_t *cx, cr_meta_t *m, cr_str_t token,
                         cr_refresh_t *ret_r);
/* [write, no sync] */
cr_err_t cr_refresh_used(cr_ctx_t *cx, cr_meta_t *m, int64_t id);
/* [list] Those of a subject that have not ended. */
cr_err_t cr_refresh_list(cr_ctx_t *cx, cr_meta_t *m, cr_str_t subject,
                         cr_refresh_t **ret_rows, size_t *ret_n);
/* [write] id 0: all of the subject.  NOT_FOUND. */
cr_err_t cr_refresh_delete(cr_ctx_t *cx, cr_meta_t *m, cr_str_t subject,
                           int64_t id, const cr_audit_who_t *who);
/* [write, no sync] Drop up to n that have ended. */
cr_err_t cr_refresh_purge(cr_ctx_t *cx, cr_meta_t *m, size_t n, size_t *ret_n);

#endif
