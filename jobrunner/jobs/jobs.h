/* The jobs of job_table.c, one file each. */

#ifndef CR_JOBRUNNER_JOBS_JOBS_H
#define CR_JOBRUNNER_JOBS_JOBS_H

#include "job_table.h"

/* A log this long is truncated, in pages; 64 MiB of pages of 4 KiB. */
#define CR_CHECKPOINT_TRUNCATE_PAGES 16384

/* Content younger than this is never swept: it may be in the making. */
#define CR_SWEEP_AGE_MIN             (24 * CR_HOUR)

cr_err_t cr_job_upload_expire(cr_ctx_t *cx, cr_job_run_t *run);
cr_err_t cr_job_reclaim(cr_ctx_t *cx, cr_job_run_t *run);
cr_err_t cr_job_orphan_sweep(cr_ctx_t *cx, cr_job_run_t *run);
cr_err_t cr_job_audit_purge(cr_ctx_t *cx, cr_job_run_t *run);
cr_err_t cr_job_checkpoint(cr_ctx_t *cx, cr_job_run_t *run);
cr_err_t cr_job_backup(cr_ctx_t *cx, cr_job_run_t *run);

/* The same as cr_job_checkpoint, for the daemon's loop. */
cr_err_t cr_checkpoint(cr_ctx_t *cx, cr_db_t *db, int64_t *ret_pages,
                       bool *ret_truncated);

#endif
