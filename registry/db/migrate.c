/*
 * The schema of a database: which version it has, whether this program may
 * run on it, and forward-only migrations (DESIGN section 7).  Each migration
 * is one transaction together with its row in schema_migration, so two that
 * run at once, or one that is killed, do no harm.  A database that holds
 * something is backed up first.  One call a thread; any thread.
 */

#include <inttypes.h>
#include "db/conn.h"

/* Backups of the same version: earlier tries that did not get further. */
#define CR_DB_BACKUPS_MAX 99

typedef struct cr_db_step_s {
    const cr_sql_schema_t *schema;
    bool                   applied;
} cr_db_step_t;

static cr_err_t cr_db_schema_read(cr_ctx_t *cx, cr_conn_t *c, void *arg);
static cr_err_t cr_db_schema_last(cr_ctx_t *cx, cr_conn_t *c,
                                  cr_db_schema_t *s);
static cr_err_t cr_db_schema_newer(cr_ctx_t *cx, cr_db_t *db,
                                   const cr_db_schema_t *s);
static cr_err_t cr_db_migrate_backup(cr_ctx_t *cx, cr_db_t *db,
                                     int64_t version);
static cr_err_t cr_db_migrate_step(cr_ctx_t *cx, cr_conn_t *c, void *arg);
static cr_err_t cr_db_migrate_start(cr_ctx_t *cx, cr_conn_t *c);


cr_err_t
cr_db_schema(cr_ctx_t *cx, cr_db_t *db, cr_db_schema_t *ret_s)
{
    return cr_db_schema_get(cx, db, CR_SQL_SCHEMA_VERSION, ret_s);
}


cr_err_t
cr_db_schema_get(cr_ctx_t *cx, cr_db_t *db, int64_t program,
                 cr_db_schema_t *ret_s)
{
    cr_db_schema_t s = { 0, 0, program };

    CR_TRY(cr_db_read(cx, db, cr_db_schema_read, &s));

    *ret_s = s;

    return CR_OK;
}


static cr_err_t
cr_db_schema_read(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    bool    found;
    int64_t one;

    CR_TRY(cr_db_get_int(cx, c, CR_SQL_DB_MIGRATION_TABLE_EXISTS, NULL, 0,
                         &found, &one));

    return found ? cr_db_schema_last(cx, c, arg) : CR_OK;
}


/* The row of the newest migration; none leaves s as it is. */
static cr_err_t
cr_db_schema_last(cr_ctx_t *cx, cr_conn_t *c, cr_db_schema_t *s)
{
    bool       row;
    cr_stmt_t *st;

    row = false;
    CR_TRY(cr_db_query(cx, c, CR_SQL_DB_MIGRATION_LAST, NULL, 0, &st));
    CR_TRY(cr_stmt_next(cx, st, &row));

    if (row) {
        s->version = cr_stmt_int(st, 0);
        s->compatible_from = cr_stmt_int(st, 1);
    }

    cr_stmt_done(st);

    return CR_OK;
}


cr_err_t
cr_db_schema_check(cr_ctx_t *cx, cr_db_t *db, int64_t program)
{
    cr_db_schema_t s = { 0, 0, program };

    CR_TRY(cr_db_schema_get(cx, db, program, &s));

    if (s.version < program) {
        return cr_fail_detail(cx, CR_ERR_DB_SCHEMA,
                              "database %s has schema %" PRId64 ", this "
                              "program needs %" PRId64 ": run \"jobrunner "
                              "--database %s db migrate\"",
                              cr_db_url(db), s.version, program, cr_db_url(db));
    }

    return cr_db_schema_newer(cx, db, &s);
}


/* A newer schema says itself which older programs it bears. */
static cr_err_t
cr_db_schema_newer(cr_ctx_t *cx, cr_db_t *db, const cr_db_schema_t *s)
{
    if (s->version > s->program && s->compatible_from > s->program) {
        return cr_fail_detail(cx, CR_ERR_DB_SCHEMA,
                              "database %s has schema %" PRId64 ", which needs "
                              "a program of schema %" PRId64 " or newer; this "
                              "one has %" PRId64 ": install a newer version",
                              cr_db_url(db), s->version, s->compatible_from,
                              s->program);
    }

    return CR_OK;
}


cr_err_t
cr_db_migrate(cr_ctx_t *cx, cr_db_t *db, int *ret_applied)
{
    return cr_db_migrate_with(cx, db, cr_sql_schemas, cr_sql_schemas_count,
                              ret_applied);
}


cr_err_t
cr_db_migrate_with(cr_ctx_t *cx, cr_db_t *db, const cr_sql_schema_t *schemas,
                   size_t n, int *ret_applied)
{
    int            applied;
    size_t         i;
    cr_db_step_t   step;
    cr_db_schema_t s = { 0, 0, 0 };

    if (!cx->may_block) {
        return cr_fail(cx, CR_ERR_AGAIN, NULL);
    }

    CR_TRY(cr_db_schema_get(cx, db, n == 0 ? 0 : schemas[n - 1].version, &s));
    CR_TRY(cr_db_schema_newer(cx, db, &s));

    if (s.version > 0 && s.version < s.program) {
        CR_TRY(cr_db_migrate_backup(cx, db, s.version));
    }

    applied = 0;

    for (i = 0; i < n; i++) {
        if (schemas[i].version <= s.version) {
            continue;
        }

        step.schema = &schemas[i];
        step.applied = false;

        CR_TRY(cr_db_write(cx, db, CR_DB_SYNC, cr_db_migrate_step, &step));

        if (step.applied) {
            applied++;
        }
    }

    *ret_applied = applied;

    return CR_OK;
}


static cr_err_t
cr_db_migrate_backup(cr_ctx_t *cx, cr_db_t *db, int64_t version)
{
    int         i;
    cr_err_t    err;
    cr_str_t    path;
    const char *z_base;

    z_base = cr_db_backup_base(db);

    if (z_base == NULL) {
        return CR_OK;
    }

    for (i = 1; i <= CR_DB_BACKUPS_MAX; i++) {
        path = (i == 1) ? cr_printf(cx, "%s.backup-v%" PRId64, z_base, version)
                        : cr_printf(cx, "%s.backup-v%" PRId64 ".%d", z_base,
                                    version, i);

        if (path.data == NULL) {
            return CR_ERR_NO_MEMORY;
        }

        err = cr_db_backup(cx, db, path.data);

        if (err != CR_ERR_EXISTS) {
            return err;
        }

        cr_clear(cx);
    }

    return cr_fail_detail(cx, CR_ERR_EXISTS,
                          "there are %d backups \"%s.backup-v%" PRId64
                          "...\" already: remove some",
                          CR_DB_BACKUPS_MAX, z_base, version);
}


/* Inside the write transaction: nobody else migrates now. */
static cr_err_t
cr_db_migrate_step(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_db_step_t          *step = arg;
    cr_db_schema_t         s = { 0, 0, 0 };
    const cr_sql_schema_t *schema;

    schema = step->schema;

    CR_TRY(cr_db_schema_read(cx, c, &s));

    if (s.version >= schema->version) {
        return CR_OK;
    }

    if (s.version != schema->version - 1) {
        return cr_fail_detail(cx, CR_ERR_DB_SCHEMA,
                              "migration %" PRId64 " does not fit on schema "
                              "%" PRId64,
                              schema->version, s.version);
    }

    if (s.version == 0) {
        CR_TRY(cr_db_migrate_start(cx, c));
    }

    CR_TRY(cr_db_script(cx, c, schema->text));

    cr_val_t vals[] = { CR_V_INT(schema->version),
                        CR_V_TEXT(cr_str_z(schema->name)),
                        CR_V_INT(schema->compatible_from),
                        CR_V_INT(cr_now(cx)) };

    CR_TRY(cr_db_run(cx, c, CR_SQL_DB_MIGRATION_ADD, vals, CR_NELTS(vals)));

    step->applied = true;

    return CR_OK;
}


/* The first migration of all: never into somebody else's database. */
static cr_err_t
cr_db_migrate_start(cr_ctx_t *cx, cr_conn_t *c)
{
    bool    found;
    int64_t tables;

    tables = 0;
    CR_TRY(
        cr_db_get_int(cx, c, CR_SQL_DB_TABLE_COUNT, NULL, 0, &found, &tables));

    if (tables != 0) {
        return cr_fail_detail(cx, CR_ERR_DB_SCHEMA,
                              "database %s holds %" PRId64 " tables of "
                              "something else",
                              cr_db_url(c->db), tables);
    }

    return cr_db_run(cx, c, CR_SQL_DB_MIGRATION_TABLE_CREATE, NULL, 0);
}
