/*
 * Gives space back, rows before bytes: trash whose time is over is purged,
 * links that nothing refers to are dropped, and the files that no row names
 * any more are removed.  A file that cannot be removed is logged, stays in
 * the orphans and is tried again by the next run; the others go on.
 */

#include <inttypes.h>
#include "core/crash.h"
#include "jobs/jobs.h"
#include "meta/metric.h"
#include "meta/reclaim.h"

/* Rows in one transaction. */
#define RECLAIM_BATCH      100
/* With so many files that cannot be removed the store itself is at fault. */
#define RECLAIM_FAILED_MAX 256

typedef cr_err_t (*reclaim_rows_pt)(cr_ctx_t *cx, cr_meta_t *m, size_t n,
                                    size_t *ret_n);

typedef struct reclaim_s {
    cr_job_run_t *run;
    cr_ctx_t      failed_cx; /* holds the locators below */
    cr_str_t      failed[RECLAIM_FAILED_MAX];
    size_t        nfailed;
    uint64_t      files;
    uint64_t      bytes;
    uint64_t      told_files; /* of these, in the metrics */
    uint64_t      told_bytes;
} reclaim_t;


static cr_err_t
reclaim_rows(cr_ctx_t *cx, cr_job_run_t *run, reclaim_rows_pt fn,
             uint64_t *ret_total)
{
    size_t   n;
    uint64_t total;

    total = 0;

    do {
        CR_TRY(cr_job_beat(cx, run));
        CR_TRY(fn(cx, run->runner->meta, RECLAIM_BATCH, &n));
        total += n;
        cr_ctx_reset(cx);
    } while (n != 0);

    *ret_total = total;
    return CR_OK;
}


static bool
failed_before(const reclaim_t *rc, cr_str_t locator)
{
    size_t i;

    for (i = 0; i < rc->nfailed; i++) {
        if (cr_str_eq(rc->failed[i], locator)) {
            return true;
        }
    }

    return false;
}


/* Bytes first: a crash in between leaves a row, and removing is idempotent. */
static cr_err_t
remove_one(cr_ctx_t *cx, reclaim_t *rc, const cr_orphan_t *orphan)
{
    cr_err_t      err;
    cr_str_t      kept;
    cr_runner_t  *r;
    cr_log_line_t line;

    r = rc->run->runner;
    err = cr_storage_remove(cx, r->storage, orphan->locator);

    if (err == CR_OK) {
        CR_CRASH("reclaim.forget");
        CR_TRY(cr_orphan_forget(cx, r->meta, orphan->locator));
        CR_CRASH("reclaim.forgotten");
        rc->files++;
        rc->bytes += orphan->size;
        return CR_OK;
    }

    cr_log_begin(&line, rc->run->log, CR_LOG_ERROR, "cannot remove content");
    cr_log_str(&line, "locator", orphan->locator);
    cr_log_str(&line, "error", cr_str_z(cr_err_info(err)->name));
    cr_log_str(&line, "detail", cx->detail);
    cr_log_end(&line);

    rc->run->failed++;

    if (rc->nfailed == RECLAIM_FAILED_MAX) {
        return err;
    }

    kept = cr_dup(&rc->failed_cx, orphan->locator);

    if (kept.data == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    rc->failed[rc->nfailed++] = kept;
    cr_clear(cx);
    return CR_OK;
}


static cr_err_t
tell(cr_ctx_t *cx, reclaim_t *rc)
{
    cr_meta_t *m;

    m = rc->run->runner->meta;
    CR_TRY(cr_metric_add(cx, m, CR_METRIC_GC_FILES,
                         (int64_t) (rc->files - rc->told_files)));
    CR_TRY(cr_metric_add(cx, m, CR_METRIC_GC_BYTES,
                         (int64_t) (rc->bytes - rc->told_bytes)));
    rc->told_files = rc->files;
    rc->told_bytes = rc->bytes;
    return CR_OK;
}


/* The rows that failed are asked for again, so a batch grows by them. */
static cr_err_t
remove_orphans(cr_ctx_t *cx, reclaim_t *rc)
{
    size_t       i, n, tried;
    cr_orphan_t *rows;

    do {
        CR_TRY(cr_orphan_due(cx, rc->run->runner->meta,
                             RECLAIM_BATCH + rc->nfailed, &rows, &n));
        tried = 0;

        for (i = 0; i < n; i++) {
            if (failed_before(rc, rows[i].locator)) {
                continue;
            }

            CR_TRY(cr_job_beat(cx, rc->run));
            CR_TRY(remove_one(cx, rc, &rows[i]));
            tried++;
        }

        CR_TRY(tell(cx, rc));
        cr_ctx_reset(cx);
    } while (tried != 0);

    return CR_OK;
}


cr_err_t
cr_job_reclaim(cr_ctx_t *cx, cr_job_run_t *run)
{
    cr_err_t  err;
    uint64_t  trash, links;
    reclaim_t rc;

    CR_TRY(reclaim_rows(cx, run, cr_reclaim_trash, &trash));
    CR_TRY(reclaim_rows(cx, run, cr_reclaim_links, &links));

    rc.run = run;
    rc.nfailed = 0;
    rc.files = rc.told_files = 0;
    rc.bytes = rc.told_bytes = 0;

    if (cr_ctx_init(&rc.failed_cx, 1024 * 1024) != CR_OK) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    err = remove_orphans(cx, &rc);
    cr_ctx_done(&rc.failed_cx);

    if (err != CR_OK) {
        return err;
    }


    run->worked = trash + links + rc.files != 0;
    run->result = cr_printf(cx,
                            "{\"purged\":%" PRIu64 ",\"unlinked\":%" PRIu64
                            ",\"files\":%" PRIu64 ",\"bytes\":%" PRIu64
                            ",\"failed\":%" PRIu64 "}",
                            trash, links, rc.files, rc.bytes, run->failed);
    return run->result.data == NULL ? CR_ERR_NO_MEMORY : CR_OK;
}
