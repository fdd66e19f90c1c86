/* The job queue (DESIGN section 3 rule 6): leases and epochs, no locks. */

#ifndef CR_META_JOB_H
#define CR_META_JOB_H

#include "meta/meta.h"

typedef struct cr_job_s {
    int64_t  id;
    cr_str_t kind;
    cr_str_t payload;
    cr_str_t state;
    int64_t  run_at;
    int64_t  interval_us;
    int64_t  attempts;
    int64_t  epoch;
    cr_str_t result;
    cr_str_t error;
    int64_t  started_at;
    int64_t  ended_at;
} cr_job_t;

/*
 * [write] Queue a job.  unique_key not empty: one row of that key; a second
 * call changes the interval and, when now is set, runs it at once.
 */
cr_err_t cr_job_put(cr_ctx_t *cx, cr_meta_t *m, cr_str_t kind,
                    cr_str_t unique_key, cr_str_t payload, int64_t interval_us,
                    bool now, int64_t *ret_id);
/* [write] Claim the next due job (or one whose lease ran out) for lease_us.
 * *ret_found false: nothing due. */
cr_err_t cr_job_claim(cr_ctx_t *cx, cr_meta_t *m, cr_str_t worker,
                      int64_t lease_us, bool *ret_found, cr_job_t *ret_job);
/* [write] Renew; CONFLICT when the lease was taken over. */
cr_err_t cr_job_renew(cr_ctx_t *cx, cr_meta_t *m, const cr_job_t *job,
                      int64_t lease_us);
/*
 * [write] End a run: a periodic job is armed again after its interval; a
 * failed one (error not empty) is tried again with back-off, at most an hour.
 */
cr_err_t cr_job_finish(cr_ctx_t *cx, cr_meta_t *m, const cr_job_t *job,
                       cr_str_t result, cr_str_t error);
/* When the next job is due; 0: none queued. */
cr_err_t cr_job_next(cr_ctx_t *cx, cr_meta_t *m, int64_t *ret_run_at);
/* [list] All, by id. */
cr_err_t cr_job_list(cr_ctx_t *cx, cr_meta_t *m, cr_job_t **ret_rows,
                     size_t *ret_n);

#endif
