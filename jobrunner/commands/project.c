/*
 * jobrunner project: list, show, create, delete, public or private, who may
 * push, and how much.
 */

#include "commands/commands.h"
#include "meta/project.h"
#include "output.h"
#include "runner.h"

/* Rows of one statement. */
#define PROJECT_PAGE 500

/* clang-format off */

static const cr_column_t  project_columns[] = {
    { "NAME",    "name",            CR_COLUMN_TEXT,      false },
    { "ID",      "project_id",      CR_COLUMN_INT,       false },
    { "PUBLIC",  "metadata.public", CR_COLUMN_BOOL_TEXT, false },
    { "CREATED", "creation_time",   CR_COLUMN_TIME,      false },
    { "UPDATED", "update_time",     CR_COLUMN_TIME,      true },
    { "OWNER ID", "owner_id",       CR_COLUMN_INT,       true },
    { "OWNER",   "owner_name",      CR_COLUMN_TEXT,      true },
    { "REPOSITORIES", "repo_count", CR_COLUMN_INT,       true },
    { "WRITE",   "x_write",         CR_COLUMN_TEXT,      true },
    { "USED",    "x_storage_used",  CR_COLUMN_INT,       true },
    { "LIMIT",   "x_storage_limit", CR_COLUMN_INT,       true },
    { "DECLARED", "x_declared",     CR_COLUMN_TEXT,      true },
    { NULL,      NULL,              CR_COLUMN_TEXT,      false }
};

/* clang-format on */


static cr_str_t
write_mode(const cr_project_t *p)
{
    return p->replication ? CR_STR(CR_PROJECT_REPLICATION) : CR_STR("all");
}


static cr_err_t
add_project(cr_output_t *o, const cr_project_t *p)
{
    return cr_output_row(
        o, (cr_cell_t[]){
               CR_CELL_TEXT(p->name), CR_CELL_INT(p->id),
               CR_CELL_INT(p->is_public), CR_CELL_INT(p->created_at),
               CR_CELL_INT(p->updated_at), CR_CELL_INT(p->owner_id),
               CR_CELL_TEXT(p->owner_name), CR_CELL_INT(p->repositories),
               CR_CELL_TEXT(write_mode(p)), CR_CELL_INT(p->storage_used),
               CR_CELL_INT(p->storage_limit), CR_CELL_TEXT(p->declared) });
}


static cr_err_t
list(cr_ctx_t *cx, cr_cli_t *cli, cr_meta_t *m)
{
    size_t        i, n;
    cr_str_t      last;
    cr_output_t   o;
    cr_project_t *rows;

    cr_output_init(&o, cx, cli, project_columns);
    last = CR_STR_NULL;

    do {
        CR_TRY(cr_project_list(cx, m, last, PROJECT_PAGE, &rows, &n));

        for (i = 0; i < n; i++) {
            CR_TRY(add_project(&o, &rows[i]));
            last = rows[i].name;
        }
    } while (n == PROJECT_PAGE);

    return cr_output_list(&o);
}


cr_err_t
cr_command_project_list(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t    err;
    cr_runner_t r;

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = list(cx, cli, r.meta);
    cr_runner_close(&r);
    return err;
}


static cr_err_t
show(cr_ctx_t *cx, cr_cli_t *cli, const cr_project_t *p)
{
    cr_output_t o;

    cr_output_init(&o, cx, cli, project_columns);
    CR_TRY(add_project(&o, p));
    return cr_output_one(&o);
}


cr_err_t
cr_command_project_create(cr_ctx_t *cx, cr_cli_t *cli)
{
    int64_t          id;
    cr_err_t         err;
    cr_runner_t      r;
    cr_project_t     p;
    cr_project_new_t new = { .storage_limit = 0 };

    CR_TRY(cr_runner_open(cx, cli, &r));
    new.name = cr_str_z(cli->args[0]);
    new.is_public = cr_cli_flag(cli, "public") != NULL;
    err = cr_project_create(cx, r.meta, &new, &cr_cli_who, &id);

    if (err == CR_OK) {
        err = cr_project_by_id(cx, r.meta, id, &p);
    }

    cr_runner_close(&r);
    return err != CR_OK ? err : show(cx, cli, &p);
}


cr_err_t
cr_cli_project(cr_ctx_t *cx, cr_meta_t *m, const char *z_name,
               cr_project_t *ret_p)
{
    cr_err_t err = cr_project_by_name(cx, m, cr_str_z(z_name), ret_p);

    if (err == CR_ERR_NOT_FOUND) {
        cr_clear(cx);
        return cr_fail(cx, err, "there is no project \"%s\"", z_name);
    }

    return err;
}


/* set NULL: only show it. */
static cr_err_t
change(cr_ctx_t *cx, cr_cli_t *cli, const cr_project_set_t *set)
{
    cr_err_t     err;
    cr_runner_t  r;
    cr_project_t p;

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = cr_cli_project(cx, r.meta, cli->args[0], &p);

    if (err == CR_OK && set != NULL) {
        err = cr_project_set(cx, r.meta, p.id, set, &cr_cli_who);

        if (err == CR_OK) {
            err = cr_project_by_id(cx, r.meta, p.id, &p);
        }
    }

    cr_runner_close(&r);
    return err != CR_OK ? err : show(cx, cli, &p);
}


cr_err_t
cr_command_project_show(cr_ctx_t *cx, cr_cli_t *cli)
{
    return change(cx, cli, NULL);
}


cr_err_t
cr_command_project_set_public(cr_ctx_t *cx, cr_cli_t *cli)
{
    bool             on = cr_str_eq_z(CR_STR("on"), cli->args[1]);
    cr_project_set_t set = { .is_public = &on };

    return change(cx, cli, &set);
}


cr_err_t
cr_command_project_set_write(cr_ctx_t *cx, cr_cli_t *cli)
{
    bool on = cr_str_eq_z(CR_STR(CR_PROJECT_REPLICATION), cli->args[1]);
    cr_project_set_t set = { .replication = &on };

    return change(cx, cli, &set);
}


/* "none", or bytes, as they are or with a unit of nginx.conf: 20g. */
static bool
limit_parse(cr_str_t text, int64_t *ret_limit)
{
    static const char units[] = "kmgt";

    uint64_t n;
    unsigned shift = 0;

    if (cr_str_eq_z(text, "none")) {
        *ret_limit = -1;
        return true;
    }

    for (unsigned i = 0; text.len > 1 && i < sizeof(units) - 1; i++) {
        if ((text.data[text.len - 1] | 0x20) == units[i]) {
            shift = 10 * (i + 1);
        }
    }

    if (shift != 0) {
        text.len--;
    }

    if (!cr_str_u64(text, &n) || n == 0 || n > (uint64_t) INT64_MAX >> shift) {
        return false;
    }

    *ret_limit = (int64_t) (n << shift);
    return true;
}


cr_err_t
cr_command_project_set_quota(cr_ctx_t *cx, cr_cli_t *cli)
{
    int64_t          limit;
    cr_project_set_t set = { .storage_limit = &limit };

    if (!limit_parse(cr_str_z(cli->args[1]), &limit)) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST,
                       "SIZE \"%s\": none, or a number of bytes such as 500m "
                       "or 20g, expected",
                       cli->args[1]);
    }

    return change(cx, cli, &set);
}


cr_err_t
cr_command_project_delete(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t     err;
    cr_runner_t  r;
    cr_project_t p;

    CR_TRY(cr_runner_open(cx, cli, &r));
    err = cr_cli_project(cx, r.meta, cli->args[0], &p);

    if (err == CR_OK) {
        err = cr_project_delete(cx, r.meta, p.id, &cr_cli_who);
    }

    cr_runner_close(&r);
    return err;
}
