/*
 * jobrunner user: list, show, create, delete, enable, disable, admin, passwd.
 * A password comes from a file or from standard input, never from the command
 * line, which other users can see.
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
    { "EMAIL",    "email",          CR_COLUMN_TEXT, true },
    { "REALNAME", "realname",       CR_COLUMN_TEXT, true },
    { "COMMENT",  "comment",        CR_COLUMN_TEXT, true },
    { "UPDATED",  "update_time",    CR_COLUMN_TIME, true },
    { "DECLARED", "x_declared",     CR_COLUMN_TEXT, true },
    { NULL,       NULL,             CR_COLUMN_TEXT, false }
};

/* clang-format on */


static cr_err_t
add_user(cr_output_t *o, const cr_user_t *u)
{
    return cr_output_row(
        o, (cr_cell_t[]){
               CR_CELL_TEXT(u->name), CR_CELL_INT(u->id), CR_CELL_INT(u->admin),
               CR_CELL_INT(u->password_hash.len != 0), CR_CELL_INT(u->disabled),
               CR_CELL_INT(u->created_at), CR_CELL_TEXT(u->email),
               CR_CELL_TEXT(u->realname), CR_CELL_TEXT(u->comment),
               CR_CELL_INT(u->updated_at), CR_CELL_TEXT(u->declared) });
}


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
            CR_TRY(add_user(&o, &u[i]));
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


cr_err_t
cr_cli_password(cr_ctx_t *cx, cr_cli_t *cli, char *room, cr_str_t *ret_s)
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


cr_err_t
cr_cli_user(cr_ctx_t *cx, cr_meta_t *m, const char *z_name, cr_user_t *ret_u)
{
    cr_err_t err = cr_user_by_name(cx, m, cr_str_z(z_name), ret_u);

    if (err == CR_ERR_NOT_FOUND) {
        cr_clear(cx);
        return cr_fail(cx, err, "there is no user \"%s\"", z_name);
    }

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
    err = cr_cli_user(cx, r.meta, cli->args[0], &user);

    if (err == CR_OK) {
        err = cr_user_set_password(cx, r.meta, user.id, hash, &cr_cli_who);
    }

    cr_runner_close(&r);
    return err;
}


/*
 * Without the rule for new passwords: this is how an installation gets its
 * first one, and how the operator comes back in.  The password is read first:
 * a file of root's is read as root.
 */
cr_err_t
cr_command_user_passwd(cr_ctx_t *cx, cr_cli_t *cli)
{
    char     room[CR_PASSWORD_MAX + 3];
    cr_err_t err;
    cr_str_t password;

    err = cr_cli_password(cx, cli, room, &password);

    if (err == CR_OK) {
        err = set_password(cx, cli, password);
    }

    explicit_bzero(room, sizeof(room));

    if (err == CR_OK && cr_cli_global(cli, "quiet") == NULL) {
        fprintf(cli->err, "password of %s set\n", cli->args[0]);
    }

    return err;
}


/* --- one user ------------------------------------------------------------ */

/* What a command does with the user of its first argument. */
typedef cr_err_t (*user_do_pt)(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m,
                               const cr_user_t *u);


static cr_err_t
show_user(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m, int64_t id)
{
    cr_user_t   u;
    cr_output_t o;

    CR_TRY(cr_user_by_id(cx, m, id, &u));
    cr_output_init(&o, cx, cli, user_columns);
    CR_TRY(add_user(&o, &u));

    return cr_output_one(&o);
}


/* Do it, then show what the user is now, unless it is gone. */
static cr_err_t
with_user(cr_ctx_t *cx, cr_cli_t *cli, user_do_pt fn, bool show)
{
    cr_err_t    err;
    cr_user_t   u;
    cr_runner_t r;

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = cr_cli_user(cx, r.meta, cli->args[0], &u);

    if (err == CR_OK && fn != NULL) {
        err = fn(cx, cli, r.meta, &u);
    }

    if (err == CR_OK && show) {
        err = show_user(cx, cli, r.meta, u.id);
    }

    cr_runner_close(&r);
    return err;
}


cr_err_t
cr_command_user_show(cr_ctx_t *cx, cr_cli_t *cli)
{
    return with_user(cx, cli, NULL, true);
}


static cr_err_t
delete_user(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m, const cr_user_t *u)
{
    (void) cli;

    return cr_user_delete(cx, m, u->id, &cr_cli_who);
}


cr_err_t
cr_command_user_delete(cr_ctx_t *cx, cr_cli_t *cli)
{
    return with_user(cx, cli, delete_user, false);
}


static cr_err_t
enable_user(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m, const cr_user_t *u)
{
    (void) cli;

    return cr_user_set_disabled(cx, m, u->id, false, &cr_cli_who);
}


cr_err_t
cr_command_user_enable(cr_ctx_t *cx, cr_cli_t *cli)
{
    return with_user(cx, cli, enable_user, true);
}


static cr_err_t
disable_user(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m, const cr_user_t *u)
{
    (void) cli;

    return cr_user_set_disabled(cx, m, u->id, true, &cr_cli_who);
}


cr_err_t
cr_command_user_disable(cr_ctx_t *cx, cr_cli_t *cli)
{
    return with_user(cx, cli, disable_user, true);
}


static cr_err_t
admin_user(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m, const cr_user_t *u)
{
    return cr_user_set_admin(cx, m, u->id,
                             cr_str_eq_z(CR_STR("on"), cli->args[1]),
                             &cr_cli_who);
}


cr_err_t
cr_command_user_admin(cr_ctx_t *cx, cr_cli_t *cli)
{
    return with_user(cx, cli, admin_user, true);
}


static cr_err_t
create_user(cr_ctx_t *cx, cr_cli_t *cli, cr_str_t password)
{
    int64_t       id;
    cr_err_t      err;
    cr_runner_t   r;
    cr_user_new_t new = { .name = cr_str_z(cli->args[0]) };

    new.admin = cr_cli_flag(cli, "admin") != NULL;
    new.email = cr_str_z(cr_cli_flag(cli, "email"));
    new.realname = cr_str_z(cr_cli_flag(cli, "realname"));

    if (password.len != 0) {
        CR_TRY(cr_password_check(cx, password));
        CR_TRY(cr_password_hash(cx, password, &new.password_hash));
    }

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = cr_user_create(cx, r.meta, &new, &cr_cli_who, &id);

    if (err == CR_OK) {
        err = show_user(cx, cli, r.meta, id);
    }

    cr_runner_close(&r);
    return err;
}


/* Without a password the user comes by nginx alone (remote_user). */
cr_err_t
cr_command_user_create(cr_ctx_t *cx, cr_cli_t *cli)
{
    char     room[CR_PASSWORD_MAX + 3];
    cr_err_t err = CR_OK;
    cr_str_t password = CR_STR_NULL;

    if (cr_cli_flag(cli, "password-file") != NULL
        || cr_cli_flag(cli, "password-stdin") != NULL)
    {
        err = cr_cli_password(cx, cli, room, &password);
    }

    if (err == CR_OK) {
        err = create_user(cx, cli, password);
    }

    explicit_bzero(room, sizeof(room));
    return err;
}
