/*
 * Projects: the unit of permission; the first component of a name.  A project
 * that nginx.conf declares is read-only here: CONFLICT names the directive.
 */

#ifndef CR_META_PROJECT_H
#define CR_META_PROJECT_H

#include "meta/audit.h"
#include "meta/repository.h"

#define CR_PROJECT_REPLICATION       "replication" /* write_mode; else "all" */
#define CR_PROJECT_METADATA_NAME_MAX 255
#define CR_PROJECT_METADATA_MAX      4096 /* bytes of a value */

typedef struct cr_project_s {
    int64_t  id;
    cr_str_t name;
    bool     is_public;
    int64_t  created_at;
    int64_t  updated_at;
    int64_t  owner_id; /* 0: none */
    cr_str_t owner_name;
    bool     replication; /* write_mode: only replication pushes */
    cr_str_t declared;    /* "nginx.conf:12"; empty: not declared */
    int64_t  repositories;
    int64_t  storage_used;  /* bytes of its blobs, each once */
    int64_t  storage_limit; /* bytes; -1: none */
    int      role;          /* of the user of a page's visibility; 0: none */
} cr_project_t;

/* NOT_FOUND. */
cr_err_t cr_project_by_name(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name,
                            cr_project_t *ret_p);
cr_err_t cr_project_by_id(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                          cr_project_t *ret_p);
/* [list] All, ordered by name, after `last`, at most n. */
cr_err_t cr_project_list(cr_ctx_t *cx, cr_meta_t *m, cr_str_t last, size_t n,
                         cr_project_t **ret_rows, size_t *ret_n);

typedef enum {
    CR_PROJECT_BY_NAME,
    CR_PROJECT_BY_CREATION,
    CR_PROJECT_BY_UPDATE,
    CR_PROJECT_BY_ID,
    CR_PROJECT_BY_USED, /* bytes; these two: bounded, also without a filter */
    CR_PROJECT_BY_LIMIT
} cr_project_sort_e;

/* Empty strings match all; what has an id or names is found wherever it is. */
typedef struct cr_project_filter_s {
    cr_str_t          name_like;
    cr_str_t          names;     /* a JSON array of names, any of which */
    int               is_public; /* -1: both */
    cr_str_t          owner;     /* name */
    int64_t           id, owner_id; /* 0: any */
    cr_project_sort_e sort;
    bool              descending;
} cr_project_filter_t;

/* [list] What vis may see.  *ret_total: all that match; with a filter, or in
 * another order than by name for who does not see all, the first
 * CR_PAGE_MATCH_MAX by name out of CR_PAGE_SCAN_MAX (meta/page.h). */
cr_err_t cr_project_page(cr_ctx_t *cx, cr_meta_t *m, const cr_visibility_t *vis,
                         const cr_project_filter_t *f, int64_t offset, size_t n,
                         cr_project_t **ret_rows, size_t *ret_n,
                         int64_t *ret_total);
typedef struct cr_project_metadata_s {
    cr_str_t name;
    cr_str_t value;
} cr_project_metadata_t;

typedef struct cr_project_new_s {
    cr_str_t name;
    bool     is_public;
    int64_t  storage_limit; /* -1: none; 0: the setting for new projects */
    bool     no_member;     /* else the acting user becomes projectAdmin */

    const cr_project_metadata_t *metadata; /* without "public" */
    size_t                       nmetadata;
} cr_project_new_t;

/*
 * [write] EXISTS when the name is taken, BAD_REQUEST when it is no name or
 * metadata is too long.  The user who acts owns it and becomes its
 * projectAdmin.
 */
cr_err_t cr_project_create(cr_ctx_t *cx, cr_meta_t *m,
                           const cr_project_new_t *n, const cr_audit_who_t *who,
                           int64_t *ret_id);

/* What to change; the rest stays. */
typedef struct cr_project_set_s {
    const bool    *is_public;
    const int64_t *storage_limit;
    const bool    *replication;

    const cr_project_metadata_t *metadata; /* without "public" */
    size_t                       nmetadata;
} cr_project_set_t;

/* [write] All of it or nothing.  NOT_FOUND, CONFLICT (declared), BAD_REQUEST
 * (metadata too long). */
cr_err_t cr_project_set(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                        const cr_project_set_t *set, const cr_audit_who_t *who);
/* PRECONDITION when it holds repositories, CONFLICT when it is declared,
 * FORBIDDEN for the first one, NOT_FOUND. */
cr_err_t cr_project_deletable(cr_ctx_t *cx, cr_meta_t *m, int64_t id);
/*
 * [write] Errors as deletable.  Members, robots, labels and metadata go; the
 * id is never used again, the name is free.
 */
cr_err_t cr_project_delete(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                           const cr_audit_who_t *who);

/* [list] Without "public", which is the project's own. */
cr_err_t cr_project_metadata_list(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                                  cr_project_metadata_t **ret_rows,
                                  size_t                 *ret_n);
/* [write] One.  Value NULL (data) removes.  NOT_FOUND (nothing to remove, no
 * project), CONFLICT (declared), BAD_REQUEST (too long). */
cr_err_t cr_project_metadata_set(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                                 cr_str_t name, cr_str_t value,
                                 const cr_audit_who_t *who);

#endif
