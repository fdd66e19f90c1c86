/* Labels: global (project_id 0) or of one project; on artifacts. */

#ifndef CR_META_LABEL_H
#define CR_META_LABEL_H

#include "meta/audit.h"
#include "meta/manifest.h"

#define CR_LABEL_NAME_MAX        128
#define CR_LABEL_COLOR_MAX       16
#define CR_LABEL_DESCRIPTION_MAX 1024

typedef struct cr_label_s {
    int64_t  id;
    int64_t  project_id; /* 0: global */
    cr_str_t name;
    cr_str_t description;
    cr_str_t color;
    int64_t  created_at;
    int64_t  updated_at;
} cr_label_t;

/* NOT_FOUND. */
cr_err_t cr_label_get(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                      cr_label_t *ret_l);
/* Empty strings match all. */
typedef struct cr_label_filter_s {
    int64_t  project_id; /* 0: global ones */
    cr_str_t name;
    cr_str_t name_like; /* not with a name */
    bool     by_id;     /* the order of creation; else by name */
    bool     descending;
} cr_label_filter_t;

/* [list] *ret_total: all that match; by id, the first CR_PAGE_MATCH_MAX by
 * name are sorted (meta/page.h). */
cr_err_t cr_label_list(cr_ctx_t *cx, cr_meta_t *m, const cr_label_filter_t *f,
                       int64_t limit, int64_t offset, cr_label_t **ret_rows,
                       size_t *ret_n, int64_t *ret_total);
/* [write] l->id is ignored.  BAD_REQUEST, EXISTS. */
cr_err_t cr_label_create(cr_ctx_t *cx, cr_meta_t *m, const cr_label_t *l,
                         const cr_audit_who_t *who, int64_t *ret_id);
/* [write] Name, description and color of l->id.  NOT_FOUND, EXISTS. */
cr_err_t cr_label_update(cr_ctx_t *cx, cr_meta_t *m, const cr_label_t *l,
                         const cr_audit_who_t *who);
/* [write] Also from all artifacts.  NOT_FOUND. */
cr_err_t cr_label_delete(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                         const cr_audit_who_t *who);
/*
 * [write] Put a label on an artifact.  MANIFEST_UNKNOWN; NOT_FOUND for a label
 * that is neither global nor of this project; EXISTS when it is there.
 */
cr_err_t cr_label_attach(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                         const cr_reference_t *ref, int64_t project_id,
                         int64_t label_id);
/* [write] Take it off.  MANIFEST_UNKNOWN; NOT_FOUND when it is not there. */
cr_err_t cr_label_detach(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                         const cr_reference_t *ref, int64_t label_id);

#endif
