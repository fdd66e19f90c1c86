/* Numbers of projects, repositories and bytes, from counters. */

#ifndef CR_META_STATISTIC_H
#define CR_META_STATISTIC_H

#include "meta/repository.h"

typedef struct cr_statistic_s {
    int64_t private_projects;
    int64_t private_repositories;
    int64_t public_projects;
    int64_t public_repositories;
    int64_t storage; /* bytes, as of the last count */
} cr_statistic_t;

/* [list] Of what vis may see. */
cr_err_t cr_statistic_get(cr_ctx_t *cx, cr_meta_t *m,
                          const cr_visibility_t *vis, cr_statistic_t *ret_s);

#endif
