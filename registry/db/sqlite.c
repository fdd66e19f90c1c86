/*
 * The SQLite engine (DESIGN section 3 rule 10): one file in write-ahead
 * mode, one link a thread, an own short busy handler, because the library's
 * ladder of sleeps lets writers starve for seconds.  Not here: checkpoint and
 * backup (sqlite_backup.c), where the file may lie (sqlite_place.c), threads,
 * statement caches and the sharing of commits (db.c).
 *
 * A link belongs to one thread at a time.
 *
 * Sections: errors, waiting, open, links, statements, transactions, the
 * table.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <sqlite3.h>
#include "db/sqlite.h"

#define CR_SQLITE_NAP_MIN_US 200
#define CR_SQLITE_NAP_MAX_US 1000

typedef struct cr_sqlite_s {
    char *z_path;
} cr_sqlite_t;

static cr_err_t cr_sqlite_io_code(cr_sqlite_link_t *link, int rc);
static cr_err_t cr_sqlite_setup(cr_ctx_t *cx, cr_sqlite_link_t *link);


/* --- errors --- */

cr_err_t
cr_sqlite_fail(cr_ctx_t *cx, cr_sqlite_link_t *link, int rc, const char *z_what)
{
    bool     fatal;
    cr_err_t err;

    fatal = true;

    switch (rc & 0xff) {

    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        /* On an event loop: the same again where waiting is allowed. */
        err = cx->may_block ? CR_ERR_BUSY : CR_ERR_AGAIN;
        fatal = false;
        break;

    case SQLITE_CONSTRAINT:
        err = (rc == SQLITE_CONSTRAINT_UNIQUE
               || rc == SQLITE_CONSTRAINT_PRIMARYKEY
               || rc == SQLITE_CONSTRAINT_ROWID)
                  ? CR_ERR_EXISTS
                  : CR_ERR_DB;
        fatal = false;
        break;

    case SQLITE_FULL:
        err = CR_ERR_NO_SPACE;
        break;

    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        err = cr_sqlite_io_code(link, rc);
        break;

    case SQLITE_NOMEM:
        err = CR_ERR_NO_MEMORY;
        break;

    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        err = CR_ERR_CORRUPT;
        break;

    case SQLITE_READONLY:
        err = (rc == SQLITE_READONLY_DBMOVED) ? CR_ERR_DB_MISSING : CR_ERR_DB;
        break;

    default:
        err = CR_ERR_DB;
        fatal = false;
    }

    if (fatal && link->fatal == CR_OK) {
        link->fatal = err;
    }

    return cr_fail_detail(
        cx, err, "sqlite: %s: %s (%d, errno %d)", z_what,
        link->db == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(link->db), rc,
        link->db == NULL ? 0 : sqlite3_system_errno(link->db));
}


/* The library says "input/output error" also for a full disk. */
static cr_err_t
cr_sqlite_io_code(cr_sqlite_link_t *link, int rc)
{
    int errnum;

    /* The index of the log could not grow: the library keeps no errno of
     * that, and with blocks to be had it hardly fails. */
    if (rc == SQLITE_IOERR_SHMSIZE) {
        return CR_ERR_NO_SPACE;
    }

    errnum = (link->db == NULL) ? 0 : sqlite3_system_errno(link->db);

    if (errnum == ENOSPC || errnum == EDQUOT) {
        return CR_ERR_NO_SPACE;
    }

    return CR_ERR_IO;
}


/* --- waiting --- */

int
cr_sqlite_busy(void *arg, int count)
{
    int64_t           nap_us;
    struct timespec   ts;
    cr_sqlite_link_t *link = arg;

    if (count == 0) {
        link->waited_us = 0;
    }

    if (link->waited_us >= link->wait_us) {
        return 0;
    }

    link->random ^= link->random << 13;
    link->random ^= link->random >> 7;
    link->random ^= link->random << 17;

    nap_us = CR_SQLITE_NAP_MIN_US
             + (int64_t) (link->random
                          % (CR_SQLITE_NAP_MAX_US - CR_SQLITE_NAP_MIN_US));

    ts.tv_sec = 0;
    ts.tv_nsec = (long) nap_us * 1000;
    (void) nanosleep(&ts, NULL);

    link->waited_us += nap_us;

    return 1;
}


void
cr_sqlite_may_wait(cr_ctx_t *cx, cr_sqlite_link_t *link)
{
    link->wait_us = cx->may_block ? CR_SQLITE_WAIT_US : 0;
}


/* --- open --- */

static void
cr_sqlite_close(void *data)
{
    cr_sqlite_t *s = data;

    if (s == NULL) {
        return;
    }

    free(s->z_path);
    free(s);
}


/*
 * The file is made here and not by the library, for its mode.  O_EXCL: a
 * file that exists is never opened and closed beside the library's own
 * descriptors, which would drop their locks.
 */
static cr_err_t
cr_sqlite_create_file(cr_ctx_t *cx, const char *z_path)
{
    int fd;

    fd = open(z_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

    if (fd == -1) {
        if (errno == EEXIST) {
            return CR_OK;
        }
        return cr_fail_errno(cx, errno, "sqlite: cannot create \"%s\"", z_path);
    }

    (void) close(fd);

    return CR_OK;
}


static cr_err_t
cr_sqlite_missing(cr_ctx_t *cx, const char *z_path)
{
    return cr_fail_detail(cx, CR_ERR_DB_MISSING,
                          "database \"%s\" is missing: run "
                          "\"jobrunner --database sqlite:%s db migrate\"",
                          z_path, z_path);
}


static cr_err_t
cr_sqlite_check_place(cr_ctx_t *cx, const char *z_path, unsigned flags)
{
    struct stat st;

    CR_TRY(cr_sqlite_place_check(cx, z_path));

    if (stat(z_path, &st) == 0) {
        if (!S_ISREG(st.st_mode)) {
            return cr_fail_detail(cx, CR_ERR_CONFIG,
                                  "sqlite: \"%s\" is not a regular file",
                                  z_path);
        }
        return CR_OK;
    }

    if (errno != ENOENT) {
        return cr_fail_errno(cx, errno, "sqlite: cannot look at \"%s\"",
                             z_path);
    }

    if (flags & CR_DB_CREATE) {
        return cr_sqlite_create_file(cx, z_path);
    }

    return cr_sqlite_missing(cx, z_path);
}


static cr_err_t
cr_sqlite_open(cr_ctx_t *cx, cr_str_t rest, unsigned flags, void **ret_data)
{
    size_t       size;
    cr_err_t     err;
    cr_sqlite_t *s;

    if (rest.len == 0 || rest.len >= PATH_MAX
        || memchr(rest.data, '\0', rest.len) != NULL)
    {
        return cr_fail_detail(cx, CR_ERR_CONFIG,
                              "sqlite: no usable path in the URL");
    }

    s = calloc(1, sizeof(cr_sqlite_t));

    if (s == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    /* "./" before a relative path: never ":memory:", never a "file:" URI. */
    size = rest.len + sizeof("./");
    s->z_path = malloc(size);

    if (s->z_path == NULL) {
        cr_sqlite_close(s);
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    (void) snprintf(s->z_path, size, "%s%.*s", rest.data[0] == '/' ? "" : "./",
                    CR_STR_ARG(rest));

    err = cr_sqlite_check_place(cx, s->z_path, flags);

    if (err != CR_OK) {
        cr_sqlite_close(s);
        return err;
    }

    *ret_data = s;

    return CR_OK;
}


static const char *
cr_sqlite_backup_base(const void *data)
{
    const cr_sqlite_t *s = data;

    return s->z_path;
}


static cr_err_t
cr_sqlite_hold(cr_ctx_t *cx, void *data, bool *ret_held)
{
    cr_sqlite_t *s = data;

    return cr_sqlite_ballast_hold(cx, s->z_path, ret_held);
}


static bool
cr_sqlite_drop(cr_ctx_t *cx, void *data)
{
    cr_sqlite_t *s = data;

    return cr_sqlite_ballast_drop(cx, s->z_path);
}


/* --- links --- */

static void
cr_sqlite_disconnect(void *arg)
{
    int               rc;
    cr_sqlite_link_t *link = arg;

    if (link == NULL) {
        return;
    }

    link->wait_us = 0;
    rc = sqlite3_close(link->db);
    assert(rc == SQLITE_OK);
    (void) rc;

    free(link);
}


static cr_err_t
cr_sqlite_connect(cr_ctx_t *cx, void *data, void **ret_link)
{
    int               rc;
    cr_err_t          err;
    cr_sqlite_t      *s = data;
    cr_sqlite_link_t *link;

    link = calloc(1, sizeof(cr_sqlite_link_t));

    if (link == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    if (cx->sys->random(&link->random, sizeof(link->random)) != 0
        || link->random == 0)
    {
        link->random = (uint64_t) (uintptr_t) link;
    }

    cr_sqlite_may_wait(cx, link);

    rc = sqlite3_open_v2(s->z_path, &link->db,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX
                             | SQLITE_OPEN_EXRESCODE,
                         NULL);

    err = (rc == SQLITE_OK) ? cr_sqlite_setup(cx, link)
                            : cr_sqlite_fail(cx, link, rc, s->z_path);

    if (err == CR_OK && sqlite3_db_readonly(link->db, "main") != 0) {
        err = cr_fail_detail(cx, CR_ERR_DB,
                             "sqlite: \"%s\" is not writable by uid %ld",
                             s->z_path, (long) geteuid());
    }

    if (err != CR_OK) {
        cr_sqlite_disconnect(link);
        /* Removed since it was opened first? */
        return access(s->z_path, F_OK) == 0 ? err
                                            : cr_sqlite_missing(cx, s->z_path);
    }

    *ret_link = link;

    return CR_OK;
}


/* Make a fresh link what DESIGN section 3 rule 10 asks for. */
static cr_err_t
cr_sqlite_setup(cr_ctx_t *cx, cr_sqlite_link_t *link)
{
    (void) sqlite3_busy_handler(link->db, cr_sqlite_busy, link);

    /* What a damaged or hostile file could do with the schema. */
    (void) sqlite3_db_config(link->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void) sqlite3_db_config(link->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* "x" is a name, never a string. */
    (void) sqlite3_db_config(link->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void) sqlite3_db_config(link->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);

    CR_TRY(cr_sqlite_pragma(cx, link, CR_SQL_DB_JOURNAL_WAL, "wal"));
    CR_TRY(cr_sqlite_pragma(cx, link, CR_SQL_DB_FOREIGN_KEYS, NULL));
    CR_TRY(cr_sqlite_pragma(cx, link, CR_SQL_DB_WAL_AUTOCHECKPOINT, NULL));
    CR_TRY(cr_sqlite_pragma(cx, link, CR_SQL_DB_JOURNAL_SIZE_LIMIT, NULL));
    CR_TRY(cr_sqlite_pragma(cx, link, CR_SQL_DB_TEMP_STORE, NULL));
    CR_TRY(cr_sqlite_pragma(cx, link, CR_SQL_DB_SYNC_FULL, NULL));

    link->sync = true;

    return CR_OK;
}


cr_err_t
cr_sqlite_pragma(cr_ctx_t *cx, cr_sqlite_link_t *link, cr_sql_e sql,
                 const char *z_expected)
{
    int                  rc, tries;
    bool                 met;
    sqlite3_stmt        *st;
    const unsigned char *text;

    for (tries = 0;; tries++) {
        met = (z_expected == NULL);
        st = NULL;

        rc = sqlite3_prepare_v2(link->db, cr_sql_texts[sql].sqlite, -1, &st,
                                NULL);

        if (rc == SQLITE_OK) {
            while (sqlite3_step(st) == SQLITE_ROW) {
                text = sqlite3_column_text(st, 0);
                if (z_expected != NULL && text != NULL
                    && strcmp((const char *) text, z_expected) == 0)
                {
                    met = true;
                }
            }

            /* What the last step said, once more. */
            rc = sqlite3_finalize(st);
        }

        if ((rc & 0xff) != SQLITE_BUSY || !cr_sqlite_busy(link, tries)) {
            break;
        }
    }

    if (rc != SQLITE_OK) {
        return cr_sqlite_fail(cx, link, rc, cr_sql_texts[sql].name);
    }

    if (!met) {
        return cr_fail_detail(cx, CR_ERR_CONFIG,
                              "sqlite: %s: the answer is not \"%s\"",
                              cr_sql_texts[sql].name, z_expected);
    }

    return CR_OK;
}


/* --- statements --- */

static cr_err_t
cr_sqlite_prepare(cr_ctx_t *cx, void *arg, cr_sql_e sql, void **ret_prep)
{
    int               rc;
    const char       *z_text;
    sqlite3_stmt     *st;
    cr_sqlite_link_t *link = arg;

    z_text = cr_sql_texts[sql].sqlite;

    if (z_text == NULL) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL,
                              "sqlite: %s is not for this engine",
                              cr_sql_texts[sql].name);
    }

    cr_sqlite_may_wait(cx, link);

    rc = sqlite3_prepare_v3(link->db, z_text, -1, SQLITE_PREPARE_PERSISTENT,
                            &st, NULL);

    if (rc != SQLITE_OK) {
        return cr_sqlite_fail(cx, link, rc, cr_sql_texts[sql].name);
    }

    *ret_prep = st;

    return CR_OK;
}


static void
cr_sqlite_finalize(void *prep)
{
    (void) sqlite3_finalize(prep);
}


static bool
cr_sqlite_writes(void *prep)
{
    return sqlite3_stmt_readonly(prep) == 0;
}


static cr_err_t
cr_sqlite_bind(cr_ctx_t *cx, void *arg, void *prep, const cr_val_t *vals,
               size_t n, bool copy)
{
    int                     rc, at;
    size_t                  i;
    const char             *data;
    cr_sqlite_link_t       *link = arg;
    sqlite3_destructor_type keep;

    keep = copy ? SQLITE_TRANSIENT : SQLITE_STATIC;

    for (i = 0; i < n; i++) {
        at = (int) i + 1;
        /* The library takes no data for NULL, we for an empty value. */
        data = (vals[i].s.data == NULL) ? "" : vals[i].s.data;

        switch (vals[i].type) {

        case CR_VAL_INT:
            rc = sqlite3_bind_int64(prep, at, vals[i].n);
            break;

        case CR_VAL_TEXT:
            rc = sqlite3_bind_text64(prep, at, data, vals[i].s.len, keep,
                                     SQLITE_UTF8);
            break;

        case CR_VAL_BLOB:
            rc = sqlite3_bind_blob64(prep, at, data, vals[i].s.len, keep);
            break;

        default:
            rc = sqlite3_bind_null(prep, at);
        }

        if (rc != SQLITE_OK) {
            return cr_sqlite_fail(cx, link, rc, "bind");
        }
    }

    return CR_OK;
}


static cr_err_t
cr_sqlite_step(cr_ctx_t *cx, void *arg, cr_sql_e sql, void *prep, bool *ret_row)
{
    int               rc;
    cr_sqlite_link_t *link = arg;

    cr_sqlite_may_wait(cx, link);

    rc = sqlite3_step(prep);

    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return cr_sqlite_fail(cx, link, rc, cr_sql_texts[sql].name);
    }

    *ret_row = (rc == SQLITE_ROW);

    return CR_OK;
}


static void
cr_sqlite_reset(void *prep)
{
    (void) sqlite3_reset(prep);
    (void) sqlite3_clear_bindings(prep);
}


static int64_t
cr_sqlite_column_int(void *prep, int col)
{
    return sqlite3_column_int64(prep, col);
}


static bool
cr_sqlite_column_null(void *prep, int col)
{
    return sqlite3_column_type(prep, col) == SQLITE_NULL;
}


static bool
cr_sqlite_column_is_int(void *prep, int col)
{
    return sqlite3_column_type(prep, col) == SQLITE_INTEGER;
}


static int
cr_sqlite_columns(void *prep)
{
    return sqlite3_column_count(prep);
}


static cr_str_t
cr_sqlite_column_text(void *prep, int col)
{
    cr_str_t s;

    s.data = (const char *) sqlite3_column_text(prep, col);
    s.len = (s.data == NULL) ? 0 : (size_t) sqlite3_column_bytes(prep, col);

    return s;
}


static cr_str_t
cr_sqlite_column_blob(void *prep, int col)
{
    cr_str_t s;

    if (cr_sqlite_column_null(prep, col)) {
        return CR_STR_NULL;
    }

    s.data = sqlite3_column_blob(prep, col);
    s.len = (size_t) sqlite3_column_bytes(prep, col);

    /* No data for an empty value, too. */
    return (s.data == NULL) ? CR_STR("") : s;
}


static int64_t
cr_sqlite_changes(void *arg)
{
    cr_sqlite_link_t *link = arg;

    return sqlite3_changes64(link->db);
}


/* --- transactions --- */

static cr_err_t
cr_sqlite_script(cr_ctx_t *cx, void *arg, const char *z_text)
{
    int               rc;
    cr_sqlite_link_t *link = arg;

    cr_sqlite_may_wait(cx, link);

    rc = sqlite3_exec(link->db, z_text, NULL, NULL, NULL);

    if (rc != SQLITE_OK) {
        return cr_sqlite_fail(cx, link, rc, "schema");
    }

    return CR_OK;
}


static cr_err_t
cr_sqlite_set_sync(cr_ctx_t *cx, void *arg, bool sync)
{
    cr_sqlite_link_t *link = arg;

    if (link->sync == sync) {
        return CR_OK;
    }

    cr_sqlite_may_wait(cx, link);

    CR_TRY(cr_sqlite_pragma(cx, link,
                            sync ? CR_SQL_DB_SYNC_FULL : CR_SQL_DB_SYNC_NORMAL,
                            NULL));

    link->sync = sync;

    return CR_OK;
}


static bool
cr_sqlite_in_transaction(void *arg)
{
    cr_sqlite_link_t *link = arg;

    return sqlite3_get_autocommit(link->db) == 0;
}


static cr_err_t
cr_sqlite_take_fatal(void *arg)
{
    cr_err_t          err;
    cr_sqlite_link_t *link = arg;

    err = link->fatal;
    link->fatal = CR_OK;

    return err;
}


/* A file that was removed or replaced still answers through our descriptor. */
static cr_err_t
cr_sqlite_ping(cr_ctx_t *cx, void *arg)
{
    int               rc, moved;
    cr_sqlite_link_t *link = arg;

    moved = 0;
    rc = sqlite3_file_control(link->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);

    if (rc != SQLITE_OK && rc != SQLITE_NOTFOUND) {
        return cr_sqlite_fail(cx, link, rc, "ping");
    }

    if (moved) {
        return cr_fail_detail(cx, CR_ERR_DB_MISSING,
                              "sqlite: \"%s\" was removed or replaced",
                              sqlite3_db_filename(link->db, "main"));
    }

    return CR_OK;
}


/* --- the table --- */

const cr_db_driver_t cr_db_sqlite = {
    .z_scheme = "sqlite",
    .reads_inline = true,
    .open = cr_sqlite_open,
    .close = cr_sqlite_close,
    .connect = cr_sqlite_connect,
    .disconnect = cr_sqlite_disconnect,
    .prepare = cr_sqlite_prepare,
    .finalize = cr_sqlite_finalize,
    .writes = cr_sqlite_writes,
    .bind = cr_sqlite_bind,
    .step = cr_sqlite_step,
    .reset = cr_sqlite_reset,
    .column_int = cr_sqlite_column_int,
    .column_text = cr_sqlite_column_text,
    .column_blob = cr_sqlite_column_blob,
    .column_null = cr_sqlite_column_null,
    .column_is_int = cr_sqlite_column_is_int,
    .columns = cr_sqlite_columns,
    .changes = cr_sqlite_changes,
    .script = cr_sqlite_script,
    .set_sync = cr_sqlite_set_sync,
    .in_transaction = cr_sqlite_in_transaction,
    .take_fatal = cr_sqlite_take_fatal,
    .ping = cr_sqlite_ping,
    .ballast_hold = cr_sqlite_hold,
    .ballast_drop = cr_sqlite_drop,
    .checkpoint = cr_sqlite_checkpoint,
    .backup = cr_sqlite_backup,
    .restore = cr_sqlite_restore,
    .backup_base = cr_sqlite_backup_base,
};
