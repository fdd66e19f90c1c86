/*
 * Comparing the rows with what is stored, for `jobrunner fsck`.  The files
 * themselves are looked at by the caller: nothing here does I/O on content.
 */

#ifndef CR_META_FSCK_H
#define CR_META_FSCK_H

#include "meta/meta.h"

typedef struct cr_fsck_blob_s {
    int64_t  id;
    cr_str_t digest;
    uint64_t size;
    cr_str_t locator;
} cr_fsck_blob_t;

/* [list] The next n blobs by id, from the one after after_id. */
cr_err_t cr_fsck_blobs(cr_ctx_t *cx, cr_meta_t *m, int64_t after_id, size_t n,
                       cr_fsck_blob_t **ret_rows, size_t *ret_n);
/* Is the row still there?  A file may have gone because its row did. */
cr_err_t cr_fsck_is_blob(cr_ctx_t *cx, cr_meta_t *m, const cr_fsck_blob_t *blob,
                         bool *ret_is);
/* [list] Does any row name the file: a blob, an orphan, an open upload? */
cr_err_t cr_fsck_is_named(cr_ctx_t *cx, cr_meta_t *m, cr_str_t locator,
                          bool *ret_is);
/* [list] At most n images ("name:tag", "name@digest") that need a blob. */
cr_err_t cr_fsck_images(cr_ctx_t *cx, cr_meta_t *m, int64_t blob_id, size_t n,
                        cr_str_t **ret_images, size_t *ret_n);
/*
 * [write] Forget a blob whose content is lost, so that clients are told that
 * it is missing and push it again; the manifests stay.  What is left of its
 * file becomes an orphan after the grace.
 */
cr_err_t cr_fsck_drop(cr_ctx_t *cx, cr_meta_t *m, const cr_fsck_blob_t *blob);

#endif
