/*
 * The frame around a command: parse, run, say what went wrong, choose the
 * exit status.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "command.h"
#include "core/version.h"
#include "help.h"

/* Most memory of a command. */
#define CLI_ARENA_MAX (512u * 1024 * 1024)


cr_exit_e
cr_exit_of(cr_err_t err)
{
    switch (err) {

    case CR_OK:
        return CR_EXIT_DONE;

    case CR_ERR_BAD_REQUEST:
    case CR_ERR_NAME_INVALID:
        return CR_EXIT_USAGE;

    case CR_ERR_NOT_FOUND:
    case CR_ERR_NAME_UNKNOWN:
    case CR_ERR_MANIFEST_UNKNOWN:
    case CR_ERR_BLOB_UNKNOWN:
    case CR_ERR_BLOB_UPLOAD_UNKNOWN:
        return CR_EXIT_NOT_FOUND;

    case CR_ERR_UNAUTHORIZED:
    case CR_ERR_DENIED:
    case CR_ERR_FORBIDDEN:
        return CR_EXIT_DENIED;

    case CR_ERR_EXISTS:
    case CR_ERR_CONFLICT:
    case CR_ERR_PRECONDITION:
    case CR_ERR_BLOB_UPLOAD_BUSY:
    case CR_ERR_DB_SCHEMA:
        return CR_EXIT_CONFLICT;

    case CR_ERR_DB_MISSING:
    case CR_ERR_DB:
    case CR_ERR_BUSY:
    case CR_ERR_UNAVAILABLE:
        return CR_EXIT_UNREACHABLE;

    case CR_ERR_CONFIG:
        return CR_EXIT_CONFIG;

    default:
        return CR_EXIT_FAILED;
    }
}


/* The person at the terminal may know all: the text and what is behind it. */
static void
report(cr_ctx_t *cx, cr_cli_t *cli, cr_err_t err)
{
    cr_str_t text;

    text = cx->message;

    if (text.len == 0 && cx->detail.len == 0) {
        text = cr_str_z(cr_err_info(err)->text);
    }

    if (text.len != 0 && cx->detail.len != 0) {
        fprintf(cli->err, "jobrunner: %.*s: %.*s\n", CR_STR_ARG(text),
                CR_STR_ARG(cx->detail));
        return;
    }

    if (text.len == 0) {
        text = cx->detail;
    }

    fprintf(cli->err, "jobrunner: %.*s\n", CR_STR_ARG(text));
}


static cr_err_t
show_help(cr_ctx_t *cx, const cr_cli_t *cli)
{
    cr_str_t s;
    cr_buf_t b;

    cr_buf_init(&b, cx, CR_HELP_MAX);

    if (cli->command != NULL) {
        cr_help_command(&b, cli->command);

    } else {
        cr_help_overview(&b, cli->noun);
    }

    CR_TRY(cr_buf_end(&b, &s));
    fwrite(s.data, 1, s.len, cli->out);
    return CR_OK;
}


static cr_err_t
run(cr_ctx_t *cx, cr_cli_t *cli, int argc, const char *const *argv)
{
    CR_TRY(cr_command_parse(cx, cr_commands, cr_global_flags, argc, argv, cli));

    if (cli->version) {
        fprintf(cli->out, "jobrunner %s\n", CR_VERSION);
        return CR_OK;
    }

    if (cli->help) {
        return show_help(cx, cli);
    }

    if (cli->command == NULL) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST,
                       "a command is missing (see jobrunner help)");
    }

    return cli->command->handler(cx, cli);
}


int
cr_cli_main(int argc, const char *const *argv, FILE *in, FILE *out, FILE *err)
{
    int      status;
    cr_cli_t cli;
    cr_ctx_t cx;
    cr_err_t rc;

    memset(&cli, 0, sizeof(cli));
    cli.in = in;
    cli.out = out;
    cli.err = err;

    /* Files of the service are not for everybody. */
    umask(umask(077) | 027);

    if (cr_ctx_init(&cx, CLI_ARENA_MAX) != CR_OK) {
        fprintf(err, "jobrunner: out of memory\n");
        return CR_EXIT_FAILED;
    }

    rc = run(&cx, &cli, argc, argv);
    status = rc == CR_OK ? (int) cli.status : (int) cr_exit_of(rc);

    if (rc != CR_OK) {
        report(&cx, &cli, rc);
    }

    errno = 0;

    if (fflush(out) != 0 || ferror(out)) {
        fprintf(err, "jobrunner: cannot write to standard output: %s\n",
                errno != 0 ? strerror(errno) : "error");
        status = status == 0 ? CR_EXIT_FAILED : status;
    }

    cr_ctx_done(&cx);
    return status;
}
