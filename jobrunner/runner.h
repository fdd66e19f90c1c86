/*
 * What commands and jobs work with: the database, its metadata, the store,
 * and the settings that nginx wrote into the database.  A runner belongs to
 * one thread; several may share a database handle.
 */

#ifndef CR_JOBRUNNER_RUNNER_H
#define CR_JOBRUNNER_RUNNER_H

#include "command.h"
#include "meta/meta.h"
#include "storage/storage.h"

#define CR_DATABASE_DEFAULT     "sqlite:/var/lib/nginx-registry/registry.db"
#define CR_DATABASE_ENVIRONMENT "REGISTRY_DATABASE"

typedef struct cr_runner_s {
    cr_db_t                          *db;
    bool                              db_owned;
    cr_meta_t                        *meta;    /* NULL: opened without */
    cr_storage_t                     *storage; /* NULL: not opened yet */
    char                             *z_storage_url;
    cr_meta_conf_t                    conf; /* by the settings */
    bool                              held; /* nothing may be deleted */
    const cr_storage_driver_t *const *drivers;
} cr_runner_t;

/* --database, else the environment, else the default. */
cr_str_t cr_runner_url(const cr_cli_t *cli);
/* The same without its secrets: all that is shown or logged. */
cr_str_t cr_runner_url_shown(cr_ctx_t *cx, const cr_cli_t *cli);
/*
 * Become the owner of the database and open it.  Errors of cr_owner_become,
 * cr_db_open, cr_meta_open.  cr_runner_close takes a zeroed runner.
 */
cr_err_t cr_runner_open(cr_ctx_t *cx, const cr_cli_t *cli, cr_runner_t *r);
/*
 * The same for a database of any schema: no metadata (meta is NULL).  flags
 * as for cr_db_open.
 */
cr_err_t cr_runner_open_any(cr_ctx_t *cx, const cr_cli_t *cli, unsigned flags,
                            cr_runner_t *r);
/* A runner over an open database, for another thread. */
cr_err_t cr_runner_attach(cr_ctx_t *cx, cr_db_t *db, cr_runner_t *r);
void     cr_runner_close(cr_runner_t *r);

/*
 * Read the settings again; a store of another place than before is closed.
 * DB_SCHEMA when the database has moved past this program meanwhile.
 */
cr_err_t cr_runner_refresh(cr_ctx_t *cx, cr_runner_t *r);
/* Does the database say where the bytes are? */
bool cr_runner_has_storage(const cr_runner_t *r);
/*
 * Open the store unless it is open.  UNAVAILABLE when nginx has not yet
 * written where it is; else as cr_storage_open.
 */
cr_err_t cr_runner_storage(cr_ctx_t *cx, cr_runner_t *r);

#endif
