/*
 * Artifacts: manifests as the management API shows them.  Listed are live
 * manifests without a subject that are tagged, or that no live index of the
 * repository refers to; the others are reached by digest.
 */

#ifndef CR_META_ARTIFACT_H
#define CR_META_ARTIFACT_H

#include "meta/audit.h"
#include "meta/manifest.h"

/* What a row carries beside its own columns. */
#define CR_ARTIFACT_TAGS        0x1u
#define CR_ARTIFACT_LABELS      0x2u
#define CR_ARTIFACT_ACCESSORIES 0x4u

/*
 * What one row of a list may cost.  Of a larger manifest a list has neither
 * annotations nor references, and no more labels and accessories than these.
 */
#define CR_ARTIFACT_BRIEF_MIN   (64 * 1024)
#define CR_ARTIFACT_PARTS_LIST  100
#define CR_ARTIFACT_PARTS_MAX   1000 /* of a single artifact */

/* Manifests that one deletion or copy may touch. */
#define CR_ARTIFACT_TREE_MAX    10000

typedef struct cr_artifact_s {
    int64_t  id;
    cr_str_t digest;
    int      kind; /* cr_manifest_kind_e */
    cr_str_t media_type;
    cr_str_t artifact_type;
    cr_str_t config_media_type;
    cr_str_t annotations; /* JSON object, or empty */
    cr_str_t subject_digest;
    int64_t  size; /* manifest, config and layers */
    int64_t  pushed_at;
    int64_t  pulled_at; /* 0: never */
    int64_t  repository_id;
    int64_t  project_id;
    cr_str_t repository; /* full name */
    /* JSON arrays of arrays; empty when not asked for */
    cr_str_t tags;        /* [id, name, pushed_at, pulled_at] */
    cr_str_t labels;      /* [id, name, description, color, project_id,
                           *  created_at, updated_at] */
    cr_str_t accessories; /* [id, digest, size, artifact_type, pushed_at] */
    cr_str_t references;  /* of an index: [id, digest] */
    cr_str_t body;        /* of an index */
    bool     brief;       /* without annotations, references and body */
} cr_artifact_t;

typedef enum {
    CR_ARTIFACT_SORT_PUSHED = 1,
    CR_ARTIFACT_SORT_PULLED = 2,
    CR_ARTIFACT_SORT_SIZE = 3,
    CR_ARTIFACT_SORT_ID = 4,
    CR_ARTIFACT_SORT_DIGEST = 5
} cr_artifact_sort_e;

/* Empty strings filter nothing. */
typedef struct cr_artifact_filter_s {
    bool               all; /* also what is not listed */
    int64_t            id;  /* 0: any */
    cr_str_t           digest;
    cr_str_t           media_type;
    int                tagged; /* 1, 0; -1: both */
    cr_str_t           tag;
    cr_str_t           tag_like; /* fuzzy */
    cr_str_t           type;     /* "IMAGE", "CHART", "WASM" ... */
    int64_t            pushed_min;
    int64_t            pushed_max;
    cr_str_t           labels; /* JSON array of ids; all of them */
    cr_artifact_sort_e sort;
    bool               descending;
} cr_artifact_filter_t;

/* Filters nothing, newest first. */
extern const cr_artifact_filter_t cr_artifact_filter_default;

/* MANIFEST_UNKNOWN, also when the repository does not exist. */
cr_err_t cr_artifact_find(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                          const cr_reference_t *ref, int64_t *ret_id,
                          int64_t *ret_repository_id);
/*
 * [list] A page, two statements; filter NULL: the default, whose total comes
 * from a counter.  with: CR_ARTIFACT_*.
 */
cr_err_t cr_artifact_list(cr_ctx_t *cx, cr_meta_t *m, int64_t repository_id,
                          const cr_artifact_filter_t *filter, int64_t limit,
                          int64_t offset, unsigned with,
                          cr_artifact_t **ret_rows, size_t *ret_n,
                          int64_t *ret_total);
typedef enum {
    CR_ARTIFACT_PROJECT_NEWEST, /* first */
    CR_ARTIFACT_PROJECT_OLDEST,
    CR_ARTIFACT_PROJECT_LATEST /* one of each repository, by its name */
} cr_artifact_project_e;

/* [list] Of all repositories of a project: two statements, and the total
 * comes from a counter. */
cr_err_t cr_artifact_list_project(cr_ctx_t *cx, cr_meta_t *m,
                                  int64_t               project_id,
                                  cr_artifact_project_e order, int64_t limit,
                                  int64_t offset, unsigned with,
                                  cr_artifact_t **ret_rows, size_t *ret_n,
                                  int64_t *ret_total);
/* [list] Live manifests with this one as their subject. */
cr_err_t cr_artifact_accessory_list(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                                    int64_t limit, int64_t offset,
                                    cr_artifact_t **ret_rows, size_t *ret_n,
                                    int64_t *ret_total);
/* One, by id.  MANIFEST_UNKNOWN. */
cr_err_t cr_artifact_get(cr_ctx_t *cx, cr_meta_t *m, int64_t id, unsigned with,
                         cr_artifact_t *ret_a);

/* The digest of its config; empty when it has none. */
cr_err_t cr_artifact_config(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                            cr_str_t *ret_digest);

typedef struct cr_artifact_tag_s {
    int64_t  id;
    cr_str_t name;
    int64_t  pushed_at;
    int64_t  pulled_at;
} cr_artifact_tag_t;

/* [list] Tags of a manifest by name; exact and fuzzy may be empty. */
cr_err_t cr_artifact_tag_list(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                              cr_str_t exact, cr_str_t fuzzy, bool descending,
                              int64_t limit, int64_t offset,
                              cr_artifact_tag_t **ret_rows, size_t *ret_n,
                              int64_t *ret_total);

/*
 * [write, sync] Delete by tag or digest: the manifest and its tags, the
 * children of an index that nothing else needs, and what has it as subject.
 * MANIFEST_UNKNOWN; REFERENCED when a live index refers to it.
 */
cr_err_t cr_artifact_delete(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                            const cr_reference_t *ref,
                            const cr_audit_who_t *who);
/* [write, sync] A new tag.  MANIFEST_UNKNOWN; EXISTS when the repository has a
 * tag of that name already. */
cr_err_t cr_artifact_tag_add(cr_ctx_t *cx, cr_meta_t *m, const cr_name_t *name,
                             const cr_reference_t *ref, cr_str_t tag,
                             const cr_audit_who_t *who);
/* [write, sync] Take a tag off the manifest of ref.  MANIFEST_UNKNOWN, also
 * when that tag is not one of this manifest. */
cr_err_t cr_artifact_tag_delete(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                                const cr_reference_t *ref, cr_str_t tag,
                                const cr_audit_who_t *who);
/*
 * [write, sync] Copy from another repository, with children and accessories;
 * by tag: the tag too.  Bytes are linked, not copied.  MANIFEST_UNKNOWN (the
 * source), NAME_UNKNOWN (the project of the target).
 */
cr_err_t cr_artifact_copy(cr_ctx_t *cx, cr_meta_t *m, cr_str_t from,
                          const cr_reference_t *ref, const cr_name_t *to,
                          const cr_audit_who_t *who, cr_str_t *ret_digest);
/*
 * [write, sync] Delete at most n artifacts of a repository; *ret_more: some
 * are left, call again.  NAME_UNKNOWN when it has none.
 */
cr_err_t cr_artifact_delete_all(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                                int64_t n, const cr_audit_who_t *who,
                                bool *ret_more);

#endif
