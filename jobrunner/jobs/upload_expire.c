/*
 * Ends upload sessions whose time is over: their rows go, their files become
 * orphans, which the reclaim job removes.
 */

#include <inttypes.h>
#include "jobs/jobs.h"
#include "meta/upload.h"

/* Sessions in one transaction. */
#define EXPIRE_BATCH 100


cr_err_t
cr_job_upload_expire(cr_ctx_t *cx, cr_job_run_t *run)
{
    size_t   n;
    uint64_t expired;

    expired = 0;

    do {
        CR_TRY(cr_job_beat(cx, run));
        CR_TRY(cr_upload_expire(cx, run->runner->meta, EXPIRE_BATCH, &n));
        expired += n;
        cr_ctx_reset(cx);
    } while (n != 0);

    run->worked = expired != 0;
    run->result = cr_printf(cx, "{\"expired\":%" PRIu64 "}", expired);
    return run->result.data == NULL ? CR_ERR_NO_MEMORY : CR_OK;
}
