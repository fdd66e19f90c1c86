/*
 * jobrunner user tokens: the refresh tokens of a user, and an end to them.
 */

#include <string.h>
#include "commands/commands.h"
#include "meta/refresh.h"
#include "output.h"
#include "runner.h"

/* clang-format off */

static const cr_column_t  token_columns[] = {
    { "ID",        "id",              CR_COLUMN_INT,  false },
    { "CLIENT",    "client_id",       CR_COLUMN_TEXT, false },
    { "CREATED",   "creation_time",   CR_COLUMN_TIME, false },
    { "LAST USED", "last_used_time",  CR_COLUMN_TIME, false },
    { "EXPIRES",   "expiration_time", CR_COLUMN_TIME, false },
    { NULL,        NULL,              CR_COLUMN_TEXT, false }
};

/* clang-format on */


/* Those of before a new password are void, and not shown. */
static cr_err_t
list(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m, const cr_user_t *u,
     cr_str_t subject)
{
    size_t        n;
    cr_output_t   o;
    cr_refresh_t *r;

    CR_TRY(cr_refresh_list(cx, m, subject, &r, &n));
    cr_output_init(&o, cx, cli, token_columns);

    for (size_t i = 0; i < n; i++) {
        if (r[i].epoch != u->epoch) {
            continue;
        }

        CR_TRY(
            cr_output_row(&o, (cr_cell_t[]){ CR_CELL_INT(r[i].id),
                                             CR_CELL_TEXT(r[i].client_id),
                                             CR_CELL_INT(r[i].created_at),
                                             CR_CELL_INT(r[i].used_at),
                                             CR_CELL_INT(r[i].expires_at) }));
    }

    return cr_output_list(&o);
}


/* The token of that number, or "all", of which there may be none. */
static cr_err_t
revoke(cr_ctx_t *cx, cr_meta_t *m, const char *z_which, cr_str_t subject)
{
    bool     all = strcmp(z_which, "all") == 0;
    cr_err_t err;
    uint64_t id = 0;

    if (!all
        && (!cr_str_u64(cr_str_z(z_which), &id) || id == 0 || id > INT64_MAX)) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST,
                       "--revoke \"%s\": all, or the number of a token "
                       "expected",
                       z_which);
    }

    err = cr_refresh_delete(cx, m, subject, (int64_t) id, &cr_cli_who);

    if (err == CR_ERR_NOT_FOUND && all) {
        cr_clear(cx);
        return CR_OK;
    }

    return err;
}


static cr_err_t
tokens(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m)
{
    cr_str_t    subject;
    cr_user_t   u;
    const char *z_which = cr_cli_flag(cli, "revoke");

    CR_TRY(cr_cli_user(cx, m, cli->args[0], &u));
    subject = cr_printf(cx, "user:%lld", (long long) u.id);

    if (subject.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    if (z_which != NULL) {
        CR_TRY(revoke(cx, m, z_which, subject));
    }

    return list(cx, cli, m, &u, subject);
}


cr_err_t
cr_command_user_tokens(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t    err;
    cr_runner_t r;

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = tokens(cx, cli, r.meta);
    cr_runner_close(&r);
    return err;
}
