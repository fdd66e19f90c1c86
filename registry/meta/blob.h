/* Blobs: published content and its links into repositories. */

#ifndef CR_META_BLOB_H
#define CR_META_BLOB_H

#include "meta/repository.h"
#include "oci/digest.h"

typedef struct cr_blob_s {
    int64_t  id;
    uint64_t size;
    cr_str_t locator;
    /* Nothing refers to it and its protection ends before half the grace:
     * call cr_blob_protect before telling a client that it exists. */
    bool expiring;
} cr_blob_t;

/* The blob as this repository sees it, one statement.  BLOB_UNKNOWN. */
cr_err_t cr_blob_find(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                      const cr_digest_t *d, cr_blob_t *ret_b);
/* Where the content is, whoever links it. */
typedef struct cr_blob_place_s {
    int64_t  blob_id;
    uint64_t size;
    cr_str_t locator;
} cr_blob_place_t;

cr_err_t cr_blob_place(cr_ctx_t *cx, cr_meta_t *m, const cr_digest_t *d,
                       bool *ret_found, cr_blob_place_t *ret_p);
/* [write, no sync] Protect the link for another grace.  BLOB_UNKNOWN. */
cr_err_t cr_blob_protect(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                         const cr_digest_t *d);
/*
 * [write] Link a blob that `from` has into `repository` (created when
 * missing; its project must exist: NAME_UNKNOWN).  BLOB_UNKNOWN when `from`
 * does not have it.  `from` empty: any repository visible by `vis`.
 * DENIED: beyond the limit of the project, as for all that publishes.
 */
cr_err_t cr_blob_mount(cr_ctx_t *cx, cr_meta_t *m, const cr_name_t *repository,
                       cr_str_t from, const cr_visibility_t *vis,
                       const cr_digest_t *d);
/* [write] The link is gone for readers at once.  BLOB_UNKNOWN. */
cr_err_t cr_blob_delete(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                        const cr_digest_t *d);

#endif
