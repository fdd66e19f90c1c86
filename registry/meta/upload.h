/*
 * Upload sessions (DESIGN section 3 rule 5; distribution-spec "Pushing
 * blobs").  The session row is the truth; bytes are written before the row
 * says so.
 *
 *   created --advance--> open --commit--> (row gone, blob published)
 *      |                  |  ^ claim (lease, epoch+1), release
 *      +------cancel------+--+--expire--> (row gone, segments orphaned)
 *
 * The first writer of a session needs no claim: it writes a file of its own
 * and the first advance (or commit) decides by compare-and-set on (epoch,
 * size).  Whoever goes on in an existing file claims first.
 */

#ifndef CR_META_UPLOAD_H
#define CR_META_UPLOAD_H

#include "meta/blob.h"

#define CR_UPLOAD_SEGMENTS_MAX 10000

typedef struct cr_segment_s {
    cr_str_t locator;
    uint64_t size; /* acknowledged bytes in it */
} cr_segment_t;

typedef struct cr_upload_s {
    char          id[36 + 1];
    int64_t       repository_id;
    cr_str_t      owner;
    uint64_t      size; /* acknowledged offset */
    cr_hash_alg_e hash_alg;
    cr_hash_t     hash;
    bool          hash_valid; /* false: hash the segments again */
    cr_segment_t *segments;
    size_t        nsegments;
    int64_t       epoch;
    bool          leased;     /* somebody who lives holds a lease */
    bool          lease_lost; /* the last file may have an old writer */
    bool          claimed;    /* by this caller: set by claim and advance */
    int64_t       created_at;
    int64_t       expires_at;
} cr_upload_t;

/* What is to be published. */
typedef struct cr_upload_file_s {
    cr_str_t locator;
    uint64_t size;
    /* Where the digest's row points to, when the caller found that its bytes
     * are not there: the row gets this file, that one goes to the orphans. */
    cr_str_t lost;
} cr_upload_file_t;

/*
 * [write, no sync] A new session.  Creates the repository when missing (its
 * project must exist: NAME_UNKNOWN).
 */
cr_err_t cr_upload_create(cr_ctx_t *cx, cr_meta_t *m, const cr_name_t *name,
                          cr_actor_t owner, cr_hash_alg_e alg,
                          cr_upload_t *ret_u);
/*
 * BLOB_UPLOAD_UNKNOWN when there is none, it belongs to another repository
 * or another owner, or has expired.
 */
cr_err_t cr_upload_get(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                       cr_actor_t owner, cr_str_t id, cr_upload_t *ret_u);
/*
 * [write, no sync] Take the lease: epoch + 1.  BLOB_UPLOAD_BUSY while
 * another lease runs; RANGE_INVALID when the row has moved since u was read.
 * u is updated.
 */
cr_err_t cr_upload_claim(cr_ctx_t *cx, cr_meta_t *m, cr_upload_t *u);
/*
 * [write, no sync] Record u->size, u->hash, u->segments, provided the row
 * still has u->epoch and the size *acked; on success epoch + 1 when
 * the caller had no claim.  keep: renew the lease, else release it as
 * cr_upload_release does.  Whoever made a new last file clears u->lease_lost.
 * BLOB_UPLOAD_BUSY when somebody else won (the caller drops its bytes).
 */
cr_err_t cr_upload_advance(cr_ctx_t *cx, cr_meta_t *m, cr_upload_t *u,
                           uint64_t acked, bool keep);
/*
 * [write, no sync] Give the lease back, nothing else.  The caller writes no
 * more; with u->lease_lost somebody else may, and the row says so.
 */
cr_err_t cr_upload_release(cr_ctx_t *cx, cr_meta_t *m, cr_upload_t *u);
/*
 * [write, sync] Publish: the blob row (or the one that is there already:
 * then the new locator goes to the orphans), the link with its protection,
 * the session row gone, other segments to the orphans.  f is the one joined
 * file, already synced.  Same compare-and-set as advance.
 */
cr_err_t cr_upload_commit(cr_ctx_t *cx, cr_meta_t *m, cr_upload_t *u,
                          uint64_t acked, const cr_digest_t *d,
                          const cr_upload_file_t *f);
/*
 * [write, sync] Publish without a session (POST with ?digest=).  Creates the
 * repository when missing.
 */
cr_err_t cr_upload_publish(cr_ctx_t *cx, cr_meta_t *m, const cr_name_t *name,
                           const cr_digest_t *d, const cr_upload_file_t *f);
/* [write] Row gone, segments to the orphans; the repository goes, too, when it
 * had nothing else ever.  Errors as cr_upload_get. */
cr_err_t cr_upload_cancel(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                          cr_actor_t owner, cr_str_t id);
/* [write] Expire up to n sessions; *ret_n says how many. */
cr_err_t cr_upload_expire(cr_ctx_t *cx, cr_meta_t *m, size_t n, size_t *ret_n);

#endif
