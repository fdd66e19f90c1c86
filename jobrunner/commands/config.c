/*
 * jobrunner config: what nginx.conf declares.  nginx brings it into the
 * database by itself; here an operator sees what became of it, lets a set in
 * that was held, and clears away what declarations left behind.
 */

#include <string.h>
#include "commands/commands.h"
#include "commands/config.h"
#include "meta/declare.h"
#include "output.h"
#include "runner.h"

/* clang-format off */

static const cr_column_t  status_columns[] = {
    { "STATE",    "state",             CR_COLUMN_TEXT, false },
    { "INSTANCE", "instance",          CR_COLUMN_TEXT, false },
    { "DECLARED", "mode",              CR_COLUMN_TEXT, false },
    { "SERIAL",   "serial",            CR_COLUMN_INT,  false },
    { "APPLIED",  "applied_at",        CR_COLUMN_TIME, false },
    { "SHA256",   "hash",              CR_COLUMN_TEXT, true },
    { "WAITING",  "waiting.state",     CR_COLUMN_TEXT, false },
    { "SERIAL",   "waiting.serial",    CR_COLUMN_INT,  false },
    { "SINCE",    "waiting.since",     CR_COLUMN_TIME, false },
    { "REASON",   "waiting.reason",    CR_COLUMN_TEXT, false },
    { NULL,       NULL,                CR_COLUMN_TEXT, false }
};

static const cr_column_t  change_columns[] = {
    { "NAME",    "name",    CR_COLUMN_TEXT, false },
    { "KIND",    "kind",    CR_COLUMN_TEXT, false },
    { "PROJECT", "project", CR_COLUMN_TEXT, false },
    { "ACTION",  "action",  CR_COLUMN_TEXT, false },
    { "DETAIL",  "detail",  CR_COLUMN_TEXT, false },
    { "PLACE",   "place",   CR_COLUMN_TEXT, false },
    { NULL,      NULL,      CR_COLUMN_TEXT, false }
};

/* clang-format on */


static cr_err_t
show_plan(cr_ctx_t *cx, cr_cli_t *cli, const cr_declare_plan_t *plan)
{
    size_t      i;
    cr_output_t o;

    cr_output_init(&o, cx, cli, change_columns);

    for (i = 0; i < plan->n; i++) {
        const cr_declare_change_t *ch = &plan->changes[i];

        CR_TRY(cr_output_row(
            &o,
            (cr_cell_t[]){ CR_CELL_TEXT(ch->name),
                           CR_CELL_TEXT(
                               cr_str_z(cr_declare_kind_name(ch->kind))),
                           CR_CELL_TEXT(ch->project),
                           CR_CELL_TEXT(cr_str_z(cr_declare_op_name(ch->op))),
                           CR_CELL_TEXT(ch->detail), CR_CELL_TEXT(ch->at) }));
    }

    return cr_output_list(&o);
}


static cr_err_t
show_status(cr_ctx_t *cx, cr_cli_t *cli, const cr_declaration_t *applied,
            const cr_declaration_t *next)
{
    cr_str_t    state;
    cr_output_t o;

    state = next->found      ? next->state
            : applied->found ? applied->state
                             : CR_STR("none");

    cr_output_init(&o, cx, cli, status_columns);
    CR_TRY(cr_output_row(
        &o, (cr_cell_t[]){ CR_CELL_TEXT(state),
                           CR_CELL_TEXT(applied->found ? applied->instance
                                                       : next->instance),
                           CR_CELL_TEXT(applied->mode),
                           CR_CELL_INT(applied->serial),
                           CR_CELL_INT(applied->changed_at),
                           CR_CELL_TEXT(applied->hash),
                           CR_CELL_TEXT(next->state), CR_CELL_INT(next->serial),
                           CR_CELL_INT(next->changed_at),
                           CR_CELL_TEXT(next->reason) }));

    if (next->found) {
        cli->status = CR_EXIT_CONFLICT;
    }

    return cr_output_one(&o);
}


cr_err_t
cr_command_config_status(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t         err;
    cr_runner_t      r;
    cr_declaration_t applied, next;

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = cr_declare_status(cx, r.meta, &applied, &next);
    cr_runner_close(&r);

    return err != CR_OK ? err : show_status(cx, cli, &applied, &next);
}


/* Nothing waits: an empty list, and nothing to do. */
static cr_err_t
none_waits(cr_ctx_t *cx, cr_cli_t *cli, cr_err_t err, cr_declare_plan_t *plan)
{
    if (err != CR_ERR_NOT_FOUND) {
        return err;
    }

    if (cr_cli_global(cli, "quiet") == NULL) {
        fprintf(cli->err, "%.*s\n", CR_STR_ARG(cx->message));
    }

    cr_clear(cx);
    memset(plan, 0, sizeof(*plan));
    return CR_OK;
}


cr_err_t
cr_command_config_diff(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t          err;
    cr_runner_t       r;
    cr_declare_plan_t plan = { 0 };

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = none_waits(cx, cli, cr_declare_diff(cx, r.meta, &plan), &plan);
    cr_runner_close(&r);

    return err != CR_OK ? err : show_plan(cx, cli, &plan);
}


cr_err_t
cr_command_config_apply(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t          err;
    cr_runner_t       r;
    cr_declare_plan_t plan = { 0 };

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = none_waits(cx, cli, cr_declare_apply(cx, r.meta, &plan), &plan);
    cr_runner_close(&r);

    return err != CR_OK ? err : show_plan(cx, cli, &plan);
}


cr_err_t
cr_command_config_prune(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t          err;
    cr_runner_t       r;
    cr_declare_plan_t plan = { 0 };

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = cr_declare_prune(cx, r.meta, cr_cli_flag(cli, "dry-run") != NULL,
                           &cr_cli_who, &plan);
    cr_runner_close(&r);

    return err != CR_OK ? err : show_plan(cx, cli, &plan);
}
