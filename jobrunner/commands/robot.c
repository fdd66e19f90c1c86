/*
 * jobrunner robot: accounts for machines.  A secret is made here, unless one
 * comes from a file or standard input, and printed once.
 */

#include <string.h>

#include "auth/password.h"
#include "commands/commands.h"
#include "meta/robot.h"
#include "output.h"
#include "runner.h"

/* Rows of one statement. */
#define ROBOT_PAGE      500
#define ROBOT_PERMS_MAX 256

/* clang-format off */

static const cr_column_t  robot_columns[] = {
    { "NAME",        "name",          CR_COLUMN_TEXT, false },
    { "ID",          "id",            CR_COLUMN_INT,  false },
    { "DESCRIPTION", "description",   CR_COLUMN_TEXT, true },
    { "LEVEL",       "level",         CR_COLUMN_TEXT, true },
    { "PROJECT",     "x_project",     CR_COLUMN_TEXT, false },
    { "DURATION",    "duration",      CR_COLUMN_INT,  true },
    { "EDITABLE",    "editable",      CR_COLUMN_BOOL, true },
    { "DISABLED",    "disable",       CR_COLUMN_BOOL, false },
    { "EXPIRES",     "expires_at",    CR_COLUMN_END,  false },
    { "PERMISSIONS", "permissions",   CR_COLUMN_JSON, true },
    { "REPLICATION", "x_replication", CR_COLUMN_BOOL, false },
    { "CREATED",     "creation_time", CR_COLUMN_TIME, true },
    { "UPDATED",     "update_time",   CR_COLUMN_TIME, true },
    { "DECLARED",    "x_declared",    CR_COLUMN_TEXT, true },
    { NULL,          NULL,            CR_COLUMN_TEXT, false }
};

static const cr_column_t  secret_columns[] = {
    { "NAME",   "name",   CR_COLUMN_TEXT, false },
    { "ID",     "id",     CR_COLUMN_INT,  false },
    { "SECRET", "secret", CR_COLUMN_TEXT, false },
    { NULL,     NULL,     CR_COLUMN_TEXT, false }
};

/* clang-format on */


/* As the management API has them: an object for each project. */
static cr_err_t
permissions_of(cr_ctx_t *cx, cr_meta_t *m, int64_t id, cr_str_t *ret_json)
{
    size_t           n;
    cr_buf_t         b;
    cr_robot_perm_t *p;

    CR_TRY(cr_robot_perms(cx, m, id, &p, &n));
    cr_buf_init(&b, cx, CR_OUTPUT_MAX);
    cr_buf_char(&b, '[');

    for (size_t i = 0; i < n; i++) {
        if (i == 0 || p[i].project_id != p[i - 1].project_id) {
            bool system = p[i].project_id == CR_ROBOT_SYSTEM;

            cr_buf_z(&b, i == 0 ? "{\"kind\": " : "]}, {\"kind\": ");
            cr_buf_z(&b, system ? "\"system\"" : "\"project\"");
            cr_buf_z(&b, ", \"namespace\": ");
            cr_buf_json(&b, system ? CR_STR("/")
                            : p[i].project_id == CR_ROBOT_EVERY_PROJECT
                                ? CR_STR("*")
                                : p[i].project_name);
            cr_buf_z(&b, ", \"access\": [");

        } else {
            cr_buf_z(&b, ", ");
        }

        cr_buf_z(&b, "{\"resource\": ");
        cr_buf_json(&b, cr_perm_resource(p[i].perm));
        cr_buf_z(&b, ", \"action\": ");
        cr_buf_json(&b, cr_perm_action(p[i].perm));
        cr_buf_z(&b, ", \"effect\": \"allow\"}");
    }

    cr_buf_z(&b, n == 0 ? "]" : "]}]");

    return cr_buf_end(&b, ret_json);
}


static cr_err_t
add_robot(cr_ctx_t *cx, cr_output_t *o, cr_meta_t *m, const cr_robot_t *r)
{
    cr_str_t perms;

    CR_TRY(permissions_of(cx, m, r->id, &perms));

    return cr_output_row(
        o,
        (cr_cell_t[]){ CR_CELL_TEXT(r->name), CR_CELL_INT(r->id),
                       CR_CELL_TEXT(r->description),
                       CR_CELL_TEXT(r->project_id == 0 ? CR_STR("system")
                                                       : CR_STR("project")),
                       CR_CELL_TEXT(r->project_name), CR_CELL_INT(r->duration),
                       CR_CELL_INT(r->declared.len == 0),
                       CR_CELL_INT(r->disabled), CR_CELL_INT(r->expires_at),
                       CR_CELL_TEXT(perms), CR_CELL_INT(r->replication),
                       CR_CELL_INT(r->created_at), CR_CELL_INT(r->updated_at),
                       CR_CELL_TEXT(r->declared) });
}


static cr_err_t
list(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m)
{
    size_t      n;
    int64_t     last = 0;
    cr_robot_t *rows;
    cr_output_t o;

    cr_output_init(&o, cx, cli, robot_columns);

    do {
        CR_TRY(cr_robot_list(cx, m, last, ROBOT_PAGE, &rows, &n));

        for (size_t i = 0; i < n; i++) {
            CR_TRY(add_robot(cx, &o, m, &rows[i]));
            last = rows[i].id;
        }
    } while (n == ROBOT_PAGE);

    return cr_output_list(&o);
}


cr_err_t
cr_command_robot_list(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t    err;
    cr_runner_t r;

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = list(cx, cli, r.meta);
    cr_runner_close(&r);
    return err;
}


static cr_err_t
show_secret(cr_ctx_t *cx, cr_cli_t *cli, cr_str_t name, int64_t id,
            cr_str_t secret)
{
    cr_output_t o;

    cr_output_init(&o, cx, cli, secret_columns);
    CR_TRY(cr_output_row(&o, (cr_cell_t[]){ CR_CELL_TEXT(name), CR_CELL_INT(id),
                                            CR_CELL_TEXT(secret) }));

    return cr_output_one(&o);
}


/* --- one robot ----------------------------------------------------------- */

typedef cr_err_t (*robot_do_pt)(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m,
                                const cr_robot_t *robot);


static cr_err_t
with_robot(cr_ctx_t *cx, cr_cli_t *cli, robot_do_pt fn)
{
    cr_err_t    err;
    cr_robot_t  robot;
    cr_runner_t r;

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = cr_robot_by_name(cx, r.meta, cr_str_z(cli->args[0]), &robot);

    if (err == CR_ERR_NOT_FOUND) {
        cr_clear(cx);
        err = cr_fail(cx, err, "there is no robot \"%s\"", cli->args[0]);
    }

    if (err == CR_OK) {
        err = fn(cx, cli, r.meta, &robot);
    }

    cr_runner_close(&r);
    return err;
}


static cr_err_t
show(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m, const cr_robot_t *robot)
{
    cr_robot_t  now;
    cr_output_t o;

    CR_TRY(cr_robot_by_id(cx, m, robot->id, &now));
    cr_output_init(&o, cx, cli, robot_columns);
    CR_TRY(add_robot(cx, &o, m, &now));

    return cr_output_one(&o);
}


cr_err_t
cr_command_robot_show(cr_ctx_t *cx, cr_cli_t *cli)
{
    return with_robot(cx, cli, show);
}


static cr_err_t
set_disabled(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m,
             const cr_robot_t *robot, bool disabled)
{
    cr_robot_set_t set = { .disabled = &disabled };

    CR_TRY(cr_robot_set(cx, m, robot->id, &set, &cr_cli_who));

    return show(cx, cli, m, robot);
}


static cr_err_t
enable(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m, const cr_robot_t *robot)
{
    return set_disabled(cx, cli, m, robot, false);
}


static cr_err_t
disable(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m, const cr_robot_t *robot)
{
    return set_disabled(cx, cli, m, robot, true);
}


cr_err_t
cr_command_robot_enable(cr_ctx_t *cx, cr_cli_t *cli)
{
    return with_robot(cx, cli, enable);
}


cr_err_t
cr_command_robot_disable(cr_ctx_t *cx, cr_cli_t *cli)
{
    return with_robot(cx, cli, disable);
}


static cr_err_t
delete_robot(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m, const cr_robot_t *robot)
{
    (void) cli;

    return cr_robot_delete(cx, m, robot->id, &cr_cli_who);
}


cr_err_t
cr_command_robot_delete(cr_ctx_t *cx, cr_cli_t *cli)
{
    return with_robot(cx, cli, delete_robot);
}


/* The secret that is given; empty: one is to be made. */
static cr_err_t
given_secret(cr_ctx_t *cx, cr_cli_t *cli, char *room, cr_str_t *ret_secret)
{
    *ret_secret = CR_STR_NULL;

    if (cr_cli_flag(cli, "password-file") == NULL
        && cr_cli_flag(cli, "password-stdin") == NULL)
    {
        return CR_OK;
    }

    return cr_cli_password(cx, cli, room, ret_secret);
}


static cr_err_t
rotate(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m, const cr_robot_t *robot)
{
    char     room[CR_PASSWORD_MAX + 3];
    cr_err_t err;
    cr_str_t secret, made;

    err = given_secret(cx, cli, room, &secret);

    if (err == CR_OK) {
        err = cr_robot_set_secret(cx, m, robot->id, secret, &cr_cli_who, &made);
    }

    if (err == CR_OK) {
        err = show_secret(cx, cli, robot->name, robot->id, made);
    }

    explicit_bzero(room, sizeof(room));
    return err;
}


cr_err_t
cr_command_robot_rotate(cr_ctx_t *cx, cr_cli_t *cli)
{
    return with_robot(cx, cli, rotate);
}


/* --- create -------------------------------------------------------------- */


/* "pull", "push", "delete", or "resource:action"; "system:resource:action". */
static cr_err_t
parse_permission(cr_ctx_t *cx, cr_str_t text, int64_t project_id,
                 cr_robot_perm_t *p)
{
    cr_str_t        rest = text, resource = CR_STR("repository"), action;
    cr_perm_level_e level = CR_PERM_LEVEL_PROJECT;

    p->project_id = project_id;

    if (cr_str_starts(rest, CR_STR("system:"))) {
        rest = cr_str_slice(rest, sizeof("system:") - 1, rest.len);
        level = CR_PERM_LEVEL_SYSTEM;
        p->project_id = CR_ROBOT_SYSTEM;
    }

    if (cr_str_chr(rest, ':') >= 0) {
        (void) cr_str_split(&rest, ':', &resource);
    }

    action = rest;

    if (!cr_perm_find(level, resource, action, &p->perm)) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST,
                       "there is no permission \"%.*s\"",
                       CR_STR_ARG(text));
    }

    return CR_OK;
}


static cr_err_t
parse_permissions(cr_ctx_t *cx, cr_str_t text, int64_t project_id,
                  cr_robot_perm_t *perms, size_t *n)
{
    cr_str_t part;

    while (text.len != 0 && cr_str_split(&text, ',', &part)) {
        if (*n == ROBOT_PERMS_MAX) {
            return cr_fail(cx, CR_ERR_BAD_REQUEST, "too many permissions");
        }

        CR_TRY(parse_permission(cx, cr_str_trim(part), project_id, &perms[*n]));
        (*n)++;
    }

    return CR_OK;
}


static cr_err_t
parse_duration(cr_ctx_t *cx, const char *z_days, int64_t *ret_days)
{
    uint64_t n;

    *ret_days = -1;

    if (z_days == NULL) {
        return CR_OK;
    }

    if (!cr_str_u64(cr_str_z(z_days), &n) || n == 0
        || n > CR_ROBOT_DURATION_MAX)
    {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "--duration: 1 to %d days",
                       CR_ROBOT_DURATION_MAX);
    }

    *ret_days = (int64_t) n;

    return CR_OK;
}


static cr_err_t
create(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m, cr_robot_new_t *new,
       cr_robot_made_t *ret_made)
{
    cr_project_t     p = { .id = 0 };
    cr_robot_perm_t *perms = cr_alloc(cx, sizeof(*perms) * ROBOT_PERMS_MAX);
    const char      *z_allow = cr_cli_flag(cli, "allow");

    if (perms == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    if (cr_cli_flag(cli, "project") != NULL) {
        CR_TRY(cr_cli_project(cx, m, cr_cli_flag(cli, "project"), &p));
    }

    CR_TRY(parse_permissions(cx,
                             z_allow == NULL ? CR_STR("pull")
                                             : cr_str_z(z_allow),
                             p.id, perms, &new->nperms));
    new->perms = perms;
    new->project_id = p.id;

    return cr_robot_create(cx, m, new, &cr_cli_who, ret_made);
}


cr_err_t
cr_command_robot_create(cr_ctx_t *cx, cr_cli_t *cli)
{
    char            room[CR_PASSWORD_MAX + 3];
    cr_err_t        err;
    cr_runner_t     r;
    cr_robot_new_t  new = { .name = cr_str_z(cli->args[0]) };
    cr_robot_made_t made;

    new.description = cr_str_z(cr_cli_flag(cli, "description"));
    new.replication = cr_cli_flag(cli, "replication") != NULL;
    CR_TRY(parse_duration(cx, cr_cli_flag(cli, "duration"), &new.duration));

    err = given_secret(cx, cli, room, &new.secret);

    if (err == CR_OK) {
        err = cr_runner_open(cx, cli, &r);
    }

    if (err == CR_OK) {
        err = create(cx, cli, r.meta, &new, &made);
        cr_runner_close(&r);
    }

    if (err == CR_OK) {
        err = show_secret(cx, cli, made.name, made.id, made.secret);
    }

    explicit_bzero(room, sizeof(room));
    return err;
}
