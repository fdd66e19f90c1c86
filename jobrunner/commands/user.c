/*
 * jobrunner user: list, passwd.  A password comes from a file or from
 * standard input, never from the command line, which other users can see.
 */

#include <errno.h>
#include <string.h>
#include "auth/password.h"
#include "commands/commands.h"
#include "meta/user.h"
#include "output.h"
#include "runner.h"

const cr_audit_who_t cr_cli_who = { { 3, "cli" }, { 3, "cli" }, { 0, "" } };

/* Rows of one statement. */
#define USER_PAGE 500

/* clang-format off */

static const cr_column_t  user_columns[] = {
    { "NAME",     "username",       CR_COLUMN_TEXT, false },
    { "ID",       "user_id",        CR_COLUMN_INT,  false },
    { "ADMIN",    "sysadmin_flag",  CR_COLUMN_BOOL, false },
    { "PASSWORD", "x_has_password", CR_COLUMN_BOOL, false },
    { "DISABLED", "x_disabled",     CR_COLUMN_BOOL, false },
    { "CREATED",  "creation_time",  CR_COLUMN_TIME, false },
    { NULL,       NULL,             CR_COLUMN_TEXT, false }
};

/* clang-format on */


static cr_err_t
list(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m)
{
    size_t      i, n;
    cr_str_t    last;
    cr_user_t  *u;
    cr_output_t o;

    cr_output_init(&o, cx, cli, user_columns);
    last = CR_STR_NULL;

    do {
        CR_TRY(cr_user_list(cx, m, last, USER_PAGE, &u, &n));

        for (i = 0; i < n; i++) {
            CR_TRY(cr_output_row(
                &o,
                (cr_cell_t[]){ CR_CELL_TEXT(u[i].name), CR_CELL_INT(u[i].id),
                               CR_CELL_INT(u[i].admin),
                               CR_CELL_INT(u[i].password_hash.len != 0),
                               CR_CELL_INT(u[i].disabled),
                               CR_CELL_INT(u[i].created_at) }));
            last = u[i].name;
        }
    } while (n == USER_PAGE);

    return cr_output_list(&o);
}


cr_err_t
cr_command_user_list(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t    err;
    cr_runner_t r;

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = list(cx, cli, r.meta);
    cr_runner_close(&r);
    return err;
}


/* The first line, without its end; room has CR_PASSWORD_MAX + 3 bytes. */
static cr_err_t
read_line(cr_ctx_t *cx, FILE *f, const char *z_name, char *room,
          cr_str_t *ret_s)
{
    char  *end;
    size_t n;

    setvbuf(f, NULL, _IONBF, 0);
    n = fread(room, 1, CR_PASSWORD_MAX + 2, f);

    if (ferror(f)) {
        return cr_fail_errno(cx, errno, "%s", z_name);
    }

    end = memchr(room, '\n', n);

    if (end != NULL) {
        n = (size_t) (end - room);
        n -= n != 0 && room[n - 1] == '\r' ? 1 : 0;
    }

    if (n == 0) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "%s holds no password", z_name);
    }

    *ret_s = (cr_str_t){ n, room };
    return CR_OK;
}


static cr_err_t
read_password(cr_ctx_t *cx, cr_cli_t *cli, char *room, cr_str_t *ret_s)
{
    FILE       *f;
    cr_err_t    err;
    const char *z_file;

    z_file = cr_cli_flag(cli, "password-file");

    if ((z_file != NULL) == (cr_cli_flag(cli, "password-stdin") != NULL)) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST,
                       "give either --password-file FILE or "
                       "--password-stdin");
    }

    if (z_file == NULL) {
        return read_line(cx, cli->in, "standard input", room, ret_s);
    }

    f = fopen(z_file, "re");

    if (f == NULL) {
        return errno == ENOENT
                   ? cr_fail(cx, CR_ERR_NOT_FOUND, "%s: no such file", z_file)
                   : cr_fail_errno(cx, errno, "%s", z_file);
    }

    err = read_line(cx, f, z_file, room, ret_s);
    fclose(f);
    return err;
}


static cr_err_t
set_password(cr_ctx_t *cx, cr_cli_t *cli, cr_str_t password)
{
    cr_err_t    err;
    cr_str_t    hash;
    cr_user_t   user;
    cr_runner_t r;

    CR_TRY(cr_password_hash(cx, password, &hash));
    CR_TRY(cr_runner_open(cx, cli, &r));
    err = cr_user_by_name(cx, r.meta, cr_str_z(cli->args[0]), &user);

    if (err == CR_OK) {
        err = cr_user_set_password(cx, r.meta, user.id, hash, &cr_cli_who);

    } else if (err == CR_ERR_NOT_FOUND) {
        cr_clear(cx);
        err = cr_fail(cx, CR_ERR_NOT_FOUND, "there is no user \"%s\"",
                      cli->args[0]);
    }

    cr_runner_close(&r);
    return err;
}


/* The password is read first: a file of root's is read as root. */
cr_err_t
cr_command_user_passwd(cr_ctx_t *cx, cr_cli_t *cli)
{
    char     room[CR_PASSWORD_MAX + 3];
    cr_err_t err;
    cr_str_t password;

    err = read_password(cx, cli, room, &password);

    if (err == CR_OK) {
        err = set_password(cx, cli, password);
    }

    explicit_bzero(room, sizeof(room));

    if (err == CR_OK && cr_cli_global(cli, "quiet") == NULL) {
        fprintf(cli->err, "password of %s set\n", cli->args[0]);
    }

    return err;
}
