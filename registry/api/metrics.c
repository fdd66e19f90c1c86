/*
 * /metrics, in the text format of Prometheus: what the transport counted, and
 * what the store and the database say.  A database that is away is a number
 * here, and no error.  Only bounded reads: the answer must come also when
 * every thread waits for a lock.
 */

#include <inttypes.h>

#include "api/handlers.h"
#include "api/health.h"
#include "meta/metric.h"

#define CR_METRICS_MAX ((size_t) 16 * 1024 * 1024)

typedef struct cr_metrics_row_s {
    cr_metric_e metric;
    bool        time; /* us since 1970, told in seconds; 0: not told */
    const char *name;
    const char *type;
    const char *help;
} cr_metrics_row_t;

/* clang-format off */
static const cr_metrics_row_t cr_metrics_rows[] = {
    { CR_METRIC_BACKUPS, false,
      "registry_backups_total", "counter",
      "Scheduled backups of the database that were made." },
    { CR_METRIC_BACKUPS_SKIPPED, false,
      "registry_backups_skipped_total", "counter",
      "Scheduled backups that were not made for want of space." },
    { CR_METRIC_BACKUP_AT, true,
      "registry_backup_last_success_timestamp_seconds", "gauge",
      "When the last scheduled backup was made." },
    { CR_METRIC_GC_FILES, false,
      "registry_gc_deleted_files_total", "counter",
      "Files removed by garbage collection." },
    { CR_METRIC_GC_BYTES, false,
      "registry_gc_freed_bytes_total", "counter",
      "Bytes given back by garbage collection." },
};
/* clang-format on */

static void
cr_metrics_head(cr_buf_t *b, const char *name, const char *type,
                const char *help)
{
    cr_buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
cr_metrics_gauge(cr_buf_t *b, const char *name, const char *help, int64_t n)
{
    cr_metrics_head(b, name, "gauge", help);
    cr_buf_printf(b, "%s %" PRId64 "\n", name, n);
}

/* A kind of a newer program may be any text. */
static void
cr_metrics_label(cr_buf_t *b, cr_str_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '\n') {
            cr_buf_z(b, "\\n");
            continue;
        }

        if (s.data[i] == '"' || s.data[i] == '\\') {
            cr_buf_char(b, '\\');
        }

        cr_buf_char(b, s.data[i]);
    }
}

static void
cr_metrics_seconds(cr_buf_t *b, int64_t us)
{
    cr_buf_printf(b, "%" PRId64 ".%06d\n", us / CR_SECOND,
                  (int) (us % CR_SECOND));
}

static void
cr_metrics_counts(cr_buf_t *b, const cr_metrics_t *s)
{
    for (size_t i = 0; i < CR_NELTS(cr_metrics_rows); i++) {
        const cr_metrics_row_t *row = &cr_metrics_rows[i];
        int64_t                 n = s->counts[row->metric];

        if (row->time && n == 0) {
            continue;
        }

        cr_metrics_head(b, row->name, row->type, row->help);
        cr_buf_printf(b, "%s ", row->name);

        if (row->time) {
            cr_metrics_seconds(b, n);

        } else {
            cr_buf_printf(b, "%" PRId64 "\n", n);
        }
    }
}

static void
cr_metrics_jobs(cr_buf_t *b, const cr_metrics_t *s, int64_t now)
{
    int64_t     age = s->jobs_due_since == 0 ? 0 : now - s->jobs_due_since;
    const char *ended = "registry_job_last_end_timestamp_seconds";
    const char *failed = "registry_job_failed";

    cr_metrics_gauge(b, "registry_job_queue_length",
                     "Jobs that are due and wait.", s->jobs_due);
    cr_metrics_head(b, "registry_job_queue_oldest_age_seconds", "gauge",
                    "How long the oldest of them has waited.");
    cr_buf_z(b, "registry_job_queue_oldest_age_seconds ");
    cr_metrics_seconds(b, age > 0 ? age : 0);
    cr_metrics_gauge(b, "registry_jobs_running", "Jobs that are being done.",
                     s->jobs_running);

    cr_metrics_head(b, ended, "gauge",
                    "When periodic work last ended, well or not.");

    for (size_t i = 0; i < s->njobs; i++) {
        if (s->jobs[i].ended_at != 0) {
            cr_buf_printf(b, "%s{type=\"", ended);
            cr_metrics_label(b, s->jobs[i].kind);
            cr_buf_z(b, "\"} ");
            cr_metrics_seconds(b, s->jobs[i].ended_at);
        }
    }

    cr_metrics_head(b, failed, "gauge", "1: its last run failed.");

    for (size_t i = 0; i < s->njobs; i++) {
        cr_buf_printf(b, "%s{type=\"", failed);
        cr_metrics_label(b, s->jobs[i].kind);
        cr_buf_printf(b, "\"} %d\n", s->jobs[i].failed);
    }
}

static void
cr_metrics_storage(cr_exchange_t *x, cr_buf_t *b, const cr_api_open_t *o)
{
    cr_storage_info_t info;

    if (cr_storage_info(&x->cx, o->storage, &info) != CR_OK) {
        cr_clear(&x->cx);
        return;
    }

    if (info.total_size == 0) {
        return; /* a store that cannot tell */
    }

    cr_metrics_gauge(b, "registry_storage_filesystem_free_bytes",
                     "Space that is left where the content is.",
                     (int64_t) info.free_size);
    cr_metrics_gauge(b, "registry_storage_filesystem_size_bytes",
                     "Size of the file system of the content.",
                     (int64_t) info.total_size);
    cr_metrics_gauge(b, "registry_storage_min_free_bytes",
                     "Uploads are refused when less space is left.",
                     (int64_t) cr_api_conf(x->api)->min_free);
}

cr_err_t
cr_metrics_get(cr_exchange_t *x)
{
    bool                 up;
    cr_buf_t             b;
    cr_str_t             body;
    cr_metrics_t         s;
    const cr_api_conf_t *conf = cr_api_conf(x->api);
    const cr_api_open_t *o;

    if (conf->metrics == NULL) {
        return cr_fail(&x->cx, CR_ERR_NOT_FOUND, "no metrics here");
    }

    CR_TRY(cr_api_usable(&x->cx, x->api, &o));
    up = o != NULL && cr_metric_read(&x->cx, o->meta, &s) == CR_OK;
    cr_clear(&x->cx);

    cr_buf_init(&b, &x->cx, CR_METRICS_MAX);
    conf->metrics(conf->metrics_arg, &b);
    cr_metrics_gauge(&b, "registry_db_up", "1: the database can be read.", up);

    if (up) {
        cr_metrics_storage(x, &b, o);
        cr_metrics_counts(&b, &s);
        cr_metrics_jobs(&b, &s, cr_now(&x->cx));
    }

    CR_TRY(cr_buf_end(&b, &body));

    return cr_respond(x, 200,
                      CR_STR("text/plain; version=0.0.4; charset=utf-8"), body);
}
