/* Users. */

#include "meta/inner.h"
#include "meta/user.h"


static void
cr_user_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_user_t *u = row;

    u->id = cr_stmt_int(st, 0);
    u->name = cr_stmt_text(cx, st, 1);
    u->password_hash = cr_stmt_text(cx, st, 2);
    u->admin = cr_stmt_int(st, 3) != 0;
    u->disabled = cr_stmt_int(st, 4) != 0;
    u->epoch = cr_stmt_int(st, 5);
    u->created_at = cr_stmt_int(st, 6);
}


static cr_err_t
cr_user_get(cr_ctx_t *cx, cr_meta_t *m, cr_sql_e sql, const cr_val_t *key,
            cr_user_t *ret_u)
{
    cr_user_t  u;
    cr_conn_t *c;
    cr_stmt_t *st;
    bool       found;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_row(cx, c, sql, key, 1, &found, &st));
    if (!found) {
        return cr_fail(cx, CR_ERR_NOT_FOUND, "user not found");
    }

    cr_user_read(cx, st, &u);
    CR_TRY(cr_meta_rows_done(cx, st));

    *ret_u = u;
    return CR_OK;
}


cr_err_t
cr_user_by_name(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name, cr_user_t *ret_u)
{
    cr_val_t v = CR_V_TEXT(name);

    return cr_user_get(cx, m, CR_SQL_USER_BY_NAME, &v, ret_u);
}


cr_err_t
cr_user_by_id(cr_ctx_t *cx, cr_meta_t *m, int64_t id, cr_user_t *ret_u)
{
    cr_val_t v = CR_V_INT(id);

    return cr_user_get(cx, m, CR_SQL_USER_BY_ID, &v, ret_u);
}


cr_err_t
cr_user_list(cr_ctx_t *cx, cr_meta_t *m, cr_str_t last, size_t n,
             cr_user_t **ret_rows, size_t *ret_n)
{
    cr_conn_t *c;
    cr_val_t   v[2];
    void      *rows;

    v[0] = CR_V_TEXT(last);
    v[1] = CR_V_INT(n);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c, CR_SQL_USER_LIST, v, 2, cr_user_read,
                        sizeof(cr_user_t), &rows, ret_n));
    *ret_rows = rows;
    return CR_OK;
}


typedef struct cr_user_password_s {
    int64_t  id;
    cr_str_t hash;
} cr_user_password_t;


static cr_err_t
cr_user_password_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_user_password_t *p = arg;
    cr_val_t                  v[3];
    int64_t                   n;

    v[0] = CR_V_OPT(p->hash);
    v[1] = CR_V_INT(cr_now(cx));
    v[2] = CR_V_INT(p->id);
    CR_TRY(cr_db_run_count(cx, c, CR_SQL_USER_SET_PASSWORD, v, 3, &n));
    if (n == 0) {
        return cr_fail(cx, CR_ERR_NOT_FOUND, "user not found");
    }
    return CR_OK;
}


cr_err_t
cr_user_set_password(cr_ctx_t *cx, cr_meta_t *m, int64_t id, cr_str_t hash)
{
    cr_user_password_t p = { .id = id, .hash = hash };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_user_password_write, &p);
}
