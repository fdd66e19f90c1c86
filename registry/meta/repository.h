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
    bool    all;      /* administrator */
    int64_t user_id;  /* 0: none */
    int64_t robot_id; /* 0: none; neither: public projects only */
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

/* As the management API shows it. */
typedef struct cr_repository_s {
    int64_t  id;
    int64_t  project_id;
    cr_str_t name; /* full */
    cr_str_t description;
    int64_t  artifact_count;
    int64_t  pull_count;
    int64_t  created_at;
    int64_t  updated_at;
    bool     is_public; /* its project is */
} cr_repository_t;

typedef enum {
    CR_REPOSITORY_SORT_NAME = 0,
    CR_REPOSITORY_SORT_CREATED = 1,
    CR_REPOSITORY_SORT_UPDATED = 2,
    CR_REPOSITORY_SORT_ARTIFACTS = 3,
    CR_REPOSITORY_SORT_PULLS = 4,
    CR_REPOSITORY_SORT_ID = 5
} cr_repository_sort_e;

/* Empty strings filter nothing. */
typedef struct cr_repository_filter_s {
    int64_t              project_id; /* 0: all that vis allows */
    cr_visibility_t      vis;        /* all: no more is asked */
    int64_t              id;         /* 0: any */
    cr_str_t             names;      /* a JSON array, any of which */
    cr_str_t             name_like;  /* fuzzy */
    cr_str_t             blob;       /* digest of a blob it holds */
    cr_repository_sort_e sort;
    bool                 descending;
} cr_repository_filter_t;

/* One that holds a live manifest.  NAME_UNKNOWN. */
cr_err_t cr_repository_get(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name,
                           cr_repository_t *ret_r);
/*
 * [list] A page, two statements: the total is a counter, and the page an index
 * seek.  With a filter, or in another order than by name or id, it is out of
 * the first CR_PAGE_SCAN_MAX by name (meta/page.h), and the total is what was
 * found; an id, names and a blob are found wherever they are.
 */
cr_err_t cr_repository_page(cr_ctx_t *cx, cr_meta_t *m,
                            const cr_repository_filter_t *f, int64_t limit,
                            int64_t offset, cr_repository_t **ret_rows,
                            size_t *ret_n, int64_t *ret_total);
/* [write] NAME_UNKNOWN. */
cr_err_t cr_repository_describe(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name,
                                cr_str_t description);

#endif
