/*
 * Giving space back: rows first, bytes after.  Each call handles at most n
 * items in one transaction, so that it never holds the writer for long; the
 * caller repeats until *ret_n is 0.
 */

#ifndef CR_META_RECLAIM_H
#define CR_META_RECLAIM_H

#include "meta/meta.h"

typedef struct cr_orphan_s {
    cr_str_t locator;
    uint64_t size;
} cr_orphan_t;

/* [write] Purge tags and manifests whose trash time is over; their blobs
 * become unreferenced unless another manifest of the repository has them. */
cr_err_t cr_reclaim_trash(cr_ctx_t *cx, cr_meta_t *m, size_t n,
                          size_t *ret_n);
/* [write] Drop links that nothing refers to and whose protection is over;
 * blobs without a link lose their row and their locator is orphaned. */
cr_err_t cr_reclaim_links(cr_ctx_t *cx, cr_meta_t *m, size_t n,
                          size_t *ret_n);
/* [list] Orphans that are due. */
cr_err_t cr_orphan_due(cr_ctx_t *cx, cr_meta_t *m, size_t n,
                       cr_orphan_t **ret_rows, size_t *ret_n);
/* [write] Forget one after its bytes are removed. */
cr_err_t cr_orphan_forget(cr_ctx_t *cx, cr_meta_t *m, cr_str_t locator);
/*
 * [write] A file the sweep found: when no row names it (blob, upload
 * segment, orphan) it becomes an orphan.  *ret_orphaned says so.
 */
cr_err_t cr_orphan_check(cr_ctx_t *cx, cr_meta_t *m, cr_str_t locator,
                         uint64_t size, bool *ret_orphaned);

typedef struct cr_stats_s {
    int64_t projects, repositories, manifests, tags, blobs, blob_bytes,
        uploads, orphans, orphan_bytes, jobs_due, change_seq;
} cr_stats_t;

/* [list] Totals for `jobrunner status`. */
cr_err_t cr_stats_get(cr_ctx_t *cx, cr_meta_t *m, cr_stats_t *ret_s);

#endif
