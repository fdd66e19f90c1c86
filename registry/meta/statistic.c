/* Numbers of projects, repositories and bytes. */

#include "meta/statistic.h"
#include "meta/inner.h"

cr_err_t
cr_statistic_get(cr_ctx_t *cx, cr_meta_t *m, const cr_visibility_t *vis,
                 cr_statistic_t *ret_s)
{
    bool           found, all;
    cr_conn_t     *c;
    cr_stmt_t     *st;
    cr_statistic_t s = { 0 };
    cr_val_t       v[2];

    v[0] = CR_V_INT(vis->user_id);
    v[1] = CR_V_INT(vis->robot_id);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_project_sees_all(cx, c, vis, &all));
    CR_TRY(cr_meta_row(cx, c,
                       all ? CR_SQL_STATISTIC_ALL : CR_SQL_STATISTIC_SEEN, v,
                       all ? 0 : 2, &found, &st));

    if (found) {
        s.private_projects = cr_stmt_int(st, 0);
        s.private_repositories = cr_stmt_int(st, 1);
        s.public_projects = cr_stmt_int(st, 2);
        s.public_repositories = cr_stmt_int(st, 3);
        s.storage = vis->all ? cr_stmt_int(st, 4) : 0;
        CR_TRY(cr_meta_rows_done(cx, st));
    }

    *ret_s = s;

    return CR_OK;
}
