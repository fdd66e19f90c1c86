/*
 * Drops audit rows that are older than the setting audit_keep_us says, and
 * refresh tokens that have ended.
 */

#include <inttypes.h>
#include "jobs/jobs.h"
#include "meta/audit.h"
#include "meta/refresh.h"
#include "meta/setting.h"

/* Rows in one transaction. */
#define PURGE_BATCH 500


static cr_err_t
purge_audit(cr_ctx_t *cx, cr_job_run_t *run, uint64_t *ret_total)
{
    size_t  n;
    int64_t keep = CR_AUDIT_KEEP_DEFAULT, before;

    CR_TRY(cr_setting_get_int(cx, run->runner->meta, CR_SETTING_AUDIT_KEEP,
                              &keep));
    before = cr_now(cx) - keep;

    do {
        CR_TRY(cr_job_beat(cx, run));
        CR_TRY(cr_audit_purge(cx, run->runner->meta, before, PURGE_BATCH, &n));
        *ret_total += n;
        cr_ctx_reset(cx);
    } while (n != 0);

    return CR_OK;
}


static cr_err_t
purge_refresh(cr_ctx_t *cx, cr_job_run_t *run, uint64_t *ret_total)
{
    size_t n;

    do {
        CR_TRY(cr_job_beat(cx, run));
        CR_TRY(cr_refresh_purge(cx, run->runner->meta, PURGE_BATCH, &n));
        *ret_total += n;
        cr_ctx_reset(cx);
    } while (n != 0);

    return CR_OK;
}


cr_err_t
cr_job_audit_purge(cr_ctx_t *cx, cr_job_run_t *run)
{
    uint64_t rows = 0, tokens = 0;

    CR_TRY(purge_audit(cx, run, &rows));
    CR_TRY(purge_refresh(cx, run, &tokens));

    run->worked = rows != 0 || tokens != 0;
    run->result = cr_printf(cx,
                            "{\"audit_rows\":%" PRIu64
                            ",\"refresh_tokens\":%" PRIu64 "}",
                            rows, tokens);
    return run->result.data == NULL ? CR_ERR_NO_MEMORY : CR_OK;
}
