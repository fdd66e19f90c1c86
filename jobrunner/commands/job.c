/* jobrunner job: the rows of the job queue; a run by hand. */

#include "commands/commands.h"
#include "job_table.h"
#include "output.h"

/* clang-format off */

static const cr_column_t  job_columns[] = {
    { "ID",       "id",          CR_COLUMN_INT,      false },
    { "KIND",     "kind",        CR_COLUMN_TEXT,     false },
    { "STATE",    "state",       CR_COLUMN_TEXT,     false },
    { "DUE",      "run_at",      CR_COLUMN_TIME,     false },
    { "EVERY",    "interval_us", CR_COLUMN_DURATION, false },
    { "TRIES",    "attempts",    CR_COLUMN_INT,      false },
    { "STARTED",  "started_at",  CR_COLUMN_TIME,     true },
    { "ENDED",    "ended_at",    CR_COLUMN_TIME,     false },
    { "PAYLOAD",  "payload",     CR_COLUMN_JSON,     true },
    { "RESULT",   "result",      CR_COLUMN_JSON,     false },
    { "ERROR",    "error",       CR_COLUMN_TEXT,     false },
    { NULL,       NULL,          CR_COLUMN_TEXT,     false }
};

static const cr_column_t  run_columns[] = {
    { "KIND",   "kind",   CR_COLUMN_TEXT, false },
    { "FAILED", "failed", CR_COLUMN_INT,  false },
    { "RESULT", "result", CR_COLUMN_JSON, false },
    { NULL,     NULL,     CR_COLUMN_TEXT, false }
};

/* clang-format on */


static cr_err_t
list(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m)
{
    size_t      i, n;
    cr_job_t   *j;
    cr_output_t o;

    CR_TRY(cr_job_list(cx, m, &j, &n));
    cr_output_init(&o, cx, cli, job_columns);

    for (i = 0; i < n; i++) {
        CR_TRY(cr_output_row(
            &o, (cr_cell_t[]){
                    CR_CELL_INT(j[i].id), CR_CELL_TEXT(j[i].kind),
                    CR_CELL_TEXT(j[i].state), CR_CELL_INT(j[i].run_at),
                    CR_CELL_INT(j[i].interval_us), CR_CELL_INT(j[i].attempts),
                    CR_CELL_INT(j[i].started_at), CR_CELL_INT(j[i].ended_at),
                    CR_CELL_TEXT(j[i].payload), CR_CELL_TEXT(j[i].result),
                    CR_CELL_TEXT(j[i].error) }));
    }

    return cr_output_list(&o);
}


cr_err_t
cr_command_job_list(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t    err;
    cr_runner_t r;

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = list(cx, cli, r.meta);
    cr_runner_close(&r);
    return err;
}


/* The job may reset its context, so it gets one of its own. */
static cr_err_t
run_kind(cr_ctx_t *cx, cr_cli_t *cli, cr_runner_t *r, cr_job_run_t *run)
{
    cr_err_t             err;
    cr_ctx_t             job_cx;
    const cr_job_kind_t *kind;

    kind = cr_job_kind_find(cr_str_z(cli->args[0]));

    if (kind == NULL) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "no kind \"%s\"", cli->args[0]);
    }

    if (cr_ctx_init(&job_cx, 0) != CR_OK) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    job_cx.sys = cx->sys;
    job_cx.may_block = true;
    run->runner = r;
    err = cr_job_run(&job_cx, kind, run);

    if (err == CR_OK) {
        run->result = cr_dup(cx, run->result);

    } else {
        cx->err = err;
        cx->message = cr_dup(cx, job_cx.message);
        cx->detail = cr_dup(cx, job_cx.detail);
    }

    cr_ctx_done(&job_cx);
    return err;
}


cr_err_t
cr_command_job_run(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t     err;
    cr_log_t     log;
    cr_output_t  o;
    cr_runner_t  r;
    cr_job_run_t run;

    log = (cr_log_t){ fileno(cli->err), CR_LOG_WARN, cx->sys };
    run = (cr_job_run_t){ .log = &log };

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = run_kind(cx, cli, &r, &run);
    cr_runner_close(&r);

    if (err != CR_OK) {
        return err;
    }

    if (run.failed != 0) {
        cli->status = CR_EXIT_PARTIAL;
    }

    cr_output_init(&o, cx, cli, run_columns);
    CR_TRY(
        cr_output_row(&o, (cr_cell_t[]){ CR_CELL_TEXT(cr_str_z(cli->args[0])),
                                         CR_CELL_INT(run.failed),
                                         CR_CELL_TEXT(run.result) }));
    return cr_output_one(&o);
}
