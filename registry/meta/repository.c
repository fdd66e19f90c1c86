/*
 * Repositories.  Whether one is listed is known from its row alone (public,
 * live_manifests), so a page of the catalog is one index seek.
 */

#include "meta/inner.h"
#include "meta/page.h"

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


static void
cr_repository_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_repository_t *r = row;

    r->id = cr_stmt_int(st, 0);
    r->project_id = cr_stmt_int(st, 1);
    r->name = cr_stmt_text(cx, st, 2);
    r->description = cr_stmt_text(cx, st, 3);
    r->artifact_count = cr_stmt_int(st, 4);
    r->pull_count = cr_stmt_int(st, 5);
    r->created_at = cr_stmt_int(st, 6);
    r->updated_at = cr_stmt_int(st, 7);
    r->is_public = cr_stmt_int(st, 8) != 0;
}


cr_err_t
cr_repository_get(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name,
                  cr_repository_t *ret_r)
{
    cr_repository_t r;
    cr_conn_t      *c;
    cr_stmt_t      *st;
    cr_val_t        v = CR_V_TEXT(name);
    bool            found;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_row(cx, c, CR_SQL_REPOSITORY_ROW, &v, 1, &found, &st));
    if (!found) {
        return cr_fail(cx, CR_ERR_NAME_UNKNOWN, "repository %.*s not found",
                       CR_STR_ARG(name));
    }

    cr_repository_read(cx, st, &r);
    CR_TRY(cr_meta_rows_done(cx, st));
    *ret_r = r;
    return CR_OK;
}


/* --- pages --------------------------------------------------------------- */


/* A page that is asked for: the filter, and what of it the caller sees. */
typedef struct cr_repository_page_s {
    const cr_repository_filter_t *f;
    bool                          all; /* of the project, or of the registry */
    int64_t                       offset;
    int64_t                       limit;
    cr_repository_t              *rows;
    size_t                        n;
    int64_t                       total;
} cr_repository_page_t;


static cr_err_t
cr_repository_rows(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, const cr_val_t *v,
                   size_t nv, cr_repository_page_t *p)
{
    void *rows;

    CR_TRY(cr_meta_list(cx, c, sql, v, nv, cr_repository_read,
                        sizeof(cr_repository_t), &rows, &p->n));
    p->rows = rows;
    return CR_OK;
}


static cr_err_t
cr_repository_total(cr_ctx_t *cx, cr_conn_t *c, cr_repository_page_t *p)
{
    const cr_repository_filter_t *f = p->f;
    cr_sql_e                      sql = CR_SQL_REPOSITORY_COUNT_PROJECT;
    cr_val_t                      v[2];
    size_t                        nv = 1;
    bool                          found;

    if (p->all && f->project_id == 0) {
        return cr_total_get(cx, c, CR_TOTAL_REPOSITORY, 0, 1, &p->total);
    }

    v[0] = CR_V_INT(f->project_id);
    if (!p->all) {
        sql = CR_SQL_REPOSITORY_COUNT_SEEN;
        v[0] = CR_V_INT(f->vis.user_id);
        v[1] = CR_V_INT(f->vis.robot_id);
        nv = 2;
    }

    return cr_db_get_int(cx, c, sql, v, nv, &found, &p->total);
}


/* In the order of an index, all of it. */
static cr_err_t
cr_repository_page_plain(cr_ctx_t *cx, cr_conn_t *c, cr_repository_page_t *p)
{
    const cr_repository_filter_t *f = p->f;
    bool                          by_name = f->sort == CR_REPOSITORY_SORT_NAME;
    cr_page_t                     at;
    cr_sql_e                      sql;
    cr_val_t                      v[6];
    size_t                        nv = 0;

    CR_TRY(cr_repository_total(cx, c, p));
    at = cr_page_of(p->total, p->offset, p->limit, f->descending);

    if (!p->all) {
        sql = CR_SQL_REPOSITORY_PAGE_SEEN;
        v[nv++] = CR_V_INT(at.start + at.n);
        v[nv++] = CR_V_INT(f->vis.user_id);
        v[nv++] = CR_V_INT(f->vis.robot_id);
        v[nv++] = CR_V_INT(at.n);
        v[nv++] = CR_V_INT(at.start);

    } else if (f->project_id != 0) {
        sql = by_name ? CR_SQL_REPOSITORY_PAGE : CR_SQL_REPOSITORY_PAGE_ID;
        v[nv++] = CR_V_INT(f->project_id);
        nv += cr_page_seek(&v[1], &at, p->total);

    } else {
        sql = by_name ? CR_SQL_REPOSITORY_PAGE_ALL
                      : CR_SQL_REPOSITORY_PAGE_ALL_ID;
        nv = cr_page_seek(v, &at, p->total);
    }

    CR_TRY(cr_repository_rows(cx, c, sql, v, nv, p));

    if (f->descending) {
        cr_page_reverse(p->rows, p->n, sizeof(cr_repository_t));
    }
    return CR_OK;
}


/* Ids by name of those that match. */
static cr_err_t
cr_repository_match(cr_ctx_t *cx, cr_conn_t *c, const cr_repository_page_t *p,
                    int64_t **ret_ids, size_t *ret_n)
{
    const cr_repository_filter_t *f = p->f;
    cr_sql_e                      sql;
    cr_val_t                      v[9];
    size_t                        nv = 0;

    if (f->id != 0 || f->names.len != 0 || f->blob.len != 0) {
        v[nv++] = CR_V_INT(f->id);
        v[nv++] = CR_V_TEXT(f->names.len != 0 ? f->names : CR_STR("[]"));
        v[nv++] = CR_V_TEXT(f->blob);
        v[nv++] = CR_V_INT(CR_REPOSITORY_LINKS_MAX);
        v[nv++] = CR_V_INT(f->project_id);
        v[nv++] = CR_V_INT(p->all);
        v[nv++] = CR_V_INT(f->vis.user_id);
        v[nv++] = CR_V_INT(f->vis.robot_id);
        v[nv++] = CR_V_TEXT(f->name_like);

        return cr_page_ids(cx, c, CR_SQL_REPOSITORY_MATCH_EXACT, v, nv, ret_ids,
                           ret_n);
    }

    sql = p->all ? CR_SQL_REPOSITORY_MATCH : CR_SQL_REPOSITORY_MATCH_SEEN;
    if (p->all) {
        v[nv++] = CR_V_INT(f->project_id);
    }

    v[nv++] = CR_V_INT(CR_PAGE_SCAN_MAX);
    if (!p->all) {
        v[nv++] = CR_V_INT(f->vis.user_id);
        v[nv++] = CR_V_INT(f->vis.robot_id);
    }

    v[nv++] = CR_V_TEXT(f->name_like);
    v[nv++] = CR_V_INT(CR_PAGE_MATCH_MAX);

    return cr_page_ids(cx, c, sql, v, nv, ret_ids, ret_n);
}


/* What a filter finds, or an order that no index has. */
static cr_err_t
cr_repository_page_found(cr_ctx_t *cx, cr_conn_t *c, cr_repository_page_t *p)
{
    static const int keys[] = {
        [CR_REPOSITORY_SORT_NAME] = 0,      [CR_REPOSITORY_SORT_CREATED] = 1,
        [CR_REPOSITORY_SORT_UPDATED] = 2,   [CR_REPOSITORY_SORT_ARTIFACTS] = 3,
        [CR_REPOSITORY_SORT_PULLS] = 4,     [CR_REPOSITORY_SORT_ID] = 1,
    };

    bool     by_name = p->f->sort == CR_REPOSITORY_SORT_NAME;
    cr_str_t json;
    cr_val_t v[5];
    int64_t *ids;
    size_t   n;

    CR_TRY(cr_repository_match(cx, c, p, &ids, &n));
    p->total = (int64_t) n;
    CR_TRY(cr_page_json(cx, ids, n, by_name ? p->offset : 0,
                        by_name ? p->limit : p->total,
                        by_name && p->f->descending, &json, &n));

    v[0] = CR_V_TEXT(json);
    v[1] = CR_V_INT(!by_name && p->f->descending ? -1 : 1);
    v[2] = CR_V_INT(keys[p->f->sort]);
    v[3] = CR_V_INT(p->limit);
    v[4] = CR_V_INT(by_name ? 0 : p->offset);

    return cr_repository_rows(cx, c, CR_SQL_REPOSITORY_ROWS, v, 5, p);
}


cr_err_t
cr_repository_page(cr_ctx_t *cx, cr_meta_t *m, const cr_repository_filter_t *f,
                   int64_t limit, int64_t offset, cr_repository_t **ret_rows,
                   size_t *ret_n, int64_t *ret_total)
{
    cr_repository_page_t p = {
        .f = f, .all = f->vis.all, .limit = limit, .offset = offset
    };
    cr_conn_t *c;
    cr_val_t   v = CR_V_INT(f->vis.robot_id);
    int64_t    one;
    bool       plain;

    CR_TRY(cr_db_conn(cx, m->db, &c));

    if (!p.all && f->vis.robot_id != 0) {
        CR_TRY(cr_db_get_int(cx, c, CR_SQL_REPOSITORY_LIST_ROBOT_ALL, &v, 1,
                             &p.all, &one));
    }

    plain = f->id == 0 && f->names.len + f->name_like.len + f->blob.len == 0
            && (f->sort == CR_REPOSITORY_SORT_NAME
                || (p.all
                    && (f->sort == CR_REPOSITORY_SORT_ID
                        || f->sort == CR_REPOSITORY_SORT_CREATED)));
    CR_TRY(plain ? cr_repository_page_plain(cx, c, &p)
                 : cr_repository_page_found(cx, c, &p));

    *ret_rows = p.rows;
    *ret_n = p.n;
    *ret_total = p.total;
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
