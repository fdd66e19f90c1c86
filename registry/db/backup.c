/*
 * Backup and restore, whatever the engine (db.h).  A backup has a connection
 * of its own, so that its beat may use the caller's.  Any thread.
 */

#include <assert.h>
#include "db/conn.h"

typedef struct cr_db_restore_s {
    const cr_db_driver_t *driver;
    cr_db_prepare_pt      prepare;
    void                 *arg;
} cr_db_restore_t;


cr_err_t
cr_db_backup(cr_ctx_t *cx, cr_db_t *db, const char *z_path)
{
    return cr_db_backup_beat(cx, db, z_path, NULL, NULL);
}


cr_err_t
cr_db_backup_beat(cr_ctx_t *cx, cr_db_t *db, const char *z_path,
                  cr_db_beat_pt beat, void *arg)
{
    void    *link = NULL;
    cr_err_t err;

    if (!cx->may_block) {
        return cr_fail(cx, CR_ERR_AGAIN, NULL);
    }

    CR_TRY(cr_db_own(cx, db));
    CR_TRY(db->driver->connect(cx, db->data, &link));
    assert(link != NULL);

    err = db->driver->backup(cx, link, z_path, beat, arg);
    db->driver->disconnect(link);

    return err;
}


/* The copy, opened as any database is. */
static cr_err_t
cr_db_restore_prepare(cr_ctx_t *cx, cr_str_t rest, void *arg)
{
    cr_db_t         *copy = NULL;
    cr_err_t         err;
    cr_str_t         url;
    cr_db_restore_t *op = arg;

    url = cr_printf(cx, "%s:%.*s", op->driver->z_scheme, CR_STR_ARG(rest));

    if (url.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    CR_TRY(cr_db_open(cx, url, CR_DB_ANY_SCHEMA, &copy));
    assert(copy != NULL);

    err = op->prepare(cx, copy, op->arg);
    cr_db_close(copy);

    return err;
}


cr_err_t
cr_db_restore(cr_ctx_t *cx, cr_str_t url, const char *z_file,
              cr_db_prepare_pt prepare, void *arg, cr_str_t *ret_replaced)
{
    cr_str_t        rest = CR_STR_NULL;
    cr_db_restore_t op = { NULL, prepare, arg };

    if (!cx->may_block) {
        return cr_fail(cx, CR_ERR_AGAIN, NULL);
    }

    CR_TRY(cr_db_driver_find(cx, url, &op.driver, &rest));
    assert(op.driver != NULL);

    if (op.driver->restore == NULL) {
        return cr_fail(cx, CR_ERR_UNSUPPORTED,
                       "this database is restored with its own tools");
    }

    return op.driver->restore(cx, rest, z_file, cr_db_restore_prepare, &op,
                              ret_replaced);
}
