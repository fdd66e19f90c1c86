/* Projects: the unit of permission; the first component of a name. */

#ifndef CR_META_PROJECT_H
#define CR_META_PROJECT_H

#include "meta/meta.h"

typedef struct cr_project_s {
    int64_t  id;
    cr_str_t name;
    bool     is_public;
    int64_t  created_at;
    int64_t  updated_at;
} cr_project_t;

/* NOT_FOUND. */
cr_err_t cr_project_by_name(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name,
                            cr_project_t *ret_p);
/* [write] EXISTS when the name is taken, BAD_REQUEST when it is no name. */
cr_err_t cr_project_create(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name,
                           bool is_public, cr_actor_t actor,
                           cr_project_t *ret_p);
/* [write] NOT_FOUND. */
cr_err_t cr_project_set_public(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name,
                               bool is_public);
/* [list] Ordered by name, after `last`, at most n. */
cr_err_t cr_project_list(cr_ctx_t *cx, cr_meta_t *m, cr_str_t last, size_t n,
                         cr_project_t **ret_rows, size_t *ret_n);

#endif
