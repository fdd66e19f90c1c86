/*
 * Robot accounts: one, pages, and what they may do.  Changing: robot.c.
 */

#include "meta/inner.h"
#include "meta/page.h"
#include "meta/robot.h"

static void
cr_robot_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_robot_t *r = row;

    r->id = cr_stmt_int(st, 0);
    r->name = cr_stmt_text(cx, st, 1);
    r->project_id = cr_stmt_int(st, 2);
    r->secret_hash = cr_stmt_blob(cx, st, 3);
    r->description = cr_stmt_text(cx, st, 4);
    r->replication = cr_stmt_int(st, 5) != 0;
    r->disabled = cr_stmt_int(st, 6) != 0;
    r->epoch = cr_stmt_int(st, 7);
    r->duration = cr_stmt_int(st, 8);
    r->expires_at = cr_stmt_int(st, 9);
    r->declared = cr_stmt_text(cx, st, 10);
    r->created_at = cr_stmt_int(st, 11);
    r->updated_at = cr_stmt_int(st, 12);
    r->created_by = cr_stmt_text(cx, st, 13);
    r->project_name = cr_stmt_text(cx, st, 14);
}


cr_err_t
cr_robot_get(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, const cr_val_t *key,
             cr_robot_t *ret_r)
{
    cr_robot_t r;
    cr_stmt_t *st;
    bool       found;

    CR_TRY(cr_meta_row(cx, c, sql, key, 1, &found, &st));
    if (!found) {
        return cr_fail(cx, CR_ERR_NOT_FOUND, "robot not found");
    }

    cr_robot_read(cx, st, &r);
    CR_TRY(cr_meta_rows_done(cx, st));
    *ret_r = r;
    return CR_OK;
}


cr_err_t
cr_robot_by_name(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name, cr_robot_t *ret_r)
{
    cr_conn_t *c;
    cr_val_t   v = CR_V_TEXT(name);

    CR_TRY(cr_db_conn(cx, m->db, &c));

    return cr_robot_get(cx, c, CR_SQL_ROBOT_BY_NAME, &v, ret_r);
}


cr_err_t
cr_robot_by_id(cr_ctx_t *cx, cr_meta_t *m, int64_t id, cr_robot_t *ret_r)
{
    cr_conn_t *c;
    cr_val_t   v = CR_V_INT(id);

    CR_TRY(cr_db_conn(cx, m->db, &c));

    return cr_robot_get(cx, c, CR_SQL_ROBOT_BY_ID, &v, ret_r);
}


/* A right of a name that is not known any more: PERM_MAX. */
static void
cr_robot_read_perm(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_robot_perm_t *p = row;
    cr_perm_level_e  level;

    p->project_id = cr_stmt_int(st, 0);
    p->project_name = cr_stmt_text(cx, st, 3);
    p->robot_id = cr_stmt_int(st, 4);
    level = p->project_id == CR_ROBOT_SYSTEM ? CR_PERM_LEVEL_SYSTEM
                                             : CR_PERM_LEVEL_PROJECT;

    if (!cr_perm_find(level, cr_stmt_text(cx, st, 1), cr_stmt_text(cx, st, 2),
                      &p->perm))
    {
        p->perm = CR_PERM_MAX;
    }
}


cr_err_t
cr_robot_perms(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
               cr_robot_perm_t **ret_rows, size_t *ret_n)
{
    cr_robot_t r = { .id = id };

    return cr_robot_perms_of(cx, m, &r, 1, ret_rows, ret_n);
}


cr_err_t
cr_robot_perms_of(cr_ctx_t *cx, cr_meta_t *m, const cr_robot_t *robots,
                  size_t nrobots, cr_robot_perm_t **ret_rows, size_t *ret_n)
{
    int64_t         *ids;
    cr_conn_t       *c;
    cr_str_t         json;
    cr_val_t         v;
    void            *rows;
    cr_robot_perm_t *perms;
    size_t           n, kept = 0;

    ids = cr_alloc(cx, (nrobots + 1) * sizeof(int64_t));

    if (ids == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    for (size_t i = 0; i < nrobots; i++) {
        ids[i] = robots[i].id;
    }

    CR_TRY(
        cr_page_json(cx, ids, nrobots, 0, (int64_t) nrobots, false, &json, &n));
    v = CR_V_TEXT(json);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c, CR_SQL_ROBOT_PERMISSIONS, &v, 1,
                        cr_robot_read_perm, sizeof(cr_robot_perm_t), &rows,
                        &n));
    perms = rows;

    for (size_t i = 0; i < n; i++) {
        if (perms[i].perm != CR_PERM_MAX) {
            perms[kept++] = perms[i];
        }
    }

    *ret_rows = perms;
    *ret_n = kept;
    return CR_OK;
}


/* Ids of what a filter finds, or in an order that no index has. */
static cr_err_t
cr_robot_find(cr_ctx_t *cx, cr_conn_t *c, const cr_robot_filter_t *f,
              int64_t **ret_ids, size_t *ret_n)
{
    cr_val_t v[6];
    cr_str_t like = f->name_like, prefix = CR_STR(CR_ROBOT_PREFIX);

    if (f->name.len != 0) {
        v[0] = CR_V_TEXT(f->name);
        v[1] = CR_V_TEXT(prefix);
        v[2] = CR_V_INT(f->project_id);
        return cr_page_ids(cx, c, CR_SQL_ROBOT_FIND_EXACT, v, 3, ret_ids,
                           ret_n);
    }

    if (cr_str_starts(like, prefix)) {
        like = cr_str_slice(like, prefix.len, like.len);
    }

    v[0] = CR_V_INT(f->project_id);
    v[1] = CR_V_INT(CR_PAGE_SCAN_MAX);
    v[2] = CR_V_TEXT(prefix);
    v[3] = CR_V_TEXT(like);
    v[4] = CR_V_INT(CR_PAGE_MATCH_MAX);
    v[5] = CR_V_INT(f->by_name);

    return cr_page_ids(cx, c, CR_SQL_ROBOT_FIND, v, 6, ret_ids, ret_n);
}


cr_err_t
cr_robot_page(cr_ctx_t *cx, cr_meta_t *m, const cr_robot_filter_t *f,
              int64_t offset, size_t n, cr_robot_t **ret_rows, size_t *ret_n,
              int64_t *ret_total)
{
    bool       found = f->by_name || f->name.len != 0 || f->name_like.len != 0;
    cr_sql_e   sql = found ? CR_SQL_ROBOT_ROWS : CR_SQL_ROBOT_PAGE;
    cr_conn_t *c;
    cr_page_t  p;
    cr_str_t   json;
    cr_val_t   v[6];
    int64_t   *ids;
    void      *rows;
    size_t     nv, nids;

    CR_TRY(cr_db_conn(cx, m->db, &c));

    if (found) {
        CR_TRY(cr_robot_find(cx, c, f, &ids, &nids));
        *ret_total = (int64_t) nids;
        CR_TRY(cr_page_json(cx, ids, nids, offset, (int64_t) n, f->descending,
                            &json, &nids));
        v[0] = CR_V_TEXT(json);
        nv = 1;

    } else {
        CR_TRY(cr_total_get(cx, c, CR_TOTAL_ROBOT, f->project_id,
                            f->project_id, ret_total));
        p = cr_page_of(*ret_total, offset, (int64_t) n, f->descending);
        v[0] = CR_V_INT(f->project_id);
        nv = 1 + cr_page_seek(&v[1], &p, *ret_total);
    }

    CR_TRY(cr_meta_list(cx, c, sql, v, nv, cr_robot_read, sizeof(cr_robot_t),
                        &rows, ret_n));

    if (!found && f->descending) {
        cr_page_reverse(rows, *ret_n, sizeof(cr_robot_t));
    }

    *ret_rows = rows;
    return CR_OK;
}


cr_err_t
cr_robot_list(cr_ctx_t *cx, cr_meta_t *m, int64_t after_id, size_t n,
              cr_robot_t **ret_rows, size_t *ret_n)
{
    cr_conn_t *c;
    cr_val_t   v[2];
    void      *rows;

    v[0] = CR_V_INT(after_id);
    v[1] = CR_V_INT(n);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c, CR_SQL_ROBOT_LIST, v, 2, cr_robot_read,
                        sizeof(cr_robot_t), &rows, ret_n));
    *ret_rows = rows;
    return CR_OK;
}
