/*
 * When there is work: keeps one row for each periodic job, and notices new
 * work by the database's version, a number that moves with each commit and
 * costs a microsecond to read.  Claims nothing itself.  One thread.
 */

#ifndef CR_JOBRUNNER_SCHEDULER_H
#define CR_JOBRUNNER_SCHEDULER_H

#include "job_table.h"

/* How often the version is read: new work waits no longer than that. */
#define CR_SCHEDULER_TICK_MS 50
/* Due work that nobody could claim is offered again after that. */
#define CR_SCHEDULER_HOLD    CR_SECOND

typedef struct cr_scheduler_s {
    bool    seen;       /* version and next_at are known */
    int64_t version;    /* of the database, at the last look */
    int64_t next_at;    /* when the next job is due; 0: none */
    int64_t hold_until; /* work was offered: not again before */
} cr_scheduler_t;

/* [write] The unique row of each periodic job in the table. */
cr_err_t cr_scheduler_put(cr_ctx_t *cx, cr_meta_t *m);
/*
 * One look.  *ret_due: the worker has something to claim.  *ret_moved:
 * somebody has committed since the last look.
 */
cr_err_t cr_scheduler_tick(cr_ctx_t *cx, cr_scheduler_t *s, cr_meta_t *m,
                           bool *ret_due, bool *ret_moved);

#endif
