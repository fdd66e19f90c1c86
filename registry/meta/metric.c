/* Counters of the job runner, and the state of its queue, for /metrics. */

#include "meta/inner.h"
#include "meta/metric.h"

static const char *const cr_metric_rows[CR_METRIC_MAX] = {
    [CR_METRIC_BACKUPS] = "metric_backups",
    [CR_METRIC_BACKUPS_SKIPPED] = "metric_backups_skipped",
    [CR_METRIC_BACKUP_AT] = "metric_backup_at",
    [CR_METRIC_GC_FILES] = "metric_gc_files",
    [CR_METRIC_GC_BYTES] = "metric_gc_bytes",
};

typedef struct cr_metric_put_s {
    cr_sql_e    sql;
    cr_metric_e metric;
    int64_t     n;
} cr_metric_put_t;


static cr_err_t
cr_metric_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_metric_put_t *p = arg;
    cr_val_t               v[2];

    v[0] = CR_V_TEXT(cr_str_z(cr_metric_rows[p->metric]));
    v[1] = CR_V_INT(p->n);

    return cr_db_run(cx, c, p->sql, v, 2);
}


cr_err_t
cr_metric_add(cr_ctx_t *cx, cr_meta_t *m, cr_metric_e metric, int64_t n)
{
    cr_metric_put_t p = { CR_SQL_METRIC_ADD, metric, n };

    if (n == 0) {
        return CR_OK;
    }

    return cr_db_write(cx, m->db, CR_DB_SPARE, cr_metric_write, &p);
}


cr_err_t
cr_metric_set(cr_ctx_t *cx, cr_meta_t *m, cr_metric_e metric, int64_t n)
{
    cr_metric_put_t p = { CR_SQL_METRIC_SET, metric, n };

    return cr_db_write(cx, m->db, CR_DB_SPARE, cr_metric_write, &p);
}


cr_err_t
cr_metric_get(cr_ctx_t *cx, cr_meta_t *m, cr_metric_e metric, int64_t *ret_n)
{
    bool       found;
    int64_t    n = 0;
    cr_val_t   v = CR_V_TEXT(cr_str_z(cr_metric_rows[metric]));
    cr_conn_t *c;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_METRIC_GET, &v, 1, &found, &n));
    *ret_n = found ? n : 0;

    return CR_OK;
}


static void
cr_metric_read_job(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_metric_job_t *j = row;

    j->kind = cr_stmt_text(cx, st, 0);
    j->ended_at = cr_stmt_int(st, 1);
    j->failed = cr_stmt_int(st, 2) != 0;
}


cr_err_t
cr_metric_read(cr_ctx_t *cx, cr_meta_t *m, cr_metrics_t *ret_s)
{
    bool         found;
    void        *jobs;
    cr_val_t     v;
    cr_conn_t   *c;
    cr_stmt_t   *st;
    cr_metrics_t s = { .jobs = NULL };

    CR_TRY(cr_db_conn(cx, m->db, &c));

    for (int i = 0; i < CR_METRIC_MAX; i++) {
        CR_TRY(cr_metric_get(cx, m, (cr_metric_e) i, &s.counts[i]));
    }

    v = CR_V_INT(cr_now(cx));
    CR_TRY(cr_meta_row(cx, c, CR_SQL_METRIC_QUEUE, &v, 1, &found, &st));

    if (found) {
        s.jobs_due = cr_stmt_int(st, 0);
        s.jobs_due_since = cr_stmt_int(st, 1);
        s.jobs_running = cr_stmt_int(st, 2);
        CR_TRY(cr_meta_rows_done(cx, st));
    }

    v = CR_V_INT(CR_METRIC_JOBS_MAX);
    CR_TRY(cr_meta_list(cx, c, CR_SQL_METRIC_JOB_LIST, &v, 1,
                        cr_metric_read_job, sizeof(cr_metric_job_t), &jobs,
                        &s.njobs));
    s.jobs = jobs;
    *ret_s = s;

    return CR_OK;
}
