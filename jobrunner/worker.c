/*
 * Claiming and running.  Each claim is a lease; a job that is killed at any
 * line is claimed again when its lease has run out.  Two contexts: one for
 * the claimed row, one for the job, which may reset it as it likes.
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "core/crash.h"
#include "worker.h"

/* The same failure is logged once in so long. */
#define WORKER_LOG_AGAIN CR_MINUTE
/* Most memory of one job between two resets. */
#define WORKER_ARENA_MAX (256u * 1024 * 1024)


cr_err_t
cr_worker_init(cr_ctx_t *cx, cr_worker_t *w, cr_db_t *db, const cr_log_t *log)
{
    memset(w, 0, sizeof(*w));
    w->db = db;
    w->sys = cx->sys;
    w->log = log;
    w->event_fd = -1;
    atomic_init(&w->stop, false);
    atomic_init(&w->fatal, CR_OK);
    return cr_uuid_make(cx, w->id);
}


void
cr_worker_done(cr_worker_t *w)
{
    cr_runner_close(&w->runner);
}


static cr_err_t
worker_refresh(cr_ctx_t *cx, cr_worker_t *w)
{
    if (w->runner.db == NULL) {
        return cr_runner_attach(cx, w->db, &w->runner);
    }

    return cr_runner_refresh(cx, &w->runner);
}


static void
log_job(cr_worker_t *w, cr_log_level_e level, const char *z_message,
        const cr_job_t *job, const cr_job_run_t *run, cr_str_t error,
        int64_t took_us)
{
    cr_log_line_t l;

    cr_log_begin(&l, w->log, level, z_message);
    cr_log_str(&l, "kind", job->kind);
    cr_log_int(&l, "job", job->id);
    cr_log_int(&l, "took_ms", took_us / 1000);

    if (error.len != 0) {
        cr_log_str(&l, "error", error);
    }

    if (run->result.len != 0) {
        cr_log_str(&l, "result", run->result);
    }

    cr_log_end(&l);
}


static cr_str_t
error_text(cr_ctx_t *cx, const cr_ctx_t *failed, cr_err_t err)
{
    cr_str_t text;

    text = failed->detail.len != 0    ? failed->detail
           : failed->message.len != 0 ? failed->message
                                      : cr_str_z(cr_err_info(err)->text);

    return cr_printf(cx, "%s: %.*s", cr_err_info(err)->name, CR_STR_ARG(text));
}


/* Interrupted: due at once, for the next program that runs. */
static cr_err_t
put_back(cr_ctx_t *cx, cr_worker_t *w, const cr_job_t *job,
         const cr_job_kind_t *kind)
{
    int64_t id, interval;

    if (kind->interval_us == 0) {
        return cr_job_finish(cx, w->runner.meta, job, CR_STR_NULL,
                             CR_STR("interrupted"));
    }

    CR_TRY(cr_job_interval(cx, w->runner.meta, kind, &interval));
    CR_TRY(cr_job_put(cx, w->runner.meta, job->kind, job->kind, job->payload,
                      interval, true, &id));
    return cr_job_finish(cx, w->runner.meta, job, CR_STR("{}"), CR_STR_NULL);
}


/* What the row says from now on.  CONFLICT: another runner has the job. */
static cr_err_t
record_end(cr_ctx_t *cx, cr_worker_t *w, const cr_job_t *job,
           const cr_job_kind_t *kind, const cr_job_run_t *run, cr_err_t err,
           cr_str_t error)
{
    if (run->interrupted) {
        return put_back(cx, w, job, kind);
    }

    if (err == CR_ERR_CONFLICT) {
        return err;
    }

    return cr_job_finish(cx, w->runner.meta, job,
                         err == CR_OK ? run->result : CR_STR_NULL, error);
}


/* The row first, the line in the log after it: "done" is a state by then. */
static cr_err_t
end_job(cr_ctx_t *cx, cr_worker_t *w, const cr_job_t *job,
        const cr_job_kind_t *kind, const cr_job_run_t *run,
        const cr_ctx_t *job_cx, cr_err_t err, int64_t took_us)
{
    cr_err_t       rc;
    cr_str_t       error;
    cr_log_level_e level;

    error = err == CR_OK ? CR_STR_NULL : error_text(cx, job_cx, err);
    rc = record_end(cx, w, job, kind, run, err, error);

    if (rc == CR_ERR_CONFLICT) {
        cr_clear(cx);
        log_job(w, CR_LOG_WARN, "job was taken over", job, run, CR_STR_NULL,
                took_us);
        return CR_OK;
    }

    if (rc != CR_OK) {
        return rc;
    }

    if (run->interrupted) {
        log_job(w, CR_LOG_INFO, "job interrupted", job, run, CR_STR_NULL,
                took_us);

    } else if (err != CR_OK) {
        log_job(w, CR_LOG_ERROR, "job failed", job, run, error, took_us);

    } else {
        level = run->failed != 0 ? CR_LOG_WARN
                : run->worked    ? CR_LOG_INFO
                                 : CR_LOG_DEBUG;
        log_job(w, level, "job done", job, run, CR_STR_NULL, took_us);
    }

    return CR_OK;
}


static cr_err_t
run_claimed(cr_ctx_t *cx, cr_worker_t *w, const cr_job_t *job)
{
    cr_err_t             err;
    int64_t              started_at;
    cr_ctx_t             job_cx;
    cr_job_run_t         run;
    const cr_job_kind_t *kind;

    kind = cr_job_kind_find(job->kind);

    if (kind == NULL) {
        /* A row of a newer program: that one will take it in the end. */
        return cr_job_finish(cx, w->runner.meta, job, CR_STR_NULL,
                             CR_STR("this jobrunner knows no such kind"));
    }

    if (cr_ctx_init(&job_cx, WORKER_ARENA_MAX) != CR_OK) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    job_cx.sys = cx->sys;
    job_cx.log_debug = cx->log_debug;
    job_cx.log_arg = cx->log_arg;
    job_cx.may_block = true;

    started_at = cr_now(cx);
    run = (cr_job_run_t){
        .runner = &w->runner, .log = w->log, .stop = &w->stop, .job = job
    };
    err = cr_job_run(&job_cx, kind, &run);
    CR_CRASH("job.run");
    err =
        end_job(cx, w, job, kind, &run, &job_cx, err, cr_now(cx) - started_at);

    cr_ctx_done(&job_cx);
    return err;
}


cr_err_t
cr_worker_step(cr_ctx_t *cx, cr_worker_t *w, bool *ret_ran)
{
    bool     found;
    cr_job_t job;

    *ret_ran = false;
    CR_TRY(worker_refresh(cx, w));

    if (!cr_runner_has_storage(&w->runner)) {
        if (!w->waiting) {
            cr_log(w->log, CR_LOG_INFO,
                   "waiting for nginx to write where the content is");
        }

        w->waiting = true;
        return CR_OK;
    }

    w->waiting = false;
    CR_TRY(cr_job_claim(cx, w->runner.meta, (cr_str_t){ CR_UUID_LEN, w->id },
                        CR_JOB_LEASE, &found, &job));

    if (!found) {
        return CR_OK;
    }

    CR_CRASH("job.claimed");
    CR_TRY(run_claimed(cx, w, &job));
    CR_CRASH("job.ended");
    *ret_ran = true;
    return CR_OK;
}


/* A failure between jobs: the database is busy, full or gone. */
static void
step_failed(cr_ctx_t *cx, cr_worker_t *w)
{
    int64_t  now;
    uint64_t one;

    if (cx->err == CR_ERR_DB_SCHEMA) {
        cr_log_failure(w->log, CR_LOG_ERROR, "the job runner must end", cx);
        atomic_store(&w->fatal, (int) cx->err);
        atomic_store(&w->stop, true);

        one = 1;
        if (w->event_fd >= 0
            && write(w->event_fd, &one, sizeof(one)) != sizeof(one)) {
            cr_log(w->log, CR_LOG_ERROR, "cannot wake the main thread");
        }

        return;
    }

    now = cr_now(cx);

    if (cx->err != w->last_err || now - w->last_err_at >= WORKER_LOG_AGAIN) {
        cr_log_failure(w->log, CR_LOG_ERROR, "cannot work on jobs", cx);
        w->last_err = cx->err;
        w->last_err_at = now;
    }
}


static void
worker_drain(cr_ctx_t *cx, cr_worker_t *w)
{
    bool     ran;
    cr_err_t err;

    do {
        cr_ctx_reset(cx);
        err = cr_worker_step(cx, w, &ran);

        if (err != CR_OK) {
            step_failed(cx, w);
            return;
        }

        w->last_err = CR_OK;
    } while (ran && !atomic_load(&w->stop));
}


static void *
worker_main(void *arg)
{
    cr_ctx_t     cx;
    cr_worker_t *w;

    w = arg;

    if (cr_ctx_init(&cx, 0) != CR_OK) {
        return NULL;
    }

    cx.sys = w->sys;
    cx.may_block = true;

    if (w->log != NULL && w->log->level == CR_LOG_DEBUG) {
        cx.log_debug = cr_log_debug;
        cx.log_arg = (void *) (uintptr_t) w->log;
    }

    while (!atomic_load(&w->stop)) {
        pthread_mutex_lock(&w->mutex);

        while (!w->woken && !atomic_load(&w->stop)) {
            pthread_cond_wait(&w->cond, &w->mutex);
        }

        w->woken = false;
        pthread_mutex_unlock(&w->mutex);

        if (!atomic_load(&w->stop)) {
            worker_drain(&cx, w);
        }
    }

    cr_ctx_done(&cx);
    return NULL;
}


cr_err_t
cr_worker_start(cr_ctx_t *cx, cr_worker_t *w)
{
    int rc;

    rc = pthread_mutex_init(&w->mutex, NULL);

    if (rc != 0) {
        return cr_fail_errno(cx, rc, "cannot make a mutex");
    }

    rc = pthread_cond_init(&w->cond, NULL);

    if (rc != 0) {
        pthread_mutex_destroy(&w->mutex);
        return cr_fail_errno(cx, rc, "cannot make a condition");
    }

    rc = pthread_create(&w->thread, NULL, worker_main, w);

    if (rc != 0) {
        pthread_cond_destroy(&w->cond);
        pthread_mutex_destroy(&w->mutex);
        return cr_fail_errno(cx, rc, "cannot start a thread");
    }

    return CR_OK;
}


void
cr_worker_wake(cr_worker_t *w)
{
    pthread_mutex_lock(&w->mutex);
    w->woken = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->mutex);
}


void
cr_worker_stop(cr_worker_t *w)
{
    pthread_mutex_lock(&w->mutex);
    atomic_store(&w->stop, true);
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->mutex);

    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->cond);
    pthread_mutex_destroy(&w->mutex);
}
