/*
 * Repositories.  Whether one is listed is known from its row alone (public,
 * live_manifests), so a page of the catalog is one index seek.
 */

#include "meta/inner.h"


cr_err_t
cr_repository_id(cr_ctx_t *cx, cr_conn_t *c, cr_str_t name, int64_t *ret_id)
{
    cr_val_t v = CR_V_TEXT(name);
    bool     found;

    CR_TRY(cr_db_get_int(cx, c, CR_SQL_REPOSITORY_FIND, &v, 1, &found, ret_id));
    if (!found) {
        return cr_fail(cx, CR_ERR_NAME_UNKNOWN, NULL);
    }
    return CR_OK;
}


cr_err_t
cr_repository_ensure(cr_ctx_t *cx, cr_conn_t *c, const cr_name_t *name,
                     int64_t *ret_id)
{
    cr_val_t v[3];
    bool     found;

    v[0] = CR_V_TEXT(name->full);
    v[1] = CR_V_INT(cr_now(cx));
    v[2] = CR_V_TEXT(name->project);
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_REPOSITORY_FIND, v, 1, &found, ret_id));
    if (found) {
        return CR_OK;
    }

    CR_TRY(cr_db_get_int(cx, c, CR_SQL_REPOSITORY_ADD, v, 3, &found, ret_id));
    if (!found) {
        return cr_fail(cx, CR_ERR_NAME_UNKNOWN, "project %.*s does not exist",
                       CR_STR_ARG(name->project));
    }
    return CR_OK;
}


cr_err_t
cr_repository_live_add(cr_ctx_t *cx, cr_conn_t *c, int64_t id, int n)
{
    cr_val_t v[3];

    v[0] = CR_V_INT(n);
    v[1] = CR_V_INT(cr_now(cx));
    v[2] = CR_V_INT(id);
    return cr_db_run(cx, c, CR_SQL_REPOSITORY_LIVE_ADD, v, 3);
}


cr_err_t
cr_repository_find(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name, int64_t *ret_id)
{
    cr_conn_t *c;
    int64_t    id;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_repository_id(cx, c, name, &id));
    *ret_id = id;
    return CR_OK;
}


cr_err_t
cr_repository_list(cr_ctx_t *cx, cr_meta_t *m, const cr_visibility_t *vis,
                   cr_str_t last, size_t n, cr_str_t **ret_names, size_t *ret_n)
{
    cr_conn_t *c;
    cr_sql_e   sql;
    cr_val_t   v[2];
    void      *rows;

    /* Memberships join here: a user sees the projects it belongs to. */
    sql = vis->all ? CR_SQL_REPOSITORY_LIST_ALL : CR_SQL_REPOSITORY_LIST_PUBLIC;
    v[0] = CR_V_TEXT(last);
    v[1] = CR_V_INT(n);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c, sql, v, 2, cr_meta_read_text, sizeof(cr_str_t),
                        &rows, ret_n));
    *ret_names = rows;
    return CR_OK;
}
