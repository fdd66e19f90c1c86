/*
 * The part of the database layer that all engines share: the table of
 * drivers, a connection for each thread, prepared statements.  Not here:
 * transactions (write.c), migrations (migrate.c).
 *
 * A cr_db_t may be used by any thread.  Each thread gets its connection at
 * its first call, through a thread-specific key of the database; it is closed
 * when the thread ends, or by cr_db_close.  A thread that leads has meanwhile
 * another, which all leaders share (write.c).
 *
 * Sections: open, connections, statements, columns, shorthands, upkeep.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/redact.h"
#include "db/recall.h"

static const cr_db_driver_t *const cr_db_drivers[] = {
    &cr_db_sqlite,
};

/* Nested uses of one statement; more is a runaway. */
#define CR_DB_NESTED_MAX 16

static cr_err_t cr_conn_slot(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql,
                             cr_db_slot_t **ret_slot);
static void     cr_conn_release(cr_conn_t *c, cr_db_slot_t *slot);
static bool     cr_stmt_is_open(const cr_stmt_t *st);


/* --- open --- */

static cr_err_t
cr_db_create(cr_ctx_t *cx, const cr_db_driver_t *driver, cr_str_t url,
             cr_db_t **ret_db)
{
    int      rc;
    cr_db_t *db;

    db = calloc(1, sizeof(cr_db_t));

    if (db == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    db->z_url = malloc(url.len + 1);

    if (db->z_url == NULL) {
        free(db);
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    memcpy(db->z_url, url.data, url.len);
    db->z_url[url.len] = '\0';

    rc = pthread_key_create(&db->key, cr_conn_close);

    if (rc != 0) {
        free(db->z_url);
        free(db);
        return cr_fail_errno(cx, rc, "database: no key for connections");
    }

    (void) pthread_mutex_init(&db->conns_mutex, NULL);
    (void) pthread_mutex_init(&db->queue_mutex, NULL);

    db->driver = driver;
    db->pid = getpid();
    db->tail = &db->head;

    *ret_db = db;

    return CR_OK;
}


cr_err_t
cr_db_driver_find(cr_ctx_t *cx, cr_str_t url, const cr_db_driver_t **ret_driver,
                  cr_str_t *ret_rest)
{
    size_t   i;
    cr_str_t rest, scheme;

    rest = url;

    if (cr_str_chr(url, ':') < 0 || !cr_str_split(&rest, ':', &scheme)) {
        url = cr_redact_url(cx, url);
        return cr_fail_detail(cx, CR_ERR_CONFIG,
                              "database \"%.*s\" is no URL like sqlite:/path",
                              CR_STR_ARG(url));
    }

    for (i = 0; i < CR_NELTS(cr_db_drivers); i++) {
        if (cr_str_eq_z(scheme, cr_db_drivers[i]->z_scheme)) {
            break;
        }
    }

    if (i == CR_NELTS(cr_db_drivers)) {
        return cr_fail_detail(cx, CR_ERR_CONFIG,
                              "database: unknown scheme \"%.*s\"",
                              CR_STR_ARG(scheme));
    }

    *ret_driver = cr_db_drivers[i];
    *ret_rest = rest;

    return CR_OK;
}


cr_err_t
cr_db_open(cr_ctx_t *cx, cr_str_t url, unsigned flags, cr_db_t **ret_db)
{
    cr_db_t              *db;
    cr_err_t              err;
    cr_str_t              rest;
    cr_conn_t            *c;
    const cr_db_driver_t *driver;

    db = NULL;
    driver = NULL;
    CR_TRY(cr_db_driver_find(cx, url, &driver, &rest));
    assert(driver != NULL);

    CR_TRY(cr_db_create(cx, driver, url, &db));
    assert(db != NULL);

    err = db->driver->open(cx, rest, flags, &db->data);

    if (err == CR_OK) {
        err = cr_db_conn(cx, db, &c);
    }

    if (err == CR_OK && !(flags & CR_DB_ANY_SCHEMA)) {
        err = cr_db_schema_check(cx, db, CR_SQL_SCHEMA_VERSION);
    }

    if (err != CR_OK) {
        cr_db_close(db);
        return err;
    }

    *ret_db = db;

    return CR_OK;
}


void
cr_db_line_up(cr_db_t *db, cr_db_gate_t *gate)
{
    db->gate = gate;
}


void
cr_db_close(cr_db_t *db)
{
    if (db == NULL) {
        return;
    }

    assert(db->head == NULL && !db->leading);

    /* From now on a thread that ends leaves its connection to us. */
    (void) pthread_key_delete(db->key);

    while (db->conns != NULL) {
        cr_conn_close(db->conns);
    }

    if (db->data != NULL) {
        db->driver->close(db->data);
    }

    (void) pthread_mutex_destroy(&db->conns_mutex);
    (void) pthread_mutex_destroy(&db->queue_mutex);

    free(db->z_url);
    free(db);
}


bool
cr_db_reads_inline(const cr_db_t *db)
{
    return db->driver->reads_inline;
}


const char *
cr_db_url(const cr_db_t *db)
{
    return db->z_url;
}


const char *
cr_db_backup_base(const cr_db_t *db)
{
    return db->driver->backup_base(db->data);
}


/* --- connections --- */

cr_err_t
cr_db_conn(cr_ctx_t *cx, cr_db_t *db, cr_conn_t **ret_c)
{
    int        rc;
    cr_err_t   err;
    cr_conn_t *c;

    c = pthread_getspecific(db->key);

    if (c != NULL) {
        *ret_c = (c->lent != NULL) ? c->lent : c;
        return CR_OK;
    }

    err = cr_db_connect(cx, db, &c);

    /* A link needs files beside the database.  Many processes may start at
     * once: whoever gave the ballast up made room for all. */
    if (err == CR_ERR_NO_SPACE) {
        (void) db->driver->ballast_drop(cx, db->data);
        cr_clear(cx);
        err = cr_db_connect(cx, db, &c);
    }

    CR_TRY(err);
    assert(c != NULL);
    rc = pthread_setspecific(db->key, c);

    if (rc != 0) {
        cr_conn_close(c);
        return cr_fail_errno(cx, rc, "database: cannot keep a connection");
    }

    *ret_c = c;

    return CR_OK;
}


cr_err_t
cr_db_own(cr_ctx_t *cx, const cr_db_t *db)
{
    if (db->pid != getpid()) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL,
                              "database: opened before a fork");
    }

    return CR_OK;
}


cr_err_t
cr_db_connect(cr_ctx_t *cx, cr_db_t *db, cr_conn_t **ret_c)
{
    cr_err_t   err;
    cr_conn_t *c;

    CR_TRY(cr_db_own(cx, db));

    c = calloc(1, sizeof(cr_conn_t));

    if (c == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    c->db = db;
    c->thread = pthread_self();

    err = cr_ctx_init(&c->cx, 0);

    if (err != CR_OK) {
        free(c);
        return cr_fail(cx, err, NULL);
    }

    err = db->driver->connect(cx, db->data, &c->link);

    if (err != CR_OK) {
        cr_ctx_done(&c->cx);
        free(c);
        return err;
    }

    (void) pthread_mutex_lock(&db->conns_mutex);

    c->prev = &db->conns;
    c->next = db->conns;
    if (c->next != NULL) {
        c->next->prev = &c->next;
    }
    db->conns = c;

    (void) pthread_mutex_unlock(&db->conns_mutex);

    *ret_c = c;

    return CR_OK;
}


/* Also the destructor of the key: runs when the connection's thread ends. */
void
cr_conn_close(void *arg)
{
    size_t        i;
    cr_db_t      *db;
    cr_conn_t    *c = arg;
    cr_db_slot_t *slot;

    db = c->db;

    (void) pthread_mutex_lock(&db->conns_mutex);

    *c->prev = c->next;
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }

    (void) pthread_mutex_unlock(&db->conns_mutex);

    for (i = 0; i < CR_SQL_MAX; i++) {
        while (c->slots[i] != NULL) {
            slot = c->slots[i];
            c->slots[i] = slot->next;
            db->driver->finalize(slot->prep);
            free(slot);
        }
    }

    db->driver->disconnect(c->link);
    cr_recall_free(c->recall);
    cr_ctx_done(&c->cx);
    free(c);
}


/* --- statements --- */

cr_err_t
cr_db_query(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, const cr_val_t *vals,
            size_t n, cr_stmt_t **ret_st)
{
    cr_stmt_t *st;

    st = CR_NEW(cx, cr_stmt_t);

    if (st == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    CR_TRY(cr_recall_applies(cx, c, sql)
               ? cr_recall_query(cx, c, sql, vals, n, st)
               : cr_conn_start(cx, c, sql, vals, n, true, st));

    *ret_st = st;

    return CR_OK;
}


cr_err_t
cr_conn_start(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, const cr_val_t *vals,
              size_t n, bool copy, cr_stmt_t *st)
{
    cr_err_t      err;
    cr_db_slot_t *slot;

    assert(pthread_equal(c->thread, pthread_self()));

    slot = NULL;

    if (n != cr_sql_texts[sql].params) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL,
                              "%s takes %zu values, not %zu",
                              cr_sql_texts[sql].name, cr_sql_texts[sql].params,
                              n);
    }

    CR_TRY(cr_conn_slot(cx, c, sql, &slot));
    assert(slot != NULL);

    /* Alone it would be a transaction of its own, and begin as a reader. */
    if (slot->writes && !c->in_write) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL,
                              "%s writes, outside of cr_db_write",
                              cr_sql_texts[sql].name);
    }

    /* The engine gave the transaction up, and the operation goes on. */
    if (slot->writes && sql != CR_SQL_DB_BEGIN_WRITE
        && !c->db->driver->in_transaction(c->link))
    {
        return cr_fail_detail(cx, CR_ERR_DB, "%s: the transaction is lost",
                              cr_sql_texts[sql].name);
    }

    slot->busy = true;
    slot->use++;
    slot->opened = ++c->opened;
    c->nopen++;

    err = c->db->driver->bind(cx, c->link, slot->prep, vals, n, copy);

    if (err != CR_OK) {
        cr_conn_release(c, slot);
        return err;
    }

    st->c = c;
    st->slot = slot;
    st->use = slot->use;
    st->sql = sql;
    st->finished = false;

    return CR_OK;
}


/* A prepared statement that nobody uses now. */
static cr_err_t
cr_conn_slot(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, cr_db_slot_t **ret_slot)
{
    size_t        n;
    cr_err_t      err;
    cr_db_slot_t *slot, **last;

    n = 0;

    for (last = &c->slots[sql]; *last != NULL; last = &(*last)->next) {
        if (!(*last)->busy) {
            *ret_slot = *last;
            return CR_OK;
        }
        n++;
    }

    if (n == CR_DB_NESTED_MAX) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL,
                              "%s is open %d times: a cr_stmt_done is missing",
                              cr_sql_texts[sql].name, CR_DB_NESTED_MAX);
    }

    slot = calloc(1, sizeof(cr_db_slot_t));

    if (slot == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    err = c->db->driver->prepare(cx, c->link, sql, &slot->prep);

    if (err != CR_OK) {
        free(slot);
        return err;
    }

    slot->writes = c->db->driver->writes(slot->prep);
    *last = slot;
    *ret_slot = slot;

    return CR_OK;
}


static void
cr_conn_release(cr_conn_t *c, cr_db_slot_t *slot)
{
    c->db->driver->reset(slot->prep);
    slot->busy = false;
    c->nopen--;
}


size_t
cr_conn_end_statements(cr_conn_t *c, uint64_t opened)
{
    size_t        i, n;
    cr_db_slot_t *slot;

    n = 0;

    for (i = 0; i < CR_SQL_MAX && c->nopen != 0; i++) {
        for (slot = c->slots[i]; slot != NULL; slot = slot->next) {
            if (slot->busy && slot->opened > opened) {
                cr_conn_release(c, slot);
                n++;
            }
        }
    }

    return n;
}


/* False for a handle whose statement was ended, and maybe used again. */
static bool
cr_stmt_is_open(const cr_stmt_t *st)
{
    if (st->rows != NULL) {
        return !st->finished;
    }

    return !st->finished && st->slot->busy && st->slot->use == st->use;
}


cr_err_t
cr_stmt_next(cr_ctx_t *cx, cr_stmt_t *st, bool *ret_row)
{
    bool       row;
    cr_err_t   err;
    cr_conn_t *c;

    if (st->finished) {
        *ret_row = false;
        return CR_OK;
    }

    if (st->rows != NULL) {
        *ret_row = cr_recall_next(st);
        return CR_OK;
    }

    assert(st->slot != NULL);

    if (!cr_stmt_is_open(st)) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL,
                              "%s was ended with its transaction",
                              cr_sql_texts[st->sql].name);
    }

    c = st->c;
    assert(pthread_equal(c->thread, pthread_self()));

    row = false;
    err = c->db->driver->step(cx, c->link, st->sql, st->slot->prep, &row);

    if (err != CR_OK || !row) {
        cr_stmt_done(st);
    }

    if (err == CR_OK) {
        *ret_row = row;
    }

    return err;
}


void
cr_stmt_done(cr_stmt_t *st)
{
    if (st == NULL) {
        return;
    }

    if (st->rows == NULL && cr_stmt_is_open(st)) {
        cr_conn_release(st->c, st->slot);
    }

    st->finished = true;
}


/* --- columns --- */

int64_t
cr_stmt_int(cr_stmt_t *st, int col)
{
    if (!cr_stmt_is_open(st)) {
        return 0;
    }

    if (st->rows != NULL) {
        return cr_recall_int(st, col);
    }

    return st->c->db->driver->column_int(st->slot->prep, col);
}


cr_str_t
cr_stmt_text(cr_ctx_t *cx, cr_stmt_t *st, int col)
{
    cr_str_t s;

    if (!cr_stmt_is_open(st)) {
        return CR_STR_NULL;
    }

    s = st->rows != NULL ? cr_recall_bytes(st, col)
                         : st->c->db->driver->column_text(st->slot->prep, col);

    return (s.data == NULL) ? CR_STR_NULL : cr_dup(cx, s);
}


cr_str_t
cr_stmt_blob(cr_ctx_t *cx, cr_stmt_t *st, int col)
{
    cr_str_t s;

    if (!cr_stmt_is_open(st)) {
        return CR_STR_NULL;
    }

    s = st->rows != NULL ? cr_recall_bytes(st, col)
                         : st->c->db->driver->column_blob(st->slot->prep, col);

    return (s.data == NULL) ? CR_STR_NULL : cr_dup(cx, s);
}


bool
cr_stmt_is_null(cr_stmt_t *st, int col)
{
    if (!cr_stmt_is_open(st)) {
        return true;
    }

    return st->rows != NULL
               ? cr_recall_null(st, col)
               : st->c->db->driver->column_null(st->slot->prep, col);
}


/* --- shorthands --- */

cr_err_t
cr_db_run(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, const cr_val_t *vals,
          size_t n)
{
    bool      row;
    cr_stmt_t st = { 0 };

    CR_TRY(cr_conn_start(cx, c, sql, vals, n, false, &st));

    do {
        CR_TRY(cr_stmt_next(cx, &st, &row));
    } while (row);

    return CR_OK;
}


cr_err_t
cr_db_run_count(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, const cr_val_t *vals,
                size_t n, int64_t *ret_n)
{
    CR_TRY(cr_db_run(cx, c, sql, vals, n));

    *ret_n = c->db->driver->changes(c->link);

    return CR_OK;
}


cr_err_t
cr_db_get_int(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, const cr_val_t *vals,
              size_t n, bool *ret_found, int64_t *ret_v)
{
    bool      row;
    cr_stmt_t st = { 0 };

    CR_TRY(cr_conn_start(cx, c, sql, vals, n, false, &st));
    CR_TRY(cr_stmt_next(cx, &st, &row));

    if (row) {
        *ret_v = cr_stmt_int(&st, 0);
        cr_stmt_done(&st);
    }

    *ret_found = row;

    return CR_OK;
}


cr_err_t
cr_conn_control(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql)
{
    return cr_db_run(cx, c, sql, NULL, 0);
}


cr_err_t
cr_db_script(cr_ctx_t *cx, cr_conn_t *c, const char *z_text)
{
    assert(c->in_write);

    return c->db->driver->script(cx, c->link, z_text);
}


/* --- upkeep --- */

cr_err_t
cr_db_data_version(cr_ctx_t *cx, cr_db_t *db, int64_t *ret_v)
{
    bool       found;
    cr_conn_t *c = NULL;

    CR_TRY(cr_db_conn(cx, db, &c));
    assert(c != NULL);
    CR_TRY(
        cr_db_get_int(cx, c, CR_SQL_DB_DATA_VERSION, NULL, 0, &found, ret_v));

    if (!found) {
        return cr_fail_detail(cx, CR_ERR_DB, "no data version");
    }

    return CR_OK;
}


cr_err_t
cr_db_checkpoint(cr_ctx_t *cx, cr_db_t *db, bool truncate,
                 int64_t *ret_wal_pages)
{
    cr_err_t   err;
    cr_conn_t *c = NULL;

    if (!cx->may_block) {
        return cr_fail(cx, CR_ERR_AGAIN, NULL);
    }

    CR_TRY(cr_db_conn(cx, db, &c));
    assert(c != NULL);

    err = db->driver->checkpoint(cx, c->link, truncate, ret_wal_pages);

    if (err != CR_ERR_NO_SPACE || !db->driver->ballast_drop(cx, db->data)) {
        return err;
    }

    /* Moved, the log can be used from its beginning: that saves room. */
    cr_clear(cx);

    return db->driver->checkpoint(cx, c->link, truncate, ret_wal_pages);
}


cr_err_t
cr_db_ballast(cr_ctx_t *cx, cr_db_t *db, bool *ret_held)
{
    if (!cx->may_block) {
        return cr_fail(cx, CR_ERR_AGAIN, NULL);
    }

    return db->driver->ballast_hold(cx, db->data, ret_held);
}


cr_err_t
cr_db_size(cr_ctx_t *cx, cr_db_t *db, uint64_t *ret_size)
{
    bool       found;
    int64_t    size = 0;
    cr_conn_t *c = NULL;

    CR_TRY(cr_db_conn(cx, db, &c));
    assert(c != NULL);
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_DB_SIZE, NULL, 0, &found, &size));
    *ret_size = (uint64_t) size;

    return CR_OK;
}


cr_err_t
cr_db_ping(cr_ctx_t *cx, cr_db_t *db)
{
    bool       found;
    int64_t    one;
    cr_conn_t *c = NULL;

    CR_TRY(cr_db_conn(cx, db, &c));
    assert(c != NULL);
    CR_TRY(db->driver->ping(cx, c->link));

    return cr_db_get_int(cx, c, CR_SQL_DB_PING, NULL, 0, &found, &one);
}
