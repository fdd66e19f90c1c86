/*
 * Opening the metadata of a registry, its first rows, and what the entities
 * share.  No entity of its own.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "meta/inner.h"
#include "meta/setting.h"

#define CR_BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"

const cr_meta_conf_t cr_meta_conf_default = {
    .grace_us = 24 * CR_HOUR,
    .trash_us = 7 * CR_DAY,
    .upload_expires_us = 7 * CR_DAY,
    .upload_lease_us = 60 * CR_SECOND,
    .uploads_max = 1000,
};


cr_err_t
cr_meta_row(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, const cr_val_t *vals,
            size_t n, bool *ret_found, cr_stmt_t **ret_st)
{
    cr_stmt_t *st;
    cr_err_t   err;
    bool       row;

    CR_TRY(cr_db_query(cx, c, sql, vals, n, &st));

    err = cr_stmt_next(cx, st, &row);
    if (err != CR_OK || !row) {
        cr_stmt_done(st);
        if (err != CR_OK) {
            return err;
        }
    }

    *ret_found = row;
    *ret_st = row ? st : NULL;
    return CR_OK;
}


cr_err_t
cr_meta_rows_done(cr_ctx_t *cx, cr_stmt_t *st)
{
    cr_stmt_done(st);
    return cx->err == CR_ERR_NO_MEMORY ? CR_ERR_NO_MEMORY : CR_OK;
}


void
cr_meta_read_text(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    *(cr_str_t *) row = cr_stmt_text(cx, st, 0);
}


cr_err_t
cr_meta_list(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, const cr_val_t *vals,
             size_t nvals, cr_meta_read_pt read, size_t element,
             void **ret_rows, size_t *ret_n)
{
    cr_stmt_t *st;
    char      *rows = NULL, *p;
    size_t     n = 0, size = 0;
    bool       row;
    cr_err_t   err;

    CR_TRY(cr_db_query(cx, c, sql, vals, nvals, &st));

    for (;;) {
        err = cr_stmt_next(cx, st, &row);
        if (err != CR_OK || !row) {
            break;
        }
        if (n == size) {
            size = size == 0 ? 16 : size * 2;
            p = cr_alloc(cx, size * element);
            if (p == NULL) {
                err = CR_ERR_NO_MEMORY;
                break;
            }
            if (n > 0) {
                memcpy(p, rows, n * element);
            }
            rows = p;
        }
        read(cx, st, rows + n * element);
        n++;
    }

    if (err != CR_OK) {
        cr_stmt_done(st);
        return err;
    }
    CR_TRY(cr_meta_rows_done(cx, st));
    *ret_rows = rows;
    *ret_n = n;
    return CR_OK;
}


/*
 * The kernel's boot id.  Where it cannot be read, a random one: every session
 * then counts as one of another boot, and is hashed again, which is slow but
 * right.
 */
static cr_err_t
cr_meta_read_boot_id(cr_ctx_t *cx, cr_meta_t *m)
{
    cr_str_t id;
    ssize_t  n = -1;
    int      fd;

    fd = cx->sys->openat(AT_FDCWD, CR_BOOT_ID_PATH, O_RDONLY | O_CLOEXEC, 0);
    if (fd >= 0) {
        n = cx->sys->pread(fd, m->boot_id, sizeof(m->boot_id), 0);
        (void) cx->sys->close(fd);
    }

    id.data = m->boot_id;
    id.len = n > 0 ? (size_t) n : 0;
    while (id.len > 0
           && (id.data[id.len - 1] == '\n' || id.data[id.len - 1] == ' '))
    {
        id.len--;
    }
    if (id.len == 0) {
        CR_TRY(cr_uuid_make(cx, m->boot_id));
        id.len = CR_UUID_LEN;
    }

    m->boot_id_len = id.len;
    return CR_OK;
}


cr_err_t
cr_meta_open(cr_ctx_t *cx, cr_db_t *db, const cr_meta_conf_t *conf,
             cr_meta_t **ret_m)
{
    cr_meta_t *m;
    cr_str_t   id;
    cr_err_t   err;

    m = calloc(1, sizeof(*m));
    if (m == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }
    m->db = db;
    m->conf = *conf;

    err = cr_setting_get(cx, m, CR_SETTING_INSTALLATION_ID, &id);
    if (err == CR_OK && id.data == NULL) {
        err = cr_fail_detail(cx, CR_ERR_DB_MISSING,
                             "the database has a schema but no installation "
                             "id: run jobrunner db migrate");
    }
    if (err == CR_OK && id.len != CR_UUID_LEN) {
        err = cr_fail_detail(cx, CR_ERR_CORRUPT,
                             "setting installation_id is not a UUID");
    }
    if (err == CR_OK) {
        memcpy(m->installation_id, id.data, CR_UUID_LEN);
        err = cr_meta_read_boot_id(cx, m);
    }
    if (err == CR_OK) {
        m->process_len = cr_process_self(cx, cr_meta_boot_id(m), m->process);
    }
    if (err != CR_OK) {
        free(m);
        return err;
    }

    *ret_m = m;
    return CR_OK;
}


void
cr_meta_close(cr_meta_t *m)
{
    free(m);
}


cr_db_t *
cr_meta_db(const cr_meta_t *m)
{
    return m->db;
}


cr_str_t
cr_meta_installation_id(const cr_meta_t *m)
{
    return (cr_str_t){ CR_UUID_LEN, m->installation_id };
}


cr_str_t
cr_meta_boot_id(const cr_meta_t *m)
{
    return (cr_str_t){ m->boot_id_len, m->boot_id };
}


cr_str_t
cr_meta_process(const cr_meta_t *m)
{
    return (cr_str_t){ m->process_len, m->process };
}


const cr_meta_conf_t *
cr_meta_conf(const cr_meta_t *m)
{
    return &m->conf;
}


static cr_err_t
cr_bootstrap_setting(cr_ctx_t *cx, cr_conn_t *c, const char *name)
{
    char     id[CR_UUID_LEN];
    cr_val_t v[3];

    CR_TRY(cr_uuid_make(cx, id));
    v[0] = CR_V_TEXT(cr_str_z(name));
    v[1] = CR_V_TEXT(((cr_str_t){ sizeof(id), id }));
    v[2] = CR_V_INT(cr_now(cx));
    return cr_db_run(cx, c, CR_SQL_SETTING_ADD, v, 3);
}


static cr_err_t
cr_bootstrap_key(cr_ctx_t *cx, cr_conn_t *c)
{
    int64_t one;
    bool    found;

    CR_TRY(cr_db_get_int(cx, c, CR_SQL_KEY_ANY, NULL, 0, &found, &one));

    return found ? CR_OK : cr_key_make_in(cx, c);
}


static cr_err_t
cr_bootstrap_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_val_t now = CR_V_INT(cr_now(cx));

    (void) arg;
    CR_TRY(cr_bootstrap_setting(cx, c, CR_SETTING_INSTALLATION_ID));
    CR_TRY(cr_bootstrap_setting(cx, c, CR_SETTING_INCARNATION));
    CR_TRY(cr_bootstrap_key(cx, c));
    CR_TRY(cr_db_run(cx, c, CR_SQL_USER_ADD_FIRST, &now, 1));
    return cr_db_run(cx, c, CR_SQL_PROJECT_ADD_FIRST, &now, 1);
}


cr_err_t
cr_meta_bootstrap(cr_ctx_t *cx, cr_db_t *db)
{
    return cr_db_write(cx, db, CR_DB_SYNC, cr_bootstrap_write, NULL);
}


/* --- after a restore ---------------------------------------------------- */

static cr_err_t
cr_restored_setting(cr_ctx_t *cx, cr_conn_t *c, const char *name,
                    cr_str_t value)
{
    cr_val_t v[3];

    v[0] = CR_V_TEXT(cr_str_z(name));
    v[1] = CR_V_TEXT(value);
    v[2] = CR_V_INT(cr_now(cx));
    return cr_db_run(cx, c, CR_SQL_SETTING_PUT, v, 3);
}


static cr_err_t
cr_restored_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    bool       found;
    char       id[CR_UUID_LEN];
    cr_str_t   at;
    cr_val_t   v;
    cr_stmt_t *st;

    (void) arg;
    v = CR_V_TEXT(CR_STR(CR_SETTING_INSTALLATION_ID));
    CR_TRY(cr_meta_row(cx, c, CR_SQL_SETTING_GET, &v, 1, &found, &st));
    if (!found) {
        return cr_fail(cx, CR_ERR_CORRUPT,
                       "the backup has no installation id: it is not one of "
                       "a registry");
    }
    cr_stmt_done(st);

    at = cr_printf(cx, "%lld", (long long) cr_now(cx));
    if (at.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    CR_TRY(cr_uuid_make(cx, id));
    CR_TRY(cr_restored_setting(cx, c, CR_SETTING_INCARNATION,
                               (cr_str_t){ sizeof(id), id }));
    CR_TRY(cr_restored_setting(cx, c, CR_SETTING_SWEEP_HELD, CR_STR("1")));
    CR_TRY(cr_restored_setting(cx, c, CR_SETTING_RESTORED_AT, at));
    return cr_db_run(cx, c, CR_SQL_UPLOAD_END_ALL, NULL, 0);
}


cr_err_t
cr_meta_restored(cr_ctx_t *cx, cr_db_t *db)
{
    return cr_db_write(cx, db, CR_DB_SYNC, cr_restored_write, NULL);
}
