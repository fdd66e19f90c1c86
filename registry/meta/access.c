/* What the authoriser asks, in one statement. */

#include "meta/access.h"
#include "meta/inner.h"

/* The first column of access_get. */
#define CR_ACCESS_USER 1


cr_err_t
cr_access_get(cr_ctx_t *cx, cr_meta_t *m, int64_t user_id, cr_str_t project,
              cr_access_row_t *ret_row)
{
    cr_access_row_t a = { 0 };
    cr_conn_t      *c;
    cr_stmt_t      *st;
    cr_val_t        v[2];
    cr_err_t        err;
    bool            row;

    v[0] = CR_V_INT(user_id);
    v[1] = CR_V_TEXT(project);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_db_query(cx, c, CR_SQL_ACCESS_GET, v, 2, &st));

    for (;;) {
        err = cr_stmt_next(cx, st, &row);
        if (err != CR_OK || !row) {
            break;
        }
        if (cr_stmt_int(st, 0) == CR_ACCESS_USER) {
            a.user_found = true;
            a.admin = cr_stmt_int(st, 2) != 0;
            a.disabled = cr_stmt_int(st, 3) != 0;
            a.epoch = cr_stmt_int(st, 4);
            a.user_name = cr_stmt_text(cx, st, 5);
        } else {
            a.project_found = true;
            a.project_id = cr_stmt_int(st, 1);
            a.project_public = cr_stmt_int(st, 2) != 0;
            a.role = (int) cr_stmt_int(st, 3);
        }
    }

    cr_stmt_done(st);
    if (err != CR_OK) {
        return err;
    }
    *ret_row = a;
    return CR_OK;
}
