/*
 * jobrunner status: one screen.  What cannot be found out (no content yet,
 * the store is not there) is a line of its own, not a failure of the rest.
 */

#include <inttypes.h>
#include "commands/commands.h"
#include "core/encode.h"
#include "core/redact.h"
#include "core/version.h"
#include "job_table.h"
#include "meta/metric.h"
#include "meta/reclaim.h"
#include "output.h"

/* A store that cannot tell its size has 0 bytes of it. */
#define SIZE_OF(n) CR_CELL_INT(info.total_size == 0 ? -1 : (int64_t) (n))

/* clang-format off */

static const cr_column_t  status_columns[] = {
    { "INSTALLATION",   "installation_id", CR_COLUMN_TEXT, false },
    { "VERSION",        "version",         CR_COLUMN_TEXT, false },
    { "DATABASE",       "database",        CR_COLUMN_TEXT, false },
    { "SCHEMA",         "schema",          CR_COLUMN_INT,  false },
    { "CONTENT",        "storage.url",     CR_COLUMN_TEXT, false },
    { "CONTENT STATE",  "storage.state",   CR_COLUMN_TEXT, false },
    { "CONTENT FREE",   "storage.free",    CR_COLUMN_SIZE, false },
    { "CONTENT TOTAL",  "storage.total",   CR_COLUMN_SIZE, true },
    { "PROJECTS",       "projects",        CR_COLUMN_INT,  false },
    { "REPOSITORIES",   "repositories",    CR_COLUMN_INT,  false },
    { "MANIFESTS",      "manifests",       CR_COLUMN_INT,  false },
    { "TAGS",           "tags",            CR_COLUMN_INT,  false },
    { "BLOBS",          "blobs",           CR_COLUMN_INT,  false },
    { "BLOB BYTES",     "blob_bytes",      CR_COLUMN_SIZE, false },
    { "UPLOADS",        "uploads",         CR_COLUMN_INT,  false },
    { "ORPHANS",        "orphans",         CR_COLUMN_INT,  false },
    { "ORPHAN BYTES",   "orphan_bytes",    CR_COLUMN_SIZE, false },
    { "CHANGES",        "change_seq",      CR_COLUMN_INT,  false },
    { "LAST BACKUP",    "backup_at",       CR_COLUMN_TIME, false },
    { "NOT BACKED UP",  "backups_skipped", CR_COLUMN_INT,  false },
    { "JOBS DUE",       "jobs_due",        CR_COLUMN_INT,  false },
    { "JOBS",           "jobs",            CR_COLUMN_JSON, true },
    { NULL,             NULL,              CR_COLUMN_TEXT, false }
};

/* clang-format on */


static void
add_job_json(cr_ctx_t *cx, cr_buf_t *b, const cr_job_t *j)
{
    cr_buf_z(b, "{\"kind\":");
    cr_buf_json(b, j->kind);
    cr_buf_z(b, ",\"state\":");
    cr_buf_json(b, j->state);
    cr_buf_z(b, ",\"run_at\":");
    cr_buf_json(b, cr_time_format(cx, j->run_at));
    cr_buf_z(b, ",\"ended_at\":");

    if (j->ended_at == 0) {
        cr_buf_z(b, "null");

    } else {
        cr_buf_json(b, cr_time_format(cx, j->ended_at));
    }

    cr_buf_z(b, ",\"result\":");
    cr_buf_str(b, j->result.len == 0 ? CR_STR("null") : j->result);
    cr_buf_z(b, ",\"error\":");
    cr_buf_json(b, j->error);
    cr_buf_char(b, '}');
}


/* Periodic jobs only: the others are in `job list`. */
static cr_err_t
jobs_json(cr_ctx_t *cx, const cr_job_t *jobs, size_t n, cr_str_t *ret_s)
{
    bool     first;
    size_t   i;
    cr_buf_t b;

    cr_buf_init(&b, cx, CR_OUTPUT_MAX);
    cr_buf_char(&b, '[');
    first = true;

    for (i = 0; i < n; i++) {
        if (jobs[i].interval_us == 0) {
            continue;
        }

        cr_buf_z(&b, first ? "" : ",");
        add_job_json(cx, &b, &jobs[i]);
        first = false;
    }

    cr_buf_char(&b, ']');
    return cr_buf_end(&b, ret_s);
}


/* The run ended well, and did not do what it is for. */
static bool
is_skipped(const cr_job_t *j)
{
    return cr_str_starts(j->result, CR_STR("{\"skipped\":"));
}


static void
print_jobs(cr_ctx_t *cx, const cr_cli_t *cli, const cr_job_t *jobs, size_t n)
{
    size_t   i;
    cr_str_t what;

    for (i = 0; i < n; i++) {
        if (jobs[i].interval_us == 0) {
            continue;
        }

        what = jobs[i].error.len != 0 ? jobs[i].error : jobs[i].result;
        fprintf(cli->out, "%-15.*s ", CR_STR_ARG(jobs[i].kind));

        if (jobs[i].ended_at == 0) {
            fprintf(cli->out, "has not run yet\n");
            continue;
        }

        fprintf(cli->out, "%.*s %s %.*s\n",
                CR_STR_ARG(cr_time_format(cx, jobs[i].ended_at)),
                jobs[i].error.len != 0 ? "failed"
                : is_skipped(&jobs[i]) ? "skipped"
                                       : "done",
                CR_STR_ARG(what));
    }
}


/* The state of the store in words; info stays zero when it is not known. */
static cr_str_t
storage_state(cr_ctx_t *cx, cr_runner_t *r, cr_storage_info_t *info)
{
    cr_err_t err;
    cr_str_t state;

    if (!cr_runner_has_storage(r)) {
        return CR_STR("nginx has not been started yet");
    }

    err = cr_runner_storage(cx, r);

    if (err == CR_OK) {
        err = cr_storage_info(cx, r->storage, info);
    }

    if (err == CR_OK) {
        return CR_STR("ready");
    }

    state = cx->detail.len != 0    ? cx->detail
            : cx->message.len != 0 ? cx->message
                                   : cr_str_z(cr_err_info(err)->text);
    cr_clear(cx);
    return state;
}


static cr_err_t
status(cr_ctx_t *cx, cr_cli_t *cli, cr_runner_t *r)
{
    size_t            n;
    int64_t           backup_at, skipped;
    cr_str_t          json, state;
    cr_job_t         *jobs;
    cr_stats_t        s;
    cr_output_t       o;
    cr_db_schema_t    schema;
    cr_storage_info_t info;

    info = (cr_storage_info_t){ 0, 0 };
    state = storage_state(cx, r, &info);

    CR_TRY(cr_db_schema(cx, r->db, &schema));
    CR_TRY(cr_stats_get(cx, r->meta, &s));
    CR_TRY(cr_metric_get(cx, r->meta, CR_METRIC_BACKUP_AT, &backup_at));
    CR_TRY(cr_metric_get(cx, r->meta, CR_METRIC_BACKUPS_SKIPPED, &skipped));
    CR_TRY(cr_job_list(cx, r->meta, &jobs, &n));
    CR_TRY(jobs_json(cx, jobs, n, &json));

    cr_output_init(&o, cx, cli, status_columns);
    CR_TRY(cr_output_row(
        &o, (cr_cell_t[]){
                CR_CELL_TEXT(cr_meta_installation_id(r->meta)),
                CR_CELL_TEXT(CR_STR(CR_VERSION)),
                CR_CELL_TEXT(cr_runner_url_shown(cx, cli)),
                CR_CELL_INT(schema.version),
                CR_CELL_TEXT(cr_redact_url(cx, cr_str_z(r->z_storage_url))),
                CR_CELL_TEXT(state),
                SIZE_OF(info.free_size),
                SIZE_OF(info.total_size),
                CR_CELL_INT(s.projects),
                CR_CELL_INT(s.repositories),
                CR_CELL_INT(s.manifests),
                CR_CELL_INT(s.tags),
                CR_CELL_INT(s.blobs),
                CR_CELL_INT(s.blob_bytes),
                CR_CELL_INT(s.uploads),
                CR_CELL_INT(s.orphans),
                CR_CELL_INT(s.orphan_bytes),
                CR_CELL_INT(s.change_seq),
                CR_CELL_INT(backup_at),
                CR_CELL_INT(skipped),
                CR_CELL_INT(s.jobs_due),
                CR_CELL_TEXT(json) }));
    CR_TRY(cr_output_one(&o));

    if (cli->output == CR_OUTPUT_TABLE) {
        fputc('\n', cli->out);
        print_jobs(cx, cli, jobs, n);
    }

    return CR_OK;
}


cr_err_t
cr_command_status(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t    err;
    cr_runner_t r;

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = status(cx, cli, &r);
    cr_runner_close(&r);
    return err;
}
