/*
 * What an SQL engine gives to db.c.  A driver knows nothing of threads,
 * statement caches or the sharing of commits: db.c calls it with one link (a
 * connection) from one thread at a time.  All text comes from sql_gen.h.
 *
 * Callers of the registry include db.h, never this file.
 */

#ifndef CR_DB_DRIVER_H
#define CR_DB_DRIVER_H

#include "db/db.h"

typedef struct cr_db_driver_s {
    /* The part of the URL before the first ':'. */
    const char *z_scheme;
    /* May a bounded point read be done on an event loop? */
    bool reads_inline;

    /*
     * Check the rest of the URL and the place it names; connects nowhere.
     * DB_MISSING unless flags has CR_DB_CREATE; CONFIG.  Heap object.
     */
    cr_err_t (*open)(cr_ctx_t *cx, cr_str_t rest, unsigned flags,
                     void **ret_data);
    void (*close)(void *data);

    /*
     * A link, ready for use.  DB_MISSING, BUSY, CORRUPT, DB.  Whatever waits
     * for a lock does so only when the context of the call may block; else it
     * fails with AGAIN.
     */
    cr_err_t (*connect)(cr_ctx_t *cx, void *data, void **ret_link);
    void (*disconnect)(void *link);

    /* A statement to be used many times; it belongs to the link. */
    cr_err_t (*prepare)(cr_ctx_t *cx, void *link, cr_sql_e sql,
                        void **ret_prep);
    void (*finalize)(void *prep);
    /* Does it change the database? */
    bool (*writes)(void *prep);
    /* copy: the values may go away before the last step. */
    cr_err_t (*bind)(cr_ctx_t *cx, void *link, void *prep, const cr_val_t *vals,
                     size_t n, bool copy);
    /* BUSY, AGAIN, EXISTS (unique constraint), NO_SPACE, IO, CORRUPT, DB. */
    cr_err_t (*step)(cr_ctx_t *cx, void *link, cr_sql_e sql, void *prep,
                     bool *ret_row);
    void (*reset)(void *prep);
    int64_t (*column_int)(void *prep, int col);
    /* Valid until the next step; data NULL: the column is NULL. */
    cr_str_t (*column_text)(void *prep, int col);
    cr_str_t (*column_blob)(void *prep, int col);
    bool (*column_null)(void *prep, int col);
    /* Before any of the others has converted it. */
    bool (*column_is_int)(void *prep, int col);
    int (*columns)(void *prep); /* of a row */
    /* Rows that the last finished statement of the link changed. */
    int64_t (*changes)(void *link);

    /* Run several statements (a schema). */
    cr_err_t (*script)(cr_ctx_t *cx, void *link, const char *z_text);
    /* Make the next commits durable against power loss, or not. */
    cr_err_t (*set_sync)(cr_ctx_t *cx, void *link, bool sync);
    /* Is a transaction open?  The engine may have ended it by itself. */
    bool (*in_transaction)(void *link);
    /*
     * CR_OK, or the failure since the last call after which nothing of the
     * transaction can be trusted (disk full, input/output error).  Forgets
     * it.
     */
    cr_err_t (*take_fatal)(void *link);

    /* Does the link still lead to the database of its URL?  Cheap: asked
     * before each write transaction.  DB_MISSING. */
    cr_err_t (*ping)(cr_ctx_t *cx, void *link);
    /* Keep a reserve for a full disk, as cr_db_ballast; give it up: true when
     * there was one. */
    cr_err_t (*ballast_hold)(cr_ctx_t *cx, void *data, bool *ret_held);
    bool (*ballast_drop)(cr_ctx_t *cx, void *data);

    /* As in db.h. */
    cr_err_t (*checkpoint)(cr_ctx_t *cx, void *link, bool truncate,
                           int64_t *ret_wal_pages);
    cr_err_t (*backup)(cr_ctx_t *cx, void *link, const char *z_path,
                       cr_db_beat_pt beat, void *arg);
    /* As cr_db_restore; rest is that of open, which was not called.  prepare
     * gets the rest of the copy's URL, and leaves it closed. */
    cr_err_t (*restore)(cr_ctx_t *cx, cr_str_t rest, const char *z_file,
                        cr_err_t (*prepare)(cr_ctx_t *cx, cr_str_t rest,
                                            void *arg),
                        void *arg, cr_str_t *ret_replaced);
    /* Where a backup beside the database goes (a path without suffix); NULL
     * when the engine takes none. */
    const char *(*backup_base)(const void *data);
} cr_db_driver_t;

extern const cr_db_driver_t cr_db_sqlite;

/* For migrate.c and the tests of migrations. */

/* Run several statements on the connection of a write transaction. */
cr_err_t cr_db_script(cr_ctx_t *cx, cr_conn_t *c, const char *z_text);
/* The driver of a URL's scheme, and what stands behind it.  CONFIG. */
cr_err_t cr_db_driver_find(cr_ctx_t *cx, cr_str_t url,
                           const cr_db_driver_t **ret_driver,
                           cr_str_t              *ret_rest);
/* "sqlite:/path", for messages. */
const char *cr_db_url(const cr_db_t *db);
/*
 * cr_db_schema, cr_db_migrate and the check of cr_db_open for a program
 * whose migrations are schemas[0 .. n - 1].
 */
cr_err_t cr_db_schema_get(cr_ctx_t *cx, cr_db_t *db, int64_t program,
                          cr_db_schema_t *ret_s);
cr_err_t cr_db_schema_check(cr_ctx_t *cx, cr_db_t *db, int64_t program);
cr_err_t cr_db_migrate_with(cr_ctx_t *cx, cr_db_t *db,
                            const cr_sql_schema_t *schemas, size_t n,
                            int *ret_applied);

#endif
