/* Users: who may log in with a password. */

#ifndef CR_META_USER_H
#define CR_META_USER_H

#include "meta/meta.h"

#define CR_USER_NAME_MAX 255

typedef struct cr_user_s {
    int64_t  id;
    cr_str_t name;
    cr_str_t password_hash; /* empty: cannot log in */
    bool     admin;
    bool     disabled;
    int64_t  epoch;
    int64_t  created_at;
} cr_user_t;

/* NOT_FOUND (also when deleted). */
cr_err_t cr_user_by_name(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name,
                         cr_user_t *ret_u);
cr_err_t cr_user_by_id(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                       cr_user_t *ret_u);
/* [list] Ordered by name, after `last`, at most n. */
cr_err_t cr_user_list(cr_ctx_t *cx, cr_meta_t *m, cr_str_t last, size_t n,
                      cr_user_t **ret_rows, size_t *ret_n);
/* [write] Sets the hash and bumps the epoch: older tokens are void. */
cr_err_t cr_user_set_password(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                              cr_str_t hash);

#endif
