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
