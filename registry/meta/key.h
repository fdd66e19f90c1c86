/* Token keys: made in the database so that all workers share them. */

#ifndef CR_META_KEY_H
#define CR_META_KEY_H

#include "meta/audit.h"

typedef struct cr_key_row_s {
    cr_str_t kid;
    cr_str_t alg;
    cr_str_t secret;
    int64_t  created_at;
    bool     retired;
} cr_key_row_t;

/* All keys, newest first; the first that is not retired signs. */
cr_err_t cr_key_list(cr_ctx_t *cx, cr_meta_t *m, cr_key_row_t **ret_rows,
                     size_t *ret_n);
/* [write] A key, unless there is one of that id.  secret: bytes. */
cr_err_t cr_key_put(cr_ctx_t *cx, cr_meta_t *m, cr_str_t kid, cr_str_t alg,
                    cr_str_t secret);
/* [write] A new HS256 key, which signs from the next load of nginx on; the
 * older ones verify only. */
cr_err_t cr_key_rotate(cr_ctx_t *cx, cr_meta_t *m, const cr_audit_who_t *who);
/* [write] Trust it no more, from the next load on.  NOT_FOUND; PRECONDITION
 * when it is the only one that signs. */
cr_err_t cr_key_delete(cr_ctx_t *cx, cr_meta_t *m, cr_str_t kid,
                       const cr_audit_who_t *who);

#endif
