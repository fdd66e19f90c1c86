/*
 * Repositories.  Made by the first upload session or manifest in them; the
 * project must exist.
 */

#ifndef CR_META_REPOSITORY_H
#define CR_META_REPOSITORY_H

#include "meta/meta.h"
#include "oci/name.h"

/* Which repositories a listing may show. */
typedef struct cr_visibility_s {
    bool    all;     /* administrator */
    int64_t user_id; /* 0: anonymous; sees public projects only */
} cr_visibility_t;

/* NAME_UNKNOWN. */
cr_err_t cr_repository_find(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name,
                            int64_t *ret_id);
/*
 * _catalog [list]: names of repositories that hold at least one live
 * manifest, byte order, after `last`, at most n; one index seek a page.
 */
cr_err_t cr_repository_list(cr_ctx_t *cx, cr_meta_t *m,
                            const cr_visibility_t *vis, cr_str_t last,
                            size_t n, cr_str_t **ret_names, size_t *ret_n);

#endif
