/*
 * Manifests, tags, referrers as rows.  Each change of a reference writes its
 * change-log row in the same transaction (DESIGN section 4).
 */

#ifndef CR_META_MANIFEST_H
#define CR_META_MANIFEST_H

#include "meta/audit.h"
#include "meta/blob.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "oci/referrers.h"

#define CR_TAG_PARAMS_MAX 64

typedef struct cr_manifest_row_s {
    int64_t  id;
    cr_str_t digest;
    cr_str_t media_type;
    uint64_t size;
    cr_str_t body; /* only when asked for, as the two below */
    int64_t  repository_id;
    int64_t  tag_id; /* 0: found by digest */
} cr_manifest_row_t;

/*
 * By tag or digest, one statement.  MANIFEST_UNKNOWN; NAME_UNKNOWN when the
 * repository does not exist.  with_body false leaves body empty.
 */
cr_err_t cr_manifest_find(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                          const cr_reference_t *ref, bool with_body,
                          cr_manifest_row_t *ret_row);

typedef struct cr_manifest_put_s {
    const cr_name_t     *name;
    const cr_manifest_t *manifest; /* parsed view of body */
    cr_str_t             body;
    cr_digest_t          digest;
    const cr_str_t      *tags; /* to set, in this transaction */
    size_t               ntags;
    bool                 allow_sparse; /* index children may be missing */
    const cr_audit_who_t *who;
} cr_manifest_put_t;

/*
 * [write, sync] Store the manifest (reviving a deleted one), its references,
 * its tags, history, change rows, and a row of the log.  Blobs and children
 * are checked inside the transaction: MANIFEST_BLOB_UNKNOWN names the first
 * that is missing; SIZE mismatch with the stored blob is MANIFEST_INVALID.
 * Creates the repository when missing (project: NAME_UNKNOWN).
 */
cr_err_t cr_manifest_put(cr_ctx_t *cx, cr_meta_t *m,
                         const cr_manifest_put_t *put);
/*
 * [write, sync] By tag: only the tag.  By digest: the manifest and every tag
 * that points at it.  Tombstones in the change log.  MANIFEST_UNKNOWN,
 * NAME_UNKNOWN.
 */
cr_err_t cr_manifest_delete(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                            const cr_reference_t *ref,
                            const cr_audit_who_t *who);

/*
 * [list] Names of live tags, byte order, after `last`, at most n (n + 1 asked
 * for by the caller tells whether there is more).  NAME_UNKNOWN when the
 * repository does not exist.
 */
cr_err_t cr_tag_list(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                     cr_str_t last, size_t n, cr_str_t **ret_names,
                     size_t *ret_n);
/*
 * [list] Live manifests with this subject, by id after `after_id`, at most n;
 * artifact_type empty: all.  Never NAME_UNKNOWN: empty then.  Entries of an
 * uploaded fallback-tag index are folded in after the stored ones.
 * *ret_ids are for the next page.
 */
cr_err_t cr_referrer_list(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                          const cr_digest_t *subject, cr_str_t artifact_type,
                          int64_t after_id, size_t n,
                          cr_referrer_t **ret_rows, int64_t **ret_ids,
                          size_t *ret_n);

#endif
