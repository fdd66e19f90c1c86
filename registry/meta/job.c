/*
 * The job queue.
 *
 *   pending --claim--> running --finish--> done      (once, went well)
 *      ^                 |  |
 *      |                 |  +--lease ran out: claimed again, epoch + 1
 *      +-----finish------+     (periodic, failed, or asked for meanwhile)
 *
 * Whoever holds the current epoch is the runner; a runner whose lease was
 * taken over learns it by CONFLICT and changes nothing.
 */

#include "meta/inner.h"
#include "meta/job.h"

/* Back-off after a failure: 5 s, 10 s, 20 s ... an hour. */
#define CR_JOB_BACKOFF_MIN (5 * CR_SECOND)
#define CR_JOB_BACKOFF_MAX CR_HOUR
#define CR_JOB_ERROR_MAX   4096

/* --- put ---------------------------------------------------------------- */

typedef struct cr_job_put_s {
    cr_str_t kind;
    cr_str_t unique_key;
    cr_str_t payload;
    int64_t  interval_us;
    bool     now;
    int64_t  id;
} cr_job_put_t;


static cr_err_t
cr_job_put_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_job_put_t *p = arg;
    int64_t       now = cr_now(cx), run_at;
    bool          found = false;
    cr_val_t      v[6];

    run_at = p->now ? now : now + p->interval_us;
    if (p->unique_key.len > 0) {
        v[0] = CR_V_TEXT(p->unique_key);
        CR_TRY(cr_db_get_int(cx, c, CR_SQL_JOB_BY_KEY, v, 1, &found, &p->id));
    }

    if (!found) {
        v[0] = CR_V_TEXT(p->kind);
        v[1] = CR_V_OPT(p->unique_key);
        v[2] = CR_V_TEXT(p->payload);
        v[3] = CR_V_INT(run_at);
        v[4] = p->interval_us > 0 ? CR_V_INT(p->interval_us) : CR_V_NULL;
        v[5] = CR_V_INT(now);
        return cr_db_get_int(cx, c, CR_SQL_JOB_ADD, v, 6, &found, &p->id);
    }

    v[0] = CR_V_TEXT(p->kind);
    v[1] = CR_V_TEXT(p->payload);
    v[2] = p->interval_us > 0 ? CR_V_INT(p->interval_us) : CR_V_NULL;
    v[3] = CR_V_INT(run_at);
    v[4] = CR_V_INT(p->id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_JOB_SET, v, 5));
    if (!p->now) {
        return CR_OK;
    }
    v[0] = CR_V_INT(now);
    v[1] = CR_V_INT(p->id);
    return cr_db_run(cx, c, CR_SQL_JOB_RUN_NOW, v, 2);
}


cr_err_t
cr_job_put(cr_ctx_t *cx, cr_meta_t *m, cr_str_t kind, cr_str_t unique_key,
           cr_str_t payload, int64_t interval_us, bool now, int64_t *ret_id)
{
    cr_job_put_t p = {
        .kind = kind,
        .unique_key = unique_key,
        .payload = payload.len > 0 ? payload : CR_STR("{}"),
        .interval_us = interval_us,
        .now = now,
    };

    CR_TRY(cr_db_write(cx, m->db, CR_DB_NOSYNC, cr_job_put_write, &p));
    *ret_id = p.id;
    return CR_OK;
}


/* --- claim, renew, finish ----------------------------------------------- */

typedef struct cr_job_op_s {
    cr_str_t        worker;
    int64_t         lease_us;
    const cr_job_t *job;
    cr_str_t        result;
    cr_str_t        error;
    /* out */
    bool     found;
    cr_job_t claimed;
} cr_job_op_t;


static void
cr_job_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_job_t *j = row;

    j->id = cr_stmt_int(st, 0);
    j->kind = cr_stmt_text(cx, st, 1);
    j->payload = cr_stmt_text(cx, st, 2);
    j->state = cr_stmt_text(cx, st, 3);
    j->run_at = cr_stmt_int(st, 4);
    j->interval_us = cr_stmt_int(st, 5);
    j->attempts = cr_stmt_int(st, 6);
    j->epoch = cr_stmt_int(st, 7);
    j->result = cr_stmt_text(cx, st, 8);
    j->error = cr_stmt_text(cx, st, 9);
    j->started_at = cr_stmt_int(st, 10);
    j->ended_at = cr_stmt_int(st, 11);
}


static cr_err_t
cr_job_claim_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_job_op_t *op = arg;
    cr_stmt_t   *st;
    int64_t      id, now = cr_now(cx);
    cr_val_t     v[4];

    /* What was lost first: it waits longest. */
    v[0] = CR_V_INT(now);
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_JOB_DUE_LOST, v, 1, &op->found, &id));
    if (!op->found) {
        CR_TRY(cr_db_get_int(cx, c, CR_SQL_JOB_DUE_PENDING, v, 1, &op->found,
                             &id));
    }
    if (!op->found) {
        return CR_OK;
    }

    v[0] = CR_V_TEXT(op->worker);
    v[1] = CR_V_INT(now + op->lease_us);
    v[2] = CR_V_INT(now);
    v[3] = CR_V_INT(id);
    CR_TRY(cr_meta_row(cx, c, CR_SQL_JOB_CLAIM, v, 4, &op->found, &st));
    if (op->found) {
        cr_job_read(cx, st, &op->claimed);
        CR_TRY(cr_meta_rows_done(cx, st));
    }
    return CR_OK;
}


cr_err_t
cr_job_claim(cr_ctx_t *cx, cr_meta_t *m, cr_str_t worker, int64_t lease_us,
             bool *ret_found, cr_job_t *ret_job)
{
    cr_job_op_t op = { .worker = worker, .lease_us = lease_us };
    int64_t     next;

    /* An idle runner asks often: look first, without the writer. */
    CR_TRY(cr_job_next(cx, m, &next));
    if (next == 0 || next > cr_now(cx)) {
        *ret_found = false;
        return CR_OK;
    }

    CR_TRY(cr_db_write(cx, m->db, CR_DB_NOSYNC, cr_job_claim_write, &op));
    if (op.found) {
        *ret_job = op.claimed;
    }
    *ret_found = op.found;
    return CR_OK;
}


static cr_err_t
cr_job_renew_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_job_op_t *op = arg;
    cr_val_t           v[3];
    int64_t            n;

    v[0] = CR_V_INT(cr_now(cx) + op->lease_us);
    v[1] = CR_V_INT(op->job->id);
    v[2] = CR_V_INT(op->job->epoch);
    CR_TRY(cr_db_run_count(cx, c, CR_SQL_JOB_RENEW, v, 3, &n));
    if (n == 0) {
        return cr_fail(cx, CR_ERR_CONFLICT, "job was taken over");
    }
    return CR_OK;
}


cr_err_t
cr_job_renew(cr_ctx_t *cx, cr_meta_t *m, const cr_job_t *job, int64_t lease_us)
{
    cr_job_op_t op = { .job = job, .lease_us = lease_us };

    return cr_db_write(cx, m->db, CR_DB_NOSYNC, cr_job_renew_write, &op);
}


static int64_t
cr_job_backoff(int64_t attempts)
{
    int64_t delay = CR_JOB_BACKOFF_MIN, i;

    for (i = 1; i < attempts && delay < CR_JOB_BACKOFF_MAX; i++) {
        delay *= 2;
    }
    return delay < CR_JOB_BACKOFF_MAX ? delay : CR_JOB_BACKOFF_MAX;
}


static cr_err_t
cr_job_finish_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_job_op_t *op = arg;
    cr_stmt_t         *st;
    cr_str_t           state = CR_STR("pending");
    int64_t            run_at, started_at, interval_us, attempts;
    int64_t            now = cr_now(cx);
    bool               found;
    cr_val_t           v[7];

    v[0] = CR_V_INT(op->job->id);
    v[1] = CR_V_INT(op->job->epoch);
    CR_TRY(cr_meta_row(cx, c, CR_SQL_JOB_ROW, v, 2, &found, &st));
    if (!found) {
        return cr_fail(cx, CR_ERR_CONFLICT, "job was taken over");
    }
    run_at = cr_stmt_int(st, 0);
    started_at = cr_stmt_int(st, 1);
    interval_us = cr_stmt_int(st, 2);
    attempts = cr_stmt_int(st, 3);
    cr_stmt_done(st);

    if (run_at > started_at) {
        /* Asked for while it ran: once more, at that time. */
        attempts = 0;
    } else if (op->error.len > 0) {
        run_at = now + cr_job_backoff(attempts);
    } else if (interval_us > 0) {
        run_at = now + interval_us;
        attempts = 0;
    } else {
        state = CR_STR("done");
    }

    v[0] = CR_V_TEXT(state);
    v[1] = CR_V_INT(run_at);
    v[2] = CR_V_INT(attempts);
    v[3] = CR_V_OPT(op->result);
    v[4] = CR_V_OPT(op->error);
    v[5] = CR_V_INT(now);
    v[6] = CR_V_INT(op->job->id);
    return cr_db_run(cx, c, CR_SQL_JOB_FINISH, v, 7);
}


cr_err_t
cr_job_finish(cr_ctx_t *cx, cr_meta_t *m, const cr_job_t *job, cr_str_t result,
              cr_str_t error)
{
    cr_job_op_t op = { .job = job, .result = result, .error = error };

    if (op.error.len > CR_JOB_ERROR_MAX) {
        op.error.len = CR_JOB_ERROR_MAX;
    }
    return cr_db_write(cx, m->db, CR_DB_NOSYNC, cr_job_finish_write, &op);
}


/* --- look --------------------------------------------------------------- */


cr_err_t
cr_job_next(cr_ctx_t *cx, cr_meta_t *m, int64_t *ret_run_at)
{
    cr_conn_t *c;
    int64_t    pending, lease;
    bool       found_pending, found_lease;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_JOB_NEXT_PENDING, NULL, 0,
                         &found_pending, &pending));
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_JOB_NEXT_RUNNING, NULL, 0, &found_lease,
                         &lease));

    if (found_pending && (!found_lease || pending < lease)) {
        *ret_run_at = pending;
    } else {
        *ret_run_at = found_lease ? lease : 0;
    }
    return CR_OK;
}


cr_err_t
cr_job_list(cr_ctx_t *cx, cr_meta_t *m, cr_job_t **ret_rows, size_t *ret_n)
{
    cr_conn_t *c;
    void      *rows;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c, CR_SQL_JOB_LIST, NULL, 0, cr_job_read,
                        sizeof(cr_job_t), &rows, ret_n));
    *ret_rows = rows;
    return CR_OK;
}
