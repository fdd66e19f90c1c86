/*
 * Users: who may log in with a password.  A user that nginx.conf declares is
 * read-only here: CONFLICT names the directive.
 */

#ifndef CR_META_USER_H
#define CR_META_USER_H

#include "meta/audit.h"

#define CR_USER_NAME_MAX    255
#define CR_USER_EMAIL_MAX   255
#define CR_USER_COMMENT_MAX 30

typedef struct cr_user_s {
    int64_t  id;
    cr_str_t name;
    cr_str_t password_hash; /* empty: cannot log in; not read by pages */
    bool     admin;
    bool     disabled;
    int64_t  epoch;
    int64_t  created_at;
    int64_t  updated_at;
    cr_str_t email;
    cr_str_t realname;
    cr_str_t comment;
    cr_str_t declared; /* "nginx.conf:12"; empty: not declared */
} cr_user_t;

/* 1 to 255 bytes of UTF-8, no character that controls or is not seen, none of
 * ,"~#%$: and no space at an end.  BAD_REQUEST. */
cr_err_t cr_user_name_check(cr_ctx_t *cx, cr_str_t name);

/* NOT_FOUND (also when deleted). */
cr_err_t cr_user_by_name(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name,
                         cr_user_t *ret_u);
cr_err_t cr_user_by_id(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                       cr_user_t *ret_u);
/* [list] Ordered by name, after `last`, at most n. */
cr_err_t cr_user_list(cr_ctx_t *cx, cr_meta_t *m, cr_str_t last, size_t n,
                      cr_user_t **ret_rows, size_t *ret_n);

typedef enum {
    CR_USER_BY_NAME,
    CR_USER_BY_CREATION,
    CR_USER_BY_ID
} cr_user_sort_e;

/* Empty strings match all. */
typedef struct cr_user_filter_s {
    int64_t        id; /* 0: any */
    cr_str_t       name, name_like;
    cr_str_t       email, email_like;
    cr_user_sort_e sort;
    bool           descending;
} cr_user_filter_t;

/* [list] *ret_total: all that match. */
cr_err_t cr_user_page(cr_ctx_t *cx, cr_meta_t *m, const cr_user_filter_t *f,
                      int64_t offset, size_t n, cr_user_t **ret_rows,
                      size_t *ret_n, int64_t *ret_total);
/* [list] Ids and names of those whose name begins so, at most n. */
cr_err_t cr_user_search(cr_ctx_t *cx, cr_meta_t *m, cr_str_t prefix, size_t n,
                        cr_user_t **ret_rows, size_t *ret_n);

typedef struct cr_user_new_s {
    cr_str_t name;
    cr_str_t password_hash; /* empty: cannot log in */
    bool     admin;
    cr_str_t email, realname, comment;
} cr_user_new_t;

/* [write] BAD_REQUEST, EXISTS (name or email). */
cr_err_t cr_user_create(cr_ctx_t *cx, cr_meta_t *m, const cr_user_new_t *n,
                        const cr_audit_who_t *who, int64_t *ret_id);
/* What follows is FORBIDDEN for a robot when the user is an administrator. */

/* What to change; NULL: it stays. */
typedef struct cr_user_set_s {
    const cr_str_t *email, *realname, *comment;
    const bool     *disabled;
} cr_user_set_t;

/* [write] All of it or nothing.  Errors as those that follow. */
cr_err_t cr_user_set(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                     const cr_user_set_t *set, const cr_audit_who_t *who);
/* [write] NOT_FOUND, BAD_REQUEST, EXISTS (email), CONFLICT (declared). */
cr_err_t cr_user_set_profile(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                             cr_str_t email, cr_str_t realname,
                             cr_str_t comment, const cr_audit_who_t *who);
/* [write] Sets the hash and bumps the epoch: older tokens, sessions and
 * refresh tokens are void.  Empty: cannot log in. */
cr_err_t cr_user_set_password(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                              cr_str_t hash, const cr_audit_who_t *who);
/* [write] The same, if the hash is still the one that the caller's old
 * password was held against; FORBIDDEN. */
cr_err_t cr_user_change_password(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                                 cr_str_t old_hash, cr_str_t hash,
                                 const cr_audit_who_t *who);
/* [write] The same password under a better scheme, if the hash is still the
 * old one; everything that was issued stays valid. */
cr_err_t cr_user_upgrade_password(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                                  cr_str_t old_hash, cr_str_t new_hash);
/* [write] PRECONDITION when nobody would be administrator any more. */
cr_err_t cr_user_set_admin(cr_ctx_t *cx, cr_meta_t *m, int64_t id, bool admin,
                           const cr_audit_who_t *who);
/* [write] Voids what was issued.  FORBIDDEN: user 1, and oneself. */
cr_err_t cr_user_set_disabled(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                              bool disabled, const cr_audit_who_t *who);
/*
 * [write] The id is never used again, the name is free; memberships go.
 * FORBIDDEN: user 1, and oneself.
 */
cr_err_t cr_user_delete(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                        const cr_audit_who_t *who);

#endif
