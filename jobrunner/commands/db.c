/* jobrunner db: the schema of the database, its backup and its restore. */

#include "commands/commands.h"
#include "core/redact.h"
#include "output.h"
#include "owner.h"
#include "runner.h"

/* clang-format off */

static const cr_column_t  status_columns[] = {
    { "DATABASE",        "database",        CR_COLUMN_TEXT, false },
    { "SCHEMA",          "schema",          CR_COLUMN_INT,  false },
    { "COMPATIBLE FROM", "compatible_from", CR_COLUMN_INT,  false },
    { "PROGRAM",         "program",         CR_COLUMN_INT,  false },
    { "STATE",           "state",           CR_COLUMN_TEXT, false },
    { NULL,              NULL,              CR_COLUMN_TEXT, false }
};

static const cr_column_t  migrate_columns[] = {
    { "DATABASE", "database", CR_COLUMN_TEXT, false },
    { "FROM",     "from",     CR_COLUMN_INT,  false },
    { "SCHEMA",   "schema",   CR_COLUMN_INT,  false },
    { "APPLIED",  "applied",  CR_COLUMN_INT,  false },
    { NULL,       NULL,       CR_COLUMN_TEXT, false }
};

static const cr_column_t  backup_columns[] = {
    { "FILE",     "file",     CR_COLUMN_TEXT, false },
    { "DATABASE", "database", CR_COLUMN_TEXT, false },
    { NULL,       NULL,       CR_COLUMN_TEXT, false }
};

static const cr_column_t  restore_columns[] = {
    { "DATABASE", "database", CR_COLUMN_TEXT, false },
    { "FILE",     "file",     CR_COLUMN_TEXT, false },
    { "SCHEMA",   "schema",   CR_COLUMN_INT,  false },
    { "REPLACED", "replaced", CR_COLUMN_TEXT, false },
    { NULL,       NULL,       CR_COLUMN_TEXT, false }
};

/* clang-format on */


static void
print_migrated(const cr_cli_t *cli, cr_str_t url, const cr_db_schema_t *before,
               const cr_db_schema_t *after, int applied)
{
    if (applied == 0) {
        fprintf(cli->out, "%.*s: schema %d, nothing to do\n", CR_STR_ARG(url),
                (int) after->version);

    } else if (before->version == 0) {
        fprintf(cli->out, "%.*s: created with schema %d\n", CR_STR_ARG(url),
                (int) after->version);

    } else {
        fprintf(cli->out,
                "%.*s: schema %d to %d; the backup of before stands beside "
                "it\n",
                CR_STR_ARG(url), (int) before->version, (int) after->version);
    }
}


static cr_err_t
migrate(cr_ctx_t *cx, cr_cli_t *cli, cr_db_t *db)
{
    int            applied;
    cr_str_t       url;
    cr_output_t    o;
    cr_db_schema_t before, after;

    url = cr_runner_url_shown(cx, cli);
    CR_TRY(cr_db_schema(cx, db, &before));
    CR_TRY(cr_db_migrate(cx, db, &applied));
    CR_TRY(cr_meta_bootstrap(cx, db));
    CR_TRY(cr_db_schema(cx, db, &after));

    if (cli->output == CR_OUTPUT_TABLE) {
        print_migrated(cli, url, &before, &after, applied);
        return CR_OK;
    }

    cr_output_init(&o, cx, cli, migrate_columns);
    CR_TRY(cr_output_row(&o, (cr_cell_t[]){ CR_CELL_TEXT(url),
                                            CR_CELL_INT(before.version),
                                            CR_CELL_INT(after.version),
                                            CR_CELL_INT(applied) }));
    return cr_output_one(&o);
}


cr_err_t
cr_command_db_migrate(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t    err;
    cr_runner_t r;

    CR_TRY(cr_runner_open_any(cx, cli, CR_DB_CREATE | CR_DB_ANY_SCHEMA, &r));
    err = migrate(cx, cli, r.db);
    cr_runner_close(&r);
    return err;
}


/* What fits, in the order of what must be done about it. */
static cr_str_t
schema_state(const cr_db_schema_t *s, cr_cli_t *cli)
{
    if (s->compatible_from > s->program) {
        cli->status = CR_EXIT_CONFLICT;
        return CR_STR("needs a newer program");
    }

    if (s->version < s->program) {
        cli->status = CR_EXIT_CONFLICT;
        return CR_STR("needs jobrunner db migrate");
    }

    return s->version > s->program ? CR_STR("newer than the program, usable")
                                   : CR_STR("current");
}


static cr_err_t
status(cr_ctx_t *cx, cr_cli_t *cli, cr_db_t *db)
{
    cr_output_t    o;
    cr_db_schema_t s;

    CR_TRY(cr_db_schema(cx, db, &s));
    cr_output_init(&o, cx, cli, status_columns);
    CR_TRY(cr_output_row(&o, (cr_cell_t[]){
                                 CR_CELL_TEXT(cr_runner_url_shown(cx, cli)),
                                 CR_CELL_INT(s.version),
                                 CR_CELL_INT(s.compatible_from),
                                 CR_CELL_INT(s.program),
                                 CR_CELL_TEXT(schema_state(&s, cli)) }));
    return cr_output_one(&o);
}


cr_err_t
cr_command_db_status(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t    err;
    cr_runner_t r;

    CR_TRY(cr_runner_open_any(cx, cli, CR_DB_ANY_SCHEMA, &r));
    err = status(cx, cli, r.db);
    cr_runner_close(&r);
    return err;
}


cr_err_t
cr_command_db_backup(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_err_t    err;
    cr_output_t o;
    cr_runner_t r;

    CR_TRY(cr_runner_open_any(cx, cli, CR_DB_ANY_SCHEMA, &r));
    err = cr_db_backup(cx, r.db, cli->args[0]);
    cr_runner_close(&r);

    if (err != CR_OK) {
        return err;
    }

    cr_output_init(&o, cx, cli, backup_columns);
    CR_TRY(cr_output_row(&o, (cr_cell_t[]){
                                 CR_CELL_TEXT(cr_str_z(cli->args[0])),
                                 CR_CELL_TEXT(cr_runner_url_shown(cx, cli)) }));
    return cr_output_one(&o);
}


/* The copy, before it is the database. */
static cr_err_t
prepare_restored(cr_ctx_t *cx, cr_db_t *copy, void *arg)
{
    cr_db_schema_t *s = arg;

    CR_TRY(cr_db_schema(cx, copy, s));

    if (s->version == 0) {
        return cr_fail(cx, CR_ERR_CORRUPT,
                       "the file has no schema: it is no backup of a "
                       "registry");
    }

    if (s->version > s->program && s->compatible_from > s->program) {
        return cr_fail(cx, CR_ERR_DB_SCHEMA,
                       "the backup has schema %d, which needs a newer "
                       "jobrunner",
                       (int) s->version);
    }

    return cr_meta_restored(cx, copy);
}


static void
print_restored(const cr_cli_t *cli, const cr_db_schema_t *s)
{
    if (cr_cli_global(cli, "quiet") != NULL) {
        return;
    }

    if (s->version < s->program) {
        fprintf(cli->err,
                "The backup has schema %d: run jobrunner db "
                "migrate.\n",
                (int) s->version);
    }

    fprintf(cli->err,
            "Content is not deleted until jobrunner fsck --release.\n");
}


cr_err_t
cr_command_db_restore(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_str_t       url, path, replaced;
    cr_output_t    o;
    cr_db_schema_t schema;

    url = cr_runner_url(cli);
    replaced = CR_STR_NULL;
    schema = (cr_db_schema_t){ 0, 0, 0 };
    CR_TRY(cr_owner_path(cx, url, &path));

    if (path.len != 0) {
        CR_TRY(cr_owner_become(cx, path.data));
    }

    CR_TRY(cr_db_restore(cx, url, cli->args[0], prepare_restored, &schema,
                         &replaced));

    cr_output_init(&o, cx, cli, restore_columns);
    CR_TRY(
        cr_output_row(&o, (cr_cell_t[]){ CR_CELL_TEXT(cr_redact_url(cx, url)),
                                         CR_CELL_TEXT(cr_str_z(cli->args[0])),
                                         CR_CELL_INT(schema.version),
                                         CR_CELL_TEXT(replaced) }));
    CR_TRY(cr_output_one(&o));
    print_restored(cli, &schema);
    return CR_OK;
}
