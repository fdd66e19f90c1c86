/*
 * The job table: one row a kind of work.  A job is a blocking function on a
 * context; it may be killed at any line and run again, and any number of
 * them may run at once: what must not happen twice is decided by the
 * database.
 */

#ifndef CR_JOBRUNNER_JOB_TABLE_H
#define CR_JOBRUNNER_JOB_TABLE_H

#include <stdatomic.h>
#include "log.h"
#include "runner.h"
#include "meta/job.h"

/* How long a claim holds unless it is renewed. */
#define CR_JOB_LEASE (30 * CR_SECOND)

/* One run of a job. */
typedef struct cr_job_run_s {
    cr_runner_t       *runner;
    const cr_log_t    *log;  /* NULL: none */
    const atomic_bool *stop; /* NULL: never */
    const cr_job_t    *job;  /* the claimed row; NULL: run by hand */
    int64_t            renewed_at;
    bool               interrupted; /* by *stop: run it again soon */
    bool               worked;      /* something was changed */
    uint64_t           failed;      /* items that could not be done */
    cr_str_t           result;      /* JSON, in the context's arena */
} cr_job_run_t;

/*
 * Do the work.  The context is the job's own: it may reset it between items.
 * CR_OK with failed != 0 is a partial success; the reasons are in the log.
 */
typedef cr_err_t (*cr_job_pt)(cr_ctx_t *cx, cr_job_run_t *run);

typedef struct cr_job_kind_s {
    const char *kind; /* NULL ends the table */
    cr_job_pt   run;
    int64_t     interval_us; /* a unique row, armed again; 0: no row */
    const char *interval;    /* a setting in place of interval_us; NULL */
    bool        storage;     /* needs the store to be open */
    bool        deletes;     /* does nothing while the sweep is held */
    const char *summary;
} cr_job_kind_t;

extern const cr_job_kind_t cr_job_kinds[];

/* NULL when there is no such kind. */
const cr_job_kind_t *cr_job_kind_find(cr_str_t kind);
/* "a|b|c" of all kinds; NULL when out of memory (for the command table). */
const char *cr_job_kind_choices(cr_ctx_t *cx);
/*
 * Run one: opens the store when the kind needs it.  run->job NULL is a run
 * by hand.
 */
cr_err_t cr_job_run(cr_ctx_t *cx, const cr_job_kind_t *kind, cr_job_run_t *run);
/* How often it is run now: by its setting, else as in the table. */
cr_err_t cr_job_interval(cr_ctx_t *cx, cr_meta_t *m, const cr_job_kind_t *kind,
                         int64_t *ret_us);
/*
 * To be called between items: renews the lease in time.  AGAIN when the
 * program is to end (run->interrupted is set), CONFLICT when another runner
 * has taken the job over.
 */
cr_err_t cr_job_beat(cr_ctx_t *cx, cr_job_run_t *run);

#endif
