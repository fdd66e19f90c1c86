/* What the files of upload sessions share. */

#ifndef CR_META_UPLOAD_INNER_H
#define CR_META_UPLOAD_INNER_H

#include "meta/inner.h"
#include "meta/upload.h"

typedef struct cr_upload_op_s {
    const cr_meta_t *m;
    cr_upload_t     *u;
    uint64_t         acked;
    bool             keep;
    /* of the row, before */
    int64_t epoch;
    int64_t lease_until;
    bool    held;
    /* commit and publish */
    const cr_name_t        *name;
    const cr_digest_t      *digest;
    const cr_upload_file_t *file;
} cr_upload_op_t;

static inline cr_str_t
cr_upload_id(const cr_upload_t *u)
{
    return (cr_str_t){ CR_UUID_LEN, u->id };
}

/* "locator:size" by line. */
cr_err_t cr_segments_parse(cr_ctx_t *cx, cr_str_t text, cr_segment_t **ret_rows,
                           size_t *ret_n);
/* cr_upload_get, inside a transaction. */
cr_err_t cr_upload_find(cr_ctx_t *cx, cr_conn_t *c, const cr_meta_t *m,
                        cr_str_t repository, cr_actor_t owner, cr_str_t id,
                        cr_upload_t *ret_u);
/*
 * Does the row stand where this caller saw it?  `moved` when it does not,
 * BLOB_UPLOAD_UNKNOWN when it is gone.
 */
cr_err_t cr_upload_check(cr_ctx_t *cx, cr_conn_t *c, cr_upload_op_t *op,
                         cr_err_t moved);

#endif
