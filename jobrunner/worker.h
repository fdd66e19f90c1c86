/*
 * The worker: a thread that claims due jobs and runs them, one after the
 * other.  cr_worker_step is one claim, for the thread and for tests.
 */

#ifndef CR_JOBRUNNER_WORKER_H
#define CR_JOBRUNNER_WORKER_H

#include <pthread.h>
#include "core/encode.h"
#include "job_table.h"

typedef struct cr_worker_s {
    cr_db_t        *db;
    const cr_sys_t *sys;
    const cr_log_t *log;
    int             event_fd;        /* written when fatal is set; -1: none */
    char            id[CR_UUID_LEN]; /* in the rows it claims */
    cr_runner_t     runner;          /* of the thread */
    bool            waiting;         /* said that there is no store yet */
    cr_err_t        last_err;        /* logged already ... */
    int64_t         last_err_at;     /* ... at that time */

    pthread_t       thread;
    pthread_mutex_t mutex; /* woken, cond */
    pthread_cond_t  cond;
    bool            woken;
    atomic_bool     stop;
    atomic_int      fatal; /* a cr_err_t that ends the program */
} cr_worker_t;

/*
 * Prepare a worker without thread.  db and log are the caller's and must
 * outlive it.  cr_worker_done takes a zeroed worker.
 */
cr_err_t cr_worker_init(cr_ctx_t *cx, cr_worker_t *w, cr_db_t *db,
                        const cr_log_t *log);
void     cr_worker_done(cr_worker_t *w);
/*
 * Claim one due job and run it.  *ret_ran false: nothing was due, or the
 * store is not known yet.  A job that fails is a state of its row, not an
 * error of this call.
 */
cr_err_t cr_worker_step(cr_ctx_t *cx, cr_worker_t *w, bool *ret_ran);

/* Start the thread; it sleeps until it is woken. */
cr_err_t cr_worker_start(cr_ctx_t *cx, cr_worker_t *w);
/* Any thread: look for due jobs. */
void cr_worker_wake(cr_worker_t *w);
/* Finish the current item, end the thread, wait for it. */
void cr_worker_stop(cr_worker_t *w);

#endif
