/*
 * Moves SQLite's write-ahead log into the database, so that no request has
 * to (nginx does it only when nobody else did).  A log that grew large, for
 * instance under a long read, is cut to nothing.
 */

#include <inttypes.h>
#include "core/crash.h"
#include "jobs/jobs.h"


cr_err_t
cr_checkpoint(cr_ctx_t *cx, cr_db_t *db, int64_t *ret_pages,
              bool *ret_truncated)
{
    int64_t pages;

    *ret_truncated = false;
    CR_TRY(cr_db_checkpoint(cx, db, false, &pages));
    CR_CRASH("checkpoint.moved");
    *ret_pages = pages;

    if (pages < CR_CHECKPOINT_TRUNCATE_PAGES) {
        return CR_OK;
    }

    /* Somebody who reads keeps it long; the caller tries again. */
    CR_TRY(cr_db_checkpoint(cx, db, true, &pages));
    *ret_truncated = pages == 0;
    return CR_OK;
}


cr_err_t
cr_job_checkpoint(cr_ctx_t *cx, cr_job_run_t *run)
{
    bool    truncated;
    int64_t pages;

    CR_TRY(cr_checkpoint(cx, run->runner->db, &pages, &truncated));

    run->result = cr_printf(cx, "{\"pages\":%" PRId64 ",\"truncated\":%s}",
                            pages, truncated ? "true" : "false");
    return run->result.data == NULL ? CR_ERR_NO_MEMORY : CR_OK;
}
