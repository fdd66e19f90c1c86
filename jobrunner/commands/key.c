/*
 * jobrunner key: the keys that sign and verify tokens.  nginx reads them at
 * load, so a change asks for a reload.
 */

#include "commands/commands.h"
#include "meta/key.h"
#include "output.h"
#include "runner.h"

/* clang-format off */

static const cr_column_t  key_columns[] = {
    { "KEY",       "kid",           CR_COLUMN_TEXT, false },
    { "ALGORITHM", "alg",           CR_COLUMN_TEXT, false },
    { "SIGNS",     "signs",         CR_COLUMN_BOOL, false },
    { "CREATED",   "creation_time", CR_COLUMN_TIME, false },
    { NULL,        NULL,            CR_COLUMN_TEXT, false }
};

/* clang-format on */


/* The newest HS256 key signs; where a key pair does, nginx.conf says so. */
static cr_err_t
list(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m)
{
    size_t        n;
    bool          signs = true;
    cr_output_t   o;
    cr_key_row_t *rows;

    CR_TRY(cr_key_list(cx, m, &rows, &n));
    cr_output_init(&o, cx, cli, key_columns);

    for (size_t i = 0; i < n; i++) {
        bool now = signs && !rows[i].retired
                   && cr_str_eq_z(rows[i].alg, "HS256");

        CR_TRY(cr_output_row(
            &o, (cr_cell_t[]){ CR_CELL_TEXT(rows[i].kid),
                               CR_CELL_TEXT(rows[i].alg), CR_CELL_INT(now),
                               CR_CELL_INT(rows[i].created_at) }));
        signs = signs && !now;
    }

    return cr_output_list(&o);
}


cr_err_t
cr_command_key_list(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t    err;
    cr_runner_t r;

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = list(cx, cli, r.meta);
    cr_runner_close(&r);
    return err;
}


static void
say_reload(const cr_cli_t *cli)
{
    if (cr_cli_global(cli, "quiet") == NULL) {
        (void) fflush(cli->out);
        fprintf(cli->err, "reload nginx on every node to use it\n");
    }
}


cr_err_t
cr_command_key_rotate(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t    err;
    cr_runner_t r;

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = cr_key_rotate(cx, r.meta, &cr_cli_who);

    if (err == CR_OK) {
        err = list(cx, cli, r.meta);
    }

    cr_runner_close(&r);

    if (err == CR_OK) {
        say_reload(cli);
    }

    return err;
}


cr_err_t
cr_command_key_delete(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t    err;
    cr_runner_t r;

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = cr_key_delete(cx, r.meta, cr_str_z(cli->args[0]), &cr_cli_who);
    cr_runner_close(&r);

    if (err == CR_OK) {
        say_reload(cli);
    }

    return err;
}
