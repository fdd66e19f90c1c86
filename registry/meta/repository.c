/*
 * Repositories.  Whether one is listed is known from its row alone (public,
 * live_manifests), so a page of the catalog is one index seek.
 */

#include "meta/inner.h"

/* Links of a blob that one search for its repositories looks at. */
#define CR_REPOSITORY_LINKS_MAX 1000


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


/* Which statement a caller's list is; *ret_id: of its user or robot. */
static cr_err_t
cr_repository_list_sql(cr_ctx_t *cx, cr_conn_t *c, const cr_visibility_t *vis,
                       cr_sql_e *ret_sql, int64_t *ret_id)
{
    cr_val_t v = CR_V_INT(vis->robot_id);
    int64_t  one;
    bool     all = vis->all;

    *ret_id = vis->user_id != 0 ? vis->user_id : vis->robot_id;

    if (vis->robot_id != 0) {
        CR_TRY(cr_db_get_int(cx, c, CR_SQL_REPOSITORY_LIST_ROBOT_ALL, &v, 1,
                             &all, &one));
    }

    *ret_sql = all                 ? CR_SQL_REPOSITORY_LIST_ALL
               : vis->user_id != 0 ? CR_SQL_REPOSITORY_LIST_MEMBER
               : vis->robot_id != 0 ? CR_SQL_REPOSITORY_LIST_ROBOT
                                    : CR_SQL_REPOSITORY_LIST_PUBLIC;

    return CR_OK;
}


cr_err_t
cr_repository_list(cr_ctx_t *cx, cr_meta_t *m, const cr_visibility_t *vis,
                   cr_str_t last, size_t n, cr_str_t **ret_names, size_t *ret_n)
{
    cr_conn_t *c;
    cr_sql_e   sql;
    cr_val_t   v[3];
    size_t     nv = 0;
    int64_t    id;
    void      *rows;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_repository_list_sql(cx, c, vis, &sql, &id));

    v[nv++] = CR_V_TEXT(last);
    v[nv++] = CR_V_INT(n);
    if (sql == CR_SQL_REPOSITORY_LIST_MEMBER
        || sql == CR_SQL_REPOSITORY_LIST_ROBOT)
    {
        v[nv++] = CR_V_INT(id);
    }

    CR_TRY(cr_meta_list(cx, c, sql, v, nv, cr_meta_read_text, sizeof(cr_str_t),
                        &rows, ret_n));
    *ret_names = rows;
    return CR_OK;
}


/* A row of a page: what is asked for, and the total. */
typedef struct cr_repository_row_s {
    cr_repository_t r;
    int64_t         total;
} cr_repository_row_t;


static void
cr_repository_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_repository_row_t *w = row;

    w->r.id = cr_stmt_int(st, 0);
    w->r.project_id = cr_stmt_int(st, 1);
    w->r.name = cr_stmt_text(cx, st, 2);
    w->r.description = cr_stmt_text(cx, st, 3);
    w->r.artifact_count = cr_stmt_int(st, 4);
    w->r.pull_count = cr_stmt_int(st, 5);
    w->r.created_at = cr_stmt_int(st, 6);
    w->r.updated_at = cr_stmt_int(st, 7);
    w->r.is_public = cr_stmt_int(st, 8) != 0;
    w->total = cr_stmt_int(st, 9);
}


cr_err_t
cr_repository_get(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name,
                  cr_repository_t *ret_r)
{
    cr_repository_row_t w;
    cr_conn_t          *c;
    cr_stmt_t          *st;
    cr_val_t            v = CR_V_TEXT(name);
    bool                found;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_row(cx, c, CR_SQL_REPOSITORY_ROW, &v, 1, &found, &st));
    if (!found) {
        return cr_fail(cx, CR_ERR_NAME_UNKNOWN, "repository %.*s not found",
                       CR_STR_ARG(name));
    }

    cr_repository_read(cx, st, &w);
    CR_TRY(cr_meta_rows_done(cx, st));
    *ret_r = w.r;
    return CR_OK;
}


/* Nothing but a project, or nothing at all, in the order of an index? */
static bool
cr_repository_plain(const cr_repository_filter_t *f)
{
    return f->name.len == 0 && f->name_like.len == 0 && f->vis.all
           && f->sort == CR_REPOSITORY_SORT_NAME && !f->descending;
}


static cr_err_t
cr_repository_rows(cr_ctx_t *cx, cr_conn_t *c, const cr_repository_filter_t *f,
                   int64_t limit, int64_t offset, cr_repository_row_t **ret_w,
                   size_t *ret_n)
{
    cr_val_t v[10];
    cr_sql_e sql;
    size_t   nv;
    void    *rows = NULL;

    if (f->blob.len != 0) {
        sql = CR_SQL_REPOSITORY_WITH_BLOB;
        nv = 7;
        v[0] = CR_V_TEXT(f->blob);
        v[1] = CR_V_INT(CR_REPOSITORY_LINKS_MAX);
        v[2] = CR_V_INT(f->vis.all);
        v[3] = CR_V_INT(f->vis.user_id);
        v[4] = CR_V_INT(f->vis.robot_id);
    } else if (cr_repository_plain(f) && f->project_id == 0) {
        sql = CR_SQL_REPOSITORY_PAGE_ALL;
        nv = 2;
    } else if (cr_repository_plain(f)) {
        sql = CR_SQL_REPOSITORY_PAGE;
        nv = 3;
        v[0] = CR_V_INT(f->project_id);
    } else {
        sql = CR_SQL_REPOSITORY_SEARCH;
        nv = 10;
        v[0] = f->project_id == 0 ? CR_V_NULL : CR_V_INT(f->project_id);
        v[1] = CR_V_INT(f->vis.all);
        v[2] = CR_V_INT(f->vis.user_id);
        v[3] = CR_V_INT(f->vis.robot_id);
        v[4] = CR_V_OPT(f->name);
        v[5] = CR_V_OPT(f->name_like);
        v[6] = CR_V_INT(f->sort);
        v[7] = CR_V_INT(f->descending ? -1 : 1);
    }

    v[nv - 2] = CR_V_INT(limit);
    v[nv - 1] = CR_V_INT(offset);
    CR_TRY(cr_meta_list(cx, c, sql, v, nv, cr_repository_read,
                        sizeof(cr_repository_row_t), &rows, ret_n));
    *ret_w = rows;
    return CR_OK;
}


cr_err_t
cr_repository_page(cr_ctx_t *cx, cr_meta_t *m, const cr_repository_filter_t *f,
                   int64_t limit, int64_t offset, cr_repository_t **ret_rows,
                   size_t *ret_n, int64_t *ret_total)
{
    cr_repository_row_t *w;
    cr_repository_t     *rows;
    cr_conn_t           *c;
    size_t               i, n, shown;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_repository_rows(cx, c, f, limit, offset, &w, &n));

    shown = n;
    if (n == 0 && offset > 0) {
        /* Beyond the end: the total stands in the first row. */
        CR_TRY(cr_repository_rows(cx, c, f, 1, 0, &w, &n));
    }

    rows = cr_alloc(cx, (shown + 1) * sizeof(cr_repository_t));
    if (rows == NULL) {
        return CR_ERR_NO_MEMORY;
    }
    for (i = 0; i < shown; i++) {
        rows[i] = w[i].r;
    }
    *ret_rows = rows;
    *ret_n = shown;
    *ret_total = n != 0 ? w[0].total : 0;
    return CR_OK;
}


typedef struct cr_repository_describe_s {
    cr_str_t name;
    cr_str_t description;
} cr_repository_describe_t;


static cr_err_t
cr_repository_describe_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_repository_describe_t *d = arg;
    cr_val_t                        v[3];
    int64_t                         id;

    CR_TRY(cr_repository_id(cx, c, d->name, &id));
    v[0] = CR_V_OPT(d->description);
    v[1] = CR_V_INT(cr_now(cx));
    v[2] = CR_V_INT(id);
    return cr_db_run(cx, c, CR_SQL_REPOSITORY_DESCRIBE, v, 3);
}


cr_err_t
cr_repository_describe(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name,
                       cr_str_t description)
{
    cr_repository_describe_t d = { .name = name, .description = description };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_repository_describe_write,
                       &d);
}
