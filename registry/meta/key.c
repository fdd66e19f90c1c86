/* Token keys. */

#include "meta/inner.h"
#include "meta/key.h"


static void
cr_key_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_key_row_t *k = row;

    k->kid = cr_stmt_text(cx, st, 0);
    k->alg = cr_stmt_text(cx, st, 1);
    k->secret = cr_stmt_blob(cx, st, 2);
    k->created_at = cr_stmt_int(st, 3);
    k->retired = !cr_stmt_is_null(st, 4);
}


cr_err_t
cr_key_list(cr_ctx_t *cx, cr_meta_t *m, cr_key_row_t **ret_rows, size_t *ret_n)
{
    cr_conn_t *c;
    void      *rows;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c, CR_SQL_KEY_LIST, NULL, 0, cr_key_read,
                        sizeof(cr_key_row_t), &rows, ret_n));
    *ret_rows = rows;
    return CR_OK;
}


static cr_err_t
cr_key_put_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_key_row_t *k = arg;
    cr_val_t            v[4];

    v[0] = CR_V_TEXT(k->kid);
    v[1] = CR_V_TEXT(k->alg);
    v[2] = CR_V_BLOB(k->secret);
    v[3] = CR_V_INT(cr_now(cx));

    return cr_db_run(cx, c, CR_SQL_KEY_PUT, v, 4);
}


cr_err_t
cr_key_put(cr_ctx_t *cx, cr_meta_t *m, cr_str_t kid, cr_str_t alg,
           cr_str_t secret)
{
    cr_key_row_t k = { .kid = kid, .alg = alg, .secret = secret };
    cr_conn_t   *c;
    cr_val_t     v = CR_V_TEXT(kid);
    int64_t      one;
    bool         found;

    /* The common case, at each load: it is there, so no writer. */
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_KEY_HAS, &v, 1, &found, &one));
    if (found) {
        return CR_OK;
    }

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_key_put_write, &k);
}
