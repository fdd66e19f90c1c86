/* jobrunner member: the members of a project, and their roles. */

#include "commands/commands.h"
#include "meta/member.h"
#include "output.h"
#include "runner.h"

/* Rows of one statement. */
#define MEMBER_PAGE 500

/* clang-format off */

static const cr_column_t  member_columns[] = {
    { "NAME",     "entity_name",   CR_COLUMN_TEXT, false },
    { "ID",       "id",            CR_COLUMN_INT,  false },
    { "PROJECT ID", "project_id",  CR_COLUMN_INT,  true },
    { "ROLE",     "role_name",     CR_COLUMN_TEXT, false },
    { "USER ID",  "entity_id",     CR_COLUMN_INT,  true },
    { "TYPE",     "entity_type",   CR_COLUMN_TEXT, true },
    { "ROLE ID",  "role_id",       CR_COLUMN_INT,  true },
    { "SINCE",    "creation_time", CR_COLUMN_TIME, false },
    { "DECLARED", "x_declared",    CR_COLUMN_TEXT, true },
    { NULL,       NULL,            CR_COLUMN_TEXT, false }
};

/* clang-format on */

/* What a command works on: its project, and the member of its user. */
typedef struct member_op_s {
    cr_runner_t  r;
    cr_project_t project;
    cr_user_t    user;
    cr_member_t  member;
} member_op_t;


static cr_err_t
add_member(cr_output_t *o, const cr_member_t *m)
{
    return cr_output_row(o,
                         (cr_cell_t[]){
                             CR_CELL_TEXT(m->user_name), CR_CELL_INT(m->id),
                             CR_CELL_INT(m->project_id),
                             CR_CELL_TEXT(cr_role_name((cr_role_e) m->role)),
                             CR_CELL_INT(m->user_id), CR_CELL_TEXT(CR_STR("u")),
                             CR_CELL_INT(m->role), CR_CELL_INT(m->created_at),
                             CR_CELL_TEXT(m->declared) });
}


static cr_err_t
list(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m)
{
    size_t       n;
    int64_t      offset = 0, total;
    cr_output_t  o;
    cr_member_t *rows;
    cr_project_t p;

    CR_TRY(cr_cli_project(cx, m, cli->args[0], &p));
    cr_output_init(&o, cx, cli, member_columns);

    do {
        CR_TRY(cr_member_page(cx, m, p.id, CR_STR(""), offset, MEMBER_PAGE,
                              &rows, &n, &total));

        for (size_t i = 0; i < n; i++) {
            CR_TRY(add_member(&o, &rows[i]));
        }

        offset += (int64_t) n;
    } while (n == MEMBER_PAGE);

    return cr_output_list(&o);
}


cr_err_t
cr_command_member_list(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t    err;
    cr_runner_t r;

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = list(cx, cli, r.meta);
    cr_runner_close(&r);
    return err;
}


static cr_err_t
show(cr_ctx_t *cx, cr_cli_t *cli, member_op_t *op)
{
    cr_output_t o;

    CR_TRY(cr_member_of(cx, op->r.meta, op->project.id, op->user.id,
                        &op->member));
    cr_output_init(&o, cx, cli, member_columns);
    CR_TRY(add_member(&o, &op->member));

    return cr_output_one(&o);
}


static cr_err_t
role_of(cr_ctx_t *cx, const char *z_name, cr_role_e *ret_role)
{
    if (!cr_role_parse(cr_str_z(z_name), ret_role)) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "there is no role \"%s\"",
                       z_name);
    }

    return CR_OK;
}


static cr_err_t
find(cr_ctx_t *cx, cr_cli_t *cli, member_op_t *op)
{
    CR_TRY(cr_cli_project(cx, op->r.meta, cli->args[0], &op->project));

    return cr_cli_user(cx, op->r.meta, cli->args[1], &op->user);
}


static cr_err_t
find_member(cr_ctx_t *cx, cr_cli_t *cli, member_op_t *op)
{
    cr_err_t err;

    CR_TRY(find(cx, cli, op));
    err = cr_member_of(cx, op->r.meta, op->project.id, op->user.id,
                       &op->member);

    if (err == CR_ERR_NOT_FOUND) {
        cr_clear(cx);
        return cr_fail(cx, err, "\"%s\" is no member of \"%s\"", cli->args[1],
                       cli->args[0]);
    }

    return err;
}


static cr_err_t
show_member(cr_ctx_t *cx, cr_cli_t *cli, member_op_t *op)
{
    CR_TRY(find_member(cx, cli, op));

    return show(cx, cli, op);
}


static cr_err_t
add(cr_ctx_t *cx, cr_cli_t *cli, member_op_t *op)
{
    int64_t   id;
    cr_role_e role;

    CR_TRY(role_of(cx, cli->args[2], &role));
    CR_TRY(find(cx, cli, op));
    CR_TRY(cr_member_add(cx, op->r.meta, op->project.id, op->user.id, role,
                         &cr_cli_who, &id));

    return show(cx, cli, op);
}


static cr_err_t
set(cr_ctx_t *cx, cr_cli_t *cli, member_op_t *op)
{
    cr_role_e role;

    CR_TRY(role_of(cx, cli->args[2], &role));
    CR_TRY(find_member(cx, cli, op));
    CR_TRY(cr_member_set_role(cx, op->r.meta, op->project.id, op->member.id,
                              role, &cr_cli_who));

    return show(cx, cli, op);
}


static cr_err_t
drop(cr_ctx_t *cx, cr_cli_t *cli, member_op_t *op)
{
    CR_TRY(find_member(cx, cli, op));

    return cr_member_delete(cx, op->r.meta, op->project.id, op->member.id,
                            &cr_cli_who);
}


static cr_err_t
with_project(cr_ctx_t *cx, cr_cli_t *cli,
             cr_err_t (*fn)(cr_ctx_t *, cr_cli_t *, member_op_t *))
{
    cr_err_t    err;
    member_op_t op;

    CR_TRY(cr_runner_open(cx, cli, &op.r));
    err = fn(cx, cli, &op);
    cr_runner_close(&op.r);
    return err;
}


cr_err_t
cr_command_member_show(cr_ctx_t *cx, cr_cli_t *cli)
{
    return with_project(cx, cli, show_member);
}


cr_err_t
cr_command_member_add(cr_ctx_t *cx, cr_cli_t *cli)
{
    return with_project(cx, cli, add);
}


cr_err_t
cr_command_member_set(cr_ctx_t *cx, cr_cli_t *cli)
{
    return with_project(cx, cli, set);
}


cr_err_t
cr_command_member_remove(cr_ctx_t *cx, cr_cli_t *cli)
{
    return with_project(cx, cli, drop);
}
