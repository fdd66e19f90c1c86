/*
 * Members of projects, and their roles.  A member that nginx.conf declares is
 * read-only here: CONFLICT names the directive.
 */

#ifndef CR_META_MEMBER_H
#define CR_META_MEMBER_H

#include "auth/rbac.h"
#include "meta/audit.h"

typedef struct cr_member_s {
    int64_t  id;
    int64_t  project_id;
    int64_t  user_id;
    cr_str_t user_name;
    int      role; /* cr_role_e, 1 to 5 */
    cr_str_t declared;
    int64_t  created_at;
    int64_t  updated_at;
} cr_member_t;

/* NOT_FOUND, also when the member is one of another project. */
cr_err_t cr_member_get(cr_ctx_t *cx, cr_meta_t *m, int64_t project_id,
                       int64_t id, cr_member_t *ret_m);
/* By user. */
cr_err_t cr_member_of(cr_ctx_t *cx, cr_meta_t *m, int64_t project_id,
                      int64_t user_id, cr_member_t *ret_m);
/* [list] By name; name_like empty: all.  *ret_total: all that match. */
cr_err_t cr_member_page(cr_ctx_t *cx, cr_meta_t *m, int64_t project_id,
                        cr_str_t name_like, int64_t offset, size_t n,
                        cr_member_t **ret_rows, size_t *ret_n,
                        int64_t *ret_total);
/* [list] How many of each role, by number. */
cr_err_t cr_member_roles(cr_ctx_t *cx, cr_meta_t *m, int64_t project_id,
                         int64_t ret_counts[CR_ROLE_MAX]);

/*
 * [write] BAD_REQUEST (no such role), NOT_FOUND (project or user), EXISTS
 * (is a member), CONFLICT (declared exclusive).
 */
cr_err_t cr_member_add(cr_ctx_t *cx, cr_meta_t *m, int64_t project_id,
                       int64_t user_id, cr_role_e role,
                       const cr_audit_who_t *who, int64_t *ret_id);
/* [write] NOT_FOUND, BAD_REQUEST, CONFLICT. */
cr_err_t cr_member_set_role(cr_ctx_t *cx, cr_meta_t *m, int64_t project_id,
                            int64_t id, cr_role_e role,
                            const cr_audit_who_t *who);
/* [write] NOT_FOUND, CONFLICT. */
cr_err_t cr_member_delete(cr_ctx_t *cx, cr_meta_t *m, int64_t project_id,
                          int64_t id, const cr_audit_who_t *who);

#endif
