/* jobrunner version, help, completion: what needs no database. */

#include <string.h>
#include "commands/commands.h"
#include "core/version.h"
#include "db/db.h"
#include "help.h"
#include "output.h"

/* clang-format off */

static const cr_column_t  version_columns[] = {
    { "VERSION", "version", CR_COLUMN_TEXT, false },
    { "SCHEMA",  "schema",  CR_COLUMN_INT,  false },
    { NULL,      NULL,      CR_COLUMN_TEXT, false }
};

/* clang-format on */


cr_err_t
cr_command_version(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_output_t o;

    cr_output_init(&o, cx, cli, version_columns);
    CR_TRY(
        cr_output_row(&o, (cr_cell_t[]){ CR_CELL_TEXT(CR_STR(CR_VERSION)),
                                         CR_CELL_INT(CR_SQL_SCHEMA_VERSION) }));
    return cr_output_one(&o);
}


static cr_err_t
print(const cr_cli_t *cli, cr_buf_t *b)
{
    cr_str_t s;

    CR_TRY(cr_buf_end(b, &s));
    fwrite(s.data, 1, s.len, cli->out);
    return CR_OK;
}


cr_err_t
cr_command_completion(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_buf_t b;

    cr_buf_init(&b, cx, CR_HELP_MAX);
    cr_help_bash(&b);
    return print(cli, &b);
}


/* The row of "NOUN VERB"; NULL when noun has verbs and none is named. */
static cr_err_t
find_topic(cr_ctx_t *cx, const char *noun, const char *verb,
           const cr_command_t **ret_c)
{
    bool                known;
    const cr_command_t *c;

    known = false;

    for (c = cr_commands; c->noun != NULL; c++) {
        if (strcmp(c->noun, noun) != 0) {
            continue;
        }

        known = true;

        if (c->verb == NULL ? verb == NULL
                            : verb != NULL && strcmp(c->verb, verb) == 0) {
            *ret_c = c;
            return CR_OK;
        }
    }

    if (known && verb == NULL) {
        *ret_c = NULL;
        return CR_OK;
    }

    return cr_fail(cx, CR_ERR_BAD_REQUEST, "no command \"%s%s%s\"", noun,
                   verb == NULL ? "" : " ", verb == NULL ? "" : verb);
}


cr_err_t
cr_command_help(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_buf_t            b;
    const cr_command_t *c;

    cr_buf_init(&b, cx, CR_HELP_MAX);
    c = NULL;

    if (cr_cli_flag(cli, "man") != NULL) {
        cr_help_man(&b);
        return print(cli, &b);
    }

    if (cli->args[0] != NULL) {
        CR_TRY(find_topic(cx, cli->args[0], cli->args[1], &c));
    }

    if (c != NULL) {
        cr_help_command(&b, c);

    } else {
        cr_help_overview(&b, cli->args[0]);
    }

    return print(cli, &b);
}
